"""`read_params`: both flat dialects, and what is said about files that can't be read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hnnlib.base.errors import FileFormatError, InvalidType
from hnnlib.params.params import Params
from hnnlib.params.read import read_params

PUBLISHED = [
    "AlphaAndBeta",
    "ERPYes100Trials",
    "ERPYesSupraT",
    "OnlyRhythmicProx",
    "SRJ_2007_Fig5A_Super",
    "default",
    "gamma_L5weak_L2weak",
    "gamma_rhythmic_drive",
]


def write(folder: Path, name: str, text: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def test_both_dialects_give_the_same(tmp_path):
    items = {"tstop": 170, "t_evprox_1": 26.61, "gbar_evprox_1_L2Pyr_ampa": 7e-06, "sync_evinput": 1, "sim_prefix": "x"}
    from_json = read_params(write(tmp_path, "p.json", json.dumps(items)))
    lines = "".join(f"{name}:  {item} \r\n" for name, item in items.items())
    from_param = read_params(write(tmp_path, "P.PARAM", f"\n{lines}\n"))
    assert isinstance(from_json, Params)
    assert from_json == from_param == Params(items)
    assert from_json["tstop"] == 170
    assert type(from_param["tstop"]) is int
    assert from_json["dt"] == 0.025


def test_contents_may_be_given_instead_of_the_file():
    assert read_params("nowhere.json", '{"tstop": 3}')["tstop"] == 3
    assert read_params("nowhere.param", file_contents=b"\xef\xbb\xbftstop: 3.")["tstop"] == 3.0
    with pytest.raises(InvalidType):
        read_params("nowhere.json", 3)
    with pytest.raises(InvalidType):
        read_params(None, "{}")


@pytest.mark.parametrize("written", ["true", "True", "1", "1.0"])
def test_flags_of_param_files(written):
    assert read_params("p.param", f"sync_evinput: {written}")["sync_evinput"] == 1


def test_text_values_of_param_files_stay_text():
    params = read_params("p.param", "sim_prefix: 12\nspec_cmap: a: b")
    assert (params["sim_prefix"], params["spec_cmap"]) == ("12", "a: b")


def test_tonic_inputs_are_honoured():
    params = read_params("p.json", '{"Itonic_A_L5Pyr_soma": 0.5, "Itonic_A_L2Basket": 0.2, "Itonic_T_L2Basket": 90}')
    assert params["Itonic_*"] == {
        "Itonic_A_L5Pyr_soma": 0.5,
        "Itonic_A_L2Basket_soma": 0.2,
        "Itonic_T_L2Basket_soma": 90,
    }


def test_weights_without_a_receptor_hold_for_both():
    params = read_params("p.param", "t_evprox_1: 5\ngbar_evprox_1_L2Pyr: 0.1\ngbar_evprox_1_L2Pyr_nmda: 0.0")
    assert params["gbar_evprox_1_L2Pyr*"] == {"gbar_evprox_1_L2Pyr_ampa": 0.1, "gbar_evprox_1_L2Pyr_nmda": 0.0}


def test_evoked_inputs_need_not_be_numbered_without_gaps():
    params = read_params("p.json", '{"t_evdist_3": 10.0, "sigma_t_evdist_3": 2.0}')
    assert params["sigma_t_evdist_3"] == 2.0
    assert params["numspikes_evdist_3"] == 1
    assert "t_evdist_1" not in params


def test_leftovers_of_the_interface_are_left_out_without_a_word(recwarn):
    params = read_params("p.param", "expmt_groups: {a}\nprng_seedcore_opt: 3\nprng_seedcore_evdist_2: 0\nsave_dpl: 1")
    assert params == Params({"save_dpl": 1})
    assert not recwarn.list


def test_unknown_keys_are_listed_all_at_once():
    text = '{"dt": 0.05,\n "tstpo": 1,\n "sigma_evprox_1": 2, "t_evprox_1": 2, "gbar_evdist_1_L2Pyr_ampa": 0.1}'
    with pytest.raises(FileFormatError) as caught:
        read_params("my.json", text)
    message = str(caught.value)
    assert message.startswith("my.json, line 2: has 3 key(s)")
    for part in (
        "did you mean 'tstop'?",
        "did you mean 'sigma_t_evprox_1'?",
        "there is no 't_evdist_1'",
        "strict=False",
    ):
        assert part in message
    with pytest.warns(UserWarning, match=r"my\.json: left out 3 key") as caught_warnings:
        params = read_params("my.json", text, strict=False)
    assert len(caught_warnings) == 1
    assert caught_warnings[0].filename == __file__
    assert params == Params({"dt": 0.05, "t_evprox_1": 2})


@pytest.mark.parametrize(
    ("name", "text", "line", "reason"),
    [
        ("p.txt", "tstop: 1", None, "ends in .json or .param, not '.txt'"),
        ("p", "{}", None, "ends in .json or .param"),
        ("p.json", "", None, "is empty"),
        ("p.param", " \n\t\n", None, "is empty"),
        ("p.json", b'{"tstop": 1,\n"\xff\xfe": 2}', 2, "not text in UTF-8 (byte 0xff at 14)"),
        ("p.param", b"\x89HDF\r\n\x1a\n", 1, "not text in UTF-8"),
        ("p.json", '{"tstop": 1,\n "dt": 0.0', 2, "is the file cut off?"),
        ("p.json", '{"tstop": 1,\n "dt" 0.05}', 2, "column 7: not valid JSON: Expecting ':' delimiter"),
        ("p.json", "[1, 2]", 1, "holds a JSON list"),
        ("p.json", "null", 1, "holds a JSON NoneType"),
        ("p.json", '{"tstop": 1,\n"tstop": 2}', 2, "'tstop' stands there more than once"),
        ("p.param", "tstop: 1\ndt: 1\ntstop: 1", 3, "'tstop' stands there more than once"),
        ("p.param", "tstop: 1\n# a comment", 2, "expected 'key: value', found '# a comment'"),
        ("p.param", "tstop: 1\n: 3", 2, "expected 'key: value'"),
        ("p.json", '{"object_type": "Network", "N_pyr_x": 3}', None, "read_network_configuration()"),
        ("p.json", '{"object_type": "Dipole"}', None, "holds an object of type 'Dipole'"),
        ("p.json", '{\n"tstop": NaN}', 2, "tstop: nan must be a finite number > 0 ms"),
        ("p.json", '{"tstop": 1e999}', 1, "tstop: inf must be"),
        ("p.json", '{"tstop": ' + "1" * 5000 + "}", None, "not usable as JSON"),
        ("p.json", "[" * 100_000, None, "not usable as JSON"),
        ("p.json", '{"tstop": {"a": 1}}', 1, "tstop: {'a': 1} must be a finite number"),
        ("p.param", "dt: 1\ntstop: inf", 2, "tstop: inf must be"),
        ("p.param", "tstop:", 1, "tstop: '' must be a finite number"),
        ("p.param", "tstop: 1_0", 1, "tstop: '1_0' must be"),
        ("p.param", "N_trials: 1.5", 1, "N_trials: 1.5 must be a whole number >= 1"),
        (
            "p.param",
            "t_evprox_1: 1\ngbar_evprox_1_L2Pyr: -1",
            2,
            "gbar_evprox_1_L2Pyr: -1 must be a finite number >= 0",
        ),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path, name, text, line, reason):
    file = write(tmp_path, name, text)
    with pytest.raises(FileFormatError) as caught:
        read_params(file)
    assert caught.value.file == str(file)
    assert reason in caught.value.reason
    assert caught.value.line == line


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(FileFormatError, match="there is no such file"):
        read_params(tmp_path / "no.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(FileFormatError, match="is a folder"):
        read_params(tmp_path / "folder.json")
    with pytest.raises(FileFormatError, match="can't be read"):
        read_params("nul\0.json")


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_files_are_read_without_complaint(shared_dir, name, recwarn):
    file = shared_dir / "data" / "param" / f"{name}.param"
    params = read_params(file)
    assert not recwarn.list
    written = dict(line.split(": ", 1) for line in file.read_text().splitlines())
    left_out = {"expmt_groups", "prng_seedcore_opt", "prng_seedcore_evdist_2"}
    for key, text in written.items():
        if key not in left_out:
            assert params[key] == (text if key == "sim_prefix" else float(text))
    assert len(params) == len(Params(params)) == 242


def test_published_default_agrees_with_ours_but_for_seeds(shared_dir, param_dir):
    theirs = read_params(shared_dir / "data" / "param" / "default.param")
    ours = read_params(param_dir / "default.json")
    different = {key for key in ours if ours[key] != theirs[key]}
    assert different == set(ours["prng_seedcore_*"]) | {"T_pois"}
