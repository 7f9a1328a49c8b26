"""Compiled kernels: once per machine, for its processor, on any processor; elementary functions to the last bits."""

from __future__ import annotations

import ctypes
import stat
import subprocess
import sys

import numpy as np
import pytest

from hnnlib.backends.fast import build
from hnnlib.base.errors import MechanismBuildError

PORTABLE = tuple(flag for flag in build._FLAGS if not flag.startswith("-O"))
# what the compiler is told: nothing of the processor, an older one, this one
FLAGS = {"SSE2": (*PORTABLE, "-O2"), "AVX2": (*PORTABLE, "-O2", "-mavx2", "-mfma"), "native": None}

needs_compiler = pytest.mark.skipif(build.find_compiler() is None, reason="no C++ compiler")


@pytest.fixture
def fresh(monkeypatch, tmp_path):
    """An empty cache, on disk and in memory."""
    monkeypatch.setenv("HNNLIB_CACHE_DIR", str(tmp_path / "cache"))
    remembering = (build._cpu, build.kernel_library)
    for function in remembering:
        function.cache_clear()
    yield tmp_path / "cache" / "kernels"
    for function in remembering:
        function.cache_clear()


@pytest.fixture
def compiler(monkeypatch, tmp_path):
    """Return a function that puts a script in the place of the compiler; it finds the true one as $CXX_TRUE."""

    def put(script):
        file = tmp_path / "cxx"
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("CXX_TRUE", build.find_compiler() or "")
        monkeypatch.setenv("CXX", str(file))
        return file

    return put


UNIT = 'extern "C" int answer() { return 42; }\n'


@needs_compiler
def test_a_kernel_is_compiled_once(fresh, compiler, tmp_path):
    compiler(f'echo "$@" >> {tmp_path}/calls; exec $CXX_TRUE "$@"')
    assert build.kernel_library(UNIT).answer() == 42
    build.kernel_library.cache_clear()  # as in a new process
    assert build.kernel_library(UNIT).answer() == 42
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len([call for call in calls if "-shared" in call]) == 1
    assert [file.suffix for file in fresh.iterdir()] == [".so"]


@needs_compiler
def test_text_macros_flags_processor_and_compiler_make_another_kernel(fresh, compiler, monkeypatch):
    def made():
        build.kernel_library.cache_clear()
        before = set(fresh.glob("*.so")) if fresh.exists() else set()
        build.kernel_library(UNIT)
        return set(fresh.glob("*.so")) - before

    assert len(made()) == 1
    assert len(made()) == 0
    build.kernel_library(UNIT + "// and more\n")
    build.kernel_library(UNIT, ("HNNLIB_FLOAT",))
    assert len(list(fresh.glob("*.so"))) == 3
    monkeypatch.setattr(build, "_cpu", lambda: "#define __AVX__ 1")
    assert len(made()) == 1
    monkeypatch.setattr(build, "compiler_flags", lambda: PORTABLE)
    assert len(made()) == 1
    compiler('exec $CXX_TRUE "$@"')
    assert len(made()) == 1


@needs_compiler
def test_the_processor_is_asked_of_the_compiler(fresh):
    if build._cpu():
        assert "__SSE" in build._cpu() or "__ARM" in build._cpu() or "__AVX" in build._cpu()
        assert build.compiler_flags()[-1] == "-march=native"
    else:
        assert "-march=native" not in build.compiler_flags()


@needs_compiler
def test_a_compiler_that_knows_no_native_processor_does_without(fresh, compiler):
    compiler('case " $* " in *march=native*) exit 1;; esac; exec $CXX_TRUE "$@"')
    assert build._cpu() == ""
    assert "-march=native" not in build.compiler_flags()
    assert build.kernel_library(UNIT).answer() == 42
    assert "2 lanes" in build.vector_unit()


@needs_compiler
def test_a_compiler_may_come_with_words_of_its_own(fresh, compiler, monkeypatch):
    file = compiler('test "$1" = --first || exit 1; shift; exec $CXX_TRUE "$@"')
    monkeypatch.setenv("CXX", f"{file} --first")
    assert build.kernel_library(UNIT).answer() == 42


def test_no_compiler_is_said(fresh, monkeypatch):
    monkeypatch.setattr(build, "find_compiler", lambda: None)
    with pytest.raises(MechanismBuildError, match=r"needs a C\+\+17 compiler \(c\+\+, g\+\+ or clang\+\+\)"):
        build.kernel_library(UNIT)


@needs_compiler
def test_what_the_compiler_refuses_is_shown_and_leaves_nothing(fresh):
    with pytest.raises(MechanismBuildError, match=r"could not compile a kernel:\n(.|\n)*nonsense"):
        build.kernel_library("nonsense;")
    assert list(fresh.iterdir()) == []


@needs_compiler
def test_two_processes_at_once(fresh):
    """Both compile, or one waits: either way both have it, and one file is left."""
    script = f"from hnnlib.backends.fast.build import kernel_library; print(kernel_library({UNIT!r}).answer())"
    processes = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [p.communicate(timeout=120)[0].strip() for p in processes] == ["42", "42"]
    assert [file.suffix for file in fresh.iterdir()] == [".so"]


# ------------------------------------------------------------------------------------------------------- functions

