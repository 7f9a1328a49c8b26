"""`hnnlib reduce`: point cells, and kernels of the dipole, fitted to the cells of a network."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import hnnlib as hn
from hnnlib.cli.network import Mistake, add_arguments, make_network, read_parameters

__all__ = ["add_parser", "run"]

_EPILOG = """\
The network is run in detail under its drives, varied in strength and time, and under volleys at each place of its
cells; each cell type's point model is then searched for the parameters with which it fires as the cells did, given what
they received. What comes out is run on NEST, and the table of errors is kept in the file.

examples:
  hnnlib reduce default --out cells.json
  hnnlib reduce default --model calcium --out calcium.json --kernels calcium_dipole.json
  hnnlib simulate default --engine nest --point-cells cells.json

exit codes: 0 done; 1 a detailed run failed; 2 refused (arguments, input, outputs); 130 interrupted"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "reduce",
        help="fit point cells to the cells of a network, for NEST",
        description="Fit point cells to the cells of a network, so that NEST can run it.",
        usage="hnnlib reduce FILE --out CELLS.json [options]",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="a .json or .param file, or the name of a shipped one: default")
    add_arguments(parser)
    group = parser.add_argument_group("the fit")
    group.add_argument("--out", metavar="CELLS.json", required=True, help="where the point cells go")
    group.add_argument("--kernels", metavar="DIPOLE.json", help="fit kernels of the dipole too, and write them there")
    group.add_argument("--generations", type=int, default=300, metavar="N", help="length of a search (default: 300)")
    group.add_argument("--rounds", type=int, default=2, metavar="N", help="searches for each cell type (default: 2)")
    group.add_argument("--n-trials", type=int, default=12, metavar="N", help="detailed runs to fit to (default: 12)")
    group.add_argument("--n-cells", type=int, default=30, metavar="N", help="cells of each run (default: 30)")
    group.add_argument("--seed", type=int, default=0, metavar="N", help="of all that is drawn (default: 0)")
    group.add_argument("--engine", choices=("fast", "neuron"), default="fast", help="what runs the cells in detail")
    group.add_argument("--from-scratch", action="store_true", help="don't begin at the point cells of the package")
    group.add_argument("--quick", action="store_true", help="a look at the machinery: a minute, and cells to match")
    group.add_argument("--no-overwrite", dest="overwrite", action="store_false", help="refuse to replace a file")
    group.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Check everything, fit, write, print."""
    places = [Path(p) for p in (arguments.out, arguments.kernels) if p]
    for place in places:
        hn.check_writable(place, arguments.overwrite)
    if len({p.resolve() for p in places}) < len(places):
        raise Mistake(f"two outputs have one name: {places[0]}")
    net = make_network(arguments, read_parameters(arguments.file, arguments.lenient))
    engine = hn.FastEngine() if arguments.engine == "fast" else hn.NeuronEngine()
    effort = {name: getattr(arguments, name) for name in ("generations", "rounds", "n_trials", "n_cells")}
    if arguments.quick:
        effort = {"generations": 20, "rounds": 2, "n_trials": 2, "n_cells": 8}
    progress = None if arguments.quiet else _Lines()
    start = () if arguments.from_scratch else hn.shipped_point_cells()
    cells = hn.fit_point_cells(net.spec, seed=arguments.seed, engine=engine, start=start, progress=progress, **effort)
    hn.write_point_cells(arguments.out, cells)
    if arguments.kernels:
        trials = 4 if arguments.quick else 48
        kernels = hn.fit_kernels(net.spec, n_trials=trials, seed=arguments.seed, engine=engine, progress=progress)
        hn.write_dipole_kernels(arguments.kernels, kernels)
    if not arguments.quiet:
        print("\n".join([*_table(cells), "", *(f"wrote {place}" for place in places)]))


class _Lines:
    """Progress as a line for each step, and one now and then within it."""

    def __init__(self) -> None:
        self._begin, self._said, self._what = time.perf_counter(), 0.0, ""

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.perf_counter() - self._begin
        step = what.partition(":")[0]
        if step == self._what and now - self._said < 10:
            return
        self._what, self._said = step, now
        print(f"{now:5.0f} s  {what}, {done} of {total}", file=sys.stderr, flush=True)


def _table(cells: Any) -> list[str]:
    """Return, per population and held-out condition, what the point cells do on NEST."""
    rows = [("on NEST, in runs not fitted to", "spikes a trial", "of cells", "first spike later by")]
    for cell in cells:
        for name, conditions in cell.errors["network"].items():
            for condition, e in conditions.items():
                later = e["first spike later by (ms)"]
                rows.append(
                    (
                        f"{name}, {condition}",
                        f"{e['spikes of point cells']:g}",
                        f"{e['spikes of cells']:g}",
                        "-" if later is None else f"{later:+.2f} ms",
                    )
                )
    widths = [max(len(r[k]) for r in rows) for k in range(4)]
    return [
        "  ".join(c.ljust(w) if k == 0 else c.rjust(w) for k, (c, w) in enumerate(zip(r, widths, strict=True)))
        for r in rows
    ]
