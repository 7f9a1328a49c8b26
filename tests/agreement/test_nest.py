"""The NEST engine against what its models' equations say, and as a guest in this process."""

from __future__ import annotations

import importlib.util
import os
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from hnnlib.backends.launch.joblib import JoblibLauncher
from hnnlib.backends.launch.mpi import MPILauncher
from hnnlib.backends.registry import make_engine
from hnnlib.base.errors import InvalidType, InvalidValue, MPIUnavailable, SimulationError, TrialFailed, UnknownName
from hnnlib.compile.circuit import compile_circuit
from hnnlib.plan.circuit import Circuit, EdgePopulation, NodePopulation
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import NetworkSpec, Population
from hnnlib.spec.points import PointCellSpec
from hnnlib.spec.run import Record, RunSpec

# found, not imported: whoever imports NEST without hnnlib's care lets it share symbols with all that follows
if importlib.util.find_spec("nest") is None:
    pytest.skip("NEST is not installed: pip install 'hnnlib[nest]'", allow_module_level=True)

from hnnlib.backends.nest.backend import NestBackend
from hnnlib.backends.nest.engine import NestEngine

DT = 0.1
LEAKY = {"E_L": -70.0, "V_m": -70.0, "V_reset": -70.0, "V_th": -55.0, "tau_m": 10.0, "C_m": 250.0, "t_ref": 2.0}
NOISY = {"Delta_V": 2.0, "lambda_0": 5.0, "V_T_star": -50.0, "E_L": -70.0, "V_reset": -65.0}


def plan_of(model="iaf_psc_delta", parameters=None, n=2, edges=(), fires=(), nodes=None, clamps=None, **run):
    """Return a plan of cells ``A``; edges are source, target, weight, delay, properties; -1 - k is drive cell k."""
    cell = PointCellSpec(model=model, parameters=LEAKY if parameters is None else parameters)
    network = NetworkSpec(
        populations={"A": Population(cell=cell, place=AtPoints(points=((0.0, 0.0, 0.0),) * n))},
        current_clamps=clamps or {},
    )
    cells = NodePopulation(name="A", node_type_id=[1] * n, dynamics_params=nodes or {})
    drive = NodePopulation(name="D", node_type_id=[2] * len(fires), node_types={2: {"model_type": "virtual"}})
    populations = {"A": cells, "D": drive} if fires else {"A": cells}
    tables = {}
    for name, rows in {
        "A": [e for e in edges if e[0] >= 0],
        "D": [(-1 - e[0], *e[1:]) for e in edges if e[0] < 0],
    }.items():
        if rows:
            tables[f"{name}_to_A"] = EdgePopulation(
                name=f"{name}_to_A",
                source=name,
                target="A",
                source_node_id=[e[0] for e in rows],
                target_node_id=[e[1] for e in rows],
                edge_type_id=range(len(rows)),
                edge_types={
                    i: {"syn_weight": e[2], "delay": e[3], **(e[4] if len(e) > 4 else {})} for i, e in enumerate(rows)
                },
            )
    times = np.concatenate([np.zeros(0), *(np.array(t, float) for t in fires)])
    ids = np.repeat(np.arange(len(fires)), [len(t) for t in fires]).astype(int)
    spec = RunSpec(**({"tstop": 20.0, "dt": DT, "record": Record(vsec="soma")} | run))
    trains = {"D": [(times, ids)] * spec.n_trials} if fires else {}
    return compile_circuit(Circuit(nodes=populations, edges=tables), network, spec, trains)


def ran(plan, trials=(0,), **options):
    engine = NestEngine(**options)
    assert engine.obstacles(plan) == []
    return engine.run(plan, list(trials)).trials


def voltage(plan, cell=0):
    return ran(plan)[0].samples["vsec"][:, cell]


# ------------------------------------------------------------------------------------------------- equations


def test_a_leaky_cell_decays_as_its_equation_says_to_the_last_sample():
    v = voltage(plan_of(parameters={**LEAKY, "V_m": -60.0}))
    times = np.arange(201) * DT
    assert len(v) == len(times)
    np.testing.assert_allclose(v, -70.0 + 10.0 * np.exp(-times / 10.0), rtol=1e-12)


