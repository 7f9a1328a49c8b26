"""HNN-core's batches and optimisers, played by hnnlib's: their files, bounds, seeds and both orders of callbacks."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from hnnlib.compat.install import install_as_hnn_core

TYPES = ("L2_basket", "L2_pyramidal", "L5_basket", "L5_pyramidal")
BOUNDS = {"mu": (10.0, 20.0), "weight": (0.001, 0.02)}


@pytest.fixture(scope="module")
def hnn_core():
    install_as_hnn_core()
    import hnn_core

    yield hnn_core
    for name in [name for name in sys.modules if name.split(".")[0] == "hnn_core"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def column(hnn_core):
    return hnn_core.neymotin_2020_model(mesh_shape=(2, 2))


def set_params(net, params):
    weights = dict.fromkeys(TYPES, params["weight"])
    net.add_evoked_drive(
        "ev",
        mu=params["mu"],
        sigma=1.0,
        numspikes=1,
        location="proximal",
        weights_ampa=weights,
        n_drive_cells="n_cells",
    )


def older_order(param_values, net):
    set_params(net, {"mu": 12.0, **param_values})


@pytest.fixture(scope="module")
def target(hnn_core, column):
    net = column.copy()
    set_params(net, {"mu": 13.0, "weight": 0.01})
    return hnn_core.simulate_dipole(net, tstop=25.0, verbose=False)[0]


def test_a_batch_its_summaries_and_files(hnn_core, column, tmp_path):
    def summary(results):
        return [float(r["dpl"][0].data["agg"].max()) for r in results]

    options = {"net": column, "tstop": 20.0, "batch_size": 2, "save_outputs": True, "summary_func": summary}
    batch = hnn_core.batch_simulate.BatchSimulate(older_order, save_folder=tmp_path, **options)
    out = batch.run({"weight": [0.001, 0.01], "mu": [5.0, 8.0]})
    assert [len(summaries) for summaries in out["summary_statistics"]] == [2, 2]
    assert [r["param_values"]["mu"] for r in out["simulated_data"]] == [5.0, 8.0, 5.0, 8.0]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["sim_run_0-2.npz", "sim_run_2-4.npz"]
    loaded = batch.load_all_results()
    assert loaded[1]["param_values"] == [{"weight": 0.01, "mu": 5.0}, {"weight": 0.01, "mu": 8.0}]
    np.testing.assert_array_equal(loaded[0]["dpl"][1][0].data["agg"], out["simulated_data"][1]["dpl"][0].data["agg"])
    zipped = hnn_core.batch_simulate.BatchSimulate(set_params, clear_cache=True, **{**options, "save_outputs": False})
    out = zipped.run({"weight": [0.001, 0.01], "mu": [5.0, 8.0]}, combinations=False)
    assert list(out) == ["summary_statistics"]
    assert len(out["summary_statistics"][0]) == 2
    kept = hnn_core.batch_simulate.BatchSimulate(older_order, save_folder=tmp_path, overwrite=False, **options)
    with pytest.raises(FileExistsError):
        kept.run({"weight": [0.001, 0.01]})
    with pytest.raises(ValueError, match="loki"):
        kept.run({"weight": [0.001]}, backend="loki")


@pytest.mark.parametrize(("solver", "max_iter"), [("cobyla", 25), ("bayesian", 9), ("cma", 4)])
def test_every_solver_keeps_each_parameter_within_its_own_bounds(hnn_core, column, target, solver, max_iter):
    seen = []

    def watched(net, params):
        seen.append(dict(params))
        set_params(net, params)

    if solver != "cobyla":
        pytest.importorskip({"cma": "cma", "bayesian": "bayes_opt"}[solver])
    optimizer = hnn_core.optimization.Optimizer(
        column, tstop=25.0, constraints=BOUNDS, set_params=watched, solver=solver, max_iter=max_iter,
        initial_params={"weight": 0.003, "mu": 16.0},  # in another order than the constraints
    )  # fmt: skip
    assert repr(optimizer).endswith("fit=False>")
    optimizer.fit(target=target, popsize=5)
    assert repr(optimizer).endswith("fit=True>")
    # HNN-core held every parameter of COBYLA to the bounds of the last one
    for name, (low, high) in BOUNDS.items():
        values = np.array([params[name] for params in seen])
        assert values.min() >= low
        assert values.max() <= high
    assert seen[0] == {"mu": 16.0, "weight": pytest.approx(0.003)}
    assert 0 < len(optimizer.obj_) <= max_iter
    assert np.all(np.diff(optimizer.obj_) <= 0)
    begun = column.copy()
    set_params(begun, {"mu": 16.0, "weight": 0.003})
    (dipole,) = hnn_core.simulate_dipole(begun, tstop=25.0, verbose=False)
    assert optimizer.obj_[-1] < hnn_core.dipole._rmse(dipole, target, tstop=25.0)
    assert optimizer.net_.external_drives["ev"]["dynamics"]["mu"] == optimizer.opt_params_[0]
    table = hnn_core.optimization.generate_opt_history_table(optimizer)
    assert f"solver {solver}" in table
    assert f"{optimizer.obj_[-1]:14.6g}" in table


def test_seeds_of_cma(hnn_core, column, target):
    pytest.importorskip("cma")

    def fitted(seed):
        optimizer = hnn_core.optimization.Optimizer(column, 25.0, BOUNDS, set_params, solver="cma", max_iter=2)
        optimizer.fit(target=target, popsize=4, seed=seed)
        return optimizer.obj_, optimizer.opt_params_

    assert fitted(1) == fitted(1) != fitted(2)


def test_other_objectives(hnn_core, column, target):
    def fitted(obj_fun, **kwargs):
        optimizer = hnn_core.optimization.Optimizer(
            column, 25.0, BOUNDS, set_params, solver="cobyla", obj_fun=obj_fun, max_iter=4
        )
        optimizer.fit(**kwargs)
        return optimizer.obj_

    assert 0 <= fitted("dipole_corr", target=target)[-1] <= 2
    assert -1 <= fitted("maximize_psd", f_bands=[(30, 90), (90, 130)], relative_bandpower=[0.5, 0.5])[-1] < 0
    highest = fitted("custom", loss_fun=lambda dpls, kwargs: -float(dpls[0].data["agg"].max()))
    assert highest[-1] < 0
    with pytest.raises(ValueError, match="one number for each"):
        fitted("maximize_psd", f_bands=[(30, 90)], relative_bandpower=[0.5, 0.5])
    with pytest.raises(TypeError, match="loss_fun"):
        fitted("custom")


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"solver": "newton"}, ValueError, "newton"),
        ({"obj_fun": "dipole_rms"}, ValueError, "did you mean 'dipole_rmse'"),
        ({"initial_params": [1.0, 2.0]}, TypeError, "must be a dict"),
        ({"initial_params": {"mu": 12.0}}, ValueError, "must have the keys"),
        ({"initial_params": {"mu": "12", "weight": 0.01}}, TypeError, "must be a number"),
        ({"initial_params": {"mu": 42.0, "weight": 0.01}}, ValueError, "between 10 and 20"),
        ({"constraints": {"mu": (20.0, 10.0)}}, ValueError, "low < high"),
    ],
)
def test_what_an_optimizer_refuses(hnn_core, column, change, error, match):
    given = {"initial_net": column, "tstop": 25.0, "constraints": BOUNDS, "set_params": set_params, **change}
    with pytest.raises(error, match=match):
        hnn_core.optimization.Optimizer(**given)


def test_evoked_drives_are_fitted_and_others_left_alone(hnn_core, column, target):
    net = column.copy()
    set_params(net, {"mu": 15.0, "weight": 0.008})
    net.add_evoked_drive(
        "later", mu=40.0, sigma=1.0, numspikes=1, location="proximal", weights_ampa={"L2_basket": 0.001}
    )
    fitted, losses = hnn_core.optimization.optimize_evoked(
        net, 25.0, 1, target, maxiter=12, which_drives=["ev"], return_rmse=True
    )
    assert min(losses) < losses[0]
    before, after = (n.external_drives["ev"]["dynamics"]["mu"] for n in (net, fitted))
    assert before == 15.0 != after
    assert fitted.spec.drives["later"] == net.spec.drives["later"]
    untouched = hnn_core.optimization.optimize_evoked(net, 25.0, 1, target, maxiter=0)
    assert untouched == net
    with pytest.raises(ValueError, match="evprx"):
        hnn_core.optimization.optimize_evoked(net, 25.0, 1, target, which_drives=["evprx"])
