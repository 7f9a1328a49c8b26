"""Potentials of both engines against conservation of charge and each other; sources found again by their CSD."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from hnnlib.analysis import csd, inverse_csd
from hnnlib.backends.fast.engine import FastEngine
from hnnlib.backends.neuron.engine import NeuronEngine
from hnnlib.compile.build import compile_plan
from hnnlib.models.columns import neymotin_2020
from hnnlib.params.flat import add_drives
from hnnlib.plan.tables import Plan, Probe
from hnnlib.spec.cells import CellSpec, SectionSpec, SynapseSpec
from hnnlib.spec.drives import SpikeTrainDrive
from hnnlib.spec.laminar import laminar_probe
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import Electrodes, NetworkSpec, Population
from hnnlib.spec.run import RunSpec

pytestmark = pytest.mark.neuron


@pytest.fixture(scope="module")
def engines() -> dict[str, Any]:
    return {"neuron": NeuronEngine(rates="exact"), "fast": FastEngine(rates="exact")}


# ------------------------------------------------------------------------------------------------ currents


def all_currents(plan: Plan) -> Probe:
    """Return a probe of every segment's membrane current."""
    n = int(plan.segment_offset[-1])
    return Probe(
        name="currents",
        quantity="i_membrane",
        unit="nA",
        every=1,
        indptr=np.arange(n + 1),
        index=np.arange(n, dtype=np.int32),
        weight=np.ones(n),
        zero_first=True,
        labels={},
    )


@pytest.fixture(scope="module")
def column(default_params, engines) -> tuple[Plan, dict[str, dict[str, np.ndarray]]]:
    """A small column on both engines until all cell types have fired, with all its membrane currents."""
    network = attrs.evolve(
        add_drives(neymotin_2020(default_params, (2, 2)), default_params),
        baseline=None,
        electrodes={
            "sum": Electrodes(positions=[(0.0, 0.0, 0.0)], method=None),
            "psa": Electrodes(positions=laminar_probe(x=20.0, y=10.0)),
            "lsa": Electrodes(positions=laminar_probe(x=20.0, y=10.0), method="lsa", conductivity=0.2),
        },
    )
    plan = compile_plan(network, RunSpec(tstop=40.0))
    plan = attrs.evolve(plan, probes=(*plan.probes, all_currents(plan)))
    trials = {name: engine.run(plan, [0]).trials[0] for name, engine in engines.items()}
    types = {int(plan.cells.template[gid]) for gid in trials["neuron"].spike_gids if gid < plan.n_cells}
    assert types == {0, 1, 2, 3}
    return plan, {name: dict(trial.samples) for name, trial in trials.items()}


@pytest.mark.parametrize("engine", ["neuron", "fast"])
def test_currents_of_a_cell_sum_to_zero(column, engine):
    """Of each cell and of all, at every step, spikes included (nA). The fast engine's are sums of axial currents."""
    plan, samples = column
    currents = samples[engine]["currents"]
    by_cell = np.add.reduceat(currents, plan.segment_offset[:-1], axis=1)
    assert np.abs(currents).max() > 1.0
    assert np.abs(by_cell).max() < 1e-9
    assert np.abs(samples[engine]["electrodes:sum"]).max() < 1e-9


def test_currents_of_every_segment_agree(column):
    """NEURON's are capacitive, ionic and synaptic; those of the fast engine what flows in along the tree."""
    _, samples = column
    np.testing.assert_allclose(samples["fast"]["currents"], samples["neuron"]["currents"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", ["psa", "lsa"])
def test_potentials_agree(column, method):
    _, samples = column
    fast, neuron = (samples[engine][f"electrodes:{method}"] for engine in ("fast", "neuron"))
    assert np.abs(neuron).max() > 1.0  # µV
    np.testing.assert_allclose(fast, neuron, rtol=0, atol=1e-9 * np.abs(neuron).max())


@pytest.mark.parametrize("engine", ["neuron", "fast"])
def test_potentials_are_resistances_times_currents(column, engine):
    plan, samples = column
    for probe in plan.probes:
        if probe.name.startswith("electrodes:"):
            weights = probe.weight.reshape(probe.n_rows, -1)
            expected = samples[engine]["currents"] @ weights.T
            # rounding of sums of some 10⁴ terms that almost cancel
            atol = 1e-13 * np.abs(samples[engine]["currents"]).sum(axis=1).max() * np.abs(weights).max()
            np.testing.assert_allclose(samples[engine][probe.name], expected, rtol=0, atol=atol, err_msg=probe.name)


# ------------------------------------------------------------------------------------------------ sources

RADIUS_UM = 250.0
HEIGHT_UM = 1000.0
SPACING_UM = 50.0
HEIGHTS_UM = np.arange(-200.0, HEIGHT_UM + 201.0, SPACING_UM)
DEEPEST_UM = 675.0
"""Where most synapses are: the middle of a section, a contact stands 25 µm below and above."""


def stick() -> CellSpec:
    """An upright passive dendrite of sections as long as contacts are apart, a synapse on each."""
    leak = {"pas": {"g": 1e-4, "e": -70.0}}
    piece = {"L": SPACING_UM, "diam": 2.0, "nseg": 5, "Ra": 150.0, "v0": -70.0, "mechanisms": leak}
    n = int(HEIGHT_UM / SPACING_UM)
    sections = {
        f"s{k}": SectionSpec(**piece, direction=(0.0, 0.0, 1.0), parent=f"s{k - 1}" if k else None, receptors=("ampa",))
        for k in range(n)
    }
    synapse = SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 5.0})
    return CellSpec(sections=sections, synapses={"ampa": synapse}, dipole_axis="s0", spike_section="s0")