FUNCTIONS = ("exp", "log", "sqrt", "tanh", "fabs")
MATHS = '#include "runtime.hpp"\nextern "C" int lanes() { return W; }\n' + "".join(
    f'extern "C" void apply_{name}(T const* x, T* y, long n) '
    f"{{ for (long i = 0; i + W <= n; i += W) store(y + i, {name}_(load(x + i))); }}\n"
    for name in FUNCTIONS
)
LOOK_UP = """
extern "C" void rows(T const* rows, T low, T per_mV, long last, T const* v, T* out, long n) {
    Table const table = {rows, low, per_mV, static_cast<I>(last)};
    for (long i = 0; i + W <= n; i += W) {
        vec row[3 * W];
        look_up<3>(table, load(v + i), row);
        for (int k = 0; k < 3 * W; ++k) store(out + (i * 3 * W + k * W), row[k]);
    }
}
"""


@pytest.fixture(scope="module", params=["SSE2", "AVX2", "native"])
def flags(request):
    """What the compiler is told; left out where this processor has no such instructions."""
    if build.find_compiler() is None:
        pytest.skip("no C++ compiler")
    if request.param == "AVX2" and "__AVX2__" not in build._cpu():
        pytest.skip("this processor has no AVX2")
    return FLAGS[request.param] or build.compiler_flags()


@pytest.fixture(scope="module", params=["float64", "float32"])
def maths(request, flags):
    """The functions that kernels call, in one precision: library and number type."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "compiler_flags", lambda: flags)
        build.kernel_library.cache_clear()
        library = build.kernel_library(MATHS + LOOK_UP, ("HNNLIB_FLOAT",) if request.param == "float32" else ())
        build.kernel_library.cache_clear()
    return library, np.dtype(request.param)


def apply(maths, name, x):
    library, dtype = maths
    size = -(-len(x) // 16) * 16
    given, found = np.ones(size, dtype), np.empty(size, dtype)
    given[: len(x)] = x
    pointers = (a.ctypes.data_as(ctypes.c_void_p) for a in (given, found))
    getattr(library, f"apply_{name}")(*pointers, ctypes.c_long(size))
    return given[: len(x)].astype(float), found[: len(x)].astype(float)


def test_lanes_fill_a_register(maths):
    library, dtype = maths
    assert library.lanes() * dtype.itemsize in (16, 32, 64)


@pytest.mark.parametrize(
    ("name", "low", "high"), [("exp", -80.0, 80.0), ("log", 1e-30, 1e30), ("sqrt", 0.0, 1e10), ("fabs", -5.0, 5.0)]
)
def test_functions_to_a_few_units_of_the_last_place(maths, name, low, high):
    rng = np.random.default_rng(1)
    x = np.geomspace(low, high, 20001) if name == "log" else np.concatenate([rng.uniform(low, high, 20000), [low, 0.0]])
    given, found = apply(maths, name, x)
    eps = np.finfo(maths[1]).eps
    scale = np.maximum(np.abs(getattr(np, name)(given)), 1e-3 if name == "log" else 0.0)
    assert (np.abs(found - getattr(np, name)(given)) <= 4 * eps * scale).all()


def test_hyperbolic_tangent_is_good_to_its_bounds(maths):
    given, found = apply(maths, "tanh", np.linspace(-60.0, 60.0, 4001))
    np.testing.assert_allclose(found, np.tanh(given), rtol=0, atol=4 * np.finfo(maths[1]).eps)


def test_exp_stays_finite_and_positive(maths):
    big = 709.0 if maths[1] == np.float64 else 88.0
    _, found = apply(maths, "exp", np.array([-1e30, -2000.0, 2000.0, 1e30]))
    assert np.isfinite(found).all()
    assert (found[:2] > 0).all()
    assert (found[:2] < 1e-37).all()
    np.testing.assert_allclose(found[2:], np.exp(big), rtol=1e-5)


def test_rows_are_looked_up_for_each_lane(maths):
    library, dtype = maths
    w = library.lanes()
    low, step, n_rows = -100.0, 0.5, 41
    rng = np.random.default_rng(2)
    values = rng.uniform(-1, 1, (n_rows, 3 * w))
    table = np.zeros((n_rows * 2, 3 * w), dtype)
    table[::2], table[1::2][:-1] = values, np.diff(values, axis=0)
    v = np.resize(np.array([-100.0, -99.75, -93.1, -80.25, -80.0, -500.0, 40.0, -88.88]), 2 * max(w, 8)).astype(dtype)
    out = np.zeros((len(v) // w, 3 * w, w), dtype)
    arrays = {name: ctypes.c_void_p(a.ctypes.data) for name, a in (("table", table), ("v", v), ("out", out))}
    number = ctypes.c_double if dtype == np.float64 else ctypes.c_float
    last = ctypes.c_long(n_rows - 1)
    library.rows(
        arrays["table"], number(low), number(1 / step), last, arrays["v"], arrays["out"], ctypes.c_long(len(v))
    )
    grid = low + step * np.arange(n_rows)
    expected = np.stack([np.interp(v.astype(float), grid, column) for column in values.T])  # (3 w, n)
    found = out.transpose(1, 0, 2).reshape(3 * w, -1)
    np.testing.assert_allclose(found, expected, rtol=0, atol=100 * np.finfo(dtype).eps)
