"""Results of some trials each, joined to one; and whether two are of one run."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import Dipole
from hnnlib.results.join import join_results, run_differences
from hnnlib.results.potentials import ElectrodeRecording
from hnnlib.results.result import Result
from hnnlib.results.traces import Traces

TIMES = np.arange(41) * 0.25


def result_of(trials, n_trials=5, **facts) -> Result:
    """Some trials with everything that a result can hold; each trial has numbers of its own."""
    streams = [np.random.default_rng(k) for k in trials]
    spikes = [np.sort(stream.uniform(0, 10, size=k + 1)) for k, stream in zip(trials, streams, strict=True)]
    data = np.stack([stream.normal(size=(3, 41)) for stream in streams])
    rows = {"times": TIMES, "gids": [3, 3, 8], "sections": ["soma", "tuft", "soma"]}
    response = CellResponse(
        ["L2_basket", "L5_basket"],
        spikes,
        [np.full(len(s), 3) for s in spikes],
        [np.full(len(s), "L2_basket") for s in spikes],
        TIMES,
        gid_ranges={"L2_basket": range(5), "L5_basket": range(5, 9)},
        vsec=Traces("v", "mV", receptors=None, data=data.astype(np.float32), **rows),
        isec=Traces("i", "nA", receptors=["gabaa", "ampa", "ampa"], data=2 * data, **rows),
        ca=Traces("cai", "mM", receptors=None, data=3 * data, **rows),
        dipole=Traces("dipole", "fAm", TIMES, [3, 4, 8], None, None, 4 * data),
    )
    timings = {"plan": 1.0 if 0 in trials else 0.0, "trials": 0.25 * len(trials)}
    provenance = {"launcher": "serial", "run": {"n_trials": n_trials}, "trials": list(trials), "timings": timings}
    return Result(
        dipoles=[Dipole(TIMES, {"agg": d[0], "L2": d[1]}) for d in data],
        cell_response=response,
        potentials={"shank": ElectrodeRecording(np.ones((3, 3)), 0.3, "psa", 0.5, TIMES, data)},
        provenance=provenance | facts,
    )


def assert_same(one: Result, other: Result) -> None:
    """Every attribute, bit by bit."""
    assert one == other
    mine, theirs = vars(one.cell_response), vars(other.cell_response)
    assert mine.keys() == theirs.keys()
    for name in mine:
        if name.startswith("_"):
            for a, b in zip(mine[name], theirs[name], strict=True):
                np.testing.assert_array_equal(a, b)
        else:
            assert np.all(mine[name] == theirs[name]), name
    for name, traces in theirs["recordings"].items():
        assert mine["recordings"][name].data.dtype == traces.data.dtype


@pytest.mark.parametrize(
    "cuts", [[(0, 1, 2, 3, 4)], [(0,), (1,), (2,), (3,), (4,)], [(3,), (0, 4), (1, 2)], [(2, 3, 4), (0, 1)]]
)
def test_parts_in_any_order_are_the_whole(cuts):
    assert_same(join_results([result_of(cut) for cut in cuts]), result_of(range(5)))


def test_some_trials_of_a_run():
    some = join_results([result_of((3,)), result_of((0, 1))])
    assert_same(some, result_of((0, 1, 3)))
    assert (some.trials, some.missing_trials) == ((0, 1, 3), (2, 4))
    # the first of more: of their timings nobody knows which trial took what
    timings = {"plan": 1.0, "trials": 1.25}
    assert_same(join_results([result_of((0, 4)), result_of((1, 2, 3))], 2), result_of((0, 1), 2, timings=timings))
    grown = join_results([result_of((0, 1, 2), 3), result_of((3,), 4)])
    assert grown.provenance["run"]["n_trials"] == 4
    assert grown.missing_trials == ()


def test_what_ran_where_is_told():
    parts = [result_of((0,)), result_of((1,), launcher="joblib"), result_of((2,))]
    assert join_results(parts).provenance["launcher"] == "serial, joblib"
    assert join_results([join_results(parts), result_of((3,))]).provenance["launcher"] == "serial, joblib"


def test_warnings_of_all_parts_are_kept():
    def part(trial: int, *warnings: str) -> Result:
        return result_of((trial,), dipole={"method": "kernel", "approximate": True, "warnings": list(warnings)})

    parts = [part(0, "a", "c"), part(1, "a"), part(2, "a", "b")]
    for order in (parts, parts[::-1]):
        assert join_results(order).provenance["dipole"]["warnings"] == ["a", "b", "c"]


def test_results_without_dipoles_recordings_or_provenance():
    def bare(k):
        return Result(dipoles=[], cell_response=CellResponse(None, [[1.0 + k]], [[k]]), provenance={"trials": [k]})

    joined = join_results([bare(1), bare(0)])
    assert [t.tolist() for t in joined.cell_response.spike_times] == [[1.0], [2.0]]
    assert joined.provenance == {"trials": [0, 1]}


def test_what_can_not_be_joined():
    with pytest.raises(InvalidValue, match="must have a trial of the run"):
        join_results([])
    with pytest.raises(InvalidValue, match="parts: 2 is the number of a trial in two of them"):
        join_results([result_of((1, 2)), result_of((0, 2))])
    one, other = result_of((0,)), result_of((1,))
    shifted = Traces("v", "mV", TIMES, [3, 3, 9], ["soma", "tuft", "soma"], None, np.zeros((1, 3, 41)))
    response = CellResponse(["L2_basket", "L5_basket"], [[]], [[]], [[]], TIMES, vsec=shifted)
    cases = {
        "recordings": attrs.evolve(other, cell_response=response),
        "names of dipoles": attrs.evolve(other, dipoles=[Dipole(TIMES, np.zeros(41))]),
        "names of potentials": attrs.evolve(other, potentials={}),
        "times of shank": attrs.evolve(other, potentials={"shank": moved(other.potentials["shank"])}),
    }
    for what, wrong in cases.items():
        with pytest.raises(InvalidValue, match=f"parts, {what}: .* must be the same in all"):
            join_results([one, wrong])
    with pytest.raises(InvalidValue, match="parts, gids of vsec"):
        join_results([attrs.evolve(one, cell_response=only_vsec(one)), cases["recordings"]])


def moved(recording):
    return attrs.evolve(recording, times=recording.times + 1)


def only_vsec(result):
    vsec = result.cell_response.recordings["vsec"]
    return CellResponse(["L2_basket", "L5_basket"], [[]], [[]], [[]], TIMES, vsec=vsec)


# ------------------------------------------------------------------------------------------------- the same run


def facts(**changes):
    drives = {"evprox1": {"mu": 26.6, "weights": {"a": 1, "b": 2}}, "evdist1": {"mu": 63.53}}
    whole = {
        "hnnlib": "1.0",
        "engine": "fast",
        "engine options": {"rates": "tables", "threads": 1},
        "launcher": "serial",
        "network": {"drives": drives, "connections": [{"weight": 0.1}, {"weight": 0.2}]},
        "run": {"tstop": 170.0, "n_trials": 5, "record": {"vsec": False}},
    }
    return whole | changes


def test_the_same_run_on_another_launcher_with_more_trials_and_threads():
    other = facts(launcher="joblib", run={**facts()["run"], "n_trials": 9}, trials=[3])
    assert run_differences(facts(), {**other, "engine options": {"rates": "tables", "threads": 4}}) == []


def test_differences_name_path_and_both_values():
    here = facts(hnnlib="2.0", run={"tstop": 170, "n_trials": 5, "record": {"vsec": "soma"}})
    here["network"]["drives"]["evdist1"]["mu"] = 70.0
    here["network"]["drives"]["more"] = None
    here["network"]["connections"][1]["weight"] = 0.3
    assert run_differences(facts(), here) == [
        "hnnlib is '1.0' there and '2.0' here",
        "record.vsec is False there and 'soma' here",
        "drives.evdist1.mu is 63.53 there and 70.0 here",
        "connections.1.weight is 0.2 there and 0.3 here",
    ]


def test_differences_of_lists_engines_and_order():
    here = facts(network={"drives": {}, "connections": [1]}, engine="neuron")
    found = run_differences(facts(), here)
    assert found[0] == "engine is 'fast' there and 'neuron' here"
    assert not any("rates" in text for text in found)
    assert any(text.startswith("connections is [{") and text.endswith("there and [1] here") for text in found)
    assert run_differences(facts(), facts(**{"engine options": {"rates": "exact"}})) == [
        "engine.rates is 'tables' there and 'exact' here"
    ]
    # the order of names decides gids
    turned = facts()
    turned["network"]["drives"] = dict(reversed(turned["network"]["drives"].items()))
    assert run_differences(facts(), turned) == [
        "the order of drives is evprox1, evdist1 there and evdist1, evprox1 here"
    ]
    assert run_differences({}, facts())[:2] == [
        "hnnlib is None there and '1.0' here",
        "engine is None there and 'fast' here",
    ]
