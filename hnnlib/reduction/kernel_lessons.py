"""Detailed runs that dipole kernels are fitted to and scored on."""

from __future__ import annotations

from collections.abc import Mapping

import attrs
import numpy as np

from hnnlib.backends.protocol import Engine
from hnnlib.base.resources import param_file
from hnnlib.base.seeds import independent_stream
from hnnlib.compile.build import compile_plan
from hnnlib.models.columns import neymotin_2020
from hnnlib.params.flat import add_drives
from hnnlib.params.read import read_params
from hnnlib.plan.tables import DriveCells, Edges, Events, Plan, Populations
from hnnlib.spec.drives import BurstyDrive, DriveSpec, EvokedDrive
from hnnlib.spec.layout import AtPoints, Grid, OnGrid
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import Record, RunSpec

__all__ = ["KernelLesson", "KernelTrial", "held_out", "rest_and_responses", "run_lesson", "training_set"]

_SMALL_US = 1e-5  # an event to which cells respond in proportion
_SETTLED_MS = 350.0
_REST_MS = 1000.0


@attrs.frozen(kw_only=True)
class KernelLesson:
    """One trial to run: a network, how long, its seed, and the condition that it counts to."""

    network: NetworkSpec
    tstop_ms: float
    seed: int
    condition: str


@attrs.frozen(kw_only=True, eq=False)
class KernelTrial:
    """What a lesson gave."""

    plan: Plan
    times_ms: np.ndarray  # of all spikes, those of drives too
    gids: np.ndarray
    moment_fAm: Mapping[str, np.ndarray]  # population -> (n_times,), every step
    cells_fAm: Mapping[str, np.ndarray]  # population -> (n_cells, n_kept), every `every`-th step
    every: int


