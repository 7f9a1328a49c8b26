"""Compile the mechanisms once per machine, and find the result again.

The NMODL files are compiled with NEURON's own translator into one library, on first use, in a folder of the user's
cache that is named by everything that the result depends on. Processes that come at the same time wait for the first.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hnnlib.base.errors import InvalidValue, MechanismBuildError, OutputError
from hnnlib.base.log import logger
from hnnlib.base.resources import mod_files

__all__ = ["cache_dir", "compiled_library", "mechanism_library"]

# Compiler flags after NEURON's own (-O2 -std=c++17). Measured on the default column, CPU s for 170 ms without events:
# -O2 10.10, -O3 9.97, with -march=native 9.80, with -ffast-math too 9.40. The last is refused: it drops the table
# look-up's check for NaN, and switches the whole process to flushing small numbers to zero. -march=native would tie a
# cache that the nodes of a cluster share to one of their processors, for 2 %.
FLAGS = ("-O3",)

# MPI launchers and an outer make would otherwise reach into the compile.
_FOREIGN = re.compile(r"^(OMPI_|PMI|PRTE_|MPI|MAKEFLAGS$|MFLAGS$|MAKELEVEL$)")
_LOG_TAIL = 1500
_DAY_S = 86400.0

_HINT = """\
Install it, then run again:
  Debian, Ubuntu  sudo apt-get install g++ make
  Fedora, RHEL    sudo dnf install gcc-c++ make
  conda           conda install -c conda-forge cxx-compiler make
  macOS           xcode-select --install
  Windows         use WSL2 (NEURON has no Windows package that compiles)
Or set HNNLIB_MECH_LIB to a libnrnmech that was compiled from these mechanisms on a like machine."""


def mechanism_library(extra: Sequence[Path] = (), again: bool = False) -> Path:
    """Return the compiled mechanism library, compiling it if this machine has none yet.

    Parameters
    ----------
    extra : sequence of Path
        Further NMODL files to compile into the library.
    again : bool
        Whether to compile even if the library is there, and put the new one in its place.

    Returns
    -------
    Path
        The library that NEURON can load.

    Raises
    ------
    MechanismBuildError
        If compiler, make or NEURON are missing, or the compilation fails.
    OutputError
        If the folder named by ``HNNLIB_CACHE_DIR`` can't be written to.
    InvalidValue
        If an extra file doesn't exist or has the name of another one.

    Notes
    -----
    ``HNNLIB_CACHE_DIR`` names another cache folder, ``HNNLIB_MECH_LIB`` a library that is used as it is,
    ``HNNLIB_MOD_PATH`` folders with NMODL files of the user's own.
    """
    if not again and (found := compiled_library(extra)):
        return found
    if again and (given := os.environ.get("HNNLIB_MECH_LIB")):
        raise InvalidValue("HNNLIB_MECH_LIB", given, "names the library to use; unset it to compile one")
    sources = _sources(extra)
    return _compile_once(sources, _key(sources), writable_cache(), again)


def compiled_library(extra: Sequence[Path] = ()) -> Path | None:
    """Return the compiled mechanism library if this machine has it; compile nothing.

    Parameters
    ----------
    extra : sequence of Path
        As in `mechanism_library`.

    Returns
    -------
    Path or None
        The library that `mechanism_library` would return at once.

    Raises
    ------
    MechanismBuildError
        If NEURON is not installed.
    InvalidValue
        If ``HNNLIB_MECH_LIB`` names no file, or an extra file is not allowed.
    """
    given = os.environ.get("HNNLIB_MECH_LIB")
    if given:
        if not Path(given).is_file():
            raise InvalidValue("HNNLIB_MECH_LIB", given, "must name an existing library")
        return Path(given).resolve()
    key = _key(_sources(extra))
    found = _library_in(cache_dir() / key)
    if found is None and not os.environ.get("HNNLIB_CACHE_DIR") and _is_private(_fallback()):
        found = _library_in(_fallback() / key)
    return found


def cache_dir() -> Path:
    """Return the folder for compiled code: ``HNNLIB_CACHE_DIR``, or ``hnnlib`` in the user's cache folder."""
    if given := os.environ.get("HNNLIB_CACHE_DIR"):
        return Path(given).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.path.expanduser(base)).absolute() / "hnnlib"


