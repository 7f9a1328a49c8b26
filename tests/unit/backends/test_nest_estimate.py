"""Dipoles from spikes by kernels: what arrives where, in which burst, convolved with what."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.backends.nest.estimate import beyond_training, estimate, most_spikes
from hnnlib.backends.nest.features import arrivals, bumps
from hnnlib.compile.build import compile_plan
from hnnlib.plan.estimate import Channel, DipoleKernels, PopulationKernels, Term
from hnnlib.plan.tables import Estimate, Events, Plan, Probe
from hnnlib.results.records import TrialRecord
from hnnlib.spec.drives import SpikeTrainDrive
from hnnlib.spec.run import RunSpec

N_BUMPS = 6
STEP = 0.25


def one_hot(k: int, value: float) -> tuple[float, ...]:
    return tuple(value if i == k else 0.0 for i in range(N_BUMPS))


def kernels(**changes) -> DipoleKernels:
    channel = Channel(name="d.ampa", sections=("dend",), receptor="ampa", tau1=0.5, tau2=5.0, kernel=one_hot(2, 3.0))
    given = {
        "digest": "0123",
        "names": ("left",),
        "n_bumps": N_BUMPS,
        "step_ms": STEP,
        "longest_ms": 40.0,
        "rest_ms": (0.0, 50.0),
        "rest_fAm": (-2.0, -2.0),
        "channels": (channel,),
        "terms": (),
        "most_spikes": 2,
    }
    return DipoleKernels(**{**given, **changes})


def bound_to(k: DipoleKernels, sources, cells, weights, delays, channels=None) -> PopulationKernels:
    return PopulationKernels(
        population="left",
        gid_start=0,
        n_cells=4,
        kernels=k,
        source_gid=np.array(sources, np.int32),
        cell=np.array(cells, np.int32),
        channel=np.zeros(len(cells), np.int16) if channels is None else np.array(channels, np.int16),
        weight_uS=np.array(weights, float),
        delay_ms=np.array(delays, float),
    )


@pytest.fixture(scope="module")
def plan(tiny_network) -> Plan:
    """Seven cells and one drive cell that fires at 10 ms."""
    drive = SpikeTrainDrive(trains=((10.0,),), location="soma", weights={"left": {"ampa": 0.1}}, n_drive_cells=1)
    return compile_plan(attrs.evolve(tiny_network, drives={"d": drive}), RunSpec(tstop=50.0))


def dipole_of(plan: Plan, bound: PopulationKernels, times=(), gids=(), dt: float = STEP) -> np.ndarray:
    probe = Probe(
        name="dipole",
        quantity="v",
        unit="fAm",
        every=1,
        indptr=np.zeros(2, np.int64),
        index=np.zeros(0, np.int32),
        weight=np.zeros(0),
        zero_first=True,
        labels={"population": ("left",)},
    )
    asked = attrs.evolve(
        plan,
        run=attrs.evolve(plan.run, dt_ms=dt),
        estimate=Estimate(method="kernel", probes=(probe,), kernels=(bound,)),
    )
    (samples,) = estimate(asked, {0: (np.array(times, float), np.array(gids, np.int64))}).values()
    assert samples["dipole"].shape == (asked.run.n_steps + 1, 1)
    return samples["dipole"][:, 0]


def shifted(kernel: np.ndarray, at: int, n: int) -> np.ndarray:
    out = np.zeros(n)
    out[at : at + len(kernel)] = kernel[: n - at]
    return out


def test_known_event_gives_the_known_kernel(plan: Plan) -> None:
    k = kernels()
    # the drive cell (gid 7) on cell 2: at 10 + 1.5 ms, 0.02 µS
    moment = dipole_of(plan, bound_to(k, [7], [2], [0.02], [1.5]))
    expected = 4 * -2.0 + shifted(0.02 * 3.0 * bumps(k)[2], round(11.5 / STEP), len(moment))
    np.testing.assert_allclose(moment, expected, atol=1e-12)


def test_events_between_grid_points_are_shared(plan: Plan) -> None:
    k = kernels()
    moment = dipole_of(plan, bound_to(k, [7], [2], [0.02], [1.5 + 0.1]))
    early, late = (shifted(0.06 * bumps(k)[2], round(11.5 / STEP) + i, len(moment)) for i in (0, 1))
    np.testing.assert_allclose(moment + 8.0, 0.6 * early + 0.4 * late, atol=1e-12)


def test_samples_are_those_of_the_run(plan: Plan) -> None:
    k = kernels()
    bound = bound_to(k, [7], [2], [0.02], [1.5])
    fine, coarse = dipole_of(plan, bound, dt=0.025), dipole_of(plan, bound)
    np.testing.assert_allclose(fine[::10], coarse, atol=1e-12)
    assert np.abs(fine[5::10] - 0.5 * (coarse[1:] + coarse[:-1])).max() < 1e-12


def test_events_of_a_channel_add_up_over_sources_and_cells(plan: Plan) -> None:
    k = kernels()
    rows = ([7, 7, 0, 5], [0, 3, 1, 1], [0.02, 0.03, 0.5, 0.4], [1.0, 2.0, 0.5, 0.5])
    together = dipole_of(plan, bound_to(k, *rows), times=[20.0, 22.0], gids=[0, 5])
    apart = sum(
        dipole_of(plan, bound_to(k, *([c[i]] for c in rows)), times=[20.0, 22.0], gids=[0, 5]) + 8.0 for i in range(4)
    )
    np.testing.assert_allclose(together + 8.0, apart, atol=1e-12)
    assert np.ptp(apart) > 0.1


def test_late_events_and_silence(plan: Plan) -> None:
    k = kernels()
    assert (dipole_of(plan, bound_to(k, [7], [2], [0.02], [45.0])) == -8.0).all()
    assert (dipole_of(plan, bound_to(k, [], [], [], [])) == -8.0).all()


def test_spikes_are_counted_within_their_burst(plan: Plan) -> None:
    terms = tuple(Term(signal="spike", nth=n, kernel=one_hot(n, 1.0)) for n in range(3))
    k = kernels(terms=terms, burst_ms=10.0)
    # cell 1: a burst of four, then one alone; cell 2: one alone between them; gid 5 is no cell of this population
    times, gids = [5.0, 8.0, 12.0, 13.0, 30.0, 9.0, 9.0], [1, 1, 1, 1, 1, 2, 5]
    reached = arrivals(bound_to(k, [], [], [], []), np.array(times), np.array(gids), plan.n_gids, 50.0)
    found = {(n, c, i * STEP) for n, c, i in zip(*np.nonzero(reached.spikes), strict=True)}
    assert found == {(0, 1, 5.0), (1, 1, 8.0), (2, 1, 12.0), (2, 1, 13.0), (0, 1, 30.0), (0, 2, 9.0)}
    moment = dipole_of(plan, bound_to(k, [], [], [], []), times, gids)
    table = bumps(k)
    expected = sum(shifted(table[n], round(t / STEP), len(moment)) for n, _, t in found)
    np.testing.assert_allclose(moment + 8.0, expected, atol=1e-12)


def test_conductance_peaks_at_the_weight(plan: Plan) -> None:
    fine = kernels(step_ms=0.01)
    bound = bound_to(fine, [7], [1], [0.02], [0.0])
    reached = arrivals(bound, np.array([10.0]), np.array([7]), plan.n_gids, 50.0)
    g = reached.conductance["d.ampa"][1]
    assert g.max() == pytest.approx(0.02, rel=1e-4)
    peak = 0.5 * 5.0 / 4.5 * np.log(10.0)  # of Exp2Syn
    assert g.argmax() * 0.01 == pytest.approx(10.0 + peak, abs=0.011)
    assert (reached.conductance["d.ampa"][[0, 2, 3]] == 0).all()


@pytest.mark.parametrize(
    ("term", "signal"),
    [
        (Term(signal="saturation", channels=("d.ampa",), level=0.01), lambda g: g - 0.01 * np.log1p(g / 0.01)),
        (
            Term(signal="product", channels=("d.ampa",), level=0.01, by=("d.ampa",), by_level=0.05),
            lambda g: g / (g + 0.01) * g / (g + 0.05),
        ),
    ],
)
def test_terms_are_of_each_cell_alone(plan: Plan, term: Term, signal) -> None:
    term = attrs.evolve(term, kernel=one_hot(3, 2.0))
    k = kernels(channels=(attrs.evolve(kernels().channels[0], kernel=one_hot(0, 0.0)),), terms=(term,))
    bound = bound_to(k, [7, 7], [0, 3], [0.02, 0.3], [1.0, 1.0])
    reached = arrivals(bound, np.array([10.0]), np.array([7]), plan.n_gids, 50.0)
    of_cells = signal(reached.conductance["d.ampa"]).sum(axis=0)
    expected = np.convolve(of_cells, 2.0 * bumps(k)[3])[: len(of_cells)]
    np.testing.assert_allclose(dipole_of(plan, bound) + 8.0, expected, atol=1e-10)
    # two cells with half each are not one cell with all
    merged = bound_to(k, [7, 7], [0, 0], [0.02, 0.3], [1.0, 1.0])
    assert np.abs(dipole_of(plan, merged) - dipole_of(plan, bound)).max() > 1e-3


def test_rest_drifts_as_it_was_measured(plan: Plan) -> None:
    k = kernels(rest_ms=(0.0, 20.0, 30.0), rest_fAm=(-3.0, -1.0, -0.5))
    moment = dipole_of(plan, bound_to(k, [], [], [], []))
    assert moment[round(10.0 / STEP)] == pytest.approx(4 * -2.0)
    assert moment[-1] == pytest.approx(4 * -0.5)


def test_kernels_begin_at_once_and_end(plan: Plan) -> None:
    table = bumps(kernels())
    assert table.shape == (N_BUMPS, 160)
    assert table[0, 0] == 1.0
    assert (table >= 0).all()
    assert table[:, -1].max() < 1e-3


def test_most_spikes_within_100_ms() -> None:
    cell = np.array([3, 3, 3, 0, 0, 3])
    times = np.array([0.0, 99.9, 100.0, 5.0, 6.0, 150.0])
    assert most_spikes(cell, times) == 3  # 99.9, 100 and 150
    assert most_spikes(cell[:2], times[:2]) == 2
    assert most_spikes(np.zeros(0, int), np.zeros(0)) == 0


def test_more_spikes_than_in_training_are_told(plan: Plan) -> None:
    bound = bound_to(kernels(), [], [], [], [])
    asked = attrs.evolve(plan, estimate=Estimate(method="kernel", probes=(), kernels=(bound,)))

    def told(times: list[float]) -> list[str]:
        record = TrialRecord(
            trial=0, spike_times_ms=np.array(times), spike_gids=np.full(len(times), 1, np.int32), samples={}, cpu_s=0.0
        )
        return beyond_training(asked, [record])

    assert told([1.0, 2.0]) == []
    assert told([1.0, 2.0, 3.0]) == ["cells of left fire more than 2 times within 100 ms, the most they were fitted to"]
    assert beyond_training(plan, []) == []


def test_more_conductance_than_in_training_is_told(plan: Plan) -> None:
    def told(most_open_uS: float) -> list[str]:
        channel = attrs.evolve(kernels().channels[0], most_open_uS=most_open_uS)
        bound = bound_to(kernels(channels=(channel,)), [7, 7], [1, 1], [0.02, 0.02], [0.0, 0.0])
        asked = attrs.evolve(plan, estimate=Estimate(method="kernel", probes=(), kernels=(bound,)))
        record = TrialRecord(
            trial=0, spike_times_ms=np.array([10.0]), spike_gids=np.array([7], np.int32), samples={}, cpu_s=0.0
        )
        return beyond_training(asked, [record, record])

    assert told(0.04) == []
    assert told(0.03) == ["cells of left open more than 0.03 µS of d.ampa, the most they were fitted to"]


def test_replay_hands_all_spikes_to_the_engine(plan: Plan) -> None:
    asked_for: list[Events] = []

    class Listener:
        def run(self, twin: Plan, trials: object) -> object:
            asked_for.extend(twin.events)
            record = TrialRecord(
                trial=0, spike_times_ms=np.zeros(0), spike_gids=np.zeros(0, int), samples={"p": np.ones(3)}, cpu_s=0.0
            )
            return attrs.make_class("R", ["trials"])([record] * len(list(trials)))

    asked = attrs.evolve(plan, estimate=Estimate(method="replay", probes=(), twin=plan))
    two = {0: (np.array([7.0, 3.0, 5.0]), np.array([2, 2, 0])), 3: (np.zeros(0), np.zeros(0, np.int64))}
    with pytest.raises(IndexError):
        estimate(asked, two, Listener())  # there is one trial
    found = estimate(asked, {0: two[0]}, Listener())
    assert (found[0]["p"] == 1).all()
    (events,) = asked_for
    assert len(events.offset) == plan.n_gids + 1
    assert events.of(2).tolist() == [3.0, 7.0]
    assert events.of(0).tolist() == [5.0]
    assert events.of(7).tolist() == [10.0]  # the drive
    assert len(events.time_ms) == 4


def test_nothing_to_estimate(plan: Plan) -> None:
    assert estimate(plan, {0: (np.zeros(0), np.zeros(0, np.int64))}) == {0: {}}
