"""Events that are forced on contacts between cells, whatever their source cells do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import checked, choice, documented, number, quantity, text
from hnnlib.spec.chosen import chosen
from hnnlib.spec.connectivity import ConnectionSpec

__all__ = ["MODES", "SynapticEvents"]

MODES = ("add", "replace", "isolate")


def _times(value: Any, path: str) -> tuple[float, ...]:
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise InvalidType(path, value, "must be a list of times (ms)")
    times = tuple(sorted(number(t, f"{path}[{i}]", unit="ms", ge=0) for i, t in enumerate(value)))
    if not times:
        raise InvalidValue(path, times, "must hold at least one time (ms)")
    return times


@documented
@attrs.frozen(kw_only=True)
class SynapticEvents:
    """Events at given times on the contacts between chosen cells, the same in every trial.

    Every contact from a cell of ``pre`` to a cell of ``post`` gets one event at each time, with the contact's own
    weight times ``weight_scale``. The times are those at which events arrive at the synapse: the delay of a connection
    is that of a spike's way from its source cell, which these events don't travel, and is not added.

    ``mode`` says what else the network's contacts hear. ``'add'``: all that they would without the events.
    ``'replace'``: the matching contacts no longer hear their source cells. ``'isolate'``: no contact between cells
    hears its source cell any more. Drives act as ever. Of several entries in one network each adds its own events; a
    contact hears its source cell unless one of them forbids it, whatever their order.
    """

    times: tuple[float, ...] = checked(_times, doc="when events arrive (ms), sorted")
    pre: Mapping[str, tuple[int, ...] | None] | None = chosen(
        optional=True, doc="source cells, population -> indices within it or None for all; None: every cell"
    )
    post: Mapping[str, tuple[int, ...] | None] | None = chosen(optional=True, doc="target cells, in the same way")
    receptor: str | None = text(None, optional=True, doc="receptor of the contacts; None: any")
    mode: str = choice(MODES, "add", doc="what else the contacts hear")
    weight_scale: float = quantity(1.0, ge=0, doc="multiplies each contact's own weight")

    def may_match(self, connection: ConnectionSpec) -> bool:
        """Return whether contacts of a connection may be among those meant, by the names of its populations.

        Parameters
        ----------
        connection : ConnectionSpec
            The connection.
        """
        return (
            (self.pre is None or connection.source in self.pre)
            and (self.post is None or connection.target in self.post)
            and self.receptor in (None, connection.receptor)
        )
