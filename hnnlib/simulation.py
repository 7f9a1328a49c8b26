"""Run a network: compile, check, launch, collect."""

from __future__ import annotations

import platform
import sys
import time
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, nullcontext
from typing import Any, TypeVar

import attrs
import numpy as np

from hnnlib import __version__
from hnnlib.backends.launch.active import active_backend
from hnnlib.backends.protocol import Engine, Launcher, Progress, join
from hnnlib.backends.registry import ENGINES, make_engine, make_launcher
from hnnlib.base.errors import HnnlibError, InvalidType, InvalidValue, UnknownName, UnsupportedPlan
from hnnlib.base.log import logger
from hnnlib.base.progress import progress_bar
from hnnlib.base.resources import mod_digests
from hnnlib.base.schema import digest, from_plain, to_plain
from hnnlib.compile.build import compile_plan
from hnnlib.compile.dipole_kernels import read_dipole_kernels
from hnnlib.compile.estimate import dipole_provenance, with_dipole
from hnnlib.compile.point_cells import read_point_cells, shipped_point_cells
from hnnlib.compile.reduce import reduce_plan, reduction_provenance
from hnnlib.io.trials import TrialStore, check_output, read_kept
from hnnlib.plan.tables import Plan
from hnnlib.results.collect import ElectrodeGeometry, collect
from hnnlib.results.dipole import Dipole
from hnnlib.results.records import Records
from hnnlib.results.result import Result
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import Record, RunSpec

__all__ = [
    "by_leader",
    "chosen_engine",
    "chosen_launcher",
    "record_of",
    "simulate",
    "simulate_dipole",
    "simulate_many",
    "stream_trials",
]

T = TypeVar("T")


def simulate(
    net: Any,
    *,
    tstop: float,
    dt: float = 0.025,
    n_trials: int = 1,
    seed: int = 0,
    record: Record | Mapping[str, Any] | None = None,
    engine: str | Engine | None = None,
    launcher: str | Launcher | None = None,
    baseline: str | bool | None = True,
    out: Any = None,
    overwrite: bool = True,
    resume: bool = False,
    progress: bool | Progress = False,
) -> Result:
    """Simulate a network.

    Parameters
    ----------
    net : Network, NetworkSpec or SonataNetwork
        What to simulate; it is not changed.
    tstop : float
        Duration (ms).
    dt : float
        Time step (ms).
    n_trials : int
        Number of trials.
    seed : int
        Seed of all streams that have no seed of their own.
    record : Record or dict, optional
        What to keep beside spikes and dipoles, e.g. ``Record(vsec='soma')``.
    engine : str or Engine, optional
        What computes: ``'neuron'``; ``'fast'``; ``'auto'``: fast where it supports the network, else NEURON; or an
        engine with its options, e.g. ``FastEngine(rates='exact')``.
    launcher : str or Launcher, optional
        What spreads the trials: ``'serial'``, ``'joblib'`` (all cores), or a launcher object. Without engine and
        launcher, those of the enclosing ``with JoblibBackend(...):`` block are used, else ``'auto'`` in this process.
    baseline : str, None or True
        What is taken off the dipole: ``'hnn'``, ``'settle'``, None; True: as the network says.
    out : path, optional
        HDF5 file to write the result to; checked before the run. Trials are kept as they end: while the run goes on,
        and after it was stopped, `read_result` gives those that are done.
    overwrite : bool
        Whether ``out`` may be replaced.
    resume : bool
        Whether to go on with the run that ``out`` holds: its trials are kept, and only missing ones are run, be it that
        the run was stopped or that ``n_trials`` is more now. Launcher and threads may be others than before. Without
        such a file the run starts from the beginning.
    progress : bool or callable
        True for a progress bar, or a function called as ``progress(trial, t_ms)``.

    Returns
    -------
    result : Result
        Dipoles, spikes, recordings, potentials, provenance.

    Raises
    ------
    InvalidValue
        If the network or an argument is not allowed, or ``out`` is to be resumed and holds another run; names path,
        value and what is.
    UnsupportedPlan
        If the engine can't run this network; lists every obstacle.
    TrialFailed
        If a trial can't be run to its end.
    OutputError
        If ``out`` can't be written.
    FileFormatError
        If ``out`` is to be resumed and is no result.
    """
    launcher = chosen_launcher(launcher)
    if out is not None:
        by_leader(launcher, check_output, out, overwrite or resume)
    elif resume:
        raise InvalidValue("resume", resume, "needs out, the file of the run to go on with")
    case = _prepare(net, tstop, dt, n_trials, seed, record, engine, baseline)
    kept = by_leader(launcher, read_kept, out, case.provenance) if resume else None
    store = TrialStore(case.run.n_trials, out if launcher.leads else None, kept, overwrite or resume)
    with store:
        if store.missing:
            _run_missing(case, launcher, store, out is not None, progress)
        by_leader(launcher, store.finish)
    return store.result()


