"""Cells without extent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType
from hnnlib.base.schema import checked, documented, number, text
from hnnlib.spec.cells import CellSpec

__all__ = ["PointCellSpec", "section_names"]

POINT_SECTIONS = ("soma",)
"""What currents into point cells, and recordings of them, name as the section."""


def _parameters(value: Any, path: str) -> Mapping[str, float | tuple[float, ...]]:
    if not isinstance(value, Mapping):
        raise InvalidType(path, value, "must be a mapping of parameter names")
    return immutabledict({str(name): _parameter(item, f"{path}[{name!r}]") for name, item in value.items()})


def _parameter(value: Any, path: str) -> float | tuple[float, ...]:
    if isinstance(value, list | tuple):
        return tuple(_number(item, f"{path}[{i}]") for i, item in enumerate(value))
    return _number(value, path)


def _number(value: Any, path: str) -> float:
    # NEST tells whole numbers and switches from other numbers
    return value if isinstance(value, bool | int) else number(value, path)


@documented
@attrs.frozen(kw_only=True)
class PointCellSpec:
    """A cell type without extent, as NEST has it: what it is called there, and its parameters.

    Which models and parameters there are is NEST's to say; it is asked before a run.
    """

    kind: ClassVar[str] = "point"
    model: str = text(doc="name of NEST's model, e.g. 'iaf_psc_alpha'")
    parameters: Mapping[str, float | tuple[float, ...]] = checked(
        _parameters,
        immutabledict(),
        doc="name -> number or numbers, in the model's names and units (mV, pF, pA, nS, ms)",
    )


def section_names(cell: CellSpec | PointCellSpec) -> tuple[str, ...]:
    """Return the names of a cell's sections; a point cell's only place is its ``soma``.

    Parameters
    ----------
    cell : CellSpec or PointCellSpec
        The cell.
    """
    return POINT_SECTIONS if isinstance(cell, PointCellSpec) else tuple(cell.sections)
