"""`hnnlib info`: what is installed, what a parameter file describes, what a result file holds."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import hnnlib as hn
from hnnlib.cli.network import add_arguments, make_network, read_parameters

__all__ = ["add_parser", "run"]

_EPILOG = """\
examples:
  hnnlib info                    versions, compiler, where compiled mechanisms are
  hnnlib info default            cells, connections, drives of a parameter file, by the names that --set takes
  hnnlib info default --set drives.evprox1.mu=30
  hnnlib info run.h5             what a result file holds and how it came about

exit codes: 0 done; 2 the file can't be read, or an option is not allowed"""


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "info",
        help="tell what is installed, or what a parameter file or result holds",
        description="Tell what is installed, what a parameter file describes, or what a result file holds.",
        usage="hnnlib info [FILE] [options]",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("file", metavar="FILE", nargs="?", help="parameter file, shipped file's name, or .h5 result")
    add_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the information asked for."""
    if arguments.file is None:
        blocks = [_installation()]
    elif os.path.splitext(arguments.file)[1].lower() in (".h5", ".hdf5"):
        blocks = _result(hn.read_result(arguments.file))
    else:
        params = read_parameters(arguments.file, arguments.lenient)
        blocks = _network(make_network(arguments, params).spec, params)
    print("\n\n".join("\n".join(lines) for lines in blocks if lines))


def _installation() -> list[str]:
    # of NEURON only what is known without starting it
    rows = [
        ("hnnlib", f"{hn.__version__}  ({os.path.dirname(hn.__file__)})"),
        ("Python", f"{platform.python_version()}  ({sys.executable})"),
        *((name, _version(name)) for name in ("numpy", "scipy", "neuron", "joblib", "matplotlib")),
        ("machine", f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"),
        ("compiler", _compiler()),
        ("mechanisms", _mechanisms()),
        ("engines", ", ".join(hn.ENGINES)),
        ("fast engine", _vectors()),
        ("launchers", ", ".join(hn.LAUNCHERS)),
        ("parameter files", ", ".join(sorted(p.name for p in hn.param_file("default").parent.glob("*.json")))),
    ]
    return _table(rows)


def _vectors() -> str:
    try:
        return hn.vector_unit()
    except hn.HnnlibError as error:
        return f"not usable: {error}"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _compiler() -> str:
    names = [name for name in (os.environ.get("CXX", "").split()[:1] or [""]) if name]
    found = next(filter(None, map(shutil.which, [*names, "c++", "g++", "clang++"])), None)
    missing = [name for name in ("make", "bash") if shutil.which(name) is None]
    text = found or "none found: install one, e.g. apt-get install g++"
    return text + (f"; lacks {' and '.join(missing)}" if missing else "")


def _mechanisms() -> str:
    try:
        library = hn.compiled_library()
    except hn.HnnlibError as error:
        return str(error)
    if library is not None:
        return f"compiled: {library}"
    return f"not compiled yet; 'hnnlib compile' or the first simulation puts them into {hn.cache_dir()}"


def _network(spec: Any, params: Any) -> list[list[str]]:
    mesh = "x".join(map(str, spec.grid.mesh_shape))
    window = params["dipole_smooth_win"]
    smoothed = f"smoothed over {window:g} ms" if window else "not smoothed"
    general = [
        ("file's run", f"{params['tstop']:g} ms, {_number(params['N_trials'], 'trial')}, dt {params['dt']:g} ms"),
        ("file's dipole", f"{smoothed}, scaled by {params['dipole_scalefctr']:g}"),
        ("grid", f"{mesh} pyramidal cells per layer, {spec.grid.inplane_distance:g} µm apart"),
        ("temperature", f"{spec.celsius:g} °C"),
        ("threshold", f"{spec.threshold:g} mV"),
    ]
    blocks = [_table(general), _cells(spec), _connections(spec), _drives(spec), _drive_weights(spec), _biases(spec)]
    examples = [f"--set drives.{name}.{_first_number(drive)}" for name, drive in [*spec.drives.items()][:1]]
    examples += ["--set connections.0.weight=0.01"] if spec.connections else []
    return [*blocks, [f"Each can be changed by its name: {', '.join(examples)}"]] if examples else blocks


def _cells(spec: Any) -> list[str]:
    counts = spec.gid_counts()
    rows = [("populations", "cells", "layer", "sections", "dipole")]
    for name, population in spec.populations.items():
        measured = "measured" if population.measure_dipole else "-"
        rows.append((name, str(counts[name]), population.layer or "-", str(len(population.cell.sections)), measured))
    return _table(rows)


def _connections(spec: Any) -> list[str]:
    rows = [("connections", "from", "to", "location", "receptor", "weight (µS)", "delay (ms)", "space constant")]
    for i, c in enumerate(spec.connections):
        weight = f"{c.weight:g}" + (f" × {c.gain:g}" if c.gain != 1 else "")
        numbers = (weight, f"{c.delay:g}", f"{c.space_constant:g}")
        rows.append((str(i), c.source, c.target, c.location, c.receptor, *numbers))
    return _table(rows) if spec.connections else []


def _drives(spec: Any) -> list[str]:
    counts = spec.gid_counts()
    rows = [("drives", "kind", "location", "drive cells", "when")]
    for name, drive in spec.drives.items():
        rows.append((name, drive.kind, drive.location, str(counts[name]), _when(drive)))
    return _table(rows) if spec.drives else ["drives: none"]


def _drive_weights(spec: Any) -> list[str]:
    rows = [("drive weights", "to", "weights (µS)", "delay (ms)")]
    for name, drive in spec.drives.items():
        for target, weights in drive.weights.items():
            text = ", ".join(f"{receptor} {weight:g}" for receptor, weight in weights.items())
            rows.append((name, target, text, f"{drive.delay_to(target):g}"))
    return _table(rows) if spec.drives else []


def _first_number(drive: Any) -> str:
    known = {"evoked": "mu=30", "spike_train": "space_constant=3"}
    return known.get(drive.kind, "tstart=50")


def _when(drive: Any) -> str:
    if drive.kind == "evoked":
        return f"{_number(drive.numspikes, 'spike')} at {drive.mu:g} ± {drive.sigma:g} ms"
    if drive.kind == "spike_train":
        return f"{sum(map(len, drive.trains))} given spikes"
    end = "the end" if drive.tstop is None else f"{drive.tstop:g} ms"
    rate = drive.rate if drive.kind == "poisson" else drive.burst_rate
    rates = sorted(set(rate.values())) if isinstance(rate, Mapping) else [rate]
    what = "Poisson, " if drive.kind == "poisson" else f"{drive.numspikes}-spike bursts, "
    return f"{what}{' / '.join(f'{r:g}' for r in rates)} Hz, {drive.tstart:g} ms to {end}"


def _biases(spec: Any) -> list[str]:
    rows = [("biases", "cells", "section", "current (nA)", "from (ms)", "to (ms)")]
    for name, biases in spec.biases.items():
        for target, bias in biases.items():
            end = "end" if bias.tstop is None else f"{bias.tstop:g}"
            rows.append((name, target, bias.section, f"{bias.amplitude:g}", f"{bias.t0:g}", end))
    return _table(rows) if spec.biases else []


def _result(result: Any) -> list[list[str]]:
    facts = result.provenance
    names = ("hnnlib", "python", "platform", "numpy", "engine", "launcher", "seed", "digest", "connections")
    rows = [(name, str(facts[name])) for name in names if name in facts]
    rows += [(f"left out: {why}", str(number)) for why, number in facts.get("connections left out", {}).items()]
    run = facts.get("run", {})
    rows += [(name, f"{run[name]:g}") for name in ("tstop", "dt", "n_trials") if name in run]
    missing = [*map(str, result.missing_trials[:20]), *(["…"] if len(result.missing_trials) > 20 else [])]
    rows += [("missing trials", ", ".join(missing))] if missing else []
    drives = facts.get("network", {}).get("drives", {})
    rows += [("drives", ", ".join(drives))] if drives else []
    rows += [("recorded", ", ".join(result.cell_response.recordings))] if result.cell_response.recordings else []
    rows += [("electrodes", ", ".join(result.potentials))] if result.potentials else []
    return [[result.summary()], ["how it came about", *_table(rows)]] if rows else [[result.summary()]]


def _number(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)).rstrip() for row in rows]
