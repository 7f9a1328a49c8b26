"""Point cells in place of the cells of a network: detailed runs, search, and the table of errors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib import __version__
from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.protocol import Engine
from hnnlib.base.errors import InvalidValue
from hnnlib.base.seeds import independent_stream
from hnnlib.compile.build import compile_plan
from hnnlib.compile.estimate import twin_of
from hnnlib.compile.point_cells import PointCell, cell_digest
from hnnlib.plan.tables import Events, Plan
from hnnlib.reduction.candidates import Design, make_design
from hnnlib.reduction.compare import Run, compare_on_nest, run_on_nest
from hnnlib.reduction.integrate import candidate_spikes, make_schedule
from hnnlib.reduction.kernel_lessons import KernelLesson, held_out, training_set
from hnnlib.reduction.lessons import Lessons, join_lessons, lessons_of
from hnnlib.reduction.score import Yardstick
from hnnlib.reduction.search import search
from hnnlib.spec.drives import EvokedDrive
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.points import PointCellSpec
from hnnlib.spec.run import Record, RunSpec

__all__ = ["fit_point_cells", "volleys"]

_WEIGHTS = immutabledict({"its drives": 3.0, "its drives among point cells": 3.0, "volleys": 0.5, "alpha": 0.3})
"""How much conditions count, all others 1: the network's own drives are what it is made for."""


