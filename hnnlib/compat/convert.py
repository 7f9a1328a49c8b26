"""Networks from and to files of every form: hnnlib's own, HNN-core's, HNN's flat parameters."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from hnnlib.base.errors import FileFormatError, InvalidType, InvalidValue, UnknownName
from hnnlib.compat.models import useful_drives
from hnnlib.compat.network_files import read_network_configuration, write_network_configuration
from hnnlib.editor import models
from hnnlib.editor.network import Network
from hnnlib.params.native import OBJECT_TYPE, parsed, spec_from, write_spec

__all__ = ["FORMS", "read_network", "write_network"]

FORMS = ("hnnlib", "hnn-core")
"""Forms of network files that can be written."""


def read_network(path: str | os.PathLike[str], legacy_mode: bool | None = None) -> Network:
    """Read a network from a file, whatever its form.

    Parameters
    ----------
    path : path-like
        ``.json``: hnnlib's own form, HNN-core's hierarchical form, or flat parameters; ``.param``: flat parameters.
        From flat parameters the standard column is made, with those of their drives that do something.
    legacy_mode : bool, optional
        Whether drives of flat parameters have the cells and seeds that older files meant; left out: those of
        ``.param`` files.

    Returns
    -------
    net : Network

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it holds no network, or something in it is missing or not allowed; names the place within the file.
    """
    file = Path(path)
    if file.is_dir():
        raise FileFormatError(file, "is a folder; read_sonata() reads networks of SONATA files")
    if file.suffix == ".json":
        data = parsed(file)
        kind = data.get("object_type") if isinstance(data, dict) else None
        if kind == OBJECT_TYPE:
            return Network.from_spec(spec_from(data, file))
        if kind is not None or not isinstance(data, dict):
            return read_network_configuration(file)
    legacy = file.suffix == ".param" if legacy_mode is None else legacy_mode
    net = models.neymotin_2020_model(file, add_drives_from_params=True, legacy_mode=legacy)
    net.put("drives", useful_drives(net.spec))
    return net


def write_network(net: Any, path: str | os.PathLike[str], form: str = "hnnlib", overwrite: bool = True) -> None:
    """Write a network to a file; `read_network` gives an equal one.

    Parameters
    ----------
    net : Network
        The network; results are not written.
    path : path-like
        The file, ``.json``.
    form : {'hnnlib', 'hnn-core'}
        hnnlib's own, a few kB, or HNN-core's hierarchical JSON with all pairs of cells.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If it can't be written; nothing is left there, or the older file as it was.
    """
    if not isinstance(net, Network):
        raise InvalidType("net", net, "must be a Network")
    if form not in FORMS:
        raise UnknownName("form", form, "form of network files", FORMS)
    if Path(path).suffix != ".json":
        raise InvalidValue("path", str(path), "must end in .json")
    if form == "hnnlib":
        write_spec(net.spec, path, overwrite)
    else:
        write_network_configuration(net, path, overwrite)
