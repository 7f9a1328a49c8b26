"""The table of flat parameters."""

from __future__ import annotations

import attrs
import pytest

from hnnlib.params.params import check
from hnnlib.params.table import (
    CELL_NAMES,
    EVOKED,
    FIXED,
    SECTION_NAMES,
    canonical,
    default_of,
    evoked_input,
    evoked_keys,
    is_evoked_time,
    lookup,
)


def test_every_default_is_allowed_by_its_own_entry():
    for name, key in (FIXED | EVOKED).items():
        name = name.replace("_N", "_1") if name in EVOKED else name
        assert check(name, key.default) == key.default
        assert key.name.replace("_N", "_1") == name or key.name == name
        assert key.meaning
        assert key.group


def test_defaults_for_absent_keys():
    expected = {
        "tstop": 250, "dt": 0.025, "celsius": 37, "threshold": 0, "N_trials": 1, "dipole_scalefctr": 30000,
        "dipole_smooth_win": 15, "sync_evinput": 1, "t0_input_prox": 1000, "tstop_input_dist": 250, "f_input_prox": 10,
        "f_stdev_dist": 20, "events_per_cycle_prox": 2, "repeats_dist": 10, "input_prox_A_delay_L2": 0.1,
        "input_prox_A_delay_L5": 1.0, "input_dist_A_delay_L2": 5, "input_dist_A_delay_L5": 5, "t0_pois": 0,
        "T_pois": -1, "L2Pyr_Gauss_mu": 2000, "L2Basket_Gauss_sigma": 3.6, "L5Pyr_Gauss_sigma": 4.8,
        "L5Basket_Gauss_sigma": 2.0, "numspikes_evprox_3": 1, "t_evdist_1": 0, "prng_seedcore_evdist_4": 0,
        "gbar_evdist_2_L5Pyr_nmda": 0, "gbar_L5Pyr_L5Pyr_nmda": 0, "L5Pyr_Pois_lamtha": 0, "Itonic_A_L5Pyr_soma": 0,
    }  # fmt: skip
    assert {name: default_of(name) for name in expected} == expected


def test_cell_defaults_are_those_of_the_jones_2009_cells():
    expected = {
        "L2Pyr_soma_L": 22.1, "L2Pyr_apical1_diam": 4.08, "L2Pyr_dend_cm": 0.6195, "L2Pyr_dend_gnabar_hh2": 0.15,
        "L5Pyr_apical2_L": 680.0, "L5Pyr_basal3_diam": 8.5, "L5Pyr_dend_el_hh2": -71.0, "L5Pyr_soma_el_hh2": -65.0,
        "L5Pyr_dend_gbar_ar": 1e-6, "L5Pyr_soma_taur_cad": 20.0, "L5Pyr_gabab_tau2": 20.0, "L2Pyr_gabaa_e": -80.0,
    }  # fmt: skip
    assert {name: default_of(name) for name in expected} == expected
    assert lookup("L2Pyr_soma_gbar_ca") is None
    assert lookup("L2Pyr_apical2_L") is None


def test_distal_inputs_have_no_layer_5_basket_target():
    assert lookup("gbar_evprox_1_L5Basket_ampa") is not None
    assert lookup("gbar_evdist_1_L5Basket_ampa") is None
    assert lookup("input_dist_A_weight_L5Basket_ampa") is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("t_evprox_12", True),
        ("t_evprox_01", False),
        ("t_evprox_0", False),
        ("t_evprox_", False),
        ("t_evprox_1_", False),
        ("t_evprox_N", False),
        ("dt_evprox0_evdist", True),
        ("gbar_evprox_1_L2Pyr", False),
        ("", False),
    ],
)
def test_lookup(name, found):
    assert (lookup(name) is not None) is found


def test_keys_of_older_files_stand_for_those_of_today():
    assert canonical("gbar_evdist_2_L2Pyr") == ("gbar_evdist_2_L2Pyr_ampa", "gbar_evdist_2_L2Pyr_nmda")
    assert canonical("Itonic_t0_L5Basket") == ("Itonic_t0_L5Basket_soma",)
    for name in ("tstop", "gbar_L2Pyr_L2Pyr", "gbar_evdist_1_L5Basket", "nonsense", "Itonic_A_L2Pyr_soma"):
        assert canonical(name) == (name,)


def test_evoked_input_of_a_key():
    assert evoked_input("gbar_evprox_10_L2Pyr_ampa") == "evprox_10"
    assert evoked_input("t_evdist_2") == "evdist_2"
    assert evoked_input("dt_evprox0_evprox1") is None
    assert evoked_input("sync_evinput") is None
    assert is_evoked_time("t_evdist_2")
    assert not is_evoked_time("sigma_t_evdist_2")
    assert dict(evoked_keys("evdist_3")).keys() == {name.replace("_N", "_3") for name in EVOKED if "_evdist_N" in name}


def test_short_names_map_to_full_ones():
    assert list(CELL_NAMES.values()) == ["L2_basket", "L2_pyramidal", "L5_basket", "L5_pyramidal"]
    assert SECTION_NAMES["apicaloblique"] == "apical_oblique"


def test_the_table_can_not_be_changed():
    with pytest.raises(TypeError):
        FIXED["tstop"] = None
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        FIXED["tstop"].default = 1