def fit_point_cells(
    network: NetworkSpec,
    *,
    n_trials: int = 12,
    n_cells: int = 30,
    generations: int = 300,
    rounds: int = 2,
    seed: int = 0,
    dt: float = 0.025,
    engine: Engine | None = None,
    start: Sequence[PointCell] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[PointCell, ...]:
    """Fit a point cell to every cell type of a network.

    Parameters
    ----------
    network : NetworkSpec
        A network with drives. It is run under these, varied, under volleys at each place of its cells, and where it has
        the published column's populations under rhythms too.
    n_trials : int
        Number of trials with the network's drives; volleys and rhythms add some.
    n_cells : int
        Cells of each population and trial that are fitted to, drawn at random.
    generations : int
        Length of the search, for each cell type and round.
    rounds : int
        From the second round on cells also learn what to do in the company of the point cells of the round before: the
        detailed cells are given what those fire on NEST.
    seed : int
        Seed of everything that is drawn: the same gives the same cells.
    dt : float
        Time step of the detailed runs (ms).
    engine : Engine, optional
        What runs them; left out: the fast engine.
    start : sequence of PointCell
        The search begins at those that were fitted to populations of the same names; of two, at the later.
    progress : callable, optional
        Called as ``progress(what, done, all)``.

    Returns
    -------
    cells : tuple of PointCell
        One per different cell: populations of equal cells share one.

    Raises
    ------
    InvalidValue
        If nothing drives the network, or a cell has synapses that no point model has.
    TrialFailed
        If a detailed run diverges.
    MissingPackage
        If NEST or ``cma`` is not installed.

    Notes
    -----
    Each cell of the detailed runs teaches alone: a candidate gets the events that it received, and is to fire when it
    fired (``lessons``, ``score``). Candidates are bred by covariance matrix adaptation (``search``). Rounds are those
    of Ross et al. 2011, Proc AISTATS 15:627: who only ever saw what the teacher ran into does not know what to do
    elsewhere.
    """
    if not network.drives:
        raise InvalidValue("network.drives", {}, "must drive the network that point cells are fitted to")
    engine = engine or FastEngine()
    tell = progress or (lambda what, done, total: None)
    own = _run(engine, [*training_set(network, n_trials, seed), *volleys(network, seed)], dt, "training runs", tell)
    tests = _run(engine, [t for t in held_out(network, seed) if "mesh" not in t.condition], dt, "held-out runs", tell)
    runs, cells = own, tuple(start)
    for number in range(rounds):
        if number:
            runs = [*own, *_in_company(own, cells, engine, tell)]
        fitted = _fitted(network, runs, n_cells, generations, seed + number, cells, tell)
        cells = tuple(f.cell for f in fitted)
    provenance = {
        "hnnlib": __version__,
        "numpy": np.__version__,
        "engine": engine.name,
        "dt": dt,
        "seed": seed,
        "rounds": rounds,
        "generations": generations,
        "cells per run": n_cells,
        "runs": dict(Counter(condition for condition, _, _ in runs)),
    }
    network_errors = compare_on_nest(cells, tests, tell=tell)
    done = []
    for f in fitted:
        unseen = attrs.evolve(_taught(network, tests, f.cell.names, n_cells, seed + rounds), design=f.taught.design)
        errors = {
            "single cells": {"trained on": _errors(f.taught, f.found), "held out": _errors(unseen, f.found)},
            "network": {name: network_errors[name] for name in f.cell.names},
        }
        done.append(attrs.evolve(f.cell, provenance=provenance, errors=errors))
    return tuple(done)


def volleys(network: NetworkSpec, seed: int) -> list[KernelLesson]:
    """Return runs in which single events of all sizes reach every place that the network's connections name.

    Parameters
    ----------
    network : NetworkSpec
        Its cells and connections are kept, its drives not.
    seed : int
        Seed of everything that is drawn.
    """
    strongest = max((w for d in network.drives.values() for of in d.weights.values() for w in of.values()), default=0.1)
    kinds = sorted(
        {(d.location, r) for d in network.drives.values() for of in d.weights.values() for r, w in of.items()}
    )
    lessons = []
    for k, scale in enumerate((1.0, 0.3, 0.1, 0.03)):
        stream = independent_stream(seed, "volleys", k)
        drives = {}
        for nth, number in enumerate(stream.permutation(len(kinds)).tolist()):
            location, receptor = kinds[number]
            weights = {
                name: {receptor: 0.2 * scale * min(1.0, strongest) * (1.0 if p.measure_dipole else 0.15)}
                for name, p in network.populations.items()
                if _has(p.cell, location, receptor)
            }
            drives[f"volley_{nth}"] = EvokedDrive(
                location=location, weights=weights, delays=0.1, mu=20.0 + 40.0 * nth, sigma=4.0, n_drive_cells="n_cells"
            )
        lessons.append(
            KernelLesson(
                network=attrs.evolve(network, drives=drives),
                tstop_ms=40.0 * len(kinds) + 10.0,
                seed=int(stream.integers(2**31)),
                condition="volleys",
            )
        )
    return lessons


def _has(cell: Any, location: str, receptor: str) -> bool:
    if location not in cell.locations and location not in cell.sections:
        return False
    sections = cell.sections_at(location)
    return bool(sections) and all(receptor in cell.sections[s].receptors for s in sections)


def _run(
    engine: Engine, lessons: Sequence[KernelLesson], dt: float, what: str, tell: Callable[[str, int, int], None]
) -> list[Run]:
    runs = []
    for k, lesson in enumerate(lessons):
        tell(what, k, len(lessons))
        # one voltage of every cell, at hardly any time: a twin keeps the cells that are measured
        record = Record(vsec="soma", every=round(lesson.tstop_ms / dt))
        plan = compile_plan(lesson.network, RunSpec(tstop=lesson.tstop_ms, dt=dt, seed=lesson.seed, record=record))
        runs.append((lesson.condition, plan, engine.run(plan, [0]).trials[0]))
    return runs


def _equal_cells(plan: Plan) -> dict[str, list[str]]:
    """Return names of populations by the digest of their cell."""
    found: dict[str, list[str]] = {}
    for template in plan.templates:
        found.setdefault(cell_digest(template, plan.run.celsius), []).append(template.name)
    return found


@attrs.frozen(kw_only=True, eq=False)
class _Taught:
    """Lessons of one cell type, and what is to learn from them."""

    design: Design
    lessons: Lessons
    conditions: Mapping[int, str]  # number of a lane's condition -> its name, and the population

    @property
    def weights(self) -> dict[int, float]:
        """How much each condition counts."""
        return {k: _WEIGHTS.get(name.partition(", ")[0], 1.0) for k, name in self.conditions.items()}


def _taught(network: NetworkSpec, runs: Sequence[Run], names: Sequence[str], n_cells: int, seed: int) -> _Taught:
    """Return the design of a cell, and lessons of cells drawn from all runs."""
    numbers: dict[str, int] = {}
    parts = []
    for k, (condition, plan, trial) in enumerate(runs):
        for name in names:
            gids = np.array(plan.populations.gid_ranges[name])
            stream = independent_stream(seed, f"cells of {name}", k)
            some = np.sort(stream.choice(gids, min(n_cells, len(gids)), replace=False))
            number = numbers.setdefault(f"{condition}, {name}", len(numbers))
            parts.append(lessons_of(plan, trial, some, number))
    lessons = join_lessons(parts)
    places: dict[str, tuple[str, ...]] = {}
    for name in names:
        cell = network.populations[name].cell
        if isinstance(cell, PointCellSpec):
            raise InvalidValue(
                f"populations[{name!r}].cell", cell.model, "must be a cell with sections: it is a point already"
            )
        places |= {cell.spike_section: (cell.spike_section,)}
        places |= {place: tuple(members) for place, members in cell.locations.items() if members}
    template = next(t for t in runs[0][1].templates if t.name == names[0])
    return _Taught(
        design=make_design(template, places, lessons.event_site),
        lessons=lessons,
        conditions={number: name for name, number in numbers.items()},
    )


@attrs.frozen(kw_only=True, eq=False)
class _Fitted:
    """What came of the search for one cell type."""

    cell: PointCell
    found: Mapping[str, float]
    taught: _Taught


def _fitted(
    network: NetworkSpec,
    runs: Sequence[Run],
    n_cells: int,
    generations: int,
    seed: int,
    start: Sequence[PointCell],
    tell: Callable[[str, int, int], None],
) -> list[_Fitted]:
    """Return one point cell per different cell of the runs."""
    done = []
    for digest, names in _equal_cells(runs[0][1]).items():
        taught = _taught(network, runs, names, n_cells, seed)
        for cell in start:
            if set(cell.names) & set(names):
                taught = attrs.evolve(taught, design=taught.design.starting_from(cell))
        found = _searched(taught, names, generations, seed, tell)
        done.append(_Fitted(cell=taught.design.cell(digest, names, found), found=found, taught=taught))
    return done


def _in_company(
    runs: Sequence[Run], cells: Sequence[PointCell], engine: Engine, tell: Callable[[str, int, int], None]
) -> list[Run]:
    """Return what detailed cells do that are given the spikes of point cells, in runs with the network's own drives."""
    chosen = [run for run in runs if run[0] == "its drives"]
    done = []
    for k, (condition, plan, _) in enumerate(chosen):
        tell("runs in the company of point cells", k, len(chosen))
        trial = run_on_nest(plan, cells)[0]
        twin = twin_of(plan, plan.run)  # its drive cell k fires when gid k does
        order = np.lexsort((trial.spike_times_ms, trial.spike_gids))
        offset = np.searchsorted(trial.spike_gids[order], np.arange(plan.n_gids + 1)).astype(np.int64)
        events = Events(time_ms=trial.spike_times_ms[order], offset=offset)
        twin = attrs.evolve(twin, events=(events,))
        done.append((f"{condition} among point cells", twin, engine.run(twin, [0]).trials[0]))
    return done


def _searched(
    taught: _Taught, names: Sequence[str], generations: int, seed: int, tell: Callable[[str, int, int], None]
) -> dict[str, float]:
    """Return the parameters with which the point cell does best."""
    design = taught.design
    schedule = make_schedule(taught.lessons, design.port_of_site, len(design.ports))
    yardstick = Yardstick(taught.lessons, taught.weights)

    def loss(x: Mapping[str, np.ndarray]) -> np.ndarray:
        return yardstick.score(candidate_spikes(schedule, design.given(x)), len(x["C_m"])).total

    def report(generation: int, best: float) -> None:
        tell(f"search for {' and '.join(names)}: {best:.3f}", generation, generations)

    return search(design.free, loss, budget=generations, seed=seed, report=report)[0]


def _errors(taught: _Taught, found: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Return, by condition, spikes of the point cells per spike of the cells, and the distance of spike trains."""
    lessons, design = taught.lessons, taught.design
    schedule = make_schedule(lessons, design.port_of_site, len(design.ports))
    spikes = candidate_spikes(schedule, design.given({k: np.array([v]) for k, v in found.items()}))
    table = {}
    for number, name in taught.conditions.items():
        lanes = np.flatnonzero(lessons.condition == number)
        here = np.isin(spikes[:, 1], lanes)
        part = lessons.take(lanes)
        moved = spikes[here].copy()
        moved[:, 1] = np.searchsorted(lanes, moved[:, 1])
        real = len(part.spike_ms)
        table[name] = {
            "spikes of cells": real,
            "spikes of point cells": len(moved),
            "distance of trains": round(float(Yardstick(part).score(moved, 1).trains[0]), 3),
        }
    return table
