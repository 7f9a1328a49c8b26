"""`hnnlib fit`: fit a network to a recorded response, as a file describes it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import hnnlib as hn
from hnnlib.cli.network import Mistake

__all__ = ["add_parser", "run"]

_EPILOG = """\
The configuration is a JSON file; --example writes one that runs in a minute, with a target to fit. Every evaluation is
written as it ends: after a stop, --resume goes on to the same end.

examples:
  hnnlib fit --example example
  hnnlib fit example/fit.json
  hnnlib fit my_fit.json --jobs 2 --max-trials 2000
  hnnlib fit my_fit.json --jobs 2 --resume

exit codes: 0 done; 1 a simulation failed; 2 refused (arguments, input, outputs); 130 interrupted"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "fit",
        help="fit a network to a recorded response",
        description="Fit a network's parameters to a recorded response, as a JSON file describes it.",
        usage="hnnlib fit CONFIG [options]",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("config", metavar="CONFIG", nargs="?", help="a configuration, or a folder that holds fit.json")
    parser.add_argument("--example", metavar="FOLDER", help="write an example to begin with, and do nothing else")
    parser.add_argument("--max-trials", type=int, metavar="N", help="trials at most (default: the file's, else 2000)")
    parser.add_argument(
        "--jobs", type=int, metavar="N", help="worker processes, -1: one per core (default: the file's)"
    )
    parser.add_argument("--out", metavar="FILE.h5", help="write the fit here (default: the file's, else fit.h5)")
    parser.add_argument("--report", metavar="FILE.html", help="write the report here (default: the file's, else none)")
    parser.add_argument("--resume", action="store_true", help="go on with the fit in --out")
    parser.add_argument("--no-overwrite", dest="overwrite", action="store_false", help="refuse to replace a file")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read, check, fit, write, print."""
    if (arguments.config is None) == (arguments.example is None):
        raise Mistake("give CONFIG, the file that describes the fit; or --example FOLDER, to have one written")
    if arguments.example is not None:
        file = hn.optimization.write_example(arguments.example, overwrite=arguments.overwrite)
        _say(arguments, f"wrote {file}; fit it with: hnnlib fit {file}")
        return
    os.environ.setdefault("MPLBACKEND", "Agg")  # the report's figures need no window
    config = hn.optimization.read_fit_config(arguments.config)
    out = Path(arguments.out) if arguments.out else config.file(config.out)
    report = Path(arguments.report) if arguments.report else config.report and config.file(config.report)
    if report:
        hn.check_writable(report, arguments.overwrite or arguments.resume)
    problem = config.problem()
    launcher = config.launcher if arguments.jobs is None else hn.JoblibBackend(n_jobs=arguments.jobs).launcher
    fit = hn.fit(
        problem,
        config.method(problem),
        max_trials=config.max_trials if arguments.max_trials is None else arguments.max_trials,
        seed=config.seed,
        launcher=launcher,
        out=out,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
        progress=not arguments.quiet and sys.stderr.isatty(),
    )
    _say(arguments, fit.summary())
    found = None
    if config.intervals is not None:
        found = hn.optimization.intervals(problem, fit, **config.intervals, launcher=launcher)
        _say(arguments, f"\n{found.summary()}")
    _say(arguments, f"\nwrote {out}")
    if report:
        overwrite = arguments.overwrite or arguments.resume
        hn.optimization.write_report(fit, report, intervals=found, title=config.title, overwrite=overwrite)
        _say(arguments, f"wrote {report}")


def _say(arguments: argparse.Namespace, text: str) -> None:
    if not arguments.quiet:
        print(text, flush=True)
