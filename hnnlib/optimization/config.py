"""Fits described by JSON files: what `hnnlib fit` reads."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.base.atomic import atomic_write_text
from hnnlib.base.errors import FileFormatError, InvalidType, InvalidValue, MissingFile, OutputError, UnknownName
from hnnlib.base.resources import param_file
from hnnlib.base.schema import within
from hnnlib.editor.models import calcium_model, law_2021_model, neymotin_2020_model
from hnnlib.editor.network import Network
from hnnlib.optimization.free import Free, free_of_drives
from hnnlib.optimization.methods import METHODS, make_search
from hnnlib.optimization.objectives import Objective, Sum
from hnnlib.optimization.problem import Problem
from hnnlib.optimization.rates import SpikeRate
from hnnlib.optimization.searches import SOLVERS, Search
from hnnlib.optimization.stepwise import stepwise
from hnnlib.optimization.target import Target, read_target
from hnnlib.optimization.waveform import RMSE, BandPower, Correlation, PeakAt, Peaks
from hnnlib.params.read import read_params

__all__ = ["FitConfig", "read_fit_config", "write_example"]

MODELS = immutabledict({"neymotin_2020": neymotin_2020_model, "law_2021": law_2021_model, "calcium": calcium_model})
ON_TARGET = immutabledict({"RMSE": RMSE, "Correlation": Correlation})
WITHOUT = immutabledict({"Peaks": Peaks, "BandPower": BandPower, "SpikeRate": SpikeRate})


@attrs.frozen(kw_only=True)
class FitConfig:
    """A fit as a file describes it. Names of files are relative to it.

    Parameters
    ----------
    network : mapping
        ``file`` (a parameter file, or the name of a shipped one), ``model``, ``mesh``, and ``set``: paths and values.
    simulation : mapping
        ``tstop``, ``dt``, ``n_trials``, ``seed``, ``engine``.
    free : sequence of mapping
        Each ``{"path", "low", "high", "scale", "start"}``, or ``{"drives", "mu", "sigma", "weights"}`` as
        `free_of_drives` takes them.
    objective : mapping or sequence of mapping
        ``{"kind": "RMSE", ...}``; of a sum each with its ``factor``.
    target : mapping, optional
        ``file``, ``unit``, and what else `read_target` takes.
    search : mapping
        ``method``, ``max_trials``, ``seed``, and settings of the search.
    launcher : str
        ``'serial'``, ``'joblib'``, ``'mpi'``, ``'dask'``.
    out : str
        The HDF5 file of the fit.
    report : str, optional
        The HTML page.
    intervals : mapping, optional
        What `hnnlib.optimization.intervals` takes, to tell how sure the parameters are; ``{}`` for its usual settings.
    title : str
        Headline of the report.
    folder : Path
        Where the file is.
    """

    network: Mapping[str, Any]
    simulation: Mapping[str, Any]
    free: Sequence[Mapping[str, Any]]
    objective: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    target: Mapping[str, Any] | None = None
    search: Mapping[str, Any] = attrs.field(factory=dict)
    launcher: str = "serial"
    out: str = "fit.h5"
    report: str | None = None
    intervals: Mapping[str, Any] | None = None
    title: str = "Fit"
    folder: Path = attrs.field(default=Path(), converter=Path)

    def problem(self) -> Problem:
        """Return the problem that is described.

        Raises
        ------
        InvalidValue
            If something in it is not allowed; names where it stands.
        FileNotFoundError, FileFormatError
            If a file that it names can't be read.
        """
        net = self._net()
        with within("free"):
            free = [one for k, given in enumerate(_list("free", self.free)) for one in _free(net, given, f"[{k}]")]
        settings = _known("simulation", self.simulation, ("tstop", "dt", "n_trials", "seed", "engine"))
        if "tstop" not in settings:
            raise InvalidValue("simulation", sorted(settings), "lacks tstop, the duration (ms)")
        return Problem(net, free, self._objective(), **settings)

    def method(self, problem: Problem) -> Search | None:
        """Return the search that is described; None for the usual one.

        Parameters
        ----------
        problem : Problem
            What is to be searched.
        """
        given = {k: v for k, v in self.search.items() if k not in ("method", "max_trials", "seed")}
        name = self.search.get("method")
        if name == "stepwise":
            return stepwise(problem, **_known("search", given, ()))
        if name is None or not given:
            _known("search", given, ())
            return None if name is None else make_search(name)
        if name not in METHODS:
            raise UnknownName("search.method", name, "search", [*METHODS, "stepwise"])
        solver = {"solver": name} if name in SOLVERS else {}
        search: Search = _made(METHODS[name], {**given, **solver}, "search")
        return search

    @property
    def max_trials(self) -> int:
        """Number of trials at most."""
        return self.search.get("max_trials", 2000)

    @property
    def seed(self) -> int:
        """Seed of the search."""
        return self.search.get("seed", 0)

    def file(self, name: str) -> Path:
        """Return where a file is that the configuration names.

        Parameters
        ----------
        name : str
            Its name, relative to the configuration.
        """
        return self.folder / name

    def _net(self) -> Network:
        given = _known("network", self.network, ("file", "model", "mesh", "set"))
        name = given.get("file", "default")
        file = self.file(name)
        params = read_params(file if file.is_file() else param_file(name))
        model = given.get("model", "neymotin_2020")
        if model not in MODELS:
            raise UnknownName("network.model", model, "model", MODELS)
        mesh = given.get("mesh", (params["N_pyr_x"], params["N_pyr_y"]))
        net = MODELS[model](params, add_drives_from_params=True, mesh_shape=tuple(mesh))
        for path, value in given.get("set", {}).items():
            with within("network.set"):
                net.put(path, value)
        return net

    def _objective(self) -> Objective:
        if isinstance(self.objective, Mapping):
            return self._one_objective(self.objective, "objective")
        terms = []
        for k, given in enumerate(_list("objective", self.objective)):
            factor = given.get("factor", 1.0)
            rest = {name: value for name, value in given.items() if name != "factor"}
            terms.append((float(factor), self._one_objective(rest, f"objective[{k}]")))
        return Sum(tuple(terms))

    def _one_objective(self, given: Mapping[str, Any], path: str) -> Objective:
        kind = given.get("kind", "RMSE")
        settings = {name: value for name, value in given.items() if name != "kind"}
        if kind in ON_TARGET:
            if self.target is None:
                raise InvalidValue("target", None, f"must name a file: {kind} compares with it")
            found: Objective = _made(ON_TARGET[kind], settings, path, self._target())
            return found
        if kind not in WITHOUT:
            raise UnknownName(f"{path}.kind", kind, "objective", [*ON_TARGET, *WITHOUT])
        if kind == "Peaks":
            peaks = _list(f"{path}.peaks", settings.get("peaks", ()))
            settings["peaks"] = [_made(PeakAt, peak, f"{path}.peaks[{k}]") for k, peak in enumerate(peaks)]
        other: Objective = _made(WITHOUT[kind], settings, path)
        return other

    def _target(self) -> Target:
        names = ("file", "unit", "times", "data", "time_unit", "sign", "delimiter", "name", "n_averaged")
        given = _known("target", self.target, names)
        for name in ("file", "unit"):
            if name not in given:
                raise InvalidValue("target", sorted(given), f"lacks {name}")
        return read_target(self.file(given.pop("file")), **given)


def _list(path: str, given: Any) -> list[Mapping[str, Any]]:
    if not isinstance(given, list | tuple) or not all(isinstance(one, Mapping) for one in given):
        raise InvalidType(path, given, "must be a list of objects")
    return list(given)


def _known(path: str, given: Any, names: Sequence[str]) -> dict[str, Any]:
    if not isinstance(given, Mapping):
        raise InvalidType(path, given, "must be an object")
    for name in given:
        if name not in names:
            raise UnknownName(path, name, "setting", names)
    return dict(given)


def _made(kind: Any, given: Mapping[str, Any], path: str, *first: Any) -> Any:
    """Return a value of a class, its settings checked by name."""
    fields = [f for f in attrs.fields(kind) if f.init][len(first) :]
    _known(path, given, [f.name for f in fields])
    missing = [f.name for f in fields if f.default is attrs.NOTHING and f.name not in given]
    if missing:
        raise InvalidValue(path, sorted(given), f"lacks {', '.join(missing)}")
    with within(path):
        return kind(*first, **given)


def _free(net: Network, given: Mapping[str, Any], path: str) -> Sequence[Free]:
    if "drives" not in given:
        return [_made(Free, given, path)]
    settings = _known(path, given, ("drives", "mu", "sigma", "weights"))
    with within(path):
        return free_of_drives(net, **settings)


def read_fit_config(path: str | os.PathLike[str]) -> FitConfig:
    """Read the description of a fit.

    Parameters
    ----------
    path : path-like
        A JSON file, or a folder that holds ``fit.json``.

    Returns
    -------
    config : FitConfig
        Checked when its problem is made.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is no JSON object.
    UnknownName
        If it has a key that it should not have; names the nearest.
    """
    file = Path(path)
    file = file / "fit.json" if file.is_dir() else file
    if not file.is_file():
        raise MissingFile(file, "there is no such file; hnnlib fit --example FOLDER writes one to begin with")
    try:
        plain = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise FileFormatError(file, f"is no JSON ({error.msg})", error.lineno) from error
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(file, f"can't be read ({error})") from error
    if not isinstance(plain, Mapping):
        raise FileFormatError(file, "must be a JSON object")
    names = [f.name for f in attrs.fields(FitConfig) if f.name != "folder"]
    known = _known(os.fspath(path), plain, names)
    for name in ("network", "simulation", "free", "objective"):
        if name not in known:
            raise InvalidValue(os.fspath(path), sorted(known), f"lacks {name}")
    return FitConfig(**known, folder=file.parent)


EXAMPLE: Mapping[str, Any] = immutabledict(
    {
        "title": "An example: the first 90 ms of an evoked response",
        "network": {
            "file": "default",
            "mesh": [3, 3],
            "set": {f"drives.{name}.event_seed": None for name in ("evprox1", "evdist1", "evprox2")},
        },
        "simulation": {"tstop": 90.0, "dt": 0.05, "n_trials": 2, "seed": 0},
        "free": [
            {"path": "drives.evprox1.mu", "low": 15.0, "high": 40.0},
            {"path": "drives.evdist1.mu", "low": 45.0, "high": 75.0},
            {
                "path": "drives.evprox1.weights.L5_pyramidal.ampa",
                "low": 0.001,
                "high": 0.1,
                "scale": "log",
                "start": 0.003,
            },
        ],
        "target": {"file": "target.csv", "unit": "nAm", "times": "time (ms)", "data": "moment (nAm)", "n_averaged": 10},
        "objective": {"kind": "RMSE", "smooth": 15.0, "scale": 3000.0},
        "search": {"method": "regression", "max_trials": 200, "seed": 0, "samples": 24},
        "launcher": "serial",
        "out": "fit.h5",
        "report": "fit.html",
    }
)
TRUTH = immutabledict(
    {"drives.evprox1.mu": 30.0, "drives.evdist1.mu": 60.0, "drives.evprox1.weights.L5_pyramidal.ampa": 0.01}
)
"""What the example's target is simulated with; its random drives are others than those of the fit."""


