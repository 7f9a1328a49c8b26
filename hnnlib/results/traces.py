"""Recorded traces of many places in one table: voltages, synaptic currents, calcium."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.base.errors import InvalidType, InvalidValue

__all__ = ["TraceMap", "Traces", "read_only"]


def read_only(array: Any, dtype: Any = None) -> NDArray[Any]:
    """Return ``array`` as a view that can't be written to; nothing is copied where its type fits already."""
    view = np.asarray(array, dtype=dtype).view()
    view.flags.writeable = False
    return view


class TraceMap(Mapping[Any, Any]):
    """One trial's traces as nested mappings: ``[gid][section]`` or ``[gid][section][section_receptor]``.

    Parameters
    ----------
    rows : dict
        Row number in ``data``, or a dict of such, by key.
    data : ndarray, shape (n_rows, n_times)
        The traces.
    """

    def __init__(self, rows: Mapping[Any, Any], data: NDArray[Any]) -> None:
        self._rows = rows
        self._data = data

    def __getitem__(self, key: Any) -> Any:
        entry = self._rows[key]
        return TraceMap(entry, self._data) if isinstance(entry, Mapping) else self._data[entry]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __repr__(self) -> str:
        names = [repr(key) for key in self._rows]
        return f"<TraceMap | {len(names)} entries: {', '.join(names[:8])}{', …' if len(names) > 8 else ''}>"


def _times(value: Any) -> NDArray[np.float64]:
    return read_only(value, np.float64)


def _gids(value: Any) -> tuple[int, ...]:
    try:
        return tuple(int(v) for v in value)
    except (TypeError, ValueError):
        raise InvalidType("gids", value, "must be a sequence of integers, one a row") from None


def _names(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        raise InvalidType("sections", value, "must be a sequence of strings, one a row")
    return tuple(str(v) for v in value)


# No slots: cached_property keeps its value in __dict__.
@attrs.frozen(eq=False, repr=False, slots=False)
class Traces:
    """Traces of one quantity at many places, for all trials.

    Parameters
    ----------
    quantity : str
        What was recorded: ``'v'``, ``'i'``, ``'cai'`` or ``'dipole'``.
    unit : str
        Its unit: ``'mV'``, ``'nA'``, ``'mM'`` or ``'fAm'``.
    times : array-like, shape (n_times,)
        Times (ms).
    gids : sequence of int, n_rows
        The cell of each row.
    sections : sequence of str, n_rows, or None
        The section of each row; None where the quantity is a whole cell's.
    receptors : sequence of str, n_rows, optional
        The receptor of each row, where the quantity is a synapse's.
    data : array-like, shape (n_trials, n_rows, n_times)
        The traces; kept in the precision they come in, and read-only.

    Raises
    ------
    InvalidValue
        If shapes and numbers of labels don't agree, or a row's labels occur twice.
    """

    quantity: str
    unit: str
    times: NDArray[np.float64] = attrs.field(converter=_times)
    gids: tuple[int, ...] = attrs.field(converter=_gids)
    sections: tuple[str, ...] | None = attrs.field(converter=attrs.converters.optional(_names))
    receptors: tuple[str, ...] | None = attrs.field(converter=attrs.converters.optional(_names))
    data: NDArray[Any] = attrs.field(converter=read_only)

    def __attrs_post_init__(self) -> None:
        if self.times.ndim != 1:
            raise InvalidValue("times.shape", self.times.shape, "must be (n_times,)")
        shape = (len(self.gids), self.times.size)
        if self.data.ndim != 3 or self.data.shape[1:] != shape:
            raise InvalidValue("data.shape", self.data.shape, f"must be (n_trials, {shape[0]}, {shape[1]})")
        for name, labels in (("sections", self.sections), ("receptors", self.receptors)):
            if labels is not None and len(labels) != len(self.gids):
                raise InvalidValue(f"len({name})", len(labels), f"must be that of gids, {len(self.gids)}")
        if len(set(self._row_keys())) != len(self.gids):
            raise InvalidValue("rows", len(self.gids), "must each be another gid, section and receptor")

    @property
    def n_trials(self) -> int:
        """Number of trials."""
        return int(self.data.shape[0])

    @property
    def by_trial(self) -> list[TraceMap]:
        """One mapping per trial: ``[gid]``, ``[gid][section]`` or ``[gid][section]['<section>_<receptor>']``."""
        return [TraceMap(self._tree, trial) for trial in self.data]

    @cached_property
    def _tree(self) -> dict[int, Any]:
        tree: dict[int, Any] = {}
        if self.sections is None:
            return {gid: row for row, gid in enumerate(self.gids)}
        for row, (gid, section, *receptor) in enumerate(self._row_keys()):
            sections = tree.setdefault(gid, {})
            if receptor:
                sections.setdefault(section, {})[f"{section}_{receptor[0]}"] = row
            else:
                sections[section] = row
        return tree

    def _row_keys(self) -> list[tuple[Any, ...]]:
        columns = [c for c in (self.gids, self.sections, self.receptors) if c is not None]
        return list(zip(*columns, strict=True))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Traces):
            return NotImplemented
        labels = ("quantity", "unit", "gids", "sections", "receptors")
        return (
            all(getattr(self, name) == getattr(other, name) for name in labels)
            and np.array_equal(self.times, other.times)
            and np.array_equal(self.data, other.data, equal_nan=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        n_trials, n_rows, n_times = self.data.shape
        return f"<Traces | {self.quantity} ({self.unit}), {n_trials} trials, {n_rows} rows, {n_times} samples>"