def by_leader(launcher: Launcher, function: Callable[..., T], *given: Any) -> T:
    """Return, in every process of the run, what a function gives in the leading one; its error is an error in all.

    Parameters
    ----------
    launcher : Launcher
        What spreads the run.
    function : callable
        What only the leading process may do, e.g. write files.
    *given : object
        Its arguments.

    Returns
    -------
    value : object
        What it returned.
    """
    outcome: tuple[Any, HnnlibError | None] = (None, None)
    if launcher.leads:
        try:
            outcome = (function(*given), None)
        except HnnlibError as error:
            outcome = (None, error)
    value, failed = launcher.share(outcome)
    if failed is not None:
        raise failed
    result: T = value
    return result


def _run_missing(case: _Case, launcher: Launcher, store: TrialStore, in_file: bool, progress: bool | Progress) -> None:
    """Run the trials that the store lacks, and give it each as it ends."""
    run, trials = case.plan.run, store.missing
    shown = progress if launcher.leads else False
    context: Any = progress_bar(run.n_trials, run.tstop_ms) if shown is True else nullcontext(shown or None)
    settled = None
    if case.network.baseline == "settle":
        with closing(launcher.run(case.engine, case.plan.undriven(), [0])) as arriving:
            settled = join(list(arriving))
    since, plan_s = case.begin, case.plan_s
    with context as report:
        if shown is True:
            for k in set(range(run.n_trials)).difference(trials):  # kept from before
                report(k, run.tstop_ms)
        with closing(launcher.run(case.engine, case.plan, trials, report)) as arriving:
            for records in arriving:
                now = time.perf_counter()
                store.add(case.result(records, launcher.name, settled, plan_s, now - since))
                since, plan_s = now, 0.0
                if in_file:
                    by_leader(launcher, store.save)


def simulate_many(
    nets: Sequence[Any],
    *,
    tstop: float,
    dt: float = 0.025,
    n_trials: int = 1,
    seed: int = 0,
    record: Record | Mapping[str, Any] | None = None,
    baseline: str | bool | None = True,
    engine: str | Engine | None = None,
    launcher: str | Launcher | None = None,
    progress: bool = False,
) -> list[Result]:
    """Simulate many networks, e.g. variants of one with other weights, drives or densities.

    Parameters
    ----------
    nets : sequence of Network or NetworkSpec
        What to simulate. Variants of one structure share the engine's compiled kernels.
    tstop, dt : float
        Duration and time step (ms) of all.
    n_trials, seed : int
        Trials of each network, and the seed of all streams that have none of their own.
    record : Record or dict, optional
        As in `simulate`, the same for all.
    baseline : str, None or True
        As in `simulate`, the same for all.
    engine : str or Engine, optional
        As in `simulate`.
    launcher : str or Launcher, optional
        As in `simulate`; a launcher spreads whole networks. In one process ``FastEngine(threads=2)`` runs two
        networks at a time.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    results : list of Result
        One per network, the same as `simulate` gives.

    Raises
    ------
    InvalidValue, UnsupportedPlan, TrialFailed
        As in `simulate`, for the first network that can't be run; all are checked before any is.
    """
    if nets and (engine is None or isinstance(engine, str)):
        # one engine object for all, so that kernels are kept from network to network
        engine = _prepare(nets[0], tstop, dt, n_trials, seed, record, engine, baseline).engine
    launcher = chosen_launcher(launcher)
    cases = [_prepare(net, tstop, dt, n_trials, seed, record, engine, baseline) for net in nets]
    if not cases:
        return []
    context: Any = progress_bar(len(cases), tstop) if progress else nullcontext(None)
    plans = [case.plan for case in cases]
    with context as report, closing(launcher.run_many(cases[0].engine, plans, report)) as arriving:
        done = dict(arriving)
    silent = {number: case.plan.undriven() for number, case in enumerate(cases) if case.network.baseline == "settle"}
    settled: dict[int, Records] = {}
    if silent:
        with closing(launcher.run_many(cases[0].engine, list(silent.values()))) as arriving:
            arrived = dict(arriving)
        settled = {number: arrived[i] for i, number in enumerate(silent)}
    return [
        case.result(done[number], launcher.name, settled.get(number), case.plan_s, time.perf_counter() - case.begin)
        for number, case in enumerate(cases)
    ]


