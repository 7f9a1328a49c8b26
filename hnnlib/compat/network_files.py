"""HNN-core's network files: hierarchical JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from hnnlib.base.atomic import atomic_write_text
from hnnlib.base.errors import FileFormatError, InvalidType, InvalidValue
from hnnlib.compat.network_dict import network_to_dict
from hnnlib.compat.network_read import dict_to_network
from hnnlib.editor.network import Network
from hnnlib.params.native import parsed

__all__ = ["read_network_configuration", "write_network_configuration"]


def write_network_configuration(net: Network, output: Any, overwrite: bool = True) -> None:
    """Write a network to a file in the form of HNN-core's hierarchical JSON.

    Parameters
    ----------
    net : Network
        The network; results are not written.
    output : path-like or text stream
        Where to write.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputExists
        If the file exists and may not be replaced.
    OutputError
        If it can't be written; nothing is left there, or the older file as it was.
    """
    if not isinstance(net, Network):
        raise InvalidType("net", net, "must be a Network")
    text = json.dumps(network_to_dict(net), indent=4)
    if hasattr(output, "write"):
        output.write(text)
        return
    if not isinstance(output, str | os.PathLike):
        raise InvalidType("output", output, "must be a path or a text stream")
    atomic_write_text(output, text, overwrite)


def read_network_configuration(
    fname: str | os.PathLike[str], read_drives: bool = True, read_external_biases: bool = True
) -> Network:
    """Read a network from a file in the form of HNN-core's hierarchical JSON, old forms included.

    Parameters
    ----------
    fname : path-like
        The file.
    read_drives, read_external_biases : bool
        As in `dict_to_network`.

    Returns
    -------
    net : Network

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If the file is cut off, is no JSON, holds no network, or something in it is missing or not allowed; names the
        place within the file.
    """
    path, data = Path(fname), parsed(fname)
    if not isinstance(data, dict):
        raise FileFormatError(path, f"holds a JSON {type(data).__name__}, not a network", 1)
    try:
        return dict_to_network(data, read_drives, read_external_biases)
    except InvalidValue as error:
        raise FileFormatError(path, str(error)) from error
