"""Connections between cells of the network."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import documented, flag, integer, quantity, sequence, text

__all__ = ["ConnectionSpec"]


def _index(value: Any, path: str) -> int:
    if isinstance(value, bool) or not isinstance(value, Real) or not float(value).is_integer() or value < 0:
        raise InvalidType(path, value, "must be an index >= 0 within its population")
    return int(float(value))


def _pair(value: Any, path: str) -> tuple[int, int]:
    if isinstance(value, str) or not isinstance(value, Sequence | np.ndarray) or len(value) != 2:
        raise InvalidType(path, value, "must be a pair of indices (source, target)")
    return (_index(value[0], path), _index(value[1], path))


@documented
@attrs.frozen(kw_only=True)
class ConnectionSpec:
    """Every cell of one population to every cell of another, or to a part of it.

    At a horizontal distance d the weight is ``weight * gain * g`` and the delay ``delay / g`` with
    ``g = exp(-d² / (space_constant * inplane_distance)²)`` (Jones et al. 2009, as in HNN-core 0.6.1).
    """

    source: str = text(doc="population whose spikes are sent")
    target: str = text(doc="population that receives them")
    location: str = text(doc="group of sections or section of the target; one synapse on each section of a group")
    receptor: str = text(doc="receptor of the target")
    weight: float = quantity(unit="µS", ge=0, doc="peak conductance at distance 0")
    delay: float = quantity(1.0, unit="ms", ge=0, doc="delay at distance 0")
    space_constant: float = quantity(3.0, unit="grid units", gt=0, doc="decay with horizontal distance (lamtha)")
    gain: float = quantity(1.0, ge=0, doc="multiplies the weight")
    allow_autapses: bool = flag(True, doc="whether a cell may connect to itself")
    probability: float = quantity(1.0, gt=0, le=1, doc="part of the pairs that is kept (its number is exact)")
    conn_seed: int | None = integer(None, ge=0, optional=True, doc="HNN-core's seed; None: an independent stream")
    source_cells: tuple[int, ...] | None = sequence(None, of=_index, optional=True, doc="indices within the source")
    target_cells: tuple[int, ...] | None = sequence(None, of=_index, optional=True, doc="indices within the target")
    pairs: tuple[tuple[int, int], ...] | None = sequence(
        None, of=_pair, optional=True, doc="explicit (source, target) indices in place of all-to-all"
    )

    def __attrs_post_init__(self) -> None:
        if self.pairs is not None and (self.source_cells is not None or self.target_cells is not None):
            raise InvalidValue("pairs", self.pairs, "excludes source_cells and target_cells")

    @property
    def label(self) -> str:
        """Short name: ``L2_basket-L5_pyramidal-gabaa-distal``."""
        return f"{self.source}-{self.target}-{self.receptor}-{self.location}"