def test_an_input_arrives_after_its_delay():
    v = voltage(plan_of(edges=[(-1, 0, 3.0, 1.5)], fires=[[5.0]]))
    assert v[64] == -70.0
    np.testing.assert_allclose(v[65:], -70.0 + 3.0 * np.exp(-np.arange(len(v) - 65) * DT / 10.0), rtol=1e-12)


def test_an_alpha_synapse_has_its_shape():
    tau, weight = 2.0, 500.0
    model = {**LEAKY, "tau_syn_ex": tau}
    v = voltage(plan_of("iaf_psc_alpha", model, edges=[(-1, 0, weight, 1.0)], fires=[[4.0]]))
    s = np.maximum(np.arange(201) * DT - 5.0, 0.0)
    rate = 1.0 / tau - 1.0 / 10.0  # of I = w e s/tau exp(-s/tau), through the membrane
    shape = (np.exp(-s / 10.0) - np.exp(-s / tau) * (1.0 + rate * s)) / rate**2
    np.testing.assert_allclose(v, -70.0 + weight * np.e / tau / 250.0 * shape, atol=1e-9)


def test_a_cell_is_refractory_and_others_hear_it():
    (trial,) = ran(plan_of(edges=[(-1, 0, 20.0, 1.0), (0, 1, 2.0, 1.0)], fires=[[1.0, 2.5, 3.1, 9.0]]))
    cells = trial.spike_gids < 2
    np.testing.assert_allclose(trial.spike_times_ms[cells], [2.0, 4.1, 10.0])  # 3.5 is within 2 ms of the first
    assert trial.samples["vsec"][30, 1] == pytest.approx(-68.0)


def test_a_connection_of_n_synapses_weighs_n_times():
    one = voltage(plan_of(edges=[(-1, 0, 1.5, 1.0, {"nsyns": 4})], fires=[[5.0]]))
    assert one[60] == pytest.approx(-70.0 + 6.0)


def test_ports_are_told_apart():
    parameters = {"tau_rise": (0.5, 0.5), "tau_decay": (5.0, 5.0), "E_rev": (0.0, -85.0), "E_L": -70.0, "V_m": -70.0}
    edges = [(-1, cell, 2.0, 1.0, {"dynamics_params": {"receptor_type": cell + 1}}) for cell in (0, 1)]
    record = Record(vsec="soma", states=("g_1", "g_2"))
    (trial,) = ran(plan_of("aeif_cond_beta_multisynapse", parameters, edges=edges, fires=[[5.0]], record=record))
    peak = {name: trial.samples[f"state:{name}"].max(axis=0) for name in ("g_1", "g_2")}
    np.testing.assert_allclose(peak["g_1"], [2.0, 0.0], rtol=1e-3)  # a weight is the peak conductance
    np.testing.assert_allclose(peak["g_2"], [0.0, 2.0], rtol=1e-3)
    v = trial.samples["vsec"]
    assert v[:, 0].max() > -69.0
    assert v[:, 1].min() < -70.3


def test_parameters_of_single_cells_and_vectors_as_long_as_there_are_cells():
    v = ran(plan_of(nodes={"V_m": np.array([-60.0, -65.0])}))[0].samples["vsec"]
    np.testing.assert_array_equal(v[0], [-60.0, -65.0])
    ports = {"tau_rise": (0.5, 1.0), "tau_decay": (5.0, 6.0), "E_rev": (0.0, -85.0)}  # two of each, for two cells
    assert len(ran(plan_of("aeif_cond_beta_multisynapse", ports))) == 1


def test_synapses_with_dynamics_and_parameters():
    depressing = {"model_template": "tsodyks2_synapse", "dynamics_params": {"U": 0.5, "tau_rec": 800.0}}
    v = voltage(plan_of(edges=[(-1, 0, 4.0, 1.0, depressing)], fires=[[2.0, 12.0]]))
    jump = np.diff(v)[[29, 129]]
    np.testing.assert_allclose(jump[0], 2.0, rtol=1e-6)
    assert jump[1] < 1.2  # half was used, and hardly any has come back


# ------------------------------------------------------------------------------------------------- the grid


