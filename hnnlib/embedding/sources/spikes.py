"""Spikes of presynaptic cells, and what they released: plain columns, always in one order."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue

__all__ = ["SourceSpikes", "TrialEvents"]


def _columns(owner: Any, named: dict[str, Any]) -> None:
    """Give a frozen object its columns: arrays of one length that nobody can write to."""
    n = np.size(getattr(owner, next(iter(named))))
    for name, kind in named.items():
        column = np.array(getattr(owner, name), dtype=kind)
        if column.shape != (n,):
            raise InvalidValue(name, column.shape, f"must be a column of {n} rows")
        object.__setattr__(owner, name, column)
    if np.isnan(owner.time_ms).any():
        raise InvalidValue("time_ms", float("nan"), "must be a time (ms)")


def _sort(owner: Any, first: str, second: str, names: list[str]) -> None:
    """Sort the columns by one and then another, where they aren't yet; and lock them."""
    a, b = getattr(owner, first), getattr(owner, second)
    if not ((a[1:] > a[:-1]) | ((a[1:] == a[:-1]) & (b[1:] >= b[:-1]))).all():
        order = np.lexsort((b, a))
        for name in names:
            object.__setattr__(owner, name, getattr(owner, name)[order])
    for name in names:
        getattr(owner, name).setflags(write=False)


@attrs.frozen(kw_only=True, eq=False, repr=False)
class SourceSpikes:
    """Spikes of the cells of one presynaptic population in one trial, by time, and then by cell.

    Parameters
    ----------
    source : array of int32, shape (n,)
        The cell of each spike, from 0 within its population; in any order, like the times.
    time_ms : array of float64, shape (n,)
        When (ms).

    Raises
    ------
    InvalidValue
        If the columns differ in length, or a time is no number.
    """

    source: np.ndarray
    time_ms: np.ndarray

    def __attrs_post_init__(self) -> None:
        _columns(self, {"source": np.int32, "time_ms": np.float64})
        _sort(self, "time_ms", "source", ["source", "time_ms"])

    @classmethod
    def none(cls) -> SourceSpikes:
        """Return no spikes."""
        return cls(source=np.zeros(0, np.int32), time_ms=np.zeros(0))

    @classmethod
    def joined(cls, *parts: SourceSpikes) -> SourceSpikes:
        """Return all spikes of several.

        Parameters
        ----------
        *parts : SourceSpikes
            Spikes of the same population.
        """
        if len(parts) == 1:
            return parts[0]
        every = (cls.none(), *parts)
        return cls(source=np.concatenate([p.source for p in every]), time_ms=np.concatenate([p.time_ms for p in every]))

    def __len__(self) -> int:
        return len(self.source)

    def __eq__(self, other: Any) -> bool:
        return (
            isinstance(other, SourceSpikes)
            and np.array_equal(self.source, other.source)
            and np.array_equal(self.time_ms, other.time_ms)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<SourceSpikes | {len(self)} spikes of {np.unique(self.source).size} cells>"


@attrs.frozen(kw_only=True, eq=False, repr=False)
class TrialEvents:
    """Every release at every synapse in one trial, by synapse, and then by time.

    Parameters
    ----------
    synapse : array of int32, shape (n,)
        Row of the embedding.
    time_ms : array of float64, shape (n,)
        When the release acts: spike plus delay (ms).
    factor : array of float64, shape (n,), optional
        What the synapse's weight is multiplied with (short-term plasticity). Left out: 1 for all.

    Raises
    ------
    InvalidValue
        If the columns differ in length, or a time is no number.
    """

    synapse: np.ndarray
    time_ms: np.ndarray
    factor: np.ndarray | None = None

    def __attrs_post_init__(self) -> None:
        named = {"synapse": np.int32, "time_ms": np.float64}
        if self.factor is not None:
            named["factor"] = np.float64
        _columns(self, named)
        _sort(self, "synapse", "time_ms", list(named))

    def __len__(self) -> int:
        return len(self.synapse)

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, TrialEvents) or (self.factor is None) != (other.factor is None):
            return False
        mine, theirs = (self.factor, other.factor) if self.factor is not None else (self.synapse, other.synapse)
        return (
            np.array_equal(self.synapse, other.synapse)
            and np.array_equal(self.time_ms, other.time_ms)
            and np.array_equal(mine, theirs)  # type: ignore[arg-type]
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<TrialEvents | {len(self)} releases at {np.unique(self.synapse).size} synapses>"
