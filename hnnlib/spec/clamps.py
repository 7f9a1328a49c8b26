"""Current clamps: given currents into chosen cells."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import checked, documented, number, text
from hnnlib.spec.chosen import chosen

__all__ = ["CurrentClamp"]


def _per_step(check: Callable[[Any, str], Any]) -> Callable[[Any, str], Any]:
    """Return a check of one value, or of a list with one value for each step."""

    def each(value: Any, path: str) -> Any:
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            return check(value, path)
        return tuple(check(v, f"{path}[{i}]") for i, v in enumerate(value))

    return each


def _current(value: Any, path: str) -> float:
    return number(value, path, unit="nA")


def _start(value: Any, path: str) -> float:
    return number(value, path, unit="ms", ge=0)


def _length(value: Any, path: str) -> float | None:
    return None if value is None else number(value, path, unit="ms", ge=0)


@documented
@attrs.frozen(kw_only=True)
class CurrentClamp:
    """Steps of current into the middle of a section of chosen cells, the same in every trial.

    A step is on from ``delay`` until ``delay + duration``, the first instant included, the last not; in a run, at every
    time step whose middle lies between them. Steps of one clamp, and clamps on one section, add up where they overlap.

    ``amplitude``, ``delay`` and ``duration`` are numbers (one step) or lists of equal length.
    """

    cells: Mapping[str, tuple[int, ...] | None] = chosen(
        doc="who gets the current, population -> indices within it or None for all of its cells"
    )
    amplitude: float | tuple[float, ...] = checked(_per_step(_current), doc="current (nA), positive depolarises")
    delay: float | tuple[float, ...] = checked(_per_step(_start), 0.0, doc="start (ms, >= 0)")
    duration: float | tuple[float | None, ...] | None = checked(
        _per_step(_length), None, doc="how long (ms, >= 0); None: to the end of the run"
    )
    section: str = text("soma", doc="section")

    def __attrs_post_init__(self) -> None:
        values = {name: getattr(self, name) for name in ("amplitude", "delay", "duration")}
        lengths = {name: len(v) if isinstance(v, tuple) else None for name, v in values.items()}
        if len(set(lengths.values())) != 1:
            given = {name: "one value" if n is None else f"{n} in a list" for name, n in lengths.items()}
            raise InvalidValue("", given, "must all be one value each, or lists of equal length")
        if lengths["amplitude"] == 0:
            raise InvalidValue("amplitude", (), "must hold at least one step")

    @classmethod
    def of_values(
        cls,
        cells: Mapping[str, tuple[int, ...] | None],
        times: Iterable[float],
        amplitudes: Iterable[float],
        section: str = "soma",
    ) -> CurrentClamp:
        """Return a clamp whose current stays at each amplitude until the next time, at the last one to the end.

        Parameters
        ----------
        cells : mapping of str to (tuple of int or None)
            Who gets the current.
        times : iterable of float, shape (n_values,)
            When each amplitude begins (ms, >= 0), rising.
        amplitudes : iterable of float, shape (n_values,)
            Currents (nA).
        section : str
            Section.

        Raises
        ------
        InvalidValue
            If there is none, not one for each time, one is no finite number, or times don't rise.
        """
        for path, values in (("times", times), ("amplitudes", amplitudes)):
            if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
                raise InvalidType(path, values, "must be a list of numbers")
        t = np.array([_start(x, f"times[{i}]") for i, x in enumerate(times)])
        current = np.array([_current(x, f"amplitudes[{i}]") for i, x in enumerate(amplitudes)])
        if len(t) != len(current) or not len(t):
            allowed = f"values; must be one for each time ({len(t)}), and at least one"
            raise InvalidValue("amplitudes", len(current), allowed)
        fall = np.flatnonzero(np.diff(t) <= 0)
        if len(fall):
            raise InvalidValue(f"times[{fall[0] + 1}]", float(t[fall[0] + 1]), f"must be after {t[fall[0]]:g} ms")
        new = np.concatenate([[True], np.diff(current) != 0])  # the same current goes on: one step
        # engines end a step at delay + duration, rounded: the next one must begin at that very number, or a time step
        # whose middle is there would get both currents or none
        delays: list[float] = [float(t[0])]
        durations: list[float | None] = []
        for begin in t[new][1:].tolist():
            length = begin - delays[-1]
            durations.append(length)
            delays.append(delays[-1] + length)
        return cls(
            cells=cells,
            amplitude=tuple(current[new].tolist()),
            delay=tuple(delays),
            duration=(*durations, None),
            section=section,
        )

    def steps(self) -> list[tuple[float, float, float | None]]:
        """Return amplitude (nA), delay (ms) and duration (ms, or None: to the end of the run) of each step."""
        if isinstance(self.amplitude, tuple):
            return list(zip(self.amplitude, self.delay, self.duration, strict=True))  # type: ignore[arg-type]
        return [(self.amplitude, self.delay, self.duration)]  # type: ignore[list-item]