def test_a_spike_at_the_end_of_the_run_counts():
    plan = plan_of(edges=[(-1, 0, 20.0, 1.0)], fires=[[9.0]], tstop=10.0)
    (trial,) = ran(plan)
    assert trial.spike_times_ms[trial.spike_gids == 0].tolist() == [10.0]
    assert ran(plan_of(edges=[(-1, 0, 20.0, 1.1)], fires=[[9.0]], tstop=10.0))[0].spike_gids.tolist() == [2]


def test_inputs_between_steps_act_at_the_next_and_at_zero_at_the_first():
    v = voltage(plan_of(edges=[(-1, 0, 3.0, 1.0), (-2, 0, 3.0, 1.0)], fires=[[5.01], [0.0]]))
    assert np.flatnonzero(np.diff(v) > 1.0).tolist() == [10, 60]


def test_models_with_exact_times_keep_them():
    model = {k: x for k, x in LEAKY.items() if k != "V_m"} | {"tau_syn_ex": 1.0}
    plan = plan_of(
        "iaf_psc_exp_ps",
        model,
        edges=[(-1, 0, 50_000.0, 1.0)],
        fires=[
            [5.013],
        ],
    )
    shifted = plan_of("iaf_psc_exp_ps", model, edges=[(-1, 0, 50_000.0, 1.0)], fires=[[5.063]])
    times = [ran(p)[0].spike_times_ms[1] for p in (plan, shifted)]
    assert times[0] > 6.013
    assert times[1] - times[0] == pytest.approx(0.05, abs=1e-9)


def test_currents_act_one_step_after_their_onset_and_from_the_start():
    clamps = {
        "early": CurrentClamp(cells={"A": (0,)}, amplitude=0.25, delay=0.0, duration=5.0),
        "late": CurrentClamp(cells={"A": (1,)}, amplitude=-0.1, delay=5.0),
    }
    (trial,) = ran(plan_of("iaf_psc_exp", {**LEAKY, "V_th": 0.0}, clamps=clamps))
    first, second = trial.samples["vsec"].T
    steps = np.arange(201)

    def driven(amplitude, on, off):
        """The membrane's answer (mV) to a current (pA) from one time to another (ms)."""
        t = steps * DT
        rise = lambda start: np.maximum(0.0, 1.0 - np.exp(-(t - start) / 10.0))  # noqa: E731
        return -70.0 + amplitude * 10.0 / 250.0 * (rise(on) - rise(off))

    np.testing.assert_allclose(first, driven(250.0, 2 * DT, 5.0 + DT), atol=1e-9)
    np.testing.assert_allclose(second, driven(-100.0, 5.0 + DT, 99.0), atol=1e-9)


def test_delays_off_the_grid_are_reported_once(caplog):
    edges = [(0, 1, 1.0, 0.25), (0, 1, 1.0, 0.33), (0, 1, 1.0, 1.0)]
    plan = plan_of(edges=edges, n_trials=2)
    engine = NestEngine()
    with caplog.at_level("WARNING", logger="hnnlib"):
        engine.obstacles(plan)
        engine.run(plan, [0, 1])
    assert [r.getMessage() for r in caplog.records] == [
        "NEST rounds delays to time steps of 0.1 ms: 2 of 3 connections change by more than 1 %, most from 0.25 to "
        "0.3 ms"
    ]


# ------------------------------------------------------------------------------------------------- a good guest


def noisy(**run):
    clamp = {"on": CurrentClamp(cells={"A": None}, amplitude=0.4)}
    return plan_of("gif_psc_exp", NOISY, n=20, clamps=clamp, tstop=100.0, **run)


def same(first, second):
    np.testing.assert_array_equal(first.spike_times_ms, second.spike_times_ms)
    np.testing.assert_array_equal(first.spike_gids, second.spike_gids)
    for name, samples in first.samples.items():
        np.testing.assert_array_equal(samples, second.samples[name])


