"""Dipole kernels where they are kept: files, and those that come with the package."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

from hnnlib.base.atomic import atomic_write_text
from hnnlib.base.errors import FileFormatError, HnnlibError, MissingFile
from hnnlib.base.resources import param_file
from hnnlib.base.schema import from_plain, to_plain
from hnnlib.plan.estimate import DipoleKernels

__all__ = ["read_dipole_kernels", "shipped_dipole_kernels", "write_dipole_kernels"]

_FORMAT = "hnnlib dipole kernels, 1"


def read_dipole_kernels(file: str | os.PathLike[str]) -> tuple[DipoleKernels, ...]:
    """Read dipole kernels as `write_dipole_kernels` and ``hnnlib reduce`` write them.

    Parameters
    ----------
    file : path
        A JSON file.

    Returns
    -------
    kernels : tuple of DipoleKernels
        One per cell type.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it is none of these.
    """
    path = Path(file)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingFile(path) from None
    except (OSError, ValueError) as error:
        raise FileFormatError(path, str(error)) from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise FileFormatError(path, f"is no file of dipole kernels (its 'format' is not {_FORMAT!r})")
    try:
        cells: list[DipoleKernels] = [
            from_plain(DipoleKernels, item, f"cells[{k}]") for k, item in enumerate(content.get("cells", []))
        ]
    except HnnlibError as error:
        raise FileFormatError(path, str(error)) from error
    return tuple(cells)


def write_dipole_kernels(file: str | os.PathLike[str], kernels: Sequence[DipoleKernels]) -> None:
    """Write dipole kernels as JSON.

    Parameters
    ----------
    file : path
        Where to; what was there is replaced.
    kernels : sequence of DipoleKernels
        What to write.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    content = {"format": _FORMAT, "cells": [to_plain(cell) for cell in kernels]}
    text = json.dumps(content, indent=1)
    # numbers of a list on one line, or the file would have thousands
    text = re.sub(r"\[\s+(-?[\d.][^\[\]{}\"]*?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text)
    atomic_write_text(file, text + "\n")


def shipped_dipole_kernels() -> tuple[DipoleKernels, ...]:
    """Return the dipole kernels that come with the package."""
    return read_dipole_kernels(param_file("dipole_kernels"))
