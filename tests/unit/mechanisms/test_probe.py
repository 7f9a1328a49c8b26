"""The probe sees what Vector.record sees, weighted; the event source fires when it should."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue, SimulationError

pytestmark = pytest.mark.neuron

TSTOP, DT = 5.0, 0.025
N = 201


@pytest.fixture(scope="module")
def session():
    """The session of this process."""
    from hnnlib.backends.neuron.session import session

    return session()


class Model:
    """Two spiking compartments with calcium and a synapse that is driven by an event source."""

    def __init__(self, session):
        h = self.h = session.h
        self.session = session
        self.soma, self.dendrite = h.Section(name="soma"), h.Section(name="dendrite")
        self.dendrite.connect(self.soma(1), 0)
        self.dendrite.nseg = 5
        for section in (self.soma, self.dendrite):
            for mechanism in ("hh2", "ca", "cad"):
                section.insert(mechanism)
            for segment in section:
                segment.ca.gbar = 60.0
        self.synapse = h.Exp2Syn(self.dendrite(0.5))
        self.source = h.EventSource()
        self.netcon = h.NetCon(self.source, self.synapse)
        self.netcon.delay, self.netcon.weight[0] = 0.1, 0.5
        session.cvode.use_fast_imem(1)
        dendrite = self.dendrite(0.7)
        self.refs = [
            *(segment._ref_v for section in (self.soma, self.dendrite) for segment in section),
            *(self.soma(0)._ref_v, self.dendrite(1)._ref_v),
            *(dendrite._ref_cai, dendrite._ref_ica, dendrite._ref_i_membrane_, self.synapse._ref_i),
        ]
        self.names = [*("v" for _ in self.refs[:-4]), "cai", "ica", "i_membrane", "i_synapse"]

    def run(self, probe, times=(1.0,), tstop=TSTOP):
        self.source.set_times(self.h.Vector(times))
        for section in (self.soma, self.dendrite):
            section.v = -65.0
        self.session.prepare(DT, 37.0)
        self.h.finitialize()
        self.h.fcurrent()
        probe.start()
        self.session.pc.psolve(tstop)


@pytest.fixture
def model(session):
    yield Model(session)
    session.cvode.use_fast_imem(0)


def recorder(model, n_samples=N, every=1, refs=None):
    from hnnlib.backends.neuron.probe import ProbeRecorder

    refs = model.refs if refs is None else refs
    n = len(refs)
    return ProbeRecorder(model.session, refs, np.arange(n + 1), np.arange(n), np.ones(n), n_samples, every)


def test_plain_recording_is_vector_record_to_the_bit(model):
    vectors = [model.h.Vector().record(ref) for ref in model.refs]
    probe = recorder(model)
    model.run(probe)
    expected = np.array(vectors).T
    assert np.ptp(expected, axis=0).min() > 0
    got = probe.read()
    # Vector.record takes sample 0 inside finitialize, before fcurrent has summed the membrane current; the probe after.
    i_membrane = model.names.index("i_membrane")
    assert (got[0, i_membrane] != 0, expected[0, i_membrane]) == (True, 0)
    got[0, i_membrane] = 0
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("every", "n_samples"), [(3, 67), (200, 2), (7, 10)])
def test_decimation_keeps_every_so_many_steps_from_the_start(model, every, n_samples):
    every_step, some = recorder(model), recorder(model, n_samples, every)
    model.run(Both(every_step, some))
    np.testing.assert_array_equal(some.read(), every_step.read()[::every][:n_samples])


class Both:
    """Start several probes as one."""

    def __init__(self, *probes):
        self.probes = probes

    def start(self):
        for probe in self.probes:
            probe.start()


def test_rows_are_weighted_sums_whatever_the_order_of_sources(model):
    from hnnlib.backends.neuron.probe import ProbeRecorder

    rng = np.random.default_rng(5)
    n_sources, n_rows = len(model.refs), 4
    dense = rng.normal(size=(n_rows, n_sources)) * (rng.random((n_rows, n_sources)) < 0.6)
    dense[2] = 0.0  # a row without entries
    rows, columns = np.nonzero(dense)
    indptr = np.searchsorted(rows, np.arange(n_rows + 1))
    order = rng.permutation(n_sources)
    place = np.argsort(order)
    plain = recorder(model)
    probe = ProbeRecorder(
        model.session, [model.refs[k] for k in order], indptr, place[columns], dense[rows, columns], n_samples=N
    )
    model.run(Both(plain, probe))
    np.testing.assert_allclose(probe.read(), plain.read() @ dense.T, rtol=1e-13, atol=1e-12)


def test_one_value_may_be_in_a_row_more_than_once(model):
    from hnnlib.backends.neuron.probe import ProbeRecorder

    v = model.soma(0.5)._ref_v
    probe = ProbeRecorder(model.session, [v, v], [0, 3], [0, 1, 0], [1.0, 2.0, 3.0], n_samples=N)
    plain = recorder(model, refs=[v])
    model.run(Both(plain, probe))
    np.testing.assert_allclose(probe.read(), 6 * plain.read(), rtol=1e-15)


def test_a_probe_serves_for_many_trials_and_while_the_model_grows(model):
    probe = recorder(model)
    model.run(probe)
    first = probe.read()
    model.run(probe, times=(2.0, 3.0))
    assert np.abs(probe.read() - first).max() > 1
    others = [model.h.Section(name=f"other{k}") for k in range(100)]  # NEURON moves its memory
    model.run(probe)
    np.testing.assert_array_equal(probe.read(), first)
    assert len(others) == 100


def test_a_probe_is_silent_until_it_is_started_again(model):
    probe = recorder(model)
    model.run(probe)
    model.session.h.finitialize()
    model.session.pc.psolve(TSTOP)
    with pytest.raises(SimulationError, match="after 0 of 201 samples"):
        probe.read()


def test_a_run_that_ended_early_is_no_result(model):
    probe = recorder(model)
    model.run(probe, tstop=4.0)
    with pytest.raises(SimulationError, match="after 161 of 201 samples"):
        probe.read()


def test_samples_beyond_the_last_are_left_out(model):
    probe = recorder(model, n_samples=11)
    model.run(probe)
    assert probe.read().shape == (11, len(model.refs))


def test_a_source_that_was_removed_is_an_error_and_no_crash(model):
    other = model.h.Section(name="other")
    probe = recorder(model, refs=[other(0.5)._ref_v])
    model.h.delete_section(sec=other)
    with pytest.raises(RuntimeError, match="no longer exists"):
        probe.start()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("n_samples", {"n_samples": 0}),
        ("every", {"every": 0}),
        ("indptr", {"indptr": [0]}),
        ("indptr", {"indptr": [0, 3]}),
        ("indptr", {"indptr": [0, 2, 1, 2]}),
        ("indptr", {"indptr": [1, 2]}),
        ("weights", {"weights": [1.0]}),
        ("indices", {"indices": [0, 2]}),
        ("indices", {"indices": [0, -1]}),
    ],
)
def test_a_matrix_that_does_not_fit_is_refused(model, name, change):
    from hnnlib.backends.neuron.probe import ProbeRecorder

    given = {"indptr": [0, 2], "indices": [0, 1], "weights": [1.0, 1.0], "n_samples": 5, "every": 1, **change}
    with pytest.raises(InvalidValue, match=f"^{name}:"):
        ProbeRecorder(model.session, model.refs[:2], **given)


class Source:
    """An event source whose spikes are recorded."""

    def __init__(self, session):
        self.session = session
        self.cell = session.h.EventSource()
        self.netcon = session.h.NetCon(self.cell, None)
        self.stamps = session.h.Vector()
        self.netcon.record(self.stamps)
        self.host = session.h.Section(name="host")  # NEURON steps only where there is a section

    def fire(self, times, tstop=TSTOP):
        self.cell.set_times(self.session.h.Vector(times))
        self.session.prepare(DT, 37.0)
        self.session.h.finitialize()
        self.session.pc.psolve(tstop)
        return np.array(self.stamps)


@pytest.mark.parametrize(
    "times",
    [[], [1.0], [0.0, 0.001, 4.99], [2.0, 2.0, 2.0], [0.0126, 1.2345678901234, 3.3333333]],
    ids=["none", "one", "first and last", "thrice at once", "between steps"],
)
def test_an_event_source_fires_at_each_of_its_times(session, times):
    np.testing.assert_array_equal(Source(session).fire(times), times)


def test_stamps_are_the_times_to_the_bit(session):
    times = np.sort(np.random.default_rng(11).uniform(0.0, 1000.0, 5000))
    np.testing.assert_array_equal(Source(session).fire(times, tstop=1000.0), times)


def test_times_can_be_set_again_between_runs_and_start_anew_in_each(session):
    source = Source(session)
    assert source.cell.n_events == 0
    first = source.fire([1.0, 2.0, 3.0])
    source.session.h.finitialize()
    source.session.pc.psolve(TSTOP)
    np.testing.assert_array_equal(source.stamps, first)
    assert list(source.fire([0.5])) == [0.5]
    assert source.cell.n_events == 1
    assert list(source.fire([])) == []


def test_the_times_are_a_copy(session):
    source = Source(session)
    times = session.h.Vector([1.0, 2.0])
    source.cell.set_times(times)
    times.fill(99.0)
    session.prepare(DT, 37.0)
    session.h.finitialize()
    session.pc.psolve(TSTOP)
    assert list(source.stamps) == [1.0, 2.0]
