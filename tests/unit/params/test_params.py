"""`Params`: a dict of known keys and checked values that understands wildcards."""

from __future__ import annotations

import copy
import json
import pickle
from fnmatch import fnmatchcase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnnlib.base.errors import InvalidType, InvalidValue, OutputError
from hnnlib.params.params import Params, UnknownParameter, evoked_names, evoked_stem, value
from hnnlib.params.read import read_params
from hnnlib.params.table import FIXED, lookup


@pytest.fixture
def params() -> Params:
    return Params({"t_evprox_1": 26.61, "t_evprox_2": 137.12, "t_evdist_1": 63.53, "gbar_L2Pyr_L5Pyr": 0.00025})


def test_missing_keys_get_defaults_and_inputs_are_found_by_their_times(params):
    assert params["tstop"] == 250.0
    assert len(params["*_evprox_2*"]) == 12
    assert len(params["*_evdist_1*"]) == 10
    assert "t_evdist_2" not in params
    assert len(Params()) == sum(key.listed for key in FIXED.values())


@pytest.mark.parametrize("wrong", [[], "tstop", 3, [("tstop", 1.0)]])
def test_only_a_mapping_will_do(wrong):
    with pytest.raises(InvalidType, match="must be a dict"):
        Params(wrong)


@pytest.mark.parametrize("wrong", [{"tstpo": 1.0}, {3: 1.0}, {"gbar_evprox_1_L2Pyr_ampa": 1.0}])
def test_unknown_and_orphaned_keys_are_refused(wrong):
    with pytest.raises(UnknownParameter):
        Params(wrong)


def test_reading_a_pattern_gives_the_matching_part(params):
    part = params["L2Pyr_soma*"]
    assert isinstance(part, Params)
    assert sorted(part) == [
        "L2Pyr_soma_L", "L2Pyr_soma_Ra", "L2Pyr_soma_cm", "L2Pyr_soma_diam", "L2Pyr_soma_el_hh2",
        "L2Pyr_soma_gbar_km", "L2Pyr_soma_gkbar_hh2", "L2Pyr_soma_gl_hh2", "L2Pyr_soma_gnabar_hh2",
    ]  # fmt: skip
    part["L2Pyr_soma_L"] = 1.0
    assert params["L2Pyr_soma_L"] == 22.1
    assert len(params["t_evprox_[12]"]) == 2
    assert params["tsto?"] == {"tstop": 250.0}


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("tsotp", "tstop"),
        ("gbar_evprox_1_L2Pir_ampa", "gbar_evprox_1_L2Pyr_ampa"),
        ("l2pyr*", "L2Pyr*"),
        ("*_amap", "*_ampa"),
        ("gbar_l*_gabaa", "gbar_L*_gabaa"),
        ("[q]*", None),
        ("", None),
        (7, None),
        (None, None),
    ],
)
def test_what_is_not_there_is_a_key_error_with_a_suggestion(params, name, suggestion):
    before = dict(params)
    with pytest.raises(KeyError) as reading:
        params[name]
    with pytest.raises(KeyError) as setting:
        params[name] = 0
    for error in (reading.value, setting.value):
        assert isinstance(error, UnknownParameter)
        assert error.suggestion == suggestion
        assert error.value == name
        assert str(error).startswith(f"params: {name!r} ")
    assert params == before


def test_setting_a_pattern_sets_every_match(params):
    params["gbar_L*"] = 0
    assert set(params["gbar_L*"].values()) == {0}
    assert len(params["gbar_L*"]) == 15
    params["*_ampa"] = 0.5
    assert params["gbar_evprox_1_L2Pyr_ampa"] == params["L5Pyr_Pois_A_weight_ampa"] == 0.5
    assert params["gbar_evprox_1_L2Pyr_nmda"] == 0


def test_a_pattern_that_can_not_be_set_everywhere_is_set_nowhere(params):
    before = dict(params)
    with pytest.raises(InvalidValue):
        params["*"] = 0
    with pytest.raises(InvalidValue):
        params.update({"tstop": 10.0, "gbar_L*": -1})
    assert params == before


