"""The parameter files that come with hnnlib say what their papers and HNN-core 0.6.1 say."""

from __future__ import annotations

import json

import pytest

from hnnlib.params.params import Params, evoked_names, value
from hnnlib.params.read import read_params
from hnnlib.params.table import CELL_NAMES, FIXED

# Key of each local connection's weight, in the order of the network's connections 0 to 15.
CONNECTIONS = (
    "gbar_L2Pyr_L2Pyr_nmda", "gbar_L2Pyr_L2Pyr_ampa", "gbar_L5Pyr_L5Pyr_nmda", "gbar_L5Pyr_L5Pyr_ampa",
    "gbar_L2Basket_L2Pyr_gabaa", "gbar_L2Basket_L2Pyr_gabab", "gbar_L5Basket_L5Pyr_gabaa",
    "gbar_L5Basket_L5Pyr_gabab", "gbar_L2Pyr_L5Pyr", "gbar_L2Pyr_L5Pyr", "gbar_L2Basket_L5Pyr",
    "gbar_L2Pyr_L2Basket", "gbar_L2Basket_L2Basket", "gbar_L5Basket_L5Basket", "gbar_L5Pyr_L5Basket",
    "gbar_L2Pyr_L5Basket",
)  # fmt: skip
DEFAULT_WEIGHTS = (
    0.0005, 0.0005, 0.0005, 0.0005, 0.05, 0.05, 0.025, 0.025, 0.00025, 0.00025, 0.001, 0.0005, 0.02, 0.02, 0.0005,
    0.00025,
)  # fmt: skip


def evoked(t, sigma, ampa, nmda=(0, 0, 0, 0)):
    """Return what describes one evoked input; weights are for L2 basket, L2 pyramidal, L5 basket, L5 pyramidal."""
    return {"t": t, "sigma_t": sigma, "ampa": ampa, "nmda": nmda}


def evoked_of(params: Params, stem: str):
    def weights(receptor):
        cells = [cell for cell in CELL_NAMES if "evprox" in stem or cell != "L5Basket"]
        return tuple(params[f"gbar_{stem}_{cell}_{receptor}"] for cell in cells)

    return evoked(params[f"t_{stem}"], params[f"sigma_t_{stem}"], weights("ampa"), weights("nmda"))


@pytest.mark.parametrize("name", ["default", "gamma_L5weak_L2weak", "N20"])
def test_files_are_complete_and_as_they_are_written(param_dir, name):
    text = (param_dir / f"{name}.json").read_text()
    params = read_params(param_dir / f"{name}.json")
    assert f"{params!r}\n" == text
    assert params["sim_prefix"] == name


def test_default_is_the_listing_that_users_know(shared_dir, param_dir):
    pages = [file for file in sorted((shared_dir / "seeds").glob("002_*.txt")) if "print(params)" in file.read_text()]
    if not pages:
        pytest.skip("the page with the listing is not at hand")
    text = pages[0].read_text()
    listing, _ = json.JSONDecoder().raw_decode(text[text.index('{\n"L2Basket_Gauss') :])
    params = read_params(param_dir / "default.json")
    assert repr(params) == json.dumps(listing, indent=4, sort_keys=True)
    assert len(params) == 230


def test_default_values(param_dir):
    params = read_params(param_dir / "default.json")
    assert {name: params[name] for name in ("tstop", "dipole_scalefctr", "dipole_smooth_win", "sync_evinput")} == {
        "tstop": 170,
        "dipole_scalefctr": 3000,
        "dipole_smooth_win": 30,
        "sync_evinput": False,
    }
    assert set(params["prng_seedcore_*"].values()) == {2}
    assert tuple(params[key] for key in CONNECTIONS) == DEFAULT_WEIGHTS
    assert evoked_names(params) == [("evdist1", "distal"), ("evprox1", "proximal"), ("evprox2", "proximal")]
    assert evoked_of(params, "evprox_1") == evoked(26.61, 2.47, (0.08831, 0.01525, 0.19934, 0.00865))
    assert evoked_of(params, "evprox_2") == evoked(137.12, 8.33, (3e-6, 1.43884, 0.008958, 0.684013))
    assert evoked_of(params, "evdist_1") == evoked(
        63.53, 3.85, (0.006562, 7e-6, 0.1423), (0.019482, 0.004317, 0.080074)
    )
    # Rhythmic inputs end before they could start; Poisson input ends before its start.
    assert params["tstop"] < params["t0_input_prox"] == params["t0_input_dist"]
    assert params["T_pois"] < params["t0_pois"]


def test_default_differs_from_the_table_only_where_it_should(param_dir):
    params = read_params(param_dir / "default.json")
    different = {name for name in params if name in FIXED and params[name] != FIXED[name].default}
    assert different == {
        "tstop", "dipole_scalefctr", "dipole_smooth_win", "sync_evinput", "tstop_input_prox", "tstop_input_dist",
        "prng_seedcore_extgauss", "prng_seedcore_extpois", "prng_seedcore_input_dist", "prng_seedcore_input_prox",
        *CONNECTIONS,
    }  # fmt: skip