def writable_cache() -> Path:
    """Return a folder for compiled code that can be written to.

    Returns
    -------
    Path
        `cache_dir`, or a private folder among the temporary files if the user has no writable home.

    Raises
    ------
    OutputError
        If there is none, or ``HNNLIB_CACHE_DIR`` names one that can't be written to.
    """
    root = cache_dir()
    obstacle = _obstacle(root)
    if obstacle is None:
        return root
    if os.environ.get("HNNLIB_CACHE_DIR"):
        raise OutputError(root, f"HNNLIB_CACHE_DIR must name a folder that can be written to ({obstacle})")
    fallback = _fallback()
    second = _obstacle(fallback)
    if second is not None:
        raise OutputError(
            root, f"can't be written to ({obstacle}), nor can {fallback} ({second}); set HNNLIB_CACHE_DIR to a folder"
        )
    if not _is_private(fallback):
        raise OutputError(
            fallback, "is open to other users or belongs to one; remove it, or set HNNLIB_CACHE_DIR to another folder"
        )
    return fallback


def _fallback() -> Path:
    return Path(tempfile.gettempdir()).resolve() / f"hnnlib-{os.getuid()}"


def _is_private(folder: Path) -> bool:
    # A library from a folder whose name can be guessed is loaded only if nobody else can have put it there.
    try:
        status = folder.lstat()
    except OSError:
        return False
    return not folder.is_symlink() and status.st_uid == os.getuid() and not status.st_mode & 0o077


def _obstacle(folder: Path) -> str | None:
    """Make the folder if need be; return why it can't be written to, or None if it can."""
    try:
        # the mode holds for a new folder, an existing one stays as it is
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            return None
    except OSError as error:
        return error.strerror or str(error)


def _sources(extra: Sequence[Path]) -> list[Path]:
    sources = list(mod_files())
    for file in map(Path, extra):
        if file.suffix != ".mod" or not file.is_file():
            raise InvalidValue("extra", str(file), "must be an existing .mod file")
        if any(file.name == other.name for other in sources):
            raise InvalidValue("extra", str(file), "has the name of another mechanism file")
        sources.append(file)
    return sources


