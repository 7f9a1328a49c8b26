"""One call for every morphology: files of all forms, and those that come with the package."""

from __future__ import annotations

import os
from pathlib import Path

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.resources import param_dir
from hnnlib.embedding.form.imported import read_asc, read_neuron_demo
from hnnlib.embedding.form.morphology import Morphology
from hnnlib.embedding.form.swc import read_swc

__all__ = ["MORPHOLOGIES", "read_morphology"]

MORPHOLOGIES = ("synthetic-l5", "synthetic-l23", "neuron-demo-pyramid")
"""Cells that need no file of the user's: two that `hnnlib.embedding.form.synthesis` made, and one of NEURON's."""


def read_morphology(path_or_name: str | os.PathLike[str]) -> Morphology:
    """Read a morphology from a file, or get one that comes with the package.

    The cell stays where and as it was traced; `hnnlib.embedding.form.alignment.aligned` turns it as a column holds it.

    Parameters
    ----------
    path_or_name : path-like or str
        A file ``*.swc`` or ``*.asc``; or ``"synthetic-l5"`` (a thick-tufted pyramidal cell of layer 5),
        ``"synthetic-l23"`` (one of layer 2/3) or ``"neuron-demo-pyramid"`` (the one of NEURON's demonstration).

    Returns
    -------
    Morphology

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it can't be read as what it claims to be; names the line.
    UnknownName
        If no such cell comes with the package.
    InvalidValue
        If the file is of another form.
    """
    if not isinstance(path_or_name, (str, os.PathLike)):
        raise InvalidType("morphology", path_or_name, "must be a path, or the name of a cell")
    given = os.fspath(path_or_name)
    if given == "neuron-demo-pyramid":
        return read_neuron_demo()
    if given in MORPHOLOGIES:
        return read_swc(param_dir() / "morphology" / f"{given.replace('-', '_')}.swc", given)
    suffix = Path(given).suffix.lower()
    if suffix == ".swc":
        return read_swc(path_or_name)
    if suffix == ".asc":
        return read_asc(path_or_name)
    if not suffix and not os.path.exists(given):
        raise UnknownName("morphology", given, "cell of the package (nor a file .swc or .asc)", MORPHOLOGIES)
    raise InvalidValue("morphology", given, "must be a file .swc or .asc")
