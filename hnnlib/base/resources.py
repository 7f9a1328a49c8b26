"""Where the files are that come with the package: mechanisms and parameter files."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from hnnlib.base.errors import FileFormatError, InvalidValue, UnknownName

__all__ = ["located", "mapped_files", "mod_digests", "mod_dir", "mod_files", "param_dir", "param_file"]


def mod_dir() -> Path:
    """Return the folder of the NMODL files that describe the membrane.

    Returns
    -------
    Path
        An existing folder.

    Raises
    ------
    FileFormatError
        If the installation lacks the folder.
    """
    return _packaged("mod")


def mod_files() -> tuple[Path, ...]:
    """Return all NMODL files that models may use: those of the package, and the user's own.

    Returns
    -------
    tuple of Path
        The package's files, then those in the folders that ``HNNLIB_MOD_PATH`` names (separated as in ``PATH``).

    Raises
    ------
    InvalidValue
        If a folder of ``HNNLIB_MOD_PATH`` does not exist, or two files have one name.
    """
    files = sorted(mod_dir().glob("*.mod"))
    for name in filter(None, os.environ.get("HNNLIB_MOD_PATH", "").split(os.pathsep)):
        folder = Path(name)
        if not folder.is_dir():
            raise InvalidValue("HNNLIB_MOD_PATH", name, "must name existing folders with .mod files")
        for file in sorted(folder.resolve().glob("*.mod")):
            if any(file.name == other.name for other in files):
                raise InvalidValue("HNNLIB_MOD_PATH", str(file), "has the name of another mechanism file")
            files.append(file)
    return tuple(files)


def mod_digests() -> dict[str, str]:
    """Return a short hash of each mechanism file's content, by the file's name: what a result's provenance keeps."""
    return {file.name: hashlib.blake2b(file.read_bytes(), digest_size=8).hexdigest() for file in mod_files()}


def param_dir() -> Path:
    """Return the folder of the parameter files that come with the package.

    Returns
    -------
    Path
        An existing folder.

    Raises
    ------
    FileFormatError
        If the installation lacks the folder.
    """
    return _packaged("param")


def param_file(name: str) -> Path:
    """Return the path of a parameter file that comes with the package.

    Parameters
    ----------
    name : str
        File name, with or without ``.json``: ``"default"`` or ``"default.json"``.

    Returns
    -------
    Path
        An existing file.

    Raises
    ------
    UnknownName
        If no such file comes with the package.
    """
    folder = param_dir()
    for candidate in (folder / name, folder / f"{name}.json"):
        # only files that lie in the folder itself: a path with parts is not a name
        if candidate.parent == folder and candidate.is_file():
            return candidate
    known = sorted(p.name for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    raise UnknownName("param_file", name, "parameter file of the package", known)


def located(path: Path) -> Path:
    """Return where a file is that scripts look for in the package's own folder ``param``, as HNN-core has it.

    Parameters
    ----------
    path : Path
        Any path.

    Returns
    -------
    Path
        The file of that name that comes with the package, if ``path`` stands for one; else ``path``.
    """
    if path.parent.name != "param" or path.parent.resolve() != Path(__file__).resolve().parent.parent / "param":
        return path
    shipped = param_dir() / path.name
    return shipped if shipped.is_file() else path


def _packaged(name: str) -> Path:
    package = Path(__file__).resolve().parent.parent
    # A wheel carries the folders inside the package, an editable install leaves them beside it.
    for candidate in (package / name, package.parent / name):
        if candidate.is_dir():
            return candidate
    raise FileFormatError(package / name, "the installation lacks this folder; install hnnlib again")


def mapped_files(name: str) -> list[str]:
    """Return the files of a kind that are in this process's memory.

    Parameters
    ----------
    name : str
        Regular expression for the end of their paths, from the last slash on.

    Returns
    -------
    files : list of str
        In the order of memory, each once; none where the system doesn't tell (it does on Linux).
    """
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError:
        return []
    return list(dict.fromkeys(re.findall(rf"(/.*/{name})$", maps, re.MULTILINE)))
