"""What the catalogue says agrees with the NMODL files, read without a simulator."""

from __future__ import annotations

import pickle
import subprocess
import sys

import pytest

from hnnlib.base.errors import FileFormatError, UnknownName
from hnnlib.base.resources import mod_dir
from hnnlib.mechanisms.catalogue import Parameter, catalogue, lookup, read_mechanism

EXAMPLE = """
COMMENT
NEURON { SUFFIX wrong }
ENDCOMMENT
NEURON {
    THREADSAFE  : SUFFIX worse
    POINT_PROCESS Gap
    USEION k READ ek, ki WRITE ik VALENCE 1
    USEION ca WRITE cai
    NONSPECIFIC_CURRENT i
    RANGE g,
          e
    RANGE i ? a remark
}
PARAMETER {
    g = 1e-3 (uS)
    e = -5. (mV)       : reversal
    ratio = 3          : not RANGE, so it can't differ between instances
    celsius (degC)
}
VERBATIM
PARAMETER { h = 1 }
ENDVERBATIM
"""


def test_the_channels_of_the_column_are_there():
    kinds = {name: m.kind for name, m in catalogue().items()}
    assert {name for name, kind in kinds.items() if kind == "density"} >= {
        *("hh2", "km", "ca", "cad", "cat", "ar", "kca", "pas")
    }
    assert {kinds["Exp2Syn"], kinds["ExpSyn"]} == {"point"}
    assert kinds["EventSource"] == "artificial"
    assert "LinearProbe" not in kinds


def test_defaults_units_and_ions_are_those_of_the_files():
    hh2 = lookup("hh2")
    assert hh2.parameters == {
        "gnabar": Parameter(0.12, "S/cm2"),
        "gkbar": Parameter(0.036, "S/cm2"),
        "gl": Parameter(0.0003, "S/cm2"),
        "el": Parameter(-54.3, "mV"),
    }
    assert (hh2.reads, hh2.writes) == (("ena", "ek"), ("ina", "ik"))
    assert (lookup("cad").reads, lookup("cad").writes) == (("ica",), ("cai",))
    assert (lookup("ca").reads, lookup("kca").reads) == (("cai", "cao"), ("ek", "cai"))
    assert lookup("km").parameters == {"gbar": Parameter(0.0, "pS/um2")}
    assert lookup("cad").parameter("taur") == Parameter(200.0, "ms")


def test_every_parameter_of_ours_has_a_unit():
    own = [read_mechanism(file) for file in mod_dir().glob("*.mod")]
    assert [f"{m.name}.{name}" for m in own for name, p in m.parameters.items() if not p.unit] == []


def test_reader_sees_through_comments_lists_and_embedded_code(tmp_path):
    file = tmp_path / "gap.mod"
    file.write_text(EXAMPLE)
    mechanism = read_mechanism(file)
    assert (mechanism.name, mechanism.kind) == ("Gap", "point")
    assert mechanism.parameters == {"g": Parameter(1e-3, "uS"), "e": Parameter(-5.0, "mV")}
    assert (mechanism.reads, mechanism.writes) == (("ek", "ki"), ("ik", "cai"))


@pytest.mark.parametrize("text", ["not NMODL", "NEURON { RANGE g }"])
def test_a_file_that_is_no_mechanism_is_refused(tmp_path, text):
    file = tmp_path / "x.mod"
    file.write_text(text)
    with pytest.raises(FileFormatError, match=r"x\.mod"):
        read_mechanism(file)


def test_a_misspelt_name_is_refused_with_a_suggestion():
    with pytest.raises(UnknownName, match=r"cells\['a'\]: 'hh3' is no mechanism .*did you mean 'hh2'"):
        lookup("hh3", "cells['a']")
    with pytest.raises(UnknownName, match=r"'gnbar' is no parameter of hh2 .*did you mean 'gnabar'"):
        lookup("hh2").parameter("gnbar")


def test_mechanisms_can_be_sent_to_another_process():
    assert pickle.loads(pickle.dumps(lookup("ca"))) == lookup("ca")


def test_reading_needs_no_simulator():
    code = "import sys; from hnnlib.mechanisms.catalogue import catalogue; catalogue(); print('neuron' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
