"""`hnnlib simulate`: from a parameter file to dipoles, a result file and a figure."""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import attrs
import numpy as np

import hnnlib as hn
from hnnlib.cli.network import Mistake, add_arguments, make_network, read_parameters

__all__ = ["add_parser", "run"]

_EPILOG = """\
The drives are those that the file describes. The result file holds the dipoles as they were simulated (nAm); the
summary, the figure and the text files show them smoothed and scaled. Everything that is to be written is checked before
the run, and is written whole or not at all. Trials are kept in the result file as they end; --resume goes on with a run
that was stopped, or adds trials to one that was not.

examples:
  hnnlib simulate default
  hnnlib simulate default --tstop 170 --n-trials 2 --out run.h5 --figure run.png
  hnnlib simulate my.param --mesh 3x3 --set drives.evprox1.mu=30 --set drives.evprox1.sigma=0
  hnnlib simulate N20 --jobs 2 --n-trials 10 --record-vsec soma --out n20.h5
  hnnlib simulate N20 --jobs 2 --n-trials 20 --record-vsec soma --out n20.h5 --resume

exit codes: 0 done; 1 the simulation failed; 2 refused (arguments, input, outputs); 130 interrupted"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "simulate",
        help="simulate a parameter file",
        description="Simulate the network that a parameter file describes.",
        usage="hnnlib simulate FILE [options]",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", help="a .json or .param file, or the name of a shipped one: default")
    add_arguments(parser)
    group = parser.add_argument_group("the run")
    group.add_argument("--tstop", type=float, metavar="MS", help="duration (default: the file's)")
    group.add_argument("--dt", type=float, metavar="MS", help="time step (default: the file's, usually 0.025)")
    group.add_argument("--n-trials", type=int, metavar="N", help="number of trials (default: the file's)")
    group.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="seed of all that has none of its own; the file's drives have (default: 0)",
    )
    group.add_argument(
        "--engine", default="auto", help=f"what computes: {', '.join(hn.ENGINES)} (default: %(default)s)"
    )
    group.add_argument(
        "--jobs", type=_jobs, default=1, metavar="N", help="trials at a time; -1: one per core (default: 1)"
    )
    group.add_argument("--mpi", type=_ranks, metavar="N", help="spread the cells of a trial over N ranks of MPI")
    _add_point_options(parser)
    group = parser.add_argument_group("what to keep")
    sections = "'all', 'soma', or names of sections with commas between"
    group.add_argument("--record-vsec", type=_sections, default=False, metavar="WHERE", help=f"voltages: {sections}")
    group.add_argument("--record-isec", type=_sections, default=False, metavar="WHERE", help="synaptic currents")
    group.add_argument("--record-ca", type=_sections, default=False, metavar="WHERE", help="calcium concentrations")
    group.add_argument(
        "--smooth", type=float, metavar="MS", help="window that smooths dipoles; 0: none (default: the file's)"
    )
    group.add_argument("--scale", type=float, metavar="FACTOR", help="factor for dipoles (default: the file's)")
    group.add_argument("--out", metavar="FILE.h5", help="write the whole result")
    group.add_argument("--figure", metavar="FILE.png", help="write a figure; .pdf and .svg work too")
    group.add_argument(
        "--dipoles",
        metavar="FILE.txt",
        help="write the dipoles as text: of N trials the mean, and each in FILE_0.txt, …",
    )
    group.add_argument(
        "--resume", action="store_true", help="go on with the run in --out: keep its trials, run the missing ones"
    )
    group.add_argument("--no-overwrite", dest="overwrite", action="store_false", help="refuse to replace a file")
    group.add_argument(
        "--progress",
        choices=("auto", "bar", "lines", "none"),
        default="auto",
        help="on stderr; auto: a bar on a terminal, else a line for each trial (default)",
    )
    group.add_argument("--quiet", action="store_true", help="print nothing but errors")
    parser.set_defaults(run=run)


def _jobs(text: str) -> int:
    number = int(text)
    if number < 1 and number != -1:
        raise argparse.ArgumentTypeError(f"{text} must be >= 1, or -1 for one per core")
    return number


def _ranks(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} must be >= 1")
    return number


def _sections(text: str) -> str | tuple[str, ...]:
    return text if text in ("all", "soma") else tuple(name.strip() for name in text.split(","))


def run(arguments: argparse.Namespace) -> None:
    """Check everything, simulate, write, print."""
    if arguments.resume and not arguments.out:
        raise Mistake("--resume needs --out: the file of the run to go on with")
    if arguments.mpi is not None and arguments.jobs != 1:
        raise Mistake("--mpi and --jobs are two ways to spread a run: choose one")
    params = read_parameters(arguments.file, arguments.lenient)
    net = make_network(arguments, params)
    settings = _run_of(arguments, params)
    polish = _Polish.of(arguments, params, settings)
    outputs = _Outputs.of(arguments, settings.n_trials)
    if arguments.seed is not None and not _seed_counts(net.spec):
        warnings.warn(
            "--seed changes nothing: every drive of this network has a seed of its own; "
            "--set drives.NAME.event_seed=null frees one",
            stacklevel=2,
        )
    if arguments.engine == "neuron":
        hn.mechanism_library()  # now, so that a compiler's half minute is not part of the first trial
    _say(arguments, f"{_describe(net)}; {_trials(settings)}")
    result = _simulate(arguments, net, settings, outputs)
    polished = attrs.evolve(result, dipoles=[polish.applied(d) for d in result.dipoles])
    outputs.write(result, polished, polish)
    if not arguments.quiet:
        print(polished.summary())
        notes = polish.notes(outputs) + [f"wrote {path}" for path in outputs.paths()]
        print("\n".join(["", *notes]) if notes else "", end="\n" if notes else "")


def _run_of(arguments: argparse.Namespace, params: Any) -> Any:
    def given(value: Any, key: str) -> Any:
        return params[key] if value is None else value

    record = hn.Record(vsec=arguments.record_vsec, isec=arguments.record_isec, ca=arguments.record_ca)
    return hn.RunSpec(
        tstop=given(arguments.tstop, "tstop"),
        dt=given(arguments.dt, "dt"),
        n_trials=given(arguments.n_trials, "N_trials"),
        seed=arguments.seed or 0,
        record=record,
    )


def _seed_counts(spec: Any) -> bool:
    """Return whether anything in the network is drawn from the run's own seed."""
    pruned = any(c.probability < 1 and c.conn_seed is None for c in spec.connections)
    return pruned or any(d.event_seed is None for d in spec.drives.values())