def write_example(folder: str | os.PathLike[str], overwrite: bool = True) -> Path:
    """Write a fit to begin with: ``fit.json`` and ``target.csv``, simulated with known parameters.

    Parameters
    ----------
    folder : path-like
        Where to; made if it is not there.
    overwrite : bool
        Whether files may be replaced.

    Returns
    -------
    file : Path
        The configuration.

    Raises
    ------
    OutputError
        If they can't be written.
    """
    home = Path(folder)
    try:
        home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(home, f"can't be made ({error.strerror or error})") from error
    config = FitConfig(**{**EXAMPLE, "target": None, "objective": {"kind": "BandPower", "fmin": 0, "fmax": 100}})
    problem = config.problem()
    dipole = problem.simulate(TRUTH, seed=1, n_trials=10).dipole.smooth(15.0).scale(3000.0)
    kept = np.arange(0, dipole.times.size, 20)
    rows = [f"{dipole.times[k]:.10g},{dipole.data['agg'][k]:.6g}" for k in kept]
    atomic_write_text(home / "target.csv", "\n".join(["time (ms),moment (nAm)", *rows, ""]), overwrite)
    atomic_write_text(home / "fit.json", json.dumps(EXAMPLE, indent=2, default=dict) + "\n", overwrite)
    return home / "fit.json"