def training_set(network: NetworkSpec, n_trials: int, seed: int) -> list[KernelLesson]:
    """Return the runs to fit kernels to: the network's own drives varied, on larger and smaller meshes, and rhythms.

    Parameters
    ----------
    network : NetworkSpec
        A network with drives.
    n_trials : int
        Number of trials, rhythms not counted: those are a quarter as many each.
    seed : int
        Seed of everything that is drawn.
    """
    lessons = []
    for k in range(n_trials):
        stream = independent_stream(seed, "kernel lesson", k)
        own = _with_mesh(network, int(stream.integers(4, 19))) if k % 3 == 2 else network
        lessons.append(
            KernelLesson(
                network=_varied(own, stream, (0.6, 1.5), 12.0),
                tstop_ms=_duration(network),
                seed=_seed(seed, k),
                condition="its drives",
            )
        )
    for name, rhythm in _rhythms(network).items():
        strength = (1.0, 12.0) if name == "alpha" else (0.6, 1.4)
        for k in range(max(2, n_trials // 4)):
            stream = independent_stream(seed, f"kernel lesson {name}", k)
            varied = _varied(rhythm, stream, strength, 0.0)
            lessons.append(KernelLesson(network=varied, tstop_ms=250.0, seed=_seed(seed, k, name), condition=name))
    return lessons


def held_out(network: NetworkSpec, seed: int) -> list[KernelLesson]:
    """Return runs to score kernels on: new seeds, other weights, later drives, other meshes, rhythms.

    Parameters
    ----------
    network : NetworkSpec
        A network with drives.
    seed : int
        Seed of everything that is drawn.
    """
    conditions = {
        "new seeds": (network, 1.0, 0.0, 4),
        "weights x 1.3": (network, 1.3, 0.0, 2),
        "weights x 0.7": (network, 0.7, 0.0, 2),
        "drives 8 ms later": (network, 1.0, 8.0, 2),
    }
    if _on_grid(network):
        conditions |= {f"mesh {n} x {n}": (_with_mesh(network, n), 1.0, 0.0, 1) for n in (5, 20)}
    rhythms = _rhythms(network)
    if "alpha" in rhythms:
        conditions |= {"alpha": (rhythms["alpha"], 1.0, 0.0, 1), "alpha x 6": (rhythms["alpha"], 6.0, 0.0, 1)}
    if "gamma" in rhythms:
        conditions |= {"gamma": (rhythms["gamma"], 1.0, 0.0, 2)}
    return [
        KernelLesson(
            network=_scaled(spec, weight, shift),
            tstop_ms=310.0 if name.startswith("alpha") else 250.0 if name == "gamma" else _duration(network),
            seed=_seed(seed, k, f"held out {name}"),
            condition=name,
        )
        for name, (spec, weight, shift, count) in conditions.items()
        for k in range(count)
    ]


def run_lesson(lesson: KernelLesson, engine: Engine, step_ms: float, dt: float) -> KernelTrial:
    """Run a lesson on compartments.

    Parameters
    ----------
    lesson : KernelLesson
        What to run.
    engine : Engine
        A detailed one.
    step_ms : float
        Step at which dipoles of single cells are kept.
    dt : float
        Time step (ms).
    """
    every = round(step_ms / dt)
    record = Record(cell_dipoles=True, every=every)
    plan = compile_plan(lesson.network, RunSpec(tstop=lesson.tstop_ms, dt=dt, seed=lesson.seed, record=record))
    trial = engine.run(plan, [0]).trials[0]
    probes = {probe.name: probe for probe in plan.probes}
    names = probes["dipole"].labels["population"]
    gid = np.array(probes["cell_dipoles"].labels["gid"])
    ranges = plan.populations.gid_ranges
    return KernelTrial(
        plan=plan,
        times_ms=trial.spike_times_ms,
        gids=trial.spike_gids,
        moment_fAm={name: trial.samples["dipole"][:, k] for k, name in enumerate(names)},
        cells_fAm={
            name: trial.samples["cell_dipoles"][:, np.isin(gid, np.array(ranges[name]))].T.astype(float)
            for name in names
        },
        every=every,
    )


def rest_and_responses(
    network: NetworkSpec,
    population: str,
    places: list[tuple[tuple[str, ...], str]],
    engine: Engine,
    step_ms: float,
    dt: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the dipole of a cell at rest, and how it responds to one small event on each of some places.

    Parameters
    ----------
    network : NetworkSpec
        The network that the cell is of.
    population : str
        The cell's population.
    places : list of (sections, receptor)
        Where the event acts: on the receptor in all of the sections.
    engine : Engine
        A detailed one.
    step_ms : float
        Step of what is returned.
    dt : float
        Time step (ms).

    Returns
    -------
    rest : array, shape (n_times,)
        In fAm, from the start of a run of 1 s on.
    responses : array, shape (n_places, n_lags)
        In fAm/µS.
    """
    cells = tuple((1000.0 * k, 0.0, 0.0) for k in range(len(places) + 1))
    member = attrs.evolve(network.populations[population], place=AtPoints(points=cells))
    alone = NetworkSpec(
        populations={population: member},
        origin=(0.0, 0.0, 0.0),
        threshold=network.threshold,
        celsius=network.celsius,
    )
    every = round(step_ms / dt)
    plan = compile_plan(alone, RunSpec(tstop=_REST_MS, dt=dt, record=Record(cell_dipoles=True, every=every)))
    template = plan.templates[0]
    sites = [
        [
            site
            for site, (section, name) in enumerate(zip(template.sites.section, template.sites.receptors, strict=True))
            if name == receptor and template.sections.names[section] in sections
        ]
        for sections, receptor in places
    ]
    dipoles = engine.run(_one_event_each(plan, sites), [0]).trials[0].samples["cell_dipoles"].T
    at = round(_SETTLED_MS / step_ms)
    return dipoles[0], (dipoles[1:, at:] - dipoles[0, at:]) / _SMALL_US


def _one_event_each(plan: Plan, sites: list[list[int]]) -> Plan:
    """Return a plan in which cell k + 1 gets a small event on the k-th group of sites; cell 0 gets none."""
    rows = [(1 + k, site) for k, group in enumerate(sites) for site in group]
    n, p = len(rows), plan.populations
    return attrs.evolve(
        plan,
        populations=Populations(
            names=(*p.names, "event"),
            gid_start=np.append(p.gid_start, np.int32(plan.n_cells)),
            gid_stop=np.append(p.gid_stop, np.int32(plan.n_cells + 1)),
            is_drive=np.append(p.is_drive, True),
            layers=(*p.layers, None),
            measure_dipole=np.append(p.measure_dipole, False),
        ),
        edges=Edges(
            source_gid=np.full(n, plan.n_cells, np.int32),
            target_gid=np.array([cell for cell, _ in rows], np.int32),
            site=np.array([site for _, site in rows], np.int16),
            weight=np.full(n, _SMALL_US),
            delay_ms=np.zeros(n),
            connection=np.zeros(n, np.int16),
            connection_labels=("event",),
        ),
        drive_cells=DriveCells(first_gid=plan.n_cells, live=np.ones(1, bool)),
        events=(Events(time_ms=np.array([_SETTLED_MS]), offset=np.array([0, 1])),),
    )


# ------------------------------------------------------------------------------------------------- networks, varied


def _seed(seed: int, k: int, name: str = "") -> int:
    return int(independent_stream(seed, f"kernel trial {name}", k).integers(2**31))


def _duration(network: NetworkSpec) -> float:
    """Return when what the evoked drives set off has passed (ms)."""
    last = [d.mu + 3 * d.sigma for d in network.drives.values() if isinstance(d, EvokedDrive)]
    return float(np.ceil((max(last, default=180.0) + 20.0) / 10.0) * 10.0)


def _on_grid(network: NetworkSpec) -> bool:
    return all(isinstance(p.place, OnGrid) for p in network.populations.values())


def _with_mesh(network: NetworkSpec, n: int) -> NetworkSpec:
    if not _on_grid(network):
        return network
    grid: Grid = attrs.evolve(network.grid, mesh_shape=(n, n))
    return attrs.evolve(network, grid=grid)


def _varied(
    network: NetworkSpec, stream: np.random.Generator, strength: tuple[float, float], shift_ms: float
) -> NetworkSpec:
    """Return a network with each drive's weights and time changed at random."""
    low, high = np.log(strength)
    drives = {
        name: _changed(drive, float(np.exp(stream.uniform(low, high))), float(stream.uniform(-shift_ms, shift_ms)))
        for name, drive in network.drives.items()
    }
    return attrs.evolve(network, drives=drives)


def _scaled(network: NetworkSpec, weight: float, shift_ms: float) -> NetworkSpec:
    return attrs.evolve(network, drives={name: _changed(d, weight, shift_ms) for name, d in network.drives.items()})


def _changed(drive: DriveSpec, weight: float, shift_ms: float) -> DriveSpec:
    weights = {target: {r: weight * w for r, w in of.items()} for target, of in drive.weights.items()}
    if isinstance(drive, EvokedDrive):
        drive = attrs.evolve(drive, mu=max(0.0, drive.mu + shift_ms))
    return attrs.evolve(drive, weights=weights, event_seed=None)


def _rhythms(network: NetworkSpec) -> dict[str, NetworkSpec]:
    """Return the network under the published rhythms' drives, where it has the published column's populations."""
    params = read_params(param_file("gamma_L5weak_L2weak"))
    gamma = add_drives(neymotin_2020(params), params)
    if set(gamma.populations) != set(network.populations):
        return {}
    bursty = {
        name: BurstyDrive(
            location=place,
            weights={"L2_pyramidal": {"ampa": 5.4e-5}, "L5_pyramidal": {"ampa": 5.4e-5}},
            delays=delays,
            space_constant=100.0,
            n_drive_cells=10,
            tstart=50.0,
            burst_rate=10.0,
            burst_std=20.0,
        )
        for name, place, delays in (
            ("proximal", "proximal", {"L2_pyramidal": 0.1, "L5_pyramidal": 1.0}),
            ("distal", "distal", 5.0),
        )
    }
    poisson = {name: d for name, d in gamma.drives.items() if any(w for of in d.weights.values() for w in of.values())}
    return {
        "alpha": attrs.evolve(network, drives=bursty),
        "gamma": attrs.evolve(network, connections=gamma.connections, drives=poisson),
    }