def _add_point_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("point cells (--engine nest)")
    group.add_argument("--dipole", choices=("kernel", "replay", "none"), help="how the dipole is worked out (kernel)")
    group.add_argument("--point-cells", metavar="FILE", help="point cells that hnnlib reduce wrote (the package's)")
    group.add_argument("--dipole-kernels", metavar="FILE", help="dipole kernels that it wrote (the package's)")


def _engine_of(arguments: argparse.Namespace) -> Any:
    given = {name: getattr(arguments, name) for name in ("dipole", "point_cells", "dipole_kernels")}
    given = {name: value for name, value in given.items() if value is not None}
    if not given:
        return arguments.engine
    if arguments.engine != "nest":
        raise Mistake(f"--{next(iter(given)).replace('_', '-')} is for point cells: it needs --engine nest")
    return hn.NestEngine(**given)


def _simulate(arguments: argparse.Namespace, net: Any, settings: Any, outputs: _Outputs) -> Any:
    backend: Any = nullcontext()
    engine = _engine_of(arguments)
    if arguments.mpi is not None:
        backend = hn.MPIBackend(n_procs=arguments.mpi, engine=engine)
    elif arguments.jobs != 1:
        backend = hn.JoblibBackend(n_jobs=arguments.jobs, engine=engine)
    with backend:
        return hn.simulate(
            net,
            tstop=settings.tstop,
            dt=settings.dt,
            n_trials=settings.n_trials,
            seed=settings.seed,
            record=settings.record,
            engine=engine,
            out=outputs.result,
            overwrite=outputs.overwrite,
            resume=arguments.resume,
            progress=_progress(arguments, settings),
        )


def _progress(arguments: argparse.Namespace, settings: Any) -> Any:
    kind = "none" if arguments.quiet else arguments.progress
    if kind == "auto":
        kind = "bar" if sys.stderr.isatty() else "lines"
    return {"bar": True, "none": False, "lines": _TrialLines(settings, counted=not arguments.resume)}[kind]


class _TrialLines:
    """Progress as one line when a trial ends."""

    def __init__(self, settings: Any, counted: bool) -> None:
        # not counted where some were done before: how many is for `simulate` to know
        self._settings, self._counted, self._begin, self._done = settings, counted, time.perf_counter(), 0

    def __call__(self, trial: int, t_ms: float) -> None:
        if t_ms < self._settings.tstop - self._settings.dt / 2:
            return
        self._done += 1
        seconds = time.perf_counter() - self._begin
        count = f" ({self._done} of {self._settings.n_trials})" if self._counted else ""
        _write_line(f"trial {trial} done{count} after {seconds:.1f} s")


def _say(arguments: argparse.Namespace, text: str) -> None:
    if not arguments.quiet:
        _write_line(text)


def _write_line(text: str) -> None:
    # its end with it: where Python's output is unbuffered, print writes that apart, and Ctrl-C may come between
    sys.stderr.write(f"{text}\n")


