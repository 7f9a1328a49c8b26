"""The membrane as plain data: groups of sections, files, and what is refused, with its path."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, UnknownName
from hnnlib.base.schema import from_plain, to_plain
from hnnlib.embedding.membrane.biophysics import Biophysics, Membrane, read_biophysics, write_biophysics
from hnnlib.embedding.membrane.spatial import ExponentialRule, LinearRule, WindowRule

REACH = {"all": 400.0, "soma": 10.0, "apical": 400.0, "apical_trunk": 300.0, "apical_tuft": 400.0, "basal": 100.0}
LEAK = {"pas": {"g": 5e-5, "e": -70.0}}


@pytest.fixture
def layered() -> Biophysics:
    """A membrane in which each group says something that a more particular one changes."""
    ih = ExponentialRule(scale=1e-6, rate=3.0, relative_to="apical")
    return Biophysics(
        Ra=120.0,
        domains={
            "apical_tuft": Membrane(mechanisms={"pas": {"e": -65.0}, "cat": {"gbar": 1e-4}}),
            "apical": Membrane(cm=2.0, mechanisms={"ar": {"gbar": ih}, "pas": {"g": 9e-5}}),
            "all": Membrane(v0=-71.0, mechanisms=LEAK),
        },
        axon="none",
        notes="two\nlines",
    )


def test_the_particular_replaces_the_general(layered):
    x = np.array([310.0, 390.0])
    assert layered.groups_of("apical_tuft") == ["all", "apical", "apical_tuft"]
    found = layered.mechanisms("apical_tuft", x, REACH)
    assert list(found) == ["pas", "ar", "cat"]
    assert found["pas"] == {"g": 9e-5, "e": -65.0}
    assert found["cat"] == {"gbar": 1e-4}
    np.testing.assert_allclose(found["ar"]["gbar"], 1e-6 * np.exp(3.0 * x / 400.0))
    assert layered.mechanisms("basal", x, REACH) == LEAK
    assert layered.plain("apical_tuft") == {"Ra": 120.0, "cm": 2.0, "v0": -71.0}
    assert layered.plain("soma") == {"Ra": 120.0, "cm": 1.0, "v0": -71.0}


def test_a_domain_is_what_the_rule_is_given_for():
    rule = WindowRule(inside=1.0, begin=0.5, end=1.0, relative_to="domain")
    x = np.array([160.0, 240.0])
    for group, expected in (("apical_trunk", [1.0, 1.0]), ("apical", [0.0, 1.0]), ("all", [0.0, 1.0])):
        membrane = Biophysics(domains={group: Membrane(mechanisms={"ca": {"gbar": rule}})})
        np.testing.assert_array_equal(membrane.mechanisms("apical_trunk", x, REACH)["ca"]["gbar"], expected)


def test_plain_data_and_file_round_trip(layered, tmp_path):
    assert from_plain(Biophysics, to_plain(layered)) == layered
    write_biophysics(tmp_path / "mine.json", layered)
    assert read_biophysics(tmp_path / "mine.json") == layered
    assert json.loads((tmp_path / "mine.json").read_text())["notes"] == ["two", "lines"]
    bare = Biophysics(domains={})
    write_biophysics(tmp_path / "bare.json", bare)
    assert read_biophysics(tmp_path / "bare.json") == bare


@pytest.mark.parametrize("name", ["l5_detailed", "l23_detailed"])
def test_shipped_files_are_read(name):
    membrane = read_biophysics(name)
    assert {"all", "soma", "basal", "apical"} & set(membrane.domains)
    assert membrane.notes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"domains": {"tuft": {}}}, r"domains: 'tuft' is no domain"),
        ({"domains": {"soma": {"mechanisms": {"hh3": {}}}}}, r"domains\['soma'\].mechanisms: 'hh3' is no mechanism"),
        (
            {"domains": {"soma": {"mechanisms": {"hh2": {"gna": 1.0}}}}},
            r"domains\['soma'\].mechanisms\['hh2'\]: 'gna' is no parameter of hh2",
        ),
        (
            {"domains": {"soma": {"mechanisms": {"Exp2Syn": {}}}}},
            r"domains\['soma'\].mechanisms: 'Exp2Syn' is no density",
        ),
        (
            {"domains": {"soma": {"mechanisms": {"hh2": {"gl": {"kind": "linar", "near": 1.0}}}}}},
            r"domains\['soma'\].mechanisms\['hh2'\]\['gl'\].kind: 'linar' is no kind .* did you mean 'linear'",
        ),
        (
            {
                "domains": {
                    "soma": {"mechanisms": {"hh2": {"gl": {"kind": "window", "inside": 1, "begin": 2, "end": 1}}}}
                }
            },
            r"domains\['soma'\].mechanisms\['hh2'\]\['gl'\].end: 1.0 must be beyond begin",
        ),
        ({"domains": {"soma": {"cm": 0}}}, r"domains\['soma'\].cm: 0 must be > 0"),
        ({"axon": "long"}, r"axon: 'long' is no choice"),
        ({"celcius": 30.0}, r"'celcius' is no field of Biophysics .* did you mean 'celsius'"),
        ({"format": "other"}, "is no file of a cell's membrane"),
    ],
)
def test_bad_files_are_refused_with_the_path(tmp_path, change, message):
    file = tmp_path / "bad.json"
    file.write_text(json.dumps({"format": "hnnlib biophysics 1", "domains": {}, **change}))
    with pytest.raises(FileFormatError, match=message):
        read_biophysics(file)


def test_files_that_are_none_are_refused(tmp_path):
    with pytest.raises(MissingFile):
        read_biophysics(tmp_path / "none.json")
    with pytest.raises(UnknownName, match="l5_detailed"):
        read_biophysics("l5_detaild")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(FileFormatError):
        read_biophysics(tmp_path / "broken.json")


def test_a_conductance_must_not_be_negative_anywhere():
    falls = LinearRule(near=1.0, far=-1.0, end=300.0)
    x = np.array([0.0, 200.0])
    bad = Biophysics(domains={"apical": Membrane(mechanisms={"km": {"gbar": falls}})})
    with pytest.raises(InvalidValue, match=r"domains\['apical'\].mechanisms\['km'\]\['gbar'\]: .* must be >= 0 pS/um2"):
        bad.mechanisms("apical_trunk", x, REACH)
    # potentials may
    fine = Biophysics(
        domains={"apical": Membrane(mechanisms={"pas": {"e": LinearRule(near=-60.0, far=-80.0, end=300.0)}})}
    )
    assert fine.mechanisms("apical_trunk", x, REACH)["pas"]["e"][1] < -70


def test_no_such_domain(layered):
    with pytest.raises(UnknownName, match="did you mean 'apical_tuft'"):
        layered.plain("apical_taft")