def stream_trials(
    net: Any,
    *,
    tstop: float,
    dt: float = 0.025,
    n_trials: int = 1,
    seed: int = 0,
    engine: str | Engine | None = None,
    launcher: str | Launcher | None = None,
    progress: Progress | None = None,
) -> tuple[dict[str, Any], Generator[Records, None, None]]:
    """Prepare a run whose records the caller keeps; they come as trials end, in any order.

    Parameters
    ----------
    net, tstop, dt, n_trials, seed, engine, launcher
        As in `simulate`.
    progress : callable, optional
        Called as ``progress(trial, t_ms)``.

    Returns
    -------
    provenance : dict
        What all trials have in common.
    records : generator of Records
        Nothing runs before the first is asked for; closing it ends the work.

    Raises
    ------
    InvalidValue, UnsupportedPlan
        As in `simulate`; the generator raises `TrialFailed`.
    """
    launcher = chosen_launcher(launcher)
    case = _prepare(net, tstop, dt, n_trials, seed, None, engine, None)
    provenance = {**case.provenance, "launcher": launcher.name}
    return provenance, launcher.run(case.engine, case.plan, range(n_trials), progress)


@attrs.frozen(kw_only=True)
class _Case:
    """One network ready to run."""

    network: NetworkSpec
    run: RunSpec
    plan: Plan
    engine: Engine
    provenance: dict[str, Any]  # what all trials have
    begin: float
    plan_s: float

    def result(self, records: Records, launcher: str, settled: Records | None, plan_s: float, clock_s: float) -> Result:
        provenance = {
            **self.provenance,
            "launcher": launcher,
            "trials": [trial.trial for trial in records.trials],
            "timings": {
                "plan": plan_s,
                "build": records.stats.get("build_cpu_s", 0.0),
                "trials": sum(t.cpu_s for t in records.trials),
                "all, by the clock": clock_s,
            },
        }
        if self.plan.estimate is not None:
            from hnnlib.backends.nest.estimate import beyond_training

            told = provenance["dipole"]
            beyond = beyond_training(self.plan, records.trials)
            provenance["dipole"] = {**told, "warnings": sorted({*told["warnings"], *beyond})}
            for phrase in beyond:
                logger.warning("dipole by kernels: %s", phrase)
        electrodes = {
            name: ElectrodeGeometry(
                positions=e.positions, conductivity=e.conductivity, method=e.method, min_distance=e.min_distance
            )
            for name, e in self.network.electrodes.items()
        }
        return collect(
            records, baseline=self.network.baseline, settled=settled, electrodes=electrodes, provenance=provenance
        )


