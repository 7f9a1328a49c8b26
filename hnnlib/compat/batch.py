"""HNN-core's BatchSimulate: a thin face of launchers, with its files."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from hnnlib.backends.launch.joblib import JoblibLauncher
from hnnlib.base.errors import HnnlibError, InvalidType, InvalidValue, OutputExists, UnknownName
from hnnlib.compat.callbacks import takes_network_first, with_params
from hnnlib.compat.models import neymotin_2020_model
from hnnlib.simulation import chosen_engine, simulate

__all__ = ["BatchSimulate"]

_BACKENDS = ("loky", "threading", "multiprocessing", "dask")
_SAVED = ("dpl", "spiking", "lfp", "voltages", "currents", "calcium")


@attrs.frozen
class _Job:
    """What every run of a batch has in common."""

    net: Any
    set_params: Callable[..., Any]
    net_first: bool
    options: Mapping[str, Any]
    wanted: tuple[str, ...]
    postproc: bool
    engine: Any = None  # one for all runs, so that what it compiles is kept


class BatchSimulate:
    """Simulate a network with many sets of parameters.

    `hnnlib.run_batch` does the same with sweeps that need no callback, a store that can be resumed, and failed runs
    that don't end the others.

    Parameters
    ----------
    set_params : callable
        ``set_params(param_values, net)`` or ``set_params(net, param_values)``: changes a copy of ``net``. Which of the
        two, the arguments' names say; where they don't, the first, as in HNN-core 0.6.1.
    net : Network, optional
        The network; left out, the standard column.
    tstop, dt : float
        Duration and time step (ms).
    n_trials : int
        Trials of each run.
    save_folder : path-like
        Where files go.
    batch_size : int
        Runs of a file and of a call of ``summary_func``.
    overwrite : bool
        Whether files may be replaced.
    save_outputs : bool
        Whether to write files.
    save_dpl, save_spiking, save_lfp, save_voltages, save_currents, save_calcium : bool
        What a run's result holds.
    record_vsec, record_isec : 'all', 'soma' or False
        What is recorded.
    postproc : bool
        Deprecated: smooth and scale as the network's parameters say.
    clear_cache : bool
        Whether to forget results once they are summarised.
    summary_func : callable, optional
        Called with the results of each batch, a list of dicts.
    """

    def __init__(
        self,
        set_params: Callable[..., Any],
        net: Any = None,
        tstop: float = 170.0,
        dt: float = 0.025,
        n_trials: int = 1,
        save_folder: str | os.PathLike[str] = "./sim_results",
        batch_size: int = 100,
        overwrite: bool = True,
        save_outputs: bool = False,
        save_dpl: bool = True,
        save_spiking: bool = False,
        save_lfp: bool = False,
        save_voltages: bool = False,
        save_currents: bool = False,
        save_calcium: bool = False,
        record_vsec: str | bool = False,
        record_isec: str | bool = False,
        postproc: bool = False,
        clear_cache: bool = False,
        summary_func: Callable[[list[dict[str, Any]]], Any] | None = None,
    ) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, int):
            raise InvalidType("batch_size", batch_size, "must be an integer")
        if batch_size < 1:
            raise InvalidValue("batch_size", batch_size, "must be >= 1")
        if summary_func is not None and not callable(summary_func):
            raise InvalidType("summary_func", summary_func, "must be a function of a list of results")
        self.set_params, self.net = set_params, neymotin_2020_model() if net is None else net
        self.save_folder, self.batch_size, self.overwrite = Path(save_folder), batch_size, overwrite
        self.save_outputs, self.clear_cache, self.summary_func = save_outputs, clear_cache, summary_func
        chosen = (save_dpl, save_spiking, save_lfp, save_voltages, save_currents, save_calcium)
        record = {"vsec": record_vsec, "isec": record_isec, "ca": "soma" if save_calcium else False}
        self._job = _Job(
            net=self.net,
            set_params=set_params,
            net_first=takes_network_first(set_params, otherwise=False),
            options={"tstop": tstop, "dt": dt, "n_trials": n_trials, "record": record},
            wanted=tuple(name for name, wish in zip(_SAVED, chosen, strict=True) if wish),
            postproc=postproc,
        )

    def run(
        self,
        param_grid: Mapping[str, Sequence[Any]],
        return_output: bool = True,
        combinations: bool = True,
        n_jobs: int = 1,
        backend: str = "loky",
        verbose: bool = True,
    ) -> dict[str, Any]:
        """Simulate all combinations of values.

        Parameters
        ----------
        param_grid : dict of str to list
            Values of each parameter.
        return_output : bool
            Whether to return results.
        combinations : bool
            Whether all values of one meet all of the others; else the first ones meet, the second ones, and so on.
        n_jobs : int
            Number of worker processes.
        backend : str
            Name of a joblib backend.
        verbose : bool
            Not used: progress is the caller's.

        Returns
        -------
        results : dict
            ``summary_statistics``, one for each batch, and ``simulated_data``, one result for each run, unless it was
            cleared.
        """
        if not isinstance(param_grid, Mapping):
            raise InvalidType("param_grid", param_grid, "must be a dict of parameters: list of values")
        grid = self._generate_param_combinations(param_grid, combinations)
        summaries: list[Any] = []
        kept: list[dict[str, Any]] = []
        for start in range(0, len(grid), self.batch_size):
            results = self.simulate_batch(grid[start : start + self.batch_size], n_jobs, backend)
            if self.save_outputs:
                self._save(results, start, start + len(results))
            if self.summary_func is not None:
                summaries.append(self.summary_func(results))
            if not self.clear_cache:
                kept += results
        if not return_output:
            return {}
        simulated = {} if self.clear_cache else {"simulated_data": kept}
        return {"summary_statistics": summaries, **simulated}

    def simulate_batch(
        self,
        param_combinations: Sequence[Mapping[str, Any]],
        n_jobs: int = 1,
        backend: str = "loky",
        verbose: bool = True,
    ) -> list[dict[str, Any]]:
        """Simulate some sets of parameters.

        Parameters
        ----------
        param_combinations : list of dict
            The sets.
        n_jobs : int
            Number of worker processes.
        backend : str
            ``'loky'``, ``'threading'``, ``'multiprocessing'`` or ``'dask'``.
        verbose : bool
            Not used.

        Returns
        -------
        results : list of dict
            ``net``, ``param_values`` and what was asked for: ``dpl``, ``spiking``, ``lfp``, ``voltages``, ``currents``,
            ``calcium``.

        Raises
        ------
        HnnlibError
            If a run fails; names which.
        """
        if backend not in _BACKENDS:
            raise UnknownName("backend", backend, "backend", _BACKENDS)
        if not param_combinations:
            return []
        first = with_params(self.net, self.set_params, param_combinations[0], self._job.net_first)
        options = {key: self._job.options[key] for key in ("tstop", "dt")}
        job = attrs.evolve(self._job, engine=chosen_engine(first, **options, engine=None))
        done: dict[int, dict[str, Any]] = {}
        with closing(JoblibLauncher(n_jobs, backend).map(_run, param_combinations, job, what="run")) as arriving:
            for number, outcome in arriving:
                if isinstance(outcome, HnnlibError):
                    raise outcome
                done[number] = outcome
        return [done[number] for number in range(len(done))]

    def _generate_param_combinations(
        self, param_grid: Mapping[str, Sequence[Any]], combinations: bool = True
    ) -> list[dict[str, Any]]:
        rows = itertools.product(*param_grid.values()) if combinations else zip(*param_grid.values(), strict=False)
        return [dict(zip(param_grid, row, strict=True)) for row in rows]

    def _save(self, results: list[dict[str, Any]], start: int, stop: int) -> None:
        self.save_folder.mkdir(parents=True, exist_ok=True)
        path = self.save_folder / f"sim_run_{start}-{stop}.npz"
        if path.exists() and not self.overwrite:
            raise OutputExists(path, "exists already, and overwrite is False")
        columns = {key: [result[key] for result in results] for key in ("param_values", *self._job.wanted)}
        np.savez(path, **{key: _objects(values) for key, values in columns.items()})

    def load_results(
        self, file_path: str | os.PathLike[str], return_data: Sequence[str] | None = None
    ) -> dict[str, Any]:
        """Read a file of results; it holds pickled objects, so read only files that you trust.

        Parameters
        ----------
        file_path : path-like
            The file.
        return_data : list of str, optional
            What to read; left out, ``param_values`` and all that was saved.

        Returns
        -------
        results : dict of str to list
            One entry for each run.
        """
        with np.load(file_path, allow_pickle=True) as data:
            return {key: list(data[key]) for key in (data.files if return_data is None else return_data) if key in data}

    def load_all_results(self) -> list[dict[str, Any]]:
        """Read all files of results, in the order of their runs."""
        files = sorted(
            self.save_folder.glob("sim_run_*.npz"), key=lambda file: int(file.stem.split("_")[-1].split("-")[0])
        )
        return [self.load_results(file) for file in files]


def _objects(values: list[Any]) -> Any:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _run(job: _Job, values: Mapping[str, Any]) -> dict[str, Any]:
    """Simulate one set of parameters, in a worker."""
    net = with_params(job.net, job.set_params, values, job.net_first)
    result = simulate(net, launcher="serial", engine=job.engine, **job.options)
    if hasattr(net, "_result"):
        net._result = result
    dipoles = [dipole.copy() for dipole in result.dipoles]
    if job.postproc:
        for dipole in dipoles:
            dipole.smooth(net._params.get("dipole_smooth_win", 0) or 1.0).scale(
                net._params.get("dipole_scalefctr", 1.0)
            )
    spikes = result.cell_response
    found = {
        "dpl": dipoles,
        "spiking": {name: getattr(spikes, name) for name in ("spike_times", "spike_types", "spike_gids")},
        "lfp": dict(result.potentials),
        "voltages": spikes.vsec,
        "currents": spikes.isec,
        "calcium": spikes.ca,
    }
    return {"net": net, "param_values": dict(values), **{name: found[name] for name in job.wanted}}