@pytest.mark.parametrize(
    ("name", "wrong", "allowed"),
    [
        ("tstop", float("nan"), "must be a finite number > 0 ms"),
        ("tstop", float("inf"), "must be a finite number > 0 ms"),
        ("tstop", 10**400, "must be a finite number > 0 ms"),
        ("tstop", 0, "must be a finite number > 0 ms"),
        ("celsius", -float("inf"), "must be a finite number °C"),
        ("sigma_t_evprox_1", -1.0, "must be a finite number >= 0 ms"),
        ("gbar_L2Pyr_L5Pyr", -1e-9, "must be a finite number >= 0 µS"),
        ("N_trials", 2.5, "must be a whole number >= 1"),
        ("numspikes_evprox_1", 0, "must be a whole number >= 1"),
        ("prng_seedcore_extpois", float("nan"), "must be a whole number"),
        ("sync_evinput", 2, "must be true, false, 0 or 1"),
    ],
)
def test_values_out_of_range_are_refused(params, name, wrong, allowed):
    with pytest.raises(InvalidValue) as caught:
        params[name] = wrong
    assert not isinstance(caught.value, InvalidType)
    assert (caught.value.path, caught.value.allowed) == (f"params[{name!r}]", allowed)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("tstop", "170"),
        ("tstop", None),
        ("tstop", True),
        ("tstop", 1j),
        ("tstop", [1.0]),
        ("N_trials", True),
        ("sim_prefix", 3),
        ("sync_evinput", "yes"),
        ("record_vsec", "dend"),
        ("record_isec", None),
    ],
)
def test_values_of_the_wrong_type_are_refused(params, name, wrong):
    with pytest.raises(InvalidType):
        params[name] = wrong


@pytest.mark.parametrize(
    ("name", "item", "stored"),
    [
        ("N_trials", 3.0, 3),
        ("N_trials", np.int64(3), 3),
        ("tstop", np.float32(0.5), 0.5),
        ("tstop", 170, 170),
        ("sync_evinput", np.True_, True),
        ("sync_evinput", 1.0, 1),
        ("record_vsec", "all", "all"),
        ("prng_seedcore_extpois", -3, -3),
    ],
)
def test_values_become_plain_python(params, name, item, stored):
    params[name] = item
    assert params[name] == stored
    assert type(params[name]) is type(stored)


def test_a_new_evoked_input_starts_with_its_time(params):
    with pytest.raises(UnknownParameter, match="set 't_evprox_3' first"):
        params["sigma_t_evprox_3"] = 1.0
    params["t_evprox_3"] = 200.0
    params["sigma_t_evprox_3"] = 1.0
    assert evoked_names(params)[-1] == ("evprox3", "proximal")
    assert value(params, "numspikes_evprox_3") == 1


def test_names_of_older_files_set_what_they_stand_for(params):
    params["gbar_evprox_1_L2Pyr"] = 0.25
    assert params["gbar_evprox_1_L2Pyr_*"] == {"gbar_evprox_1_L2Pyr_ampa": 0.25, "gbar_evprox_1_L2Pyr_nmda": 0.25}
    assert "gbar_evprox_1_L2Pyr" not in params
    params["Itonic_A_L2Basket"] = 0.1
    assert params["Itonic_A_L2Basket"] == params["Itonic_A_L2Basket_soma"] == 0.1
    both = Params({"t_evprox_1": 1.0, "gbar_evprox_1_L2Pyr_nmda": 0.5, "gbar_evprox_1_L2Pyr": 0.1})
    assert (both["gbar_evprox_1_L2Pyr_ampa"], both["gbar_evprox_1_L2Pyr_nmda"]) == (0.1, 0.5)


def test_dict_methods_check_too(params):
    with pytest.raises(UnknownParameter):
        params.update(tstpo=3.0)
    with pytest.raises(InvalidType):
        params |= {"tstop": "3"}
    with pytest.raises(UnknownParameter):
        params.setdefault("tstpo", 3.0)
    params |= {"tstop": 3.0}
    assert params.setdefault("tstop", 5.0) == 3.0
    assert params.setdefault("record_ca", 1) == 1
    assert params.pop("tstop") == 3.0
    assert value(params, "tstop") == 250.0


