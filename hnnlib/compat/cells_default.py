"""HNN-core's makers of the published cells, with parameters to override."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import attrs

from hnnlib.base.errors import UnknownName, nearest
from hnnlib.compat.cells import Cell
from hnnlib.models.cells import basket as basket_cell
from hnnlib.models.cells.l2_pyramidal import l2_pyramidal
from hnnlib.models.cells.l5_pyramidal import l5_pyramidal, l5_pyramidal_calcium
from hnnlib.params.table import FIXED, SECTION_NAMES, lookup
from hnnlib.spec.cells import CellSpec

__all__ = ["basket", "pyramidal", "pyramidal_ca"]

_SHORT = (("L2_pyramidal", "L2Pyr"), ("L5_pyramidal", "L5Pyr"))


def pyramidal(
    cell_name: str, pos: Any = (0.0, 0.0, 0.0), override_params: Mapping[str, Any] | None = None, gid: int | None = None
) -> Cell:
    """Return a pyramidal cell of the standard column (Jones et al. 2009, J Neurophysiol 102:3554).

    Parameters
    ----------
    cell_name : {'L2_pyramidal', 'L5_pyramidal'}
        Which one.
    pos : tuple of float
        Where its soma is (µm).
    override_params : dict, optional
        Flat keys of parameter files, e.g. ``L5Pyr_apicaltuft_L`` (µm) or ``L5Pyr_dend_gbar_ca`` (pS/µm²), with a
        number, or for densities a function of the path distance (µm) from the soma's 0 end. Keys of other cells are
        left aside.
    gid : int, optional
        Number of the cell.

    Raises
    ------
    UnknownName
        If there is no such cell, or a key is none that this cell has.
    """
    makers = {"L2_pyramidal": l2_pyramidal, "L5_pyramidal": l5_pyramidal}
    if cell_name not in makers:
        raise UnknownName("cell_name", cell_name, "pyramidal cell", makers)
    return _overridden(cell_name, makers[cell_name](), pos, override_params or {}, gid)


def pyramidal_ca(
    cell_name: str, pos: Any = (0.0, 0.0, 0.0), override_params: Mapping[str, Any] | None = None, gid: int | None = None
) -> Cell:
    """Return the layer 5 pyramidal cell with graded dendritic channels (Kohl et al. 2022, Brain Topogr 35:19).

    Parameters
    ----------
    cell_name : {'L5_pyramidal'}
        Its name.
    pos, override_params, gid
        As in `pyramidal`.
    """
    if cell_name != "L5_pyramidal":
        raise UnknownName("cell_name", cell_name, "pyramidal cell with graded channels", ["L5_pyramidal"])
    return _overridden(cell_name, l5_pyramidal_calcium(), pos, override_params or {}, gid)


def basket(cell_name: str, pos: Any = (0.0, 0.0, 0.0), gid: int | None = None) -> Cell:
    """Return a basket cell of the standard column (Jones et al. 2009, J Neurophysiol 102:3554).

    Parameters
    ----------
    cell_name : {'L2_basket', 'L5_basket'}
        Which one; distal input reaches the first only.
    pos : tuple of float
        Where its soma is (µm).
    gid : int, optional
        Number of the cell.
    """
    if cell_name not in ("L2_basket", "L5_basket"):
        raise UnknownName("cell_name", cell_name, "basket cell", ("L2_basket", "L5_basket"))
    return Cell.from_spec(cell_name, basket_cell.basket(distal=cell_name == "L2_basket"), pos, gid)


def _overridden(name: str, spec: CellSpec, pos: Any, given: Mapping[str, Any], gid: int | None) -> Cell:
    short = dict(_SHORT)[name]
    shapes = {key: value for key, value in given.items() if key.startswith(short) and key.endswith(("_L", "_diam"))}
    sections = dict(spec.sections)
    for key, value in shapes.items():
        label, _, field = key.removeprefix(f"{short}_").rpartition("_")
        section = SECTION_NAMES.get(label)
        if section not in sections:
            raise _unknown(key, short)
        size: dict[str, Any] = {field: float(value)}
        sections[section] = attrs.evolve(sections[section], **size)
    cell = Cell.from_spec(name, attrs.evolve(spec, sections=sections), pos, gid)
    for key, value in given.items():
        if key in shapes:
            continue
        if not key.startswith(f"{short}_"):
            if lookup(key) is None:
                raise _unknown(key, short)
            continue
        if not (_synapse(cell, key, short, value) or _membrane(cell, key, short, value)):
            raise _unknown(key, short)
    cell._evaluate()
    return cell


def _synapse(cell: Cell, key: str, short: str, value: Any) -> bool:
    """Set a parameter of a receptor, if the key means one."""
    receptor, _, field = key.removeprefix(f"{short}_").partition("_")
    if receptor not in cell.synapses or not field:
        return False
    cell.synapses[receptor][field] = value
    if field == "mechname":  # its own parameters take the place of the two-exponential one's
        cell.synapses[receptor] = {
            k: v for k, v in cell.synapses[receptor].items() if value == "Exp2Syn" or k not in ("e", "tau1", "tau2")
        }
    return True


def _membrane(cell: Cell, key: str, short: str, value: Any) -> bool:
    """Set a property of the soma's membrane or of that of all dendrites, if the key means one."""
    found = re.fullmatch(rf"{short}_(soma|dend)_(\w+)", key)
    if found is None:
        return False
    part, what = found.groups()
    sections = [s for label, s in cell.sections.items() if (label == "soma") == (part == "soma")]
    if what in ("cm", "Ra"):
        for section in sections:
            setattr(section, f"_{what}", float(value))
        return True
    parameter, _, mechanism = what.rpartition("_")
    having = [s for s in sections if mechanism in s.mechs]
    for section in having:
        section.mechs[mechanism][parameter] = value
    return bool(having) and bool(parameter)


def _unknown(key: str, short: str) -> UnknownName:
    known = [name for name in FIXED if name.startswith(short)]
    close = nearest(key, known)
    return UnknownName("override_params", key, "parameter of a cell", [close] if close else known)