def _prepare(
    net: Any,
    tstop: float,
    dt: float,
    n_trials: int,
    seed: int,
    record: Record | Mapping[str, Any] | None,
    engine: str | Engine | None,
    baseline: str | bool | None,
) -> _Case:
    """Check everything and compile; raise before anything runs."""
    network = _spec_of(net)
    if baseline is not True:
        network = attrs.evolve(network, baseline=baseline or None)
    run = RunSpec(tstop=tstop, dt=dt, n_trials=n_trials, seed=seed, record=record_of(record))
    if isinstance(engine, str) and engine not in ENGINES:
        raise UnknownName("engine", engine, "engine", ENGINES)
    begin = time.perf_counter()
    # what was read from files has its contacts and spikes at hand
    plan = net.compile(run) if hasattr(net, "compile") else compile_plan(network, run)
    chosen = _choose_engine(engine, plan)
    reduction: dict[str, Any] = {}
    if getattr(chosen, "points", False):
        run, plan, reduction = _as_points(net, run, plan, chosen)
    obstacles = chosen.obstacles(plan)
    if obstacles:
        raise UnsupportedPlan(chosen.name, obstacles)
    return _Case(
        network=network,
        run=run,
        plan=plan,
        engine=chosen,
        provenance={**_provenance(network, run, plan, chosen), **reduction, **getattr(net, "provenance", {})},
        begin=begin,
        plan_s=time.perf_counter() - begin,
    )


def _as_points(net: Any, run: RunSpec, plan: Plan, engine: Any) -> tuple[RunSpec, Plan, dict[str, Any]]:
    """Return run and plan as an engine takes them that has point cells only, and what the provenance says of it."""
    own_dt = engine.dt is not None and engine.dt != run.dt
    if own_dt:
        run = attrs.evolve(run, dt=engine.dt)
    if any(template.point is not None for template in plan.templates):
        if own_dt:
            plan = net.compile(run) if hasattr(net, "compile") else compile_plan(_spec_of(net), run)
        return run, plan, {}
    cells = shipped_point_cells() if engine.point_cells is None else read_point_cells(engine.point_cells)
    kernels = None if engine.dipole_kernels is None else read_dipole_kernels(engine.dipole_kernels)
    reduced = with_dipole(reduce_plan(plan, cells, run.dt), plan, engine.dipole, kernels)
    said = {"reduction": reduction_provenance(plan, cells), "dipole": dipole_provenance(reduced)}
    return run, reduced, said


def simulate_dipole(
    net: Any,
    tstop: float | None = None,
    dt: float = 0.025,
    n_trials: int | None = None,
    record_vsec: str | bool = False,
    record_isec: str | bool = False,
    record_ca: str | bool = False,
    postproc: bool = False,
    verbose: bool = True,
    *,
    engine: str | Engine | None = None,
    launcher: str | Launcher | None = None,
    seed: int = 0,
) -> list[Dipole]:
    """Simulate a network and return its dipoles.

    Parameters
    ----------
    net : Network
        What to simulate. Spikes, recordings and potentials of the run hang on it afterwards (``net.cell_response``,
        ``net.rec_arrays``).
    tstop : float
        Duration (ms). Leaving it out is deprecated: the parameter file's ``tstop`` is used.
    dt : float
        Time step (ms).
    n_trials : int, optional
        Number of trials; left out: the parameter file's ``N_trials``, else 1.
    record_vsec, record_isec, record_ca : 'all', 'soma' or False
        Record membrane potentials, synaptic currents, calcium.
    postproc : bool
        Deprecated: smooth and scale by the parameter file's ``dipole_smooth_win`` and ``dipole_scalefctr``.
    verbose : bool
        Show a progress bar.
    engine : str or Engine, optional
        What computes, as in `simulate`.
    launcher : str or Launcher, optional
        What spreads the trials, as in `simulate`.
    seed : int
        Seed of all streams that have no seed of their own.

    Returns
    -------
    dipoles : list of Dipole
        One per trial (nAm).

    Raises
    ------
    InvalidValue, UnsupportedPlan, TrialFailed
        As in `simulate`.
    """
    network = _spec_of(net)
    params = getattr(net, "_params", {})
    if tstop is None:
        if "tstop" not in params:
            raise InvalidType("tstop", tstop, "must be a duration in ms")
        tstop = params["tstop"]
        _deprecated(f"simulate_dipole without tstop; pass tstop={tstop} (the parameter file's value is used)")
    if n_trials is None:
        n_trials = params.get("N_trials", 1)
    if not hasattr(net, "compile"):  # what was read from files has its contacts and spikes beside the spec
        _warn_if_idle(network)
    result = simulate(
        net,
        tstop=tstop,
        dt=dt,
        n_trials=n_trials,
        seed=seed,
        record={"vsec": record_vsec, "isec": record_isec, "ca": record_ca},
        engine=engine,
        launcher=launcher,
        progress=verbose,
    )
    if hasattr(net, "_result"):
        net._result = result
    dipoles = [dipole.copy() for dipole in result.dipoles]  # the user may scale and smooth them in place
    if postproc:
        _deprecated("postproc=True; use dipole.smooth(window_len) and dipole.scale(factor)")
        for dipole in dipoles:
            if params.get("dipole_smooth_win", 0) > 0:
                dipole.smooth(params["dipole_smooth_win"])
            if params.get("dipole_scalefctr", 0) > 0:
                dipole.scale(params["dipole_scalefctr"])
    return dipoles