@pytest.mark.parametrize("duplicate", [Params.copy, copy.copy, copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_copies_are_equal_and_independent(params, duplicate):
    for original in (params, params["gbar_ev*"]):
        twin = duplicate(original)
        assert type(twin) is Params
        assert twin == original
        twin["gbar_evdist_1_L2Pyr_ampa"] = 9.0
        assert original["gbar_evdist_1_L2Pyr_ampa"] == 0.0


def test_repr_is_sorted_indented_json(params):
    text = repr(params["T_*"])
    assert text == '{\n    "T_pois": -1\n}'
    assert list(json.loads(repr(params))) == sorted(params)


def test_write_is_atomic_and_says_what_is_wrong(params, tmp_path):
    file = tmp_path / "p.json"
    params.write(file)
    params["tstop"] = 99.0
    with pytest.raises(OutputError, match="exists already"):
        params.write(file, overwrite=False)
    assert read_params(file)["tstop"] == 250.0
    params.write(str(file))
    assert read_params(file) == params
    assert [entry.name for entry in tmp_path.iterdir()] == ["p.json"]
    with pytest.raises(OutputError):
        params.write(tmp_path / "no" / "p.json")
    for wrong in (tmp_path / "p.param", 3, None):
        with pytest.raises(InvalidValue, match=r"must be the path of a \.json file"):
            params.write(wrong)


def test_value_falls_back_to_older_keys_and_defaults():
    plain = {"gbar_evprox_1_L2Pyr": 0.3, "gbar_evprox_1_L5Pyr": 0.2, "gbar_evprox_1_L5Pyr_nmda": 0.1}
    assert value(plain, "gbar_evprox_1_L2Pyr_ampa") == 0.3
    assert value(plain, "gbar_evprox_1_L5Pyr_nmda") == 0.1
    assert value(plain, "gbar_evprox_1_L5Pyr_ampa") == 0.2
    assert value(plain, "gbar_evprox_1_L2Basket_ampa") == 0.0
    assert value({"Itonic_A_L5Basket": 0.4}, "Itonic_A_L5Basket_soma") == 0.4
    assert value({}, "Itonic_T_L5Pyr_soma") == -1.0
    with pytest.raises(UnknownParameter, match="did you mean 'tstop'"):
        value({}, "tsotp")
    with pytest.raises(InvalidType):
        value({"tstop": "x"}, "tstop")


def test_evoked_inputs_are_listed_in_the_order_networks_add_them():
    params = Params({f"t_{stem}": 1.0 for stem in ("evprox_2", "evprox_10", "evdist_1", "evprox_1")})
    assert evoked_names(params) == [
        ("evdist1", "distal"), ("evprox1", "proximal"), ("evprox10", "proximal"), ("evprox2", "proximal"),
    ]  # fmt: skip
    assert [evoked_stem(name) for name, _ in evoked_names(params)][2] == "evprox_10"
    assert evoked_names({}) == []


def _values(name: str):
    key = lookup(name)
    if key.kind == "text":
        return st.text(max_size=20)
    if key.kind == "integer":
        return st.integers(min_value=key.low if key.low is not None else -(2**40), max_value=2**40)
    if key.kind == "number":
        low = key.low if key.low is not None else key.above
        return st.floats(min_value=low, exclude_min=key.above is not None, allow_nan=False, allow_infinity=False)
    return st.sampled_from([True, False, 0, 1] + ["soma", "all"] * (key.kind == "record"))


@st.composite
def some_params(draw) -> Params:
    names = sorted(name for name, key in FIXED.items() if not key.dropped)
    params = Params({f"t_{stem}": 1.0 for stem in draw(st.sets(st.sampled_from(["evprox_1", "evprox_7", "evdist_2"])))})
    names += sorted(set(params) - set(names))
    for name in draw(st.lists(st.sampled_from(names), max_size=8, unique=True)):
        params[name] = draw(_values(name))
    return params


@given(params=some_params())
def test_what_is_written_is_read_back_exactly(params, tmp_path_factory):
    file = tmp_path_factory.mktemp("params") / "p.json"
    params.write(file)
    back = read_params(file)
    assert back == params
    assert {name: type(item) for name, item in back.items()} == {name: type(item) for name, item in params.items()}


@given(params=some_params(), data=st.data())
def test_patterns_read_and_set_what_the_shell_would_match(params, data):
    name = data.draw(st.sampled_from(sorted(params)))
    cut = data.draw(st.integers(0, len(name) - 1))
    pattern = data.draw(st.sampled_from([name[:cut] + "*", "*" + name[cut:], name[:cut] + "?" + name[cut + 1 :]]))
    expected = {key: item for key, item in params.items() if fnmatchcase(key, pattern)}
    assert name in expected
    assert params[pattern] == expected
    before = dict(params)
    try:
        params[pattern] = 1
    except InvalidType:
        assert any(lookup(key).kind == "text" for key in expected)
        assert params == before
    else:
        assert params == before | dict.fromkeys(expected, 1)