def test_random_cells_are_random_by_seed_and_trial_only():
    plan = noisy(n_trials=2, seed=4)
    first, second = ran(plan, [0, 1])
    assert len(first.spike_times_ms) > 20
    assert first.spike_times_ms.tolist() != second.spike_times_ms.tolist()
    same(second, ran(plan, [1])[0])
    assert ran(noisy(seed=5))[0].spike_times_ms.tolist() != first.spike_times_ms.tolist()


def test_progress_is_told_and_changes_nothing():
    plan = noisy()
    told = []
    (trial,) = NestEngine().run(plan, [0], lambda number, t: told.append((number, t))).trials
    assert told[-1] == (0, 100.0)
    assert len(told) >= 10
    same(trial, ran(plan)[0])


def test_an_interrupted_run_leaves_no_trace():
    plan = noisy()
    before = ran(plan)[0]

    def interrupt(trial, t_ms):
        if t_ms > 50.0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        NestEngine().run(plan, [0], interrupt)
    same(ran(plan)[0], before)


def test_workers_do_the_same_as_this_process():
    plan = noisy(n_trials=3, seed=4)
    engine = NestEngine()
    alone = {t.trial: t for t in engine.run(plan, range(3)).trials}
    spread = [t for records in JoblibLauncher(2).run(engine, plan, range(3)) for t in records.trials]
    assert sorted(t.trial for t in spread) == [0, 1, 2]
    for trial in spread:
        same(trial, alone[trial.trial])