def _warn_if_idle(network: NetworkSpec) -> None:
    if not network.connections and len(network.populations) > 1:
        warnings.warn(
            "no connections between the cells of this network; jones_2009_model(params) gives the connected column",
            UserWarning,
            stacklevel=3,
        )
    if not (network.drives or network.biases or network.synaptic_events or network.current_clamps):
        warnings.warn("no drives or biases: nothing acts on this network", UserWarning, stacklevel=3)


def _deprecated(what: str) -> None:
    warnings.warn(f"deprecated: {what}", DeprecationWarning, stacklevel=3)


def chosen_engine(net: Any, *, tstop: float, dt: float = 0.025, engine: str | Engine | None = None) -> Engine:
    """Return the engine that `simulate` would use, for many simulations alike: it keeps compiled kernels.

    Parameters
    ----------
    net : Network, NetworkSpec or SonataNetwork
        What is to be simulated.
    tstop, dt, engine
        As in `simulate`.

    Raises
    ------
    InvalidValue, UnsupportedPlan
        As in `simulate`.
    """
    return _prepare(net, tstop, dt, 1, 0, None, engine, True).engine


def chosen_launcher(launcher: str | Launcher | None = None) -> Launcher:
    """Return the launcher that `simulate` would use.

    Parameters
    ----------
    launcher : str or Launcher, optional
        As in `simulate`.

    Raises
    ------
    UnknownName
        If there is no such launcher.
    """
    if launcher is None:
        backend = active_backend()
        launcher = "serial" if backend is None else backend.launcher
    return make_launcher(launcher) if isinstance(launcher, str) else launcher


def _spec_of(net: Any) -> NetworkSpec:
    network = getattr(net, "spec", net)
    if not isinstance(network, NetworkSpec):
        raise InvalidType("net", net, "must be a Network, a NetworkSpec or a SonataNetwork")
    return network


def record_of(record: Record | Mapping[str, Any] | None) -> Record:
    """Return what to record, as `simulate` is told it.

    Parameters
    ----------
    record : Record or dict, optional
        As in `simulate`.

    Raises
    ------
    InvalidValue
        If it is none.
    """
    if record is None:
        return Record()
    if isinstance(record, Mapping):
        kept: Record = from_plain(Record, record, "record")
        return kept
    if not isinstance(record, Record):
        raise InvalidType("record", record, "must be a Record, e.g. Record(vsec='soma')")
    return record


def _choose_engine(engine: str | Engine | None, plan: Plan) -> Engine:
    if engine is None:
        backend = active_backend()
        engine = "auto" if backend is None else backend.engine
    return make_engine(engine, plan) if isinstance(engine, str) else engine


def _provenance(network: NetworkSpec, run: RunSpec, plan: Plan, engine: Engine) -> dict[str, Any]:
    live = plan.live_edges()
    told = to_plain(network)
    dropped = {
        "weight 0": int((plan.edges.weight == 0).sum()),
        "delay beyond the run": int((~live & (plan.edges.weight != 0)).sum()),
    }
    logger.info("%d of %d connections can act within %g ms", live.sum(), len(plan.edges), run.tstop)
    return {
        "hnnlib": __version__,
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "numpy": np.__version__,
        "engine": engine.name,
        "engine options": to_plain(engine.options),
        "seed": run.seed,
        "network": told,
        "run": to_plain(run),
        "digest": digest(told),
        "connections": len(plan.edges),
        "connections left out": dropped,
        "mechanisms": mod_digests(),
    }
