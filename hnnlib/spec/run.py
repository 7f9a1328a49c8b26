"""One run: how long, how often, from which seed, and what to keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import checked, documented, flag, integer, nested, quantity, sequence
from hnnlib.spec.chosen import chosen

__all__ = ["Record", "RunSpec"]


def _sections(value: Any, path: str) -> bool | str | tuple[str, ...]:
    if value is False or value is None:
        return False
    if isinstance(value, str):
        if value in ("all", "soma"):
            return value
        raise UnknownName(path, value, "choice ('all', 'soma', False or a list of sections)", ["all", "soma"])
    if isinstance(value, list | tuple) and value and all(isinstance(v, str) for v in value):
        return tuple(value)
    raise InvalidType(path, value, "must be 'all', 'soma', False or a list of section names")


def _where(default: Any, doc: str) -> Any:
    return checked(_sections, default, doc=doc)


@documented
@attrs.frozen(kw_only=True)
class Record:
    """What to keep beside spikes and dipoles. Traces are taken at section middles."""

    vsec: bool | str | tuple[str, ...] = _where(False, "membrane potential (mV): 'all', 'soma', False or sections")
    isec: bool | str | tuple[str, ...] = _where(False, "synaptic currents (nA) of the synapses on these sections")
    ca: bool | str | tuple[str, ...] = _where(False, "intracellular calcium (mM), where a section has it")
    states: tuple[str, ...] = sequence((), doc="of point cells: what else NEST can record of them, e.g. 'g_1'")
    cells: Mapping[str, tuple[int, ...] | None] | None = chosen(
        optional=True,
        doc="whose traces, population -> indices within it or None for all of its cells; None: everyone's",
    )
    cell_dipoles: bool = flag(False, doc="the dipole of every cell of the populations that measure it (fAm)")
    every: int = integer(1, ge=1, doc="keep every n-th sample of traces and potentials; dipoles keep all")


@documented
@attrs.frozen(kw_only=True)
class RunSpec:
    """Duration, step, trials, seed and recordings of a run."""

    tstop: float = quantity(unit="ms", gt=0, doc="duration")
    dt: float = quantity(0.025, unit="ms", gt=0, doc="time step")
    n_trials: int = integer(1, ge=1, doc="number of trials")
    seed: int = integer(0, ge=0, doc="seed of all independent streams")
    record: Record = nested(Record, Record(), doc="what to keep")

    def __attrs_post_init__(self) -> None:
        if self.tstop < self.dt:
            raise InvalidValue("tstop", self.tstop, f"must be at least one time step (dt = {self.dt:g} ms)")

    @property
    def n_steps(self) -> int:
        """Number of time steps."""
        return round(self.tstop / self.dt)
