"""What a worker does for each run of a batch: vary the network, compile, simulate, summarise."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np

from hnnlib.backends.protocol import Engine
from hnnlib.base.errors import HnnlibError, InvalidType
from hnnlib.base.schema import put_at
from hnnlib.batch.summaries import Summary, mean_dipole, summarise
from hnnlib.results.result import Result
from hnnlib.simulation import simulate
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import RunSpec

__all__ = ["RUN", "Keep", "Outcome", "SetParams", "Task", "Values", "run_one"]

RUN = "run."
"""What paths into a run begin with; all others lead into the network."""

Values = Mapping[str, Any]
SetParams = Callable[[Any, Values], Any]
Keep = str | Callable[[Result], Mapping[str, Any]] | None


@attrs.frozen(kw_only=True, eq=False)
class Task:
    """What all runs of a batch have in common."""

    net: Any
    run: RunSpec
    baseline: str | bool | None
    engine: Engine | None
    summaries: tuple[Summary, ...]
    keep: Keep
    set_params: SetParams | None

    def variant(self, values: Values) -> tuple[Any, RunSpec]:
        """Return the network and the run of some values.

        Parameters
        ----------
        values : mapping of str to value
            By path, or as `set_params` knows them.

        Raises
        ------
        InvalidValue
            If a path leads to nothing, or a value is not allowed where it stands.
        """
        run = self.run
        own = {}
        for path, value in values.items():
            if path.startswith(RUN):
                run = put_at(run, path.removeprefix(RUN), value)
            else:
                own[path] = value
        if self.set_params is None:
            net = self.net
            for path, value in own.items():
                net = put_at(net, path, value)
            return net, run
        net = self.net.copy() if hasattr(self.net, "copy") else self.net
        changed = self.set_params(net, own)
        if changed is None and isinstance(net, NetworkSpec):
            raise InvalidType("set_params", None, "must return the network: a NetworkSpec is never changed")
        return (net if changed is None else changed), run


@attrs.frozen(kw_only=True, eq=False)
class Outcome:
    """What comes back of a run."""

    seconds: float
    error: str = ""
    cpu_s: float | None = None
    summary: Mapping[str, float] = attrs.field(factory=dict)
    arrays: Mapping[str, np.ndarray] = attrs.field(factory=dict)
    result: Result | None = None


def run_one(task: Task, item: tuple[int, Values]) -> Outcome:
    """Return what a run gave, or why it failed.

    Parameters
    ----------
    task : Task
        What all runs have in common.
    item : tuple of (int, mapping)
        The run's seed and values.
    """
    seed, values = item
    begin = time.perf_counter()
    try:
        net, run = task.variant(values)
        result = simulate(
            net,
            tstop=run.tstop,
            dt=run.dt,
            n_trials=run.n_trials,
            seed=seed,
            record=run.record,
            baseline=task.baseline,
            engine=task.engine,
            launcher="serial",
        )
        summary = summarise(result, task.summaries)
        arrays = _arrays(task.keep, result)
    except HnnlibError as error:
        return Outcome(seconds=time.perf_counter() - begin, error=f"{type(error).__name__}: {error}")
    return Outcome(
        seconds=time.perf_counter() - begin,
        cpu_s=result.provenance["timings"]["trials"],
        summary=summary,
        arrays=arrays,
        result=result if task.keep == "result" else None,
    )


def _arrays(keep: Keep, result: Result) -> dict[str, np.ndarray]:
    if keep is None or keep == "result":
        return {}
    if keep == "dipole":
        dpl = mean_dipole(result)
        return {"times": dpl.times, "nave": np.array(dpl.nave), **dpl.data}
    given = keep(result) if callable(keep) else None
    if not isinstance(given, Mapping):
        raise InvalidType("keep", given, "must be a mapping of names to arrays, as a function to keep by gives")
    found = {}
    for name, value in given.items():
        array = np.asarray(value)
        if not isinstance(name, str) or not name or "/" in name or array.dtype.kind not in "biufc":
            raise InvalidType(f"keep[{name!r}]", value, "must be an array of numbers, under a name without '/'")
        found[name] = array
    return found
