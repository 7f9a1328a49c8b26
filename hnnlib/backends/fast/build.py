"""Compile kernels once, into the same cache as the mechanisms."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hnnlib.base.errors import MechanismBuildError
from hnnlib.base.log import logger
from hnnlib.mechanisms.build import cache_dir, find_compiler, writable_cache

__all__ = ["compiler_flags", "kernel_library", "vector_unit"]

# No -ffast-math: it would let the compiler forget about NaN, which is how a diverged simulation is found.
_FLAGS = ("-O3", "-std=c++17", "-fPIC", "-shared", "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=fast")


@functools.cache
def _cpu() -> str:
    """Return what this machine's processor can do, as the compiler sees it: part of the key of compiled kernels."""
    compiler = find_compiler()
    if compiler is None:
        raise MechanismBuildError("the fast engine needs a C++17 compiler (c++, g++ or clang++), and found none")
    done = subprocess.run(
        [*shlex.split(compiler), "-march=native", "-dM", "-E", "-x", "c++", os.devnull],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return ""
    return "\n".join(
        sorted(line for line in done.stdout.splitlines() if "__AVX" in line or "__SSE" in line or "__FMA" in line)
    )


def vector_unit() -> str:
    """Return what the fast engine's kernels use of this machine's processor, e.g. ``AVX-512, 8 lanes of float64``.

    Raises
    ------
    MechanismBuildError
        If there is no compiler.
    """
    found = _cpu()
    for macro, name, lanes in (("__AVX512F__", "AVX-512", 8), ("__AVX__", "AVX2" if "__AVX2__" in found else "AVX", 4)):
        if macro in found:
            return f"{name}, {lanes} lanes of float64"
    return "128-bit vectors, 2 lanes of float64"


def compiler_flags() -> tuple[str, ...]:
    """Return the flags that kernels are compiled with here; without ``-march=native`` where the compiler refuses it."""
    return (*_FLAGS, "-march=native") if _cpu() else _FLAGS


@functools.cache
def kernel_library(text: str, defines: Sequence[str] = ()) -> ctypes.CDLL:
    """Compile a translation unit, if it is not in the cache, and load it.

    Parameters
    ----------
    text : str
        C++ source; it may include ``runtime.hpp``.
    defines : sequence of str
        Macros to define.

    Raises
    ------
    MechanismBuildError
        If there is no compiler or it refuses the source.
    OutputError
        If the cache can't be written to.
    """
    header = Path(__file__).with_name("runtime.hpp")
    flags = (*compiler_flags(), *(f"-D{d}" for d in defines))
    compiler = str(find_compiler())
    parts = (text, header.read_text(), " ".join(flags), _cpu(), compiler)
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
    library = cache_dir() / "kernels" / f"{key}.so"
    if not library.exists():
        library = writable_cache() / "kernels" / library.name
    if not library.exists():
        # a warning, so that a person who waits sees it without having set up any logging
        logger.warning("compiling the fast engine's kernels for these cells (once, some 5 s)")
        folder = library.parent
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            source = Path(scratch) / "kernel.cpp"
            source.write_text(text)
            made = Path(scratch) / "kernel.so"
            done = subprocess.run(
                [*shlex.split(compiler), *flags, f"-I{header.parent}", str(source), "-o", str(made)],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                raise MechanismBuildError(f"{compiler} could not compile a kernel:\n{done.stderr[-1500:]}")
            os.replace(made, library)  # whoever comes first; the others' is the same
    return ctypes.CDLL(str(library))
