"""What dipole kernels are made of before they are fitted, and what a training set can fix of it."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue
from hnnlib.plan.estimate import Term
from hnnlib.reduction.kernel_lessons import held_out, training_set
from hnnlib.reduction.kernel_terms import cell_of, rounded, unfitted_kernels
from hnnlib.reduction.kernels import _Gram, _reached, _solved, fit_kernels
from hnnlib.results.records import TrialRecord
from hnnlib.spec.points import PointCellSpec


class Passive:
    """An engine whose cells answer a small event by a line: 1 fAm/µS per ms and receptor of the cell's number."""

    name = "passive"

    def run(self, plan, trials):
        n = plan.run.n_steps // plan.probes[1].every + 1
        t = np.arange(n) * plan.run.dt_ms * plan.probes[1].every
        event_ms = plan.events[0].time_ms[0]
        answer = 1e-5 * np.clip(t - event_ms, 0, None)[:, None] * np.arange(plan.n_cells)
        samples = {"cell_dipoles": answer - 7.0}
        record = TrialRecord(
            trial=0, spike_times_ms=np.zeros(0), spike_gids=np.zeros(0, int), samples=samples, cpu_s=0.0
        )
        return attrs.make_class("R", ["trials"])([record])


def test_channels_and_terms_of_the_column(small_column) -> None:
    kernels = unfitted_kernels(small_column, "L5_pyramidal", Passive(), 0.05)
    names = [c.name for c in kernels.channels]
    receptors = ("ampa", "nmda", "gabaa", "gabab")
    expected = [f"{place}.{r}" for place in ("proximal", "distal") for r in receptors] + ["soma.gabaa", "soma.gabab"]
    assert names == expected
    nmda = kernels.channels[1]
    assert (nmda.sections, nmda.tau1, nmda.tau2) == (("apical_oblique", "basal_2", "basal_3"), 1.0, 20.0)
    # each channel was asked on a cell of its own, cell 0 on none
    slopes = [np.array(c.kernel) @ np.ones(len(c.kernel)) for c in kernels.channels]
    np.testing.assert_allclose(np.array(slopes) / slopes[0], np.arange(1, 11), rtol=1e-4)
    assert set(kernels.rest_fAm) == {-7.0}
    assert kernels.rest_ms[0] == kernels.step_ms  # the sample at 0 is no dipole
    by_signal = {s: [t for t in kernels.terms if t.signal == s] for s in ("saturation", "product", "spike")}
    assert len(by_signal["saturation"]) == 4 * len(names)
    assert [t.nth for t in by_signal["spike"]] == [0, 1, 2, 3]
    for term in by_signal["product"]:
        assert not any("gaba" in name for name in term.channels)  # one of the two excites
        assert set(term.channels).isdisjoint(term.by)
    assert any("soma.gabaa" in t.by for t in by_signal["product"])


def test_only_conductances_with_two_time_constants(small_column) -> None:
    population = small_column.populations["L5_pyramidal"]
    ampa = attrs.evolve(population.cell.synapses["ampa"], mechanism="ExpSyn", parameters={"e": 0.0})
    cell = attrs.evolve(population.cell, synapses={**population.cell.synapses, "ampa": ampa})
    populations = {**small_column.populations, "L5_pyramidal": attrs.evolve(population, cell=cell)}
    network = attrs.evolve(small_column, populations=populations)
    with pytest.raises(InvalidValue, match=r"synapses\['ampa'\].mechanism: 'ExpSyn' must be Exp2Syn"):
        unfitted_kernels(network, "L5_pyramidal", Passive(), 0.05)


def test_what_can_not_be_fitted(small_column, tiny_network) -> None:
    with pytest.raises(InvalidValue, match="must have one whose dipole is measured"):
        fit_kernels(tiny_network)
    with pytest.raises(InvalidValue, match="must drive the network"):
        fit_kernels(attrs.evolve(small_column, drives={}))
    with pytest.raises(InvalidValue, match="n_trials: 1 must be >= 2"):
        fit_kernels(small_column, n_trials=1)


