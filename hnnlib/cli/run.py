"""`hnnlib run` and `hnnlib init-config`: simulations that SONATA configurations describe."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from typing import Any

import hnnlib as hn

__all__ = ["add_parser", "init", "run"]

_EPILOG = """\
Cells are hnnlib's own (model_template hnnlib:cell), virtual, or points (nest:MODEL; pip install 'hnnlib[nest]').
Outputs go where the file says; currents are in nA, weights in µS, times in ms, as NEURON takes them; those of points
are in NEST's units: currents in pA, weights in what the model takes.

examples:
  hnnlib init-config example
  hnnlib run example/config.json
  hnnlib run example --jobs 2 --engine neuron"""


def add_parser(commands: Any) -> None:
    """Add both commands."""
    parser = commands.add_parser(
        "run",
        help="run a SONATA configuration",
        description="Run the simulation that a SONATA configuration describes.",
        usage="hnnlib run CONFIG [options]",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("config", metavar="CONFIG", help="a configuration, or a folder that holds config.json")
    parser.add_argument("--engine", choices=hn.ENGINES, default="auto", help="what computes (default: auto)")
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="worker processes; -1: one per core (default: 1)"
    )
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=run)

    parser = commands.add_parser(
        "init-config",
        help="write an example of a SONATA configuration",
        description="Write the default column, on a small grid, as a folder of SONATA files that `hnnlib run` runs.",
        usage="hnnlib init-config FOLDER [options]",
        allow_abbrev=False,
    )
    parser.add_argument("folder", metavar="FOLDER", help="the folder; made, or an earlier example is replaced")
    parser.add_argument("--tstop", type=float, default=170.0, metavar="MS", help="duration (default: 170)")
    parser.add_argument("--n-trials", type=int, default=1, metavar="N", help="number of trials (default: 1)")
    parser.add_argument("--no-overwrite", dest="overwrite", action="store_false", help="refuse to replace an example")
    parser.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=init)


def run(arguments: argparse.Namespace) -> None:
    """Read, simulate, write, print."""
    network = hn.read_sonata(arguments.config)
    if not arguments.quiet:
        print(f"{network!r}", file=sys.stderr, flush=True)
    backend = nullcontext() if arguments.jobs == 1 else hn.JoblibBackend(n_jobs=arguments.jobs, engine=arguments.engine)
    with backend:
        progress = not arguments.quiet and sys.stderr.isatty()
        result, files = hn.run_config(network, engine=arguments.engine, progress=progress)
    if not arguments.quiet:
        print(result.summary())
        print("", *(f"wrote {file}" for file in files), sep="\n")


def init(arguments: argparse.Namespace) -> None:
    """Write the example."""
    file = hn.init_config(
        arguments.folder, tstop=arguments.tstop, n_trials=arguments.n_trials, overwrite=arguments.overwrite
    )
    if not arguments.quiet:
        print(f"wrote {file}; run it with: hnnlib run {file}")
