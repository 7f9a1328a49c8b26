"""What HNN-core's own tests ask of it, as black-box recipes: those that need no simulation."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.compile.build import compile_plan
from hnnlib.spec.run import RunSpec

L2, L5 = "L2_pyramidal", "L5_pyramidal"
WEIGHTS = {"L2_basket": 0.01, L2: 0.02, L5: 0.03}


def plan_of(net, tstop=170.0, n_trials=1):
    return compile_plan(net.spec, RunSpec(tstop=tstop, n_trials=n_trials))


def contacts(net, source, target):
    """Return the edges from the cells of one population to those of another."""
    plan = plan_of(net)
    ranges = plan.populations.gid_ranges
    of_source = (plan.edges.source_gid >= ranges[source].start) & (plan.edges.source_gid < ranges[source].stop)
    of_target = (plan.edges.target_gid >= ranges[target].start) & (plan.edges.target_gid < ranges[target].stop)
    return plan.edges.take(of_source & of_target)


@pytest.fixture
def unconnected(hnn_core):
    return hnn_core.Network(hnn_core.read_params(param("default.json")))


@pytest.fixture
def small(hnn_core):
    return hnn_core.neymotin_2020_model(mesh_shape=(3, 3))


def param(name):
    import hnnlib

    return hnnlib.param_file(name)


def evoked(net, name="ev", **options):
    given = {"mu": 30.0, "sigma": 2.0, "numspikes": 1, "location": "distal", "weights_ampa": WEIGHTS, **options}
    net.add_evoked_drive(name, **given)


def test_rates_by_type_trial_and_cell(hnn_core):
    response = hnn_core.CellResponse(
        ["L2_basket", L2, "L5_basket", L5],
        [[2.3456, 7.89], [4.2812, 93.2]],
        [[1, 3], [5, 7]],
        [["L2_basket", L2], ["L5_basket", L5]],
    )
    gids = {"L2_basket": [1], L2: [3], "L5_basket": [5], L5: [7]}
    rate = 1000 / 98.3
    assert response.mean_rates(0.1, 98.4, gids) == pytest.approx(dict.fromkeys(gids, rate / 2))
    assert response.mean_rates(0.1, 98.4, gids, mean_type="trial") == {
        **dict.fromkeys(("L2_basket", L2), pytest.approx([rate, 0.0])),
        **dict.fromkeys(("L5_basket", L5), pytest.approx([0.0, rate])),
    }
    by_cell = response.mean_rates(0.1, 98.4, gids, mean_type="cell")
    assert np.allclose(by_cell["L2_basket"], [[rate], [0.0]])
    assert np.allclose(by_cell[L5], [[0.0], [rate]])


def test_spikes_written_and_read(hnn_core, tmp_path):
    response = hnn_core.CellResponse(
        ["L2_basket", L2], [[2.3456, 7.89], [4.2812, 93.2]], [[1, 3], [1, 3]], [["L2_basket", L2]] * 2
    )
    response.write(tmp_path / "spk_%d.txt")
    assert hnn_core.read_spikes(tmp_path / "spk_*.txt") == response
    for file in tmp_path.glob("spk_*.txt"):
        file.write_text("\n".join("\t".join(line.split("\t")[:2]) for line in file.read_text().splitlines()) + "\n")
    back = hnn_core.read_spikes(tmp_path / "spk_*.txt", gid_ranges={"L2_basket": range(1, 2), L2: range(3, 4)})
    assert [list(types) for types in back.spike_types] == [["L2_basket", L2]] * 2


def test_dipoles_written_and_read(hnn_core, tmp_path):
    times = np.arange(0, 2.0, 0.025)
    dipole = hnn_core.Dipole(times, np.random.default_rng(0).normal(size=(times.size, 3)))
    for name, time_error, moment_error in (("dpl.txt", 5.1e-4, 5.1e-5), ("dpl.hdf5", 0.0, 0.0)):
        dipole.write(tmp_path / name)
        back = hnn_core.read_dipole(tmp_path / name)
        np.testing.assert_allclose(back.times, dipole.times, rtol=0, atol=time_error)
        for layer in ("agg", "L2", "L5"):
            np.testing.assert_allclose(back.data[layer], dipole.data[layer], rtol=0, atol=moment_error)
    text = hnn_core.dipole._read_dipole_txt(tmp_path / "dpl.txt")
    np.testing.assert_allclose(text.data["agg"], dipole.data["agg"], rtol=0, atol=5.1e-5)


def test_averages(hnn_core):
    times = np.arange(0, 2.0, 0.025)
    dipole = hnn_core.Dipole(times, np.random.default_rng(0).normal(size=(times.size, 3)))
    average = hnn_core.average_dipoles([dipole, dipole])
    np.testing.assert_allclose(average.data["agg"], dipole.data["agg"])
    with pytest.raises(ValueError, match=r"0.*2"):
        hnn_core.average_dipoles([average, dipole])


def test_what_a_run_refuses(hnn_core, small):
    evoked(small)
    with pytest.raises(ValueError, match="n_trials"):
        hnn_core.simulate_dipole(small, tstop=10.0, n_trials=0)
    with pytest.raises(ValueError, match="abc"):
        hnn_core.simulate_dipole(small, tstop=10.0, record_vsec="abc")


def test_intervals_of_a_poisson_drive(small):
    small.add_poisson_drive("p", rate_constant=50.0, location="distal", weights_ampa=WEIGHTS)
    small._instantiate_drives(tstop=100_000.0)
    times = small.external_drives["p"]["events"][0][0]
    assert np.mean(np.diff(times)) == pytest.approx(20.0, abs=1.5)


def test_events_of_a_rhythmic_drive(small):
    small.add_bursty_drive(
        "b",
        tstart=10.0,
        tstop=510.0,
        burst_rate=10.0,
        burst_std=1.0,
        numspikes=2,
        location="distal",
        weights_ampa=WEIGHTS,
        n_drive_cells=3,
    )
    small._instantiate_drives(tstop=600.0)
    for events in small.external_drives["b"]["events"][0]:
        assert len(events) == 2 * (1 + (510 - 10 - 1) // 100)


def test_a_burst_longer_than_its_cycle(small):
    with pytest.raises(ValueError, match="Burst duration"):
        small.add_bursty_drive(
            "b", burst_rate=20.0, numspikes=5, spike_isi=20.0, location="distal", weights_ampa=WEIGHTS
        )


def test_drives_of_one_seed_and_of_two_trials(small):
    evoked(small, "one")
    evoked(small, "two")
    small._instantiate_drives(tstop=170.0, n_trials=2)
    first, second = (small.external_drives[name]["events"] for name in ("one", "two"))
    assert first == second  # HNN-core's seed of all drives is 2
    assert not set(np.ravel(first[0])) & set(np.ravel(first[1]))


def test_number_of_drive_cells(hnn_core):
    net = hnn_core.neymotin_2020_model()
    evoked(net)
    evoked(net, "prox", location="proximal", weights_ampa={**WEIGHTS, "L5_basket": 0.01})
    assert [len(net.gid_ranges[name]) for name in ("ev", "prox")] == [235, 270]


def test_pruned_drives_keep_exact_numbers(small):
    evoked(small, n_drive_cells=10, cell_specific=False, probability=0.5, weights_nmda=WEIGHTS)
    for target, n_cells in (("L2_basket", 3), (L2, 9), (L5, 9)):
        entries = [c for c in small.connectivity if (c["src_type"], c["target_type"]) == ("ev", target)]
        ampa, nmda = (c["gid_pairs"] for c in entries)
        assert ampa == nmda
        assert sum(map(len, ampa.values())) == round(n_cells * 10 * 0.5)
    evoked(small, "sparse", probability={"L2_basket": 0.1, L2: 0.25, L5: 0.5})
    kept = {
        c["target_type"]: sum(map(len, c["gid_pairs"].values()))
        for c in small.connectivity
        if c["src_type"] == "sparse"
    }
    assert kept == {"L2_basket": round(3 * 0.1), L2: round(9 * 0.25), L5: round(9 * 0.5)}


def test_contacts_of_a_connection(unconnected):
    unconnected.add_connection([35, 36], [35, 36], "proximal", "ampa", 0.01, 1.0, 1e9)
    edges = contacts(unconnected, L2, L2)
    assert len(edges) == 12
    np.testing.assert_allclose(edges.weight, 0.01, rtol=1e-12)
    unconnected.clear_connectivity()
    unconnected.add_connection([35, 36], [35, 36], "apical_trunk", "ampa", 0.01, 1.0, 3.0)
    assert len(contacts(unconnected, L2, L2)) == 4


def test_gains(small):
    before = {
        (s, t): contacts(small, s, t).weight for s, t in (("L2_basket", L2), ("L2_basket", "L2_basket"), (L2, L2))
    }
    changed = small.set_global_synaptic_gains(i_e=0.5, i_i=0.25, copy=True)
    assert small.get_global_synaptic_gains() == {"e_e": 1.0, "e_i": 1.0, "i_e": 1.0, "i_i": 1.0}
    for (source, target), gain in zip(before, (0.5, 0.25, 1.0), strict=True):
        np.testing.assert_array_equal(contacts(changed, source, target).weight, before[source, target] * gain)
    with pytest.warns(DeprecationWarning, match="set_global_synaptic_gains"):
        small.update_weights(e_e=2.0)
    assert small.get_global_synaptic_gains()["e_e"] == 2.0


def test_clearing(unconnected):
    for name in ("a", "b"):
        evoked(unconnected, name, weights_ampa={L2: 0.01, L5: 0.02})
    unconnected.add_connection("L2_basket", L2, "soma", "gabaa", 0.01, 1.0, 3.0)
    unconnected.clear_connectivity()
    assert len(unconnected.connectivity) == 4
    unconnected.clear_drives()
    assert len(unconnected.connectivity) == 0


def test_a_new_cell_type(unconnected):
    template = unconnected.cell_types["L2_basket"]
    copy = {"cell_object": template["cell_object"].copy(), "cell_metadata": dict(template["cell_metadata"])}
    copy["cell_object"].synapses["gabaa"]["tau1"] = 0.6
    unconnected._add_cell_type("new", [(float(i), 0.0, 0.0) for i in range(10)], copy)
    unconnected.add_connection("L2_basket", "new", "soma", "gabaa", 0.01, 1.0, 3.0)
    assert len(contacts(unconnected, "L2_basket", "new")) == 350
    new = next(t for t in plan_of(unconnected).templates if t.name == "new")
    assert new.sites.parameters[new.sites.receptors.index("gabaa")]["tau1"] == 0.6


def test_positions(small):
    evoked(small)
    small.set_cell_positions(inplane_distance=2.0)
    xy = np.unique(np.array(small.pos_dict[L5])[:, :2])
    assert np.all(np.diff(xy) == 2.0)
    small.set_cell_positions(layer_separation=1000.0)
    assert {p[2] for p in small.pos_dict[L2]} == {1000.0}
    assert np.unique(np.array(small.pos_dict[L2])[:, 0]).tolist() == [0.0, 2.0, 4.0]
    assert small.pos_dict["ev"][0] == small.pos_dict["origin"] == (2.0, 2.0, 500.0)


def test_picking_connections(hnn_core, unconnected):
    net = hnn_core.neymotin_2020_model(add_drives_from_params=True)
    for source, target in (("evdist1", L5), ("evprox1", "L2_basket")):
        picked = hnn_core.pick_connection(net, src_gids=source, target_gids=target)
        assert [(net.connectivity[i]["src_type"], net.connectivity[i]["target_type"]) for i in picked] == [
            (source, target)
        ] * 2
    evoked(unconnected)
    assert hnn_core.pick_connection(unconnected, src_gids="L2_basket", target_gids="L2_basket") == []


def test_the_first_connection_of_a_small_column(hnn_core):
    net = hnn_core.neymotin_2020_model(add_drives_from_params=True, mesh_shape=(3, 3))
    first = net.connectivity[0]
    assert (first["src_type"], first["target_type"], first["loc"], first["receptor"]) == (
        *("evdist1", "L2_basket"),
        *("distal", "ampa"),
    )
    assert first["src_gids"] == {24, 25, 26}
    assert first["target_gids"] == {0, 1, 2}
    expected = {"A_weight": 0.006562, "A_delay": 0.1, "lamtha": 3.0, "threshold": 0.0, "gain": 1.0}
    assert dict(first["nc_dict"]) == expected


def test_the_distance_rule(unconnected):
    unconnected.set_cell_positions(inplane_distance=1.0)
    unconnected.add_connection("L2_pyramidal", "L2_pyramidal", "apical_trunk", "ampa", 1.0, 1.0, 3.0)
    edges = contacts(unconnected, L2, L2)
    five = (edges.source_gid == 35) & (edges.target_gid == 35 + 5)  # (0, 0) to (0, 5)
    assert edges.weight[five] == pytest.approx(0.0622, abs=5e-5)
    assert edges.delay_ms[five] == pytest.approx(16.1, abs=0.05)


def test_pruned_pairs_are_exact(unconnected):
    unconnected.add_connection(
        range(35, 44), range(35, 44), "apical_trunk", "ampa", 1.0, 1.0, 3.0, probability=0.5, conn_seed=0
    )
    assert len(contacts(unconnected, L2, L2)) == 40


def test_numbers_of_contacts(hnn_core):
    net = hnn_core.neymotin_2020_model()
    assert len(contacts(net, L2, L2)) == 2 * 29_700  # nmda and ampa
    assert len(contacts(net, "L2_basket", "L2_basket")) == 1225
    assert len(plan_of(net).edges) == 189_215
    hnn_core.network_models.add_erp_drives_to_jones_model(net)
    assert len(plan_of(net).edges) == 191_025
    assert len(net.connectivity) == 30


def test_gids(hnn_core):
    net = hnn_core.neymotin_2020_model(add_drives_from_params=True)
    expected = {
        **{"L2_basket": (0, 35), L2: (35, 135), "L5_basket": (135, 170), L5: (170, 270)},
        **{"evdist1": (270, 505), "evprox1": (505, 775), "evprox2": (775, 1045)},
    }
    assert {name: (r.start, r.stop) for name, r in net.gid_ranges.items()} == expected
    assert len(net.connectivity) == 38


def test_first_events_of_the_published_seeds(hnn_core):
    net = hnn_core.neymotin_2020_model()
    hnn_core.network_models.add_erp_drives_to_jones_model(net)
    net._instantiate_drives(tstop=170.0)
    events = {name: list(net.external_drives[name]["events"][0]) for name in net.external_drives}
    assert events["evprox1"][0] == [pytest.approx(23.80641637082997, rel=1e-15)]
    assert events["evprox1"][269] == [pytest.approx(30.857310915553647, rel=1e-15)]
    assert events["evdist1"][0] == [pytest.approx(66.30498327062551, rel=1e-15)]
    assert events["evdist1"][234] == [pytest.approx(66.33129889343446, rel=1e-15)]
    assert events["evprox2"][0] == [pytest.approx(141.76252038319825, rel=1e-15)]
    assert events["evprox2"][269] == [pytest.approx(137.73942375578602, rel=1e-15)]


def test_laminar_contacts(hnn_core):
    contacts_at = [(1.0, 2.0, 1000.0), (2.0, 3.0, 3000.0), (3.0, 4.0, 5000.0), (4.0, 5.0, 7000.0)]
    array = hnn_core.extracellular.ExtracellularArray(
        contacts_at, times=np.arange(5.0), voltages=np.random.default_rng(0).normal(size=(1, 4, 5))
    )
    density = hnn_core.extracellular.calculate_csd2d(array.voltages[0], 2000.0)
    assert density.shape == (4, 5)


def test_smoothing_windows(hnn_core):
    smooth = hnn_core.utils.smooth_waveform
    assert len(smooth(np.ones(1200), 30.0, 40_000.0)) == 1200
    with pytest.raises(ValueError, match="30"):
        smooth(np.ones(1199), 30.0, 40_000.0)
    assert len(smooth(np.ones(10), 501.0, 1.0)) == 10
    with pytest.raises(ValueError, match="500"):
        smooth(np.ones(10), 500.0, 1.0)


def test_the_error_of_a_shifted_copy(hnn_core):
    times = np.arange(0, 50.0, 0.025)
    dipole = hnn_core.Dipole(times, np.sin(times))
    shifted = hnn_core.Dipole(times, np.sin(times) + 0.1)
    assert hnn_core.dipole._rmse(dipole, shifted, tstop=50.0) == pytest.approx(0.1)
    assert hnn_core.dipole._anticorr(dipole, shifted, tstop=50.0) == pytest.approx(0.0, abs=1e-12)


def test_more_ranks_than_cells(hnn_core, small):
    pytest.importorskip("mpi4py")
    with hnn_core.MPIBackend(n_procs=25), pytest.raises(ValueError, match="than there are cells"):
        hnn_core.simulate_dipole(small, tstop=10.0)


def test_a_broken_transport_of_mpi(hnn_core, small):
    pytest.importorskip("mpi4py")
    evoked(small)
    with pytest.raises(RuntimeError), hnn_core.MPIBackend(n_procs=2, mpi_cmd="false"):
        hnn_core.simulate_dipole(small, tstop=10.0)


def test_steps_of_an_evoked_fit(small):
    # HNN-core cuts a response into chunks, each with its drives, and ends with all of them
    from hnnlib import Problem, free_of_drives
    from hnnlib.optimization.stepwise import stepwise
    from hnnlib.optimization.waveform import RMSE
    from hnnlib.results.dipole import Dipole

    for name, mu in (("first", 20.0), ("second", 100.0)):
        evoked(small, name, mu=mu)
    free = free_of_drives(small, ["first", "second"])
    target = Dipole(np.arange(0.0, 150.0), np.zeros(150))
    search = stepwise(Problem(small, free, RMSE(target), tstop=150.0))
    assert [stage.drive for stage in search.stages] == ["first", "second"]
    columns = [k for stage in search.stages for k in stage.columns]
    assert sorted(columns) == list(range(len(free)))
    assert search.stages[0].weights[60] > 0.99  # the second is yet to come
    assert search.stages[0].weights[120] < 0.01


def test_renaming(small):
    evoked(small)
    before = small.copy()
    small._rename_cell_types({"L2_basket": "inhibitory"})
    assert "inhibitory" in small.gid_ranges
    assert small.external_drives["ev"]["target_types"][0] == "inhibitory"
    small._rename_cell_types({"inhibitory": "L2_basket"})
    assert small == before
    with pytest.raises(UnknownName):
        small._rename_cell_types({"L7_basket": "x"})
    with pytest.raises(InvalidValue):
        small._rename_cell_types({"L2_basket": L2})


def test_files_of_networks(hnn_core, small, tmp_path):
    evoked(small)
    small.add_tonic_bias(amplitude={L2: 0.1})
    small.write_configuration(tmp_path / "net.json")
    read = hnn_core.read_network_configuration
    assert read(tmp_path / "net.json") == small
    assert not read(tmp_path / "net.json", read_drives=False).external_drives
    assert not read(tmp_path / "net.json", read_external_biases=False).external_biases
    data = json.loads((tmp_path / "net.json").read_text())
    assert hnn_core.dict_to_network(data) == small
    with pytest.raises(ValueError, match="should encode a Network"):
        hnn_core.dict_to_network({**data, "object_type": "Params"})


def test_legacy_parameters_become_a_network_file(hnn_core, tmp_path):
    lines = [f"{key}: {value}" for key, value in json.loads(param("default.json").read_text()).items()]
    (tmp_path / "old.param").write_text("\n".join(lines))
    hnn_core.convert_to_json(tmp_path / "old.param", tmp_path / "new")
    net = hnn_core.read_network_configuration(tmp_path / "new.json")
    assert (len(net.external_drives), len(net.gid_ranges)) == (3, 7)
    with pytest.raises(ValueError, match=r"\.param"):
        hnn_core.convert_to_json(tmp_path / "old.txt", tmp_path / "new")
    with pytest.raises(TypeError):
        hnn_core.convert_to_json(3, tmp_path / "new")
