"""What HNN-core's scripts find under ``net.connectivity``: entries to read, edit, delete, with the cells they join."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from hnnlib.base.errors import InvalidValue
from hnnlib.compat.network_dict import connectivity_of
from hnnlib.editor.views import ConnectionViews

__all__ = ["Connections", "wiring_of"]

_JOINED = ("src_gids", "target_gids", "num_srcs", "num_targets", "gid_pairs")


def wiring_of(net: Any) -> list[dict[str, Any]]:
    """Return the entries of a network's connections with all pairs of cells, made once for each state of it.

    Parameters
    ----------
    net : Network
        The network.
    """
    spec = net.spec
    kept = net.__dict__.get("_wiring")
    if kept is None or kept[0] is not spec:
        kept = net.__dict__["_wiring"] = (spec, connectivity_of(spec))
    entries: list[dict[str, Any]] = kept[1]
    return entries


class Connections(Sequence[Mapping[str, Any]]):
    """Connections of a network.

    Parameters
    ----------
    net : Network
        The network.
    early : tuple of str
        Drives whose connections stand first.
    """

    def __init__(self, net: Any, early: tuple[str, ...]) -> None:
        self._net = net
        self._views = ConnectionViews(net, net._delete_connection)
        n_local = len(net.spec.connections)
        rows = self._views._drive_rows()
        first = [n_local + k for k, row in enumerate(rows) if row[0] in early]
        rest = [n_local + k for k, row in enumerate(rows) if row[0] not in early]
        self._order = [*first, *range(n_local), *rest]

    def __len__(self) -> int:
        return len(self._order)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return _Entry(self._net, self._views, self._order[index])

    def __delitem__(self, index: int) -> None:
        row, n_local = self._order[index], len(self._net.spec.connections)
        if row < n_local:
            self._net._delete_connection(row)
            return
        name, target, receptor = self._views._drive_rows()[row - n_local]
        weights = {t: dict(w) for t, w in self._net.spec.drives[name].weights.items()}
        del weights[target][receptor]
        self._net.put(f"drives['{name}'].weights", weights)  # its drive cells stay, if nobody hears them any more

    def __repr__(self) -> str:
        return f"<{len(self)} connections, {len(self._net.spec.connections)} of them between cells>"


class _Entry(MutableMapping[str, Any]):
    """One connection: what it says, from the editor's view, and the cells that it joins."""

    def __init__(self, net: Any, views: ConnectionViews, row: int) -> None:
        self._net, self._fields, self._row = net, views[row], row

    def __getitem__(self, key: str) -> Any:
        if key not in _JOINED:
            return self._fields[key]
        joined = wiring_of(self._net)[self._row]
        if key == "gid_pairs":
            return {int(source): targets for source, targets in joined[key].items()}
        return set(joined[key]) if key.endswith("gids") else joined[key]

    def __setitem__(self, key: str, value: Any) -> None:
        if key in _JOINED:
            raise InvalidValue(f"connectivity[...][{key!r}]", value, "can't be set; delete the connection, add another")
        self._fields[key] = value

    def __delitem__(self, key: str) -> None:
        raise InvalidValue("connectivity", key, "can't be deleted from a connection")

    def __iter__(self) -> Iterator[str]:
        return iter((*self._fields, *_JOINED))

    def __len__(self) -> int:
        return len(self._fields) + len(_JOINED)

    def __repr__(self) -> str:
        f = self._fields
        return (
            f"{f['src_type']} -> {f['target_type']}\n"
            f"cell counts: {self['num_srcs']} srcs, {self['num_targets']} targets\n"
            f"connection probability: {f['probability']}\nloc: '{f['loc']}'; receptor: '{f['receptor']}'\n"
            f"weight: {f['nc_dict']['A_weight']}; delay: {f['nc_dict']['A_delay']}; lamtha: {f['nc_dict']['lamtha']}"
        )
