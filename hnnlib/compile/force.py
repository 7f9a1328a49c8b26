"""Forced synaptic events: contacts that hear a list of times, and those that no longer hear their source cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue
from hnnlib.base.schema import to_plain
from hnnlib.compile.place import chosen_gids
from hnnlib.plan.tables import Cells, Edges, Populations, Template
from hnnlib.spec.events import SynapticEvents

__all__ = ["with_forced"]


def with_forced(
    forced: Mapping[str, SynapticEvents],
    populations: Populations,
    cells: Cells,
    templates: tuple[Template, ...],
    edges: Edges,
) -> Edges:
    """Return the edges of a network with what forced synaptic events add and take away.

    Parameters
    ----------
    forced : mapping of str to SynapticEvents
        The events; each entry has a drive cell of its name among the populations.
    populations : Populations
        All gids.
    cells : Cells
        The cells.
    templates : tuple of Template
        What they are.
    edges : Edges
        Contacts between cells, and of other drives.

    Returns
    -------
    edges : Edges
        The rows that stay, then for each entry one row for each contact that it matches, from the entry's own drive
        cell and without delay.

    Raises
    ------
    InvalidValue
        If an entry matches no contact.
    """
    if not forced:
        return edges
    local = edges.source_gid < len(cells.template)
    stays = np.ones(len(edges), bool)
    parts = []
    for name, events in forced.items():
        matching = local & _matching(events, populations, cells, templates, edges)
        if not matching.any():
            raise InvalidValue(f"synaptic_events[{name!r}]", _wanted(events), "matches no contact between cells")
        parts.append((name, events, edges.take(matching)))
        if events.mode != "add":
            stays &= ~(local if events.mode == "isolate" else matching)
    joined = edges.take(stays)
    for name, events, contacts in parts:
        joined = _join(joined, _forced(joined, contacts, name, events, populations.gid_ranges[name].start))
    return joined


def _matching(
    events: SynapticEvents, populations: Populations, cells: Cells, templates: tuple[Template, ...], edges: Edges
) -> np.ndarray:
    matching = np.ones(len(edges), bool)
    for choice, gid in ((events.pre, edges.source_gid), (events.post, edges.target_gid)):
        if choice is not None:
            matching &= np.isin(gid, chosen_gids(choice, populations))
    if events.receptor is not None:
        template = cells.template[edges.target_gid]
        for k, t in enumerate(templates):
            has = np.array([receptor == events.receptor for receptor in t.sites.receptors], bool)
            of = template == k
            matching[of] &= has[edges.site[of]]
    return matching


def _forced(before: Edges, contacts: Edges, name: str, events: SynapticEvents, gid: int) -> Edges:
    numbers, connection = np.unique(contacts.connection, return_inverse=True)
    labels = tuple(f"{name}-{contacts.connection_labels[i]}" for i in numbers)
    return attrs.evolve(
        contacts,
        source_gid=np.full(len(contacts), gid, np.int32),
        weight=contacts.weight * events.weight_scale,
        delay_ms=np.zeros(len(contacts)),
        connection=(connection + len(before.connection_labels)).astype(np.int16),
        connection_labels=(*before.connection_labels, *labels),
    )


def _join(first: Edges, second: Edges) -> Edges:
    names = ("source_gid", "target_gid", "site", "weight", "delay_ms", "connection")
    columns: dict[str, Any] = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names}
    return attrs.evolve(second, **columns)


def _wanted(events: SynapticEvents) -> Mapping[str, object]:
    return {name: to_plain(getattr(events, name)) for name in ("pre", "post", "receptor")}