def test_gamma_differs_from_default_only_where_it_should(param_dir):
    gamma = read_params(param_dir / "gamma_L5weak_L2weak.json")
    default = read_params(param_dir / "default.json")
    assert gamma.keys() == default.keys()
    different = {key: gamma[key] for key in gamma if gamma[key] != default[key] and not key.startswith("gbar_")}
    assert different == {
        "sim_prefix": "gamma_L5weak_L2weak", "tstop": 250, "dipole_scalefctr": 30000, "dipole_smooth_win": 0,
        "sync_evinput": 1, "t_evprox_1": 2000, "t_evprox_2": 2000, "t_evdist_1": 2000, "sigma_t_evprox_1": 2.5,
        "sigma_t_evprox_2": 7, "sigma_t_evdist_1": 6, "L2Pyr_Pois_A_weight_ampa": 8e-4, "L2Pyr_Pois_lamtha": 140,
        "L5Pyr_Pois_A_weight_ampa": 7.5e-3, "L5Pyr_Pois_lamtha": 40, "T_pois": 250, "prng_seedcore_extpois": -3,
        "prng_seedcore_evprox_1": 0, "prng_seedcore_evprox_2": 0, "prng_seedcore_evdist_1": 0,
    }  # fmt: skip
    assert set(gamma["gbar_ev*"].values()) == {0}


def test_gamma_weights_are_those_of_the_reference_network(param_dir, reference):
    gamma = read_params(param_dir / "gamma_L5weak_L2weak.json")
    _, meta = reference("digest_gamma_params")
    templates = meta["connections"]
    assert len(templates) == len(CONNECTIONS) == 16
    assert [gamma[key] for key in CONNECTIONS] == [template["template"]["weight"] for template in templates]


def test_gamma_inputs_are_those_of_the_reference_drives(param_dir, reference):
    gamma = read_params(param_dir / "gamma_L5weak_L2weak.json")
    _, meta = reference("drive_events_params_gamma")
    assert meta["tstop_ms"] == gamma["tstop"]
    assert sorted(meta["drives"]) == [*(name for name, _ in evoked_names(gamma)), "extpois"]
    first_gid = {name: start for name, (start, _) in meta["gid_ranges"].items()}
    for name, location in evoked_names(gamma):
        drive, stem = meta["drives"][name], f"{name[:6]}_{name[6:]}"
        assert drive["location"] == location
        assert drive["n_drive_cells"] == gamma["sync_evinput"] == 1
        assert drive["event_seed"] == gamma[f"prng_seedcore_{stem}"] + first_gid[name]
        found = {"mu": gamma[f"t_{stem}"], "sigma": gamma[f"sigma_t_{stem}"], "numspikes": gamma[f"numspikes_{stem}"]}
        assert found == drive["dynamics"]
        for short, full in CELL_NAMES.items():
            for receptor in ("ampa", "nmda"):
                if full in drive[f"weights_{receptor}"]:
                    assert value(gamma, f"gbar_{stem}_{short}_{receptor}") == drive[f"weights_{receptor}"][full]
    poisson = meta["drives"]["extpois"]
    assert poisson["event_seed"] == gamma["prng_seedcore_extpois"] + first_gid["extpois"]
    assert (poisson["dynamics"]["tstart"], poisson["dynamics"]["tstop"]) == (gamma["t0_pois"], gamma["T_pois"])
    for short, full in CELL_NAMES.items():
        rate = gamma[f"{short}_Pois_lamtha"]
        assert poisson["dynamics"]["rate_constant"][full] == (rate if rate > 0 else 1)
        for receptor in ("ampa", "nmda"):
            assert poisson[f"weights_{receptor}"][full] == gamma[f"{short}_Pois_A_weight_{receptor}"]


def test_n20_values(param_dir):
    params, default = read_params(param_dir / "N20.json"), read_params(param_dir / "default.json")
    different = {key: params[key] for key in params if "_ev" not in key and params[key] != default[key]}
    assert different == {
        "sim_prefix": "N20", "N_trials": 100, "dipole_scalefctr": 12, "dipole_smooth_win": 20,
        "gbar_L2Pyr_L2Pyr_ampa": 2e-4, "gbar_L2Pyr_L2Pyr_nmda": 2e-4, "gbar_L2Pyr_L5Pyr": 2e-4,
        "gbar_L2Basket_L5Pyr": 2e-3, "gbar_L5Pyr_L5Pyr_ampa": 1e-3, "gbar_L5Basket_L5Pyr_gabaa": 0.02,
        "gbar_L5Basket_L5Pyr_gabab": 0.06,
    }  # fmt: skip
    assert params["sync_evinput"]
    assert evoked_names(params) == [("evdist1", "distal"), ("evdist2", "distal"), ("evprox1", "proximal")]
    assert params["t_ev*"] == {"t_evprox_1": 20, "t_evdist_1": 32, "t_evdist_2": 82}
    assert set(params["sigma_t_ev*"].values()) == {3}
    assert set(params["prng_seedcore_ev*"].values()) == {4}
