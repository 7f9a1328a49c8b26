"""What users pass to ``add_synaptic_events`` and ``add_current_clamp``, made into specs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import to_plain, within
from hnnlib.editor.arguments import METADATA
from hnnlib.params.columns import read_current, read_times
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.events import SynapticEvents
from hnnlib.spec.network import NetworkSpec

__all__ = ["chosen_cells", "with_current_clamp", "with_synaptic_events"]

_Choice = dict[str, tuple[int, ...] | None]


def chosen_cells(spec: NetworkSpec, field: str, cells: Any) -> _Choice:
    """Return the chosen cells of each population, None where all of its cells are.

    Parameters
    ----------
    spec : NetworkSpec
        Whose cells.
    field : str
        Name of the argument, for messages.
    cells : str, int, range, list or dict
        A population or several; gids, which may be of several populations; or conditions, all of which must hold:
        ``population`` (one or several), values of metadata such as ``electro_type`` (one or several), ``node_id``
        (indices within the one population that is left; also spelt ``node_ids``), ``gids``.

    Raises
    ------
    UnknownName
        If there is no such population, metadata field or condition.
    InvalidValue
        If no cell is meant, or a gid or index is none of a cell.
    """
    if isinstance(cells, Mapping):
        return _by_conditions(spec, field, cells)
    items = _items(cells)
    if items and all(isinstance(item, str) for item in items):
        return {name: None for name in spec.populations if name in [_population(spec, field, i) for i in items]}
    return _by_gid(spec, field, cells)


def _items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else [value]


def _population(spec: NetworkSpec, field: str, name: Any) -> str:
    if name in spec.drives:
        raise InvalidValue(field, name, "is a drive; it must be a cell type")
    if name not in spec.populations:
        raise UnknownName(field, name, "cell type", spec.populations)
    return str(name)


def _by_gid(spec: NetworkSpec, field: str, gids: Any) -> _Choice:
    items = _items(gids)
    if not items or not all(isinstance(g, int | np.integer) and not isinstance(g, bool) for g in items):
        raise InvalidType(field, gids, "must be a cell type, a gid, a list of either, or a dict of conditions")
    wanted = np.unique(np.array(items, np.int64))
    found: _Choice = {}
    start = 0
    counts = {name: spec.gid_counts()[name] for name in spec.populations}
    for name, count in counts.items():
        own = wanted[(wanted >= start) & (wanted < start + count)] - start
        if len(own):
            found[name] = None if len(own) == count else tuple(own.tolist())
        start += count
    outside = wanted[(wanted < 0) | (wanted >= start)]
    if len(outside):
        raise InvalidValue(field, int(outside[0]), f"is no gid of a cell; must be one from 0 to {start - 1}")
    return found


def _by_conditions(spec: NetworkSpec, field: str, conditions: Mapping[str, Any]) -> _Choice:
    rest = dict(conditions)
    for key in rest:
        if key not in ("population", "node_id", "node_ids", "gids", *METADATA):
            raise UnknownName(field, key, "condition", ("population", "node_id", "gids", *METADATA))
    names = [
        _population(spec, f"{field}['population']", n) for n in _items(rest.pop("population", [*spec.populations]))
    ]
    gids, ids = rest.pop("gids", None), rest.pop("node_id", rest.pop("node_ids", None))
    for key, wanted in rest.items():
        names = [n for n in names if getattr(spec.populations[n], key) in _items(wanted)]
    choice: _Choice = {name: None for name in spec.populations if name in names}
    if not choice:
        raise InvalidValue(field, to_plain(conditions), "matches no cell type")
    if ids is not None:
        if len(choice) != 1:
            raise InvalidValue(f"{field}['node_id']", ids, f"needs one population, not {', '.join(choice)}")
        choice = dict.fromkeys(choice, tuple(_items(ids)))
    if gids is not None:
        choice = _both(choice, _by_gid(spec, f"{field}['gids']", gids))
        if not choice:
            raise InvalidValue(field, to_plain(conditions), "matches no cell")
    return choice


def _both(first: _Choice, second: _Choice) -> _Choice:
    found: _Choice = {}
    for name, own in first.items():
        if name not in second:
            continue
        other = second[name]
        kept = own if other is None else other if own is None else tuple(i for i in own if i in other)
        if kept != ():
            found[name] = kept
    return found


def with_synaptic_events(spec: NetworkSpec, name: str, times: Any, pre: Any, post: Any, **fields: Any) -> NetworkSpec:
    """Return the network with forced synaptic events added; arguments as of ``Network.add_synaptic_events``."""
    if name in spec.synaptic_events:
        raise InvalidValue("name", name, "is the name of synaptic events already; choose another")
    if isinstance(times, str | os.PathLike):
        times = read_times(times)
    with within(f"synaptic_events[{name!r}]"):
        for side, cells in (("pre", pre), ("post", post)):
            fields[side] = None if cells is None else chosen_cells(spec, side, cells)
        events = SynapticEvents(times=times, **fields)
    changed = attrs.evolve(spec, synaptic_events={**spec.synaptic_events, name: events})
    # which cells are joined is known when a run is compiled; which populations are, now
    if not any(events.may_match(connection) for connection in spec.connections):
        wanted = {key: to_plain(getattr(events, key)) for key in ("pre", "post", "receptor")}
        raise InvalidValue(f"synaptic_events[{name!r}]", wanted, "matches no connection between cells")
    return changed


def with_current_clamp(
    spec: NetworkSpec, name: str, cells: Any, section: str, current: Mapping[str, Any]
) -> NetworkSpec:
    """Return the network with a current clamp added; arguments as of ``Network.add_current_clamp``.

    ``current`` holds what is given of ``amplitude``, ``delay``, ``duration``, ``times``, ``amplitudes`` and ``csv``.
    """
    if name in spec.current_clamps:
        raise InvalidValue("name", name, "is the name of a current clamp already; choose another")
    with within(f"current_clamps[{name!r}]"):
        clamp = _clamp(current, chosen_cells(spec, "cells", cells), section)
    return attrs.evolve(spec, current_clamps={**spec.current_clamps, name: clamp})


def _clamp(current: Mapping[str, Any], cells: _Choice, section: str) -> CurrentClamp:
    if set(current) == {"csv"}:
        return CurrentClamp.of_values(cells, *read_current(current["csv"]), section)
    if set(current) == {"times", "amplitudes"}:
        return CurrentClamp.of_values(cells, current["times"], current["amplitudes"], section)
    if "amplitude" in current and set(current) <= {"amplitude", "delay", "duration"}:
        return CurrentClamp(cells=cells, section=section, **current)
    allowed = "must be one of: amplitude (with delay and duration), times and amplitudes, csv"
    raise InvalidValue("", list(current), allowed)