def test_modules_that_bring_an_hdf5_of_their_own_keep_it(tmp_path):
    pytest.importorskip("libsonata")
    # with the symbols that NEST shares, libsonata would use h5py's, and the file could not be opened by both
    code = """
import sys
from hnnlib.backends.nest.kernel import kernel
flags = sys.getdlopenflags()
kernel()
import h5py, libsonata, numpy as np
with h5py.File("nodes.h5", "w") as file:
    group = file.create_group("nodes/V1")
    for name in ("node_type_id", "node_group_id", "node_group_index"):
        group[name] = np.arange(3)
    group.create_group("0")["x"] = np.arange(3.0)
nodes = libsonata.NodeStorage("nodes.h5").open_population("V1")
with h5py.File("nodes.h5", "r") as file:
    print(len(file["nodes/V1/node_type_id"]), sys.getdlopenflags() == flags)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "3 True\n", done.stderr


def test_a_second_thread_is_refused():
    plan = noisy(n_trials=3, seed=4)
    engine = NestEngine()
    engine.run(plan, [0])
    with pytest.raises(SimulationError, match=r"can't run in two threads.*backend 'loky'"):
        list(JoblibLauncher(2, "threading").run(engine, plan, range(3)))


def test_ranks_have_whole_trials():
    plan = noisy(n_trials=2, seed=4)
    engine = NestEngine()
    try:
        launcher = MPILauncher(n_procs=2)
    except MPIUnavailable as error:
        pytest.skip(str(error))
    alone = engine.run(plan, range(2)).trials
    for records in launcher.run(engine, plan, range(2)):
        for trial in records.trials:
            same(trial, alone[trial.trial])
    with pytest.raises(InvalidValue, match="ranks_per_trial: 2 must be 1: the engine 'nest' computes a trial in one"):
        list(MPILauncher(n_procs=2, ranks_per_trial=2).run(engine, plan, range(2)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system can't fork")
def test_a_forked_process_is_refused():
    plan = noisy(n_trials=2)
    ran(plan)
    with pytest.raises(SimulationError, match=r"forked from one in which it runs; take .*loky"):
        list(JoblibLauncher(2, "multiprocessing").run(NestEngine(), plan, [0, 1]))


def test_nothing_is_printed_and_nothing_left_behind(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ran(plan_of(edges=[(-1, 0, 20.0, 1.0)], fires=[[5.0]]))
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_the_first_import_is_silent_too(tmp_path):
    code = "from hnnlib.backends.nest.kernel import kernel; kernel().reset(0.1, 1, 1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert (done.stdout, done.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_an_engine_travels():
    engine = pickle.loads(pickle.dumps(NestEngine(threads=2, dt=0.05, dipole="none")))
    given = {"threads": 2, "dt": 0.05, "dipole": "none"}
    assert {name: engine.options[name] for name in given} == given
    assert (engine.threads, engine.splits_trials) == (1, False)


def test_auto_means_nest_where_cells_are_points():
    assert make_engine("auto", plan_of()).name == "nest"
    with NestBackend(dt=0.05, n_jobs=2) as backend:
        assert backend.engine.dt == 0.05
        assert backend.launcher.n_jobs == 2


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"threads": 0}, InvalidValue),
        ({"threads": 1.5}, InvalidType),
        ({"dt": 0.0}, InvalidValue),
        ({"dipole": "kernels"}, UnknownName),
    ],
)
def test_arguments_are_checked(given, kind):
    with pytest.raises(kind):
        NestEngine(**given)


# ------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "iaf_psc_delt"}, "populations['A'].cell.model: 'iaf_psc_delt' is no model of a cell in NEST"),
        ({"model": "spike_generator"}, "'spike_generator' is no model of a cell in NEST"),
        ({"parameters": {"V_tt": 1.0}}, "populations['A'].cell.parameters: 'V_tt' is no parameter of iaf_psc_delta"),
        ({"parameters": {"V_th": -90.0}}, "populations['A'].cell: NEST: "),
        ({"nodes": {"C": np.ones(2)}}, "'C' is no parameter of iaf_psc_delta"),
        ({"record": Record(states=("g_1",))}, "'g_1' is no recordable of population 'A' (has V_m)"),
        ({"edges": [(0, 1, 1.0, 1.0, {"model_template": "stdp"})]}, "'stdp' is no model of a synapse in NEST"),
        ({"edges": [(0, 1, 1.0, 1.0, {"dynamics_params": {"U": 1.0}})]}, "'U' is no parameter of static_synapse"),
        ({"edges": [(0, 1, 1.0, 1.0, {"receptor_type": 3})]}, "connections['A_to_A:0'] onto 'A', port 3: NEST: "),
        ({"dt": 1 / 3, "tstop": 10 / 3}, "must be a multiple of 0.001 ms"),
    ],
)
def test_what_nest_refuses_is_told_before_the_run(change, message):
    (obstacle,) = NestEngine().obstacles(plan_of(**change))
    assert message in obstacle
    assert "hnnlib_" not in obstacle  # our copies of its models are our business


def test_a_suggestion_comes_with_a_misspelt_name():
    assert "did you mean 'iaf_psc_delta'?" in NestEngine().obstacles(plan_of("iaf_psc_delt"))[0]
    assert "did you mean 'V_th'?" in NestEngine().obstacles(plan_of(parameters={"V_tt": 1.0}))[0]


def test_negative_conductances_are_told_before_the_run():
    parameters = {"tau_rise": (0.5,), "tau_decay": (5.0,), "E_rev": (0.0,)}
    edges = [(0, 1, -1.0, 1.0, {"receptor_type": 1})]
    (obstacle,) = NestEngine().obstacles(plan_of("aeif_cond_beta_multisynapse", parameters, edges=edges))
    assert "connections['A_to_A:0'] onto 'A', port 1: weight -1" in obstacle


def test_cells_with_sections_are_refused(small_column):
    from hnnlib.compile.build import compile_plan

    found = NestEngine().obstacles(compile_plan(small_column, RunSpec(tstop=5.0)))
    assert len(found) == len(small_column.populations)
    assert "is made of cells with sections" in found[0]


def test_a_failure_in_the_run_names_its_trial():
    plan = plan_of("aeif_cond_exp", {}, clamps={"far": CurrentClamp(cells={"A": None}, amplitude=-1e9)})
    with pytest.raises(TrialFailed, match=r"trial 0 failed: NEST: .*numerical"):
        NestEngine().run(plan, [0])


def test_without_nest_one_line_says_how_to_get_it():
    code = """
        import sys
        sys.modules["nest"] = None
        import hnnlib as hn
        from hnnlib.base.errors import MissingPackage
        net = hn.jones_2009_model(mesh_shape=(2, 2))
        for use in (lambda: hn.NestEngine(), lambda: hn.simulate(net, tstop=1.0, engine="nest")):
            try:
                use()
            except MissingPackage as error:
                print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["nest-simulator is not installed: pip install 'hnnlib[nest]'"] * 2