def volley() -> dict[str, SpikeTrainDrive]:
    """Excite all sticks at once, most of all in their upper halves."""
    return {
        f"d{k}": SpikeTrainDrive(
            location=f"s{k}",
            weights={"stick": {"ampa": 0.0004 * np.exp(-((((k + 0.5) * SPACING_UM - DEEPEST_UM) / 100.0) ** 2))}},
            trains=[(1.0,)],
            delays=0.1,
            space_constant=1e9,
        )
        for k in range(int(HEIGHT_UM / SPACING_UM))
    }


@pytest.fixture(scope="module")
def disc_of_sticks() -> tuple[np.ndarray, np.ndarray]:
    """Potentials (µV) on the axis of a disc of equal sticks while they are excited, and the sources there (µA/mm³)."""
    grid = np.arange(-RADIUS_UM, RADIUS_UM, 25.0) + 12.5
    points = [(x, y, 0.0) for x in grid for y in grid if x**2 + y**2 <= RADIUS_UM**2]
    network = NetworkSpec(
        populations={"stick": Population(cell=stick(), place=AtPoints(points=points))},
        origin=(0.0, 0.0, 0.0),
        drives=volley(),
        electrodes={"axis": Electrodes(positions=[(0.0, 0.0, z) for z in HEIGHTS_UM])},
    )
    plan = compile_plan(network, RunSpec(tstop=4.0))
    n = plan.templates[0].n_segments
    one = all_currents(plan)
    one = attrs.evolve(one, indptr=one.indptr[: n + 1], index=one.index[:n], weight=one.weight[:n])
    samples = NeuronEngine().run(attrs.evolve(plan, probes=(*plan.probes, one)), [0]).trials[0].samples
    # one cell's current in the slice round each contact, half of a segment that two slices share, times cells per area
    segment = HEIGHT_UM / n
    centres = (np.arange(n) + 0.5) * segment
    distance = np.abs(centres - HEIGHTS_UM[:, None])
    part = np.clip((SPACING_UM / 2 + segment / 2 - distance) / segment, 0.0, 1.0)
    density = len(points) / (np.pi * RADIUS_UM**2)
    known = part @ samples["currents"].T * density / SPACING_UM * 1e6  # 1 nA/µm³ is 10⁶ µA/mm³
    return samples["electrodes:axis"].T, known


@pytest.mark.parametrize("profile", ["spline", "delta"])
def test_inverse_csd_finds_the_membrane_currents(disc_of_sticks, profile):
    """Where, when and how much, within 5 % of the sink: sticks 25 µm apart are nearly a disc."""
    potential, known = disc_of_sticks
    found = inverse_csd(potential, SPACING_UM, 2 * RADIUS_UM, 0.3, profile)
    place, time = np.unravel_index(np.argmin(known), known.shape)
    assert abs(HEIGHTS_UM[place] - DEEPEST_UM) <= SPACING_UM / 2
    assert known.min() < -0.1
    assert known[:, time].max() > 0.1 * -known.min()
    np.testing.assert_allclose(found, known, rtol=0, atol=0.05 * -known.min())


def test_second_difference_finds_the_sink(disc_of_sticks):
    """Its place and sign; of its size what so narrow a disc leaves."""
    potential, known = disc_of_sticks
    time = np.unravel_index(np.argmin(known), known.shape)[1]
    found = 1e3 * 0.3 * csd(potential, SPACING_UM)[:, time]
    assert abs(HEIGHTS_UM[np.argmin(found)] - DEEPEST_UM) <= SPACING_UM / 2
    assert 0.7 < found.min() / known.min() < 0.9
