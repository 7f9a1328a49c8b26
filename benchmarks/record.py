"""Run benchmarks and keep what they print in ``benchmarks/measured``, which the documentation includes.

``python benchmarks/record.py run electrodes`` runs those two; without names, all. Run it on a quiet machine. The table
of ``make bench-peers`` gets there by ``make bench-peers ARGS="--out benchmarks/measured"``.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import subprocess
import sys
from pathlib import Path

from peers import _processor

HERE = Path(__file__).resolve().parent
NAMES = ("run", "electrodes", "launchers", "sonata", "accuracy", "column_on_nest", "detailed_cell", "fit")
IN_FULL = {"fit": ["--trials", "2000"]}
"""What is handed to those that measure less by themselves."""


def record(name: str, words: list[str]) -> None:
    """Run one benchmark, show what it prints and keep it if it ends well."""
    today = datetime.date.today().isoformat()
    cores = f"{os.cpu_count()} cores"
    about = f"{name}.py, {today}, {_processor()}, {cores}, Python {platform.python_version()}"
    done = subprocess.run([sys.executable, HERE / f"{name}.py", *words], stdout=subprocess.PIPE, text=True, check=True)
    print(done.stdout)
    markdown = name in ("accuracy", "column_on_nest", "detailed_cell")
    text = f"{done.stdout}\n{about}.\n" if markdown else f"{about}\n\n{done.stdout.strip()}\n"
    file = HERE / "measured" / f"{name}.{'md' if markdown else 'txt'}"
    file.write_text(text, encoding="utf-8")
    print(f"-> {file.relative_to(HERE.parent)}", flush=True)


def main() -> None:
    """Run and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="handed on to those that know it")
    options = parser.parse_args()
    for name in options.names or NAMES:
        quick = ["--quick"] if name in ("run", "electrodes") else []
        record(name, quick if options.quick else IN_FULL.get(name, []))


if __name__ == "__main__":
    main()