def _describe(net: Any) -> str:
    counts = net.spec.gid_counts()
    cells = sum(counts[name] for name in net.spec.populations)
    return f"{cells} cells, {len(net.spec.drives)} drives ({', '.join(net.spec.drives) or 'none'})"


def _trials(settings: Any) -> str:
    return f"{settings.n_trials} trial{'s' if settings.n_trials > 1 else ''} of {settings.tstop:g} ms"


@attrs.frozen
class _Polish:
    """How dipoles are smoothed (ms; 0: not) and scaled before they are shown."""

    window: float
    factor: float

    @classmethod
    def of(cls, arguments: argparse.Namespace, params: Mapping[str, Any], settings: Any) -> _Polish:
        """Return what the options or the file ask for, once a dipole of zeros has gone through it."""
        asked = arguments.smooth is not None
        window = arguments.smooth if asked else params["dipole_smooth_win"]
        factor = params["dipole_scalefctr"] if arguments.scale is None else arguments.scale
        if not asked and window > settings.tstop:
            warnings.warn(
                f"the file's smoothing window of {window:g} ms is longer than the run: not smoothed", stacklevel=2
            )
            window = 0.0
        polish = cls(window, factor)
        times = np.arange(settings.n_steps + 1) * settings.dt
        try:
            polish.applied(hn.Dipole(times, np.zeros(times.size)))
        except hn.InvalidValue as error:
            raise Mistake(f"--smooth {window:g} or --scale {factor:g}: {error}") from error
        return polish

    def applied(self, dipole: Any) -> Any:
        """Return a smoothed and scaled copy of a dipole."""
        polished = dipole.copy()
        if self.window != 0:
            polished.smooth(self.window)
        return polished.scale(self.factor)

    def notes(self, outputs: _Outputs) -> list[str]:
        """Return what to say about it."""
        done = [f"smoothed with a window of {self.window:g} ms"] if self.window else []
        done += [f"scaled by {self.factor:g}"] if self.factor != 1 else []
        raw = f"; in {outputs.result} they are as simulated" if outputs.result else ""
        return [f"dipoles are shown {' and '.join(done)}{raw}"] if done else []


@attrs.frozen
class _Outputs:
    """What is to be written, and where."""

    result: Path | None
    figure: Path | None
    dipoles: tuple[Path, ...]
    overwrite: bool

    @classmethod
    def of(cls, arguments: argparse.Namespace, n_trials: int) -> _Outputs:
        """Return the outputs asked for, once it is known that all of them can be written."""
        dipoles: list[Path] = []
        if arguments.dipoles:
            first = Path(arguments.dipoles)
            if first.suffix.lower() not in (".txt", ".h5", ".hdf5"):
                raise Mistake(f"--dipoles {first}: must end in .txt, .h5 or .hdf5")
            each = [first.with_name(f"{first.stem}_{i}{first.suffix}") for i in range(n_trials)]
            dipoles = [first, *each] if n_trials > 1 else [first]
        result, figure = (Path(p) if p else None for p in (arguments.out, arguments.figure))
        outputs = cls(result, figure, tuple(dipoles), arguments.overwrite)
        places = outputs.paths()
        if len({os.path.realpath(p) for p in places}) < len(places):
            raise Mistake(f"two outputs have one name: {', '.join(map(str, places))}")
        for place in places:
            hn.check_writable(place, arguments.overwrite or (arguments.resume and place is result))
        if figure is not None:
            _check_figure(figure)
        return outputs

    def paths(self) -> list[Path]:
        """Return every file that is to be written."""
        return [p for p in (self.result, self.figure, *self.dipoles) if p is not None]

    def write(self, result: Any, polished: Any, polish: _Polish) -> None:
        """Write dipoles and figure; the result itself was written by `simulate`."""
        if self.dipoles:
            shown = [polished.dipole, *polished.dipoles] if len(self.dipoles) > 1 else polished.dipoles
            for path, dipole in zip(self.dipoles, shown, strict=True):
                dipole.write(path, overwrite=self.overwrite)
        if self.figure is not None:
            # from the result as it is, so that the figure's title tells what was done to the dipole
            smooth, scale = polish.window or None, polish.factor
            hn.viz.plot_result(
                result, scale=scale, smooth=smooth, path=self.figure, overwrite=self.overwrite, show=False
            )


def _check_figure(path: Path) -> None:
    os.environ.setdefault("MPLBACKEND", "Agg")  # a file needs no window, and a server has none
    from matplotlib.figure import Figure

    formats = sorted(Figure().canvas.get_supported_filetypes())
    if path.suffix.lower().removeprefix(".") not in formats:
        raise Mistake(f"--figure {path}: must end in {', '.join(f'.{f}' for f in formats)}")
