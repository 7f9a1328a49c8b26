"""`hnnlib compile`: compile the mechanisms now rather than before the first simulation."""

from __future__ import annotations

import argparse
import time
from typing import Any

import hnnlib as hn

__all__ = ["add_parser", "run"]

_EPILOG = """\
The library is kept in a folder of the user's cache; HNNLIB_CACHE_DIR names another one. HNNLIB_MECH_LIB names a library
that is used as it is: then nothing is compiled.

examples:
  hnnlib compile
  HNNLIB_CACHE_DIR=/scratch/me/hnnlib hnnlib compile

exit codes: 0 done; 1 the compilation failed; 2 the cache folder can't be written to"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "compile",
        help="compile the ion-channel mechanisms now (else the first simulation does)",
        description="Compile the ion-channel mechanisms for NEURON, unless this machine has them already.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--force", action="store_true", help="compile even if they are there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Compile, and print where the library is."""
    library = None if arguments.force else hn.compiled_library()
    if library is not None:
        print(f"already there: {library}")
        return
    begin = time.perf_counter()
    library = hn.mechanism_library(again=arguments.force)
    print(f"compiled in {time.perf_counter() - begin:.0f} s: {library}")
