"""Cells and connections by what users call them: names, gids, ranges, lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.spec.cells import CellSpec
from hnnlib.spec.network import NetworkSpec

__all__ = ["cells_of", "is_nested", "nested_targets", "pick_connection"]


class _Network(Protocol):
    @property
    def spec(self) -> NetworkSpec: ...

    @property
    def gid_ranges(self) -> dict[str, range]: ...

    @property
    def connectivity(self) -> Sequence[Any]: ...

    def gid_to_type(self, gid: int) -> str | None: ...


def cells_of(net: _Network, field: str, gids: Any) -> tuple[str, tuple[int, ...] | None]:
    """Return the cell type and, unless all its cells are meant, their indices within it."""
    ranges = {name: r for name, r in net.gid_ranges.items() if name in net.spec.populations}
    if isinstance(gids, str):
        if gids in net.spec.drives:
            raise InvalidValue(field, gids, "is a drive; give its weights where it is added")
        if gids not in ranges:
            raise UnknownName(field, gids, "cell type", ranges)
        return gids, None
    wanted = list(gids) if np.iterable(gids) else [gids]
    if not wanted or not all(isinstance(g, int | np.integer) and not isinstance(g, bool) for g in wanted):
        raise InvalidType(field, gids, "must be a cell type, a gid, a range or a list of gids")
    owners = {net.gid_to_type(int(g)) for g in wanted}
    if len(owners) != 1 or not owners <= set(ranges):
        known = ", ".join(f"{name} {r.start} to {r.stop - 1}" for name, r in ranges.items())
        raise InvalidValue(field, gids, f"must be gids of one cell type ({known})")
    name = str(owners.pop())
    indices = tuple(int(g) - ranges[name].start for g in wanted)
    return name, None if indices == tuple(range(len(ranges[name]))) else indices


def nested_targets(net: _Network, source_cells: Any, src_gids: Any, target_gids: Any) -> tuple[str, dict[str, Any]]:
    """Return the cell type and the pairs that a list of target lists, one for each source, stands for."""
    if source_cells is None:
        source_cells = tuple(range(net.spec.gid_counts()[cells_of(net, "src_gids", src_gids)[0]]))
    if len(source_cells) != len(target_gids):
        raise InvalidValue("target_gids", target_gids, f"must hold one list for each of {len(source_cells)} sources")
    names, pairs = set(), []
    for source, targets in zip(source_cells, target_gids, strict=True):
        if not len(targets):
            continue
        name, indices = cells_of(net, "target_gids", list(targets))
        names.add(name)
        everyone = range(net.spec.gid_counts()[name])
        pairs += [(source, t) for t in (everyone if indices is None else indices)]
    if len(names) != 1:
        raise InvalidValue("target_gids", target_gids, "must be gids of one cell type")
    return names.pop(), {"pairs": tuple(pairs)}


def is_nested(gids: Any) -> bool:
    """Return whether targets are given as a list of lists."""
    return (
        isinstance(gids, Sequence)
        and not isinstance(gids, str | range)
        and any(isinstance(g, Sequence | range) for g in gids)
    )


def pick_connection(
    net: _Network,
    src_gids: Any = None,
    target_gids: Any = None,
    loc: str | Sequence[str] | None = None,
    receptor: str | Sequence[str] | None = None,
) -> list[int]:
    """Return the indices of connections in ``net.connectivity`` that match.

    Parameters
    ----------
    net : Network
        Where to look.
    src_gids, target_gids : str, int, range or list, optional
        Cell types, drives or gids; a connection matches if it may join any of them.
    loc, receptor : str or list of str, optional
        Locations and receptors.

    Returns
    -------
    indices : list of int
        Sorted; alternatives count within an argument, all arguments must match. Empty without any argument.
    """
    wanted = {
        "src_type": _types_of(net, "src_gids", src_gids),
        "target_type": _types_of(net, "target_gids", target_gids),
        "loc": _names_of(net, "loc", loc),
        "receptor": _names_of(net, "receptor", receptor),
    }
    if all(v is None for v in wanted.values()):
        return []
    return [
        i
        for i, connection in enumerate(net.connectivity)
        if all(names is None or connection[key] in names for key, names in wanted.items())
    ]


def _types_of(net: _Network, field: str, gids: Any) -> set[str] | None:
    if gids is None:
        return None
    found: set[str] = set()
    for item in [gids] if isinstance(gids, str | int) else gids:
        name = item if isinstance(item, str) else net.gid_to_type(item) if isinstance(item, int) else None
        if name is None or name not in net.gid_ranges:
            raise UnknownName(field, item, "cell type, drive or gid", net.gid_ranges)
        found.add(name)
    return found


def _names_of(net: _Network, field: str, names: Any) -> set[str] | None:
    if names is None:
        return None
    cells = [p.cell for p in net.spec.populations.values() if isinstance(p.cell, CellSpec)]
    known = (
        {n for c in cells for n in (*c.locations, *c.sections)}
        if field == "loc"
        else {r for c in cells for r in c.synapses}
    )
    wanted = {names} if isinstance(names, str) else set(names)
    for name in wanted - known:
        raise UnknownName(field, name, "location" if field == "loc" else "receptor", sorted(known))
    return wanted
