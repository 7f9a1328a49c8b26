"""A detailed cell in network activity: engines, launchers, pooling, replay, resuming."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

import hnnlib as hn
from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.embedding import embedded
from hnnlib.embedding.embedded import EmbeddedCell
from hnnlib.embedding.form.morphology import Morphology
from hnnlib.embedding.membrane.biophysics import Biophysics, Membrane
from hnnlib.embedding.membrane.cell import DetailedCell
from hnnlib.embedding.run import simulate_cell
from hnnlib.embedding.sources.recipes import Poisson
from hnnlib.embedding.study.store import read_study
from hnnlib.embedding.synapses.placement import random
from hnnlib.embedding.synapses.table import Embedding, ShortTermPlasticity, SynapseType

pytestmark = pytest.mark.neuron

EXCITATORY = SynapseType(
    receptors={
        "ampa": hn.SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 5.0}),
        "nmda": hn.SynapseSpec(mechanism="NMDA"),
    },
    ratio={"nmda": 0.5},
    plasticity=ShortTermPlasticity(depression=0.7, tau_depression=80.0),
)
INHIBITORY = SynapseType(receptors={"gabaa": hn.SynapseSpec(parameters={"e": -80.0, "tau1": 0.5, "tau2": 8.0})})


def branch(start, end, diameters):
    share = np.linspace(0, 1, 4)[:, None]
    ends = np.array(start, float), np.array(end, float)
    return np.hstack([ends[0] + share * (ends[1] - ends[0]), np.interp(share, [0, 1], diameters)])


def small_morphology():
    return Morphology(
        names=("soma", "basal_0", "basal_1", "apical_0", "apical_1", "apical_2"),
        types=("soma", "basal", "basal", "apical", "apical", "apical"),
        parent=np.array([-1, 0, 0, 0, 3, 3], np.int32),
        parent_end=np.array([1, 0, 0, 1, 1, 1], np.int8),
        points=(
            branch((0, 0, -8), (0, 0, 8), (16, 16)),
            branch((4, 0, -10), (120, 10, -60), (2, 1)),
            branch((-4, 0, -10), (-90, 60, -80), (2, 1)),
            branch((0, 0, 8), (5, 5, 300), (4, 2.5)),
            branch((5, 5, 300), (80, 20, 420), (1.5, 0.8)),
            branch((5, 5, 300), (-70, -40, 450), (1.5, 0.8)),
        ),
        domains=("soma", "basal", "basal", "apical_trunk", "apical_tuft", "apical_tuft"),
    )


@pytest.fixture(scope="module")
def cell():
    active = {"hh2": {"gnabar": 0.05, "gkbar": 0.01, "gl": 4e-5, "el": -71.0}, "km": {"gbar": 60.0}}
    membrane = Biophysics(domains={"all": Membrane(mechanisms=active)}, axon="none")
    return DetailedCell(small_morphology(), membrane, max_segment_um=40.0)


@pytest.fixture(scope="module")
def embedding(cell):
    alike = {"contacts": 3, "seed": 1}
    exc = {"count": 240, "kind": EXCITATORY, "weight": 4e-4, "delay": 1.0, "release_p": 0.6, **alike}
    inh = {"count": 60, "kind": INHIBITORY, "weight": 6e-4, "delay": 0.5, **alike}
    return random(cell, "exc", domain=["basal", "apical"], **exc) + random(cell, "inh", domain=["soma", "basal"], **inh)


SOURCES = {"exc": Poisson(rate=15.0), "inh": Poisson(rate=10.0)}
USUAL = {"tstop": 60.0, "settle": 20.0, "seed": 3}


@pytest.fixture(scope="module")
def study(cell, embedding):
    return simulate_cell(cell, embedding, SOURCES, n_trials=3, record={"v": ["soma", "apical_tuft@420"]}, **USUAL)


def voltages(study):
    return study.recordings["v"].numpy()


def test_it_does_something(study):
    v = voltages(study)
    assert v.shape == (3, 2, 2401)
    assert np.ptp(v, axis=2).min() > 3
    assert len(study.synapse_events.numpy()["time_ms"]) > 200
    assert study.synapse_events.numpy()["factor"].min() < 0.9


def test_engines_agree(cell, embedding, study):
    other = simulate_cell(
        cell, embedding, SOURCES, n_trials=1, record={"v": ["soma", "apical_tuft@420"]}, engine="neuron", **USUAL
    )
    first = voltages(study)[0]
    np.testing.assert_allclose(voltages(other)[0], first, rtol=0, atol=1e-3)
    assert other.events(0) == study.events(0)


@pytest.mark.parametrize("engine", ["neuron", "fast"])
def test_pooled_synapses_are_the_same_as_single_ones(cell, embedding, engine):
    voltage = [
        voltages(simulate_cell(cell, embedding, SOURCES, pool=pool, engine=engine, **USUAL)) for pool in (True, False)
    ]
    assert np.abs(voltage[0] - voltage[1]).max() < 1e-6


def test_synapses_that_may_not_be_linear_stay_apart(cell, embedding, study, monkeypatch):
    def n_sites():
        made = EmbeddedCell(cell=cell, embedding=embedding, events=[study.events(0)])
        return made.compile(hn.RunSpec(tstop=80.0)).templates[0].n_sites

    pooled = n_sites()
    monkeypatch.setattr(embedded, "LINEAR", ("Exp2Syn",))
    of_nmda = np.flatnonzero(embedding.kind == 0)
    n_segments = len(np.unique(embedding.segment[of_nmda]))
    assert n_sites() == pooled - n_segments + len(of_nmda)


@pytest.mark.parametrize("n_jobs", [2, 4])
def test_workers_change_nothing(cell, embedding, study, n_jobs):
    launcher = hn.JoblibBackend(n_jobs=n_jobs).launcher
    record = {"v": ["soma", "apical_tuft@420"]}
    other = simulate_cell(cell, embedding, SOURCES, n_trials=3, record=record, launcher=launcher, **USUAL)
    for name in ("synapse_events", "source_spikes", "soma_spikes", "site_spikes"):
        mine, theirs = study.table(name).numpy(), other.table(name).numpy()
        assert all(np.array_equal(mine[column], theirs[column]) for column in mine), name
    assert np.array_equal(voltages(other), voltages(study))


def test_a_further_recording_changes_nothing(cell, embedding, study):
    record = {"v": "all", "i_membrane": "all", "i_synapse": ["soma", "basal_0"]}
    other = simulate_cell(cell, embedding, SOURCES, n_trials=1, record=record, **USUAL)
    assert other.events(0) == study.events(0)
    assert other.spikes(0) == study.spikes(0)
    v = other.recordings["v"]
    soma = v.numpy(0, [cell.segments.at(0, 0.5)[0]])
    assert np.array_equal(soma[0], voltages(study)[0, 0])
    currents = other.recordings["i_membrane"].numpy(0)
    assert np.abs(currents.sum(axis=0))[1:].max() < 1e-9
    moment = cell.segments.position_um.T @ currents * 1e-6  # nAm
    dipole = other.recordings["dipole"].numpy(0)
    np.testing.assert_allclose(moment[:, 1:], dipole[:, 1:], rtol=0, atol=1e-6 * np.abs(dipole).max())


def test_a_population_more_changes_no_other_ones_events(cell, embedding, study):
    more = embedding + random(cell, "more", count=30, contacts=1, kind=EXCITATORY, weight=1e-4, seed=9)
    other = simulate_cell(cell, more, {**SOURCES, "more": Poisson(rate=20.0)}, **USUAL)
    for name in ("exc", "inh"):
        assert other.spikes(0)[name] == study.spikes(0)[name]
    old = other.events(0).synapse < len(embedding)
    assert np.array_equal(other.events(0).time_ms[old], study.events(0).time_ms)


@pytest.mark.parametrize("engine", ["neuron", "fast"])
def test_a_trial_again(cell, embedding, tmp_path, engine):
    kept = simulate_cell(cell, embedding, SOURCES, n_trials=2, engine=engine, out=tmp_path / "study", **USUAL)
    found = read_study(tmp_path / "study")
    assert found.cell == cell
    assert found.embedding.digest == embedding.digest
    again = found.replay(1)
    assert np.array_equal(voltages(again)[0], kept.recordings["v"].numpy(1))
    assert np.array_equal(again.recordings["dipole"].numpy(1), kept.recordings["dipole"].numpy(1))
    quiet = found.replay(1, modify=lambda e: e.silence(population="exc"))
    assert voltages(quiet).max() < -40 < voltages(again).max()


def test_a_trial_again_with_something_changed(cell, study):
    whole = study.replay(1, record={"v": "all"}, record_every=2)
    soma = whole.recordings["v"].where(segment=study.recordings["v"].labels["segment"][0])
    assert whole.trial_numbers == (1,)
    assert whole.recordings["v"].shape[1] == len(cell.segments)
    assert np.array_equal(whole.recordings["v"].numpy(1, soma)[0], voltages(study)[1, 0, ::2])
    held = study.replay(1, clamps={"hold": hn.CurrentClamp(cells={"cell": None}, amplitude=-1.0)})
    assert voltages(held)[0, 0].mean() < voltages(study)[1, 0].mean() - 1.0
    assert study.replay(1, engine="neuron").inputs.run["engine"]["name"] == "neuron"


def test_what_cannot_be_run_again(study):
    with pytest.raises(InvalidValue, match=r"trial: 7 is no finished trial of the study"):
        study.replay(7)
    with pytest.raises(InvalidValue, match=r"modify: .* must keep the \d+ synapses"):
        study.replay(0, modify=lambda e: e.filter(population="exc"))
    with pytest.raises(InvalidType, match=r"modify: .* must return an Embedding"):
        study.replay(0, modify=[lambda e: e.silence(population="exc"), lambda e: None])


def test_going_on_after_a_stop(cell, embedding, study, tmp_path, monkeypatch):
    record = {"v": ["soma", "apical_tuft@420"]}
    given = {"n_trials": 3, "record": record, "out": tmp_path / "study", **USUAL}

    class Stop(Exception):
        pass

    import hnnlib.embedding.study.store as store

    add, seen = store.StudyWriter.add, []

    def stopping(self, trial):
        add(self, trial)
        seen.append(trial.trial)
        if len(seen) == 2:
            raise Stop

    monkeypatch.setattr(store.StudyWriter, "add", stopping)
    with pytest.raises(Stop):
        simulate_cell(cell, embedding, SOURCES, **given)
    monkeypatch.setattr(store.StudyWriter, "add", add)
    assert len(read_study(tmp_path / "study").trial_numbers) == 2
    other = simulate_cell(cell, embedding, SOURCES, resume=True, **given)
    assert other.trial_numbers == (0, 1, 2)
    assert np.array_equal(voltages(other), voltages(study))
    with pytest.raises(hn.InvalidValue, match="holds another study"):
        simulate_cell(cell, embedding, SOURCES, resume=True, **{**given, "seed": 4})


def test_settling_leaves_no_transient(cell, embedding):
    silent = {"tstop": 20.0, "seed": 3}
    settled = voltages(simulate_cell(cell, embedding, {}, settle=300.0, **silent))
    assert np.ptp(settled) < 0.1 < np.ptp(voltages(simulate_cell(cell, embedding, {}, **silent)))


def test_electrodes_and_fewer_samples(cell, embedding, study):
    probe = {"probe": hn.Electrodes(positions=((60.0, 0.0, 0.0), (60.0, 0.0, 300.0)), method="lsa")}
    every, fourth = (
        simulate_cell(cell, embedding, SOURCES, electrodes=probe, record_every=n, **{**USUAL, "settle": 20.025})
        for n in (1, 4)
    )
    assert np.abs(every.recordings["probe"].numpy()).max() > 0.01  # µV
    assert every.recordings["probe"].unit == "µV"
    later = fourth.recordings["v"].times[0]
    assert later == pytest.approx(0.075)  # the first multiple of four steps at or after t = 0
    for name in ("v", "probe", "dipole"):
        expected = every.recordings[name].numpy(0)[:, 3::4]
        assert np.array_equal(fourth.recordings[name].numpy(0), expected), name


def test_no_event_is_told(cell, embedding, caplog):
    simulate_cell(cell, embedding, {}, tstop=1.0)
    assert "no event hit any of the" in caplog.text


def test_an_embedding_of_another_cell(cell, embedding):
    finer = attrs.evolve(cell, max_segment_um=20.0)
    with pytest.raises(hn.InvalidValue, match="belongs to another morphology"):
        simulate_cell(finer, embedding, SOURCES, tstop=10.0)


def test_the_dipole_of_a_stick():
    """A current into a passive, sealed cable: axial current times length, in closed form.

    With a length constant λ, a length L and the current I at z: ``I λ (cosh((L - z)/λ) - cosh(z/λ)) / sinh(L/λ)``, from
    the steady state of the cable equation (Rall 1977, Handbook of Physiology 1:39).
    """
    z, length, diam, ra, g = 5.0, 900.0, 2.0, 150.0, 2e-4
    stick = Morphology(
        names=("soma", "apical_0"),
        types=("soma", "apical"),
        parent=np.array([-1, 0], np.int32),
        parent_end=np.array([1, 1], np.int8),
        points=(branch((0, 0, 0), (0, 0, 10), (diam, diam)), branch((0, 0, 10), (0, 0, length), (diam, diam))),
        domains=("soma", "apical_trunk"),
    )
    passive = Biophysics(
        domains={"all": Membrane(mechanisms={"pas": {"g": g, "e": -70.0}})}, Ra=ra, v0=-70.0, axon="none"
    )
    cable = DetailedCell(stick, passive, max_segment_um=10.0)
    none = np.zeros(0)
    nothing = Embedding(
        segments=cable.segments, populations=(), kinds={}, population=none, source=none, kind=none, section=none,
        x=none, weight_uS=none, delay_ms=none, release_p=none, group=none, cluster=none,
    )  # fmt: skip
    clamp = hn.CurrentClamp(cells={"cell": None}, amplitude=0.1, section="soma")
    study = simulate_cell(
        cable, nothing, {}, tstop=150.0, clamps={"step": clamp}, engine="fast", record={"i_membrane": "all"}
    )
    dipole = study.recordings["dipole"].numpy(0)[2, -1]
    space = 1e4 * np.sqrt(diam * 1e-4 / (4 * g * ra))  # µm
    expected = 0.1 * space * (np.cosh((length - z) / space) - np.cosh(z / space)) / np.sinh(length / space) * 1e-6
    assert dipole == pytest.approx(expected, rel=0.01)