def gram(n: int, **changes) -> _Gram:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 200))
    given = {
        "matrix": x @ x.T,
        "vector": x @ (np.arange(1, n + 1) @ x),
        "checks": (),
        "heaviest_uS": {},
        "open_uS": np.ones(n),
        "by_open_uS": np.ones(n),
        "most_spikes": 3,
    }
    return _Gram(**{**given, **changes})


def test_ridge_finds_the_coefficients_of_the_used() -> None:
    g = gram(4)
    np.testing.assert_allclose(_solved(g, 1e-12, np.ones(4, bool)), [1, 2, 3, 4], rtol=1e-9)
    some = _solved(g, 1e-12, np.array([True, False, True, True]))
    assert some[1] == 0
    assert np.linalg.norm(_solved(g, 1.0, np.ones(4, bool))) < np.linalg.norm([1, 2, 3, 4])


def test_terms_that_the_training_set_does_not_reach_are_left_out() -> None:
    terms = [
        Term(signal="saturation", channels=("a",), level=0.1),
        Term(signal="saturation", channels=("a",), level=0.3),
        Term(signal="product", channels=("a",), level=0.1, by=("b",), by_level=0.1),
        Term(signal="product", channels=("a",), level=0.1, by=("b",), by_level=0.01),
        Term(signal="spike", nth=2),
    ]
    g = gram(5, open_uS=np.array([0.2, 0.2, 0.2, 0.2, 0.0]), by_open_uS=np.array([0.0, 0.0, 0.05, 0.05, 0.0]))
    assert _reached(terms, g).tolist() == [True, False, False, True, True]


def test_sums_over_trials() -> None:
    one = gram(2, heaviest_uS={"a": 1.0, "b": 5.0}, open_uS=np.array([1.0, 4.0]), most_spikes=7)
    both = one.plus(gram(2, heaviest_uS={"a": 2.0, "c": 3.0}, open_uS=np.array([2.0, 3.0])))
    np.testing.assert_array_equal(both.matrix, 2 * one.matrix)
    assert both.heaviest_uS == {"a": 2.0, "b": 5.0, "c": 3.0}
    assert both.open_uS.tolist() == [2.0, 4.0]
    assert both.most_spikes == 7


def test_training_and_held_out_runs(small_column) -> None:
    lessons = training_set(small_column, 8, seed=3)
    assert [x.condition for x in lessons] == ["its drives"] * 8 + ["alpha"] * 2 + ["gamma"] * 2
    assert lessons == training_set(small_column, 8, seed=3)
    assert lessons != training_set(small_column, 8, seed=4)
    meshes = {x.network.grid.mesh_shape for x in lessons[:8]}
    assert (3, 3) in meshes
    assert len(meshes) > 1
    tests = held_out(small_column, seed=3)
    assert not {x.seed for x in lessons} & {x.seed for x in tests}
    later = next(x for x in tests if x.condition == "drives 8 ms later")
    for name, drive in small_column.drives.items():
        assert later.network.drives[name].mu == pytest.approx(drive.mu + 8.0)
        assert later.network.drives[name].event_seed is None
    heavier = next(x for x in tests if x.condition == "weights x 1.3").network.drives["evprox1"]
    assert heavier.weights["L2_basket"]["ampa"] == pytest.approx(
        1.3 * small_column.drives["evprox1"].weights["L2_basket"]["ampa"]
    )


def test_rhythms_are_for_the_published_column_only(tiny_network) -> None:
    assert {x.condition for x in training_set(tiny_network, 4, 0)} == {"its drives"}


def test_points_have_no_kernels(tiny_network) -> None:
    point = attrs.evolve(tiny_network.populations["left"], cell=PointCellSpec(model="iaf_psc_alpha"))
    with pytest.raises(InvalidValue, match="must be a cell with dendrites"):
        cell_of(attrs.evolve(tiny_network, populations={"left": point}), "left")


def test_numbers_for_a_file() -> None:
    assert rounded(np.array([1.23456789e-7, -2.0, 0.0])) == (1.23457e-07, -2.0, 0.0)