def _key(sources: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    facts = [_neuron_version(), platform.system(), platform.machine(), *FLAGS]
    for fact in facts:
        digest.update(fact.encode() + b"\0")
    for file in sorted(sources, key=lambda p: p.name):
        data = file.read_bytes()
        digest.update(f"{file.name}\0{len(data)}\0".encode() + data)
    return digest.hexdigest()[:20]


def _neuron_version() -> str:
    for distribution in ("neuron", "neuron-nightly"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return f"{distribution} {importlib.metadata.version(distribution)}"
    if importlib.util.find_spec("neuron") is None:
        raise MechanismBuildError("hnnlib runs its models with NEURON, which is not installed: pip install neuron")
    import neuron  # an installation from source has no metadata

    return f"neuron {neuron.__version__}"


def _library_in(folder: Path) -> Path | None:
    for suffix in (".so", ".dylib"):
        library = folder / f"libnrnmech{suffix}"
        if library.is_file():
            return library
    return None


def _compile_once(sources: Sequence[Path], key: str, root: Path, again: bool = False) -> Path:
    final = root / key
    with _locked(root / f"{key}.lock"):
        found = None if again else _library_in(final)
        if found:  # another process was first
            return found
        environment, command = _toolchain()
        _sweep(root, key)
        # a warning, so that a person who waits sees it without having set up any logging
        logger.warning("compiling the mechanisms for NEURON (once, some 15 s) into %s", final)
        work = Path(tempfile.mkdtemp(prefix=f".{key}-", dir=root))
        try:
            _compile(sources, work, command, environment, root / f"{key}.failed.log")
            # A folder appears with its content or not at all; if it is there by now, another process made the same.
            with contextlib.suppress(OSError):
                if again and final.exists():
                    os.rename(final, work / "old")  # a process that has loaded it keeps it
                os.rename(work / "out", final)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    found = _library_in(final)
    if found is None:
        raise MechanismBuildError(f"the compiled mechanisms could not be put into {final}; remove that folder")
    return found


def _compile(
    sources: Sequence[Path], work: Path, command: Sequence[str], environment: Mapping[str, str], failed_log: Path
) -> None:
    """Compile in ``work``; leave library and log in ``work/out``."""
    source_dir, out = work / "src", work / "out"
    source_dir.mkdir()
    out.mkdir()
    for file in sources:
        shutil.copyfile(file, source_dir / file.name)
    log = out / "build.log"
    with log.open("wb") as stream:
        code = subprocess.run(
            command, cwd=source_dir, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT
        ).returncode
    library = next((p for p in source_dir.glob("*/libnrnmech.*") if p.suffix in (".so", ".dylib")), None)
    if code != 0 or library is None:
        shutil.copyfile(log, failed_log)
        tail = log.read_text(errors="replace")[-_LOG_TAIL:]
        raise MechanismBuildError(
            f"the mechanisms did not compile (exit code {code}); the whole log is in {failed_log}; it ends with\n{tail}"
        )
    shutil.copyfile(library, out / library.name)


def find_compiler() -> str | None:
    """Return the command of a C++ compiler: what CXX names, else c++, g++ or clang++; None where there is none."""
    wanted = [name for name in (os.environ.get("CXX", ""), "c++", "g++", "clang++") if name]
    return next((name for name in wanted if shutil.which(name.split()[0])), None)


def _toolchain() -> tuple[dict[str, str], list[str]]:
    """Return environment and command of NEURON's compile script, or name all that is missing."""
    found = {name: shutil.which(name) for name in ("bash", "make")}
    missing = [name for name, path in found.items() if path is None]
    compiler = find_compiler()
    if compiler is None:
        missing.insert(0, "a C++17 compiler (c++, g++ or clang++)")
    if missing:
        lines = "".join(f"  - {name}\n" for name in missing)
        raise MechanismBuildError(
            f"hnnlib must compile its ion-channel mechanisms once, and this machine lacks:\n{lines}{_HINT}"
        )
    environment = {name: value for name, value in os.environ.items() if not _FOREIGN.match(name)}
    environment["CXX"] = str(compiler)
    # The script inside the wheel needs neither perl nor libpython, which the wrapper on PATH asks for.
    spec = importlib.util.find_spec("neuron")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        data = Path(folder) / ".data"
        if (data / "bin" / "nrnivmodl").is_file():
            environment.update(NRNHOME=str(data), CORENRNHOME=str(data), NEURONHOME=str(data / "share" / "nrn"))
            return environment, [str(found["bash"]), str(data / "bin" / "nrnivmodl"), "-incflags", " ".join(FLAGS)]
    script = shutil.which("nrnivmodl")
    if script is None:
        raise MechanismBuildError("NEURON's nrnivmodl was not found; install NEURON again: pip install neuron")
    return environment, [script, "-incflags", " ".join(FLAGS)]


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    # The lock only spares double work (the rename decides), so a file system without locks is no obstacle. The file
    # stays: else a third process could lock a new file of that name while a second one still waits on the old.
    import fcntl  # not on Windows, where NEURON can't compile either

    with file.open("w") as stream:
        with contextlib.suppress(OSError):
            fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _sweep(root: Path, key: str) -> None:
    # left by processes that were killed in mid-compile
    for leftover in root.glob(f".{key}-*"):
        with contextlib.suppress(OSError):
            if time.time() - leftover.stat().st_mtime > _DAY_S:
                shutil.rmtree(leftover, ignore_errors=True)
