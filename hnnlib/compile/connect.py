"""Turn connection rules into edges: one row per synaptic contact."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue
from hnnlib.base.seeds import pruning_stream
from hnnlib.compile.force import with_forced
from hnnlib.plan.tables import Cells, DriveCells, Edges, Populations, Template
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import DriveSpec
from hnnlib.spec.network import NetworkSpec

__all__ = ["connect", "connection_pairs"]


@attrs.frozen(kw_only=True, eq=False)
class _Rule:
    """One connection template with its pairs: what local connections and drives have in common."""

    label: str
    target: int  # row of populations
    location: str
    receptor: str
    weight_uS: float
    delay_ms: float
    space_constant_um: float
    source_gid: np.ndarray
    target_gid: np.ndarray
    source_xy: np.ndarray | None  # None: cells by their gid


def connection_pairs(
    connection: ConnectionSpec, n_source: int, n_target: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs that a connection joins, source outer, target inner.

    Parameters
    ----------
    connection : ConnectionSpec
        The rule.
    n_source, n_target : int
        Number of cells of the two populations.
    seed : int
        The run's seed, for rules without a ``conn_seed``.

    Returns
    -------
    source, target : array of int, shape (n_pairs,)
        Indices within the populations. With ``probability`` p, ``round(n_pairs * p)`` of them are kept (half to even).
    """
    if connection.pairs is not None:
        pairs = np.array(connection.pairs, np.int64).reshape(-1, 2)
        source, target = pairs[:, 0], pairs[:, 1]
    else:
        sources = _members(connection.source_cells, n_source, "source_cells")
        targets = _members(connection.target_cells, n_target, "target_cells")
        source, target = np.repeat(sources, len(targets)), np.tile(targets, len(sources))
    for index, size, name in ((source, n_source, "source"), (target, n_target, "target")):
        if len(index) and index.max() >= size:
            raise InvalidValue("pairs", int(index.max()), f"is no cell of the {name} (it has {size})")
    if connection.source == connection.target and not connection.allow_autapses:
        keep = source != target
        source, target = source[keep], target[keep]
    if connection.probability < 1:
        stream = pruning_stream(connection.conn_seed, 0, seed, connection.label)
        keep = _survivors(len(source), connection.probability, stream)
        source, target = source[keep], target[keep]
    return source, target


def _members(chosen: tuple[int, ...] | None, size: int, name: str) -> np.ndarray:
    if chosen is None:
        return np.arange(size)
    members = np.array(chosen, np.int64)
    if len(members) and members.max() >= size:
        raise InvalidValue(name, int(members.max()), f"must be below the number of cells, {size}")
    return members


def _survivors(n_pairs: int, probability: float, stream: np.random.Generator) -> np.ndarray:
    n_kept = int(np.round(n_pairs * probability))
    return np.sort(stream.choice(n_pairs, n_kept, replace=False))


def _local_rules(network: NetworkSpec, populations: Populations, seed: int) -> Iterator[_Rule]:
    names = list(network.populations)
    ranges = populations.gid_ranges
    for i, c in enumerate(network.connections):
        try:
            source, target = connection_pairs(c, len(ranges[c.source]), len(ranges[c.target]), seed)
        except InvalidValue as error:
            raise InvalidValue(f"connections[{i}].{error.path}", error.value, error.allowed) from None
        yield _Rule(
            label=c.label,
            target=names.index(c.target),
            location=c.location,
            receptor=c.receptor,
            weight_uS=c.weight * c.gain,
            delay_ms=c.delay,
            space_constant_um=c.space_constant * network.grid.inplane_distance,
            source_gid=source + ranges[c.source].start,
            target_gid=target + ranges[c.target].start,
            source_xy=None,
        )


def _drive_rules(
    network: NetworkSpec, populations: Populations, origin: tuple[float, float, float], seed: int
) -> Iterator[_Rule]:
    names = list(network.populations)
    ranges = populations.gid_ranges
    for drive_name, drive in network.drives.items():
        targets = [t for t in names if t in drive.weights]  # gid order, whatever order the weights were given in
        first = ranges[drive_name].start
        for j, target in enumerate(targets):
            cells = np.array(ranges[target], np.int64)
            if drive.cell_specific:
                source = np.arange(first, first + len(cells), dtype=np.int64)
                first += len(cells)
                goal = cells
            else:
                drive_cells = np.array(ranges[drive_name], np.int64)
                source, goal = np.repeat(drive_cells, len(cells)), np.tile(cells, len(drive_cells))
            keep = _kept(drive, drive_name, target, j, len(source), seed)
            for receptor in _receptor_order(drive, target):
                yield _Rule(
                    label=f"{drive_name}-{target}-{receptor}-{drive.location}",
                    target=names.index(target),
                    location=drive.location,
                    receptor=receptor,
                    weight_uS=drive.weights[target][receptor],
                    delay_ms=drive.delay_to(target),
                    space_constant_um=drive.space_constant * network.grid.inplane_distance,
                    source_gid=source[keep],
                    target_gid=goal[keep],
                    source_xy=np.array(origin[:2]),
                )


def _receptor_order(drive: DriveSpec, target: str) -> list[str]:
    return sorted(drive.weights[target], key=lambda r: (r != "ampa", r != "nmda"))


def _kept(drive: DriveSpec, name: str, target: str, j: int, n_pairs: int, seed: int) -> np.ndarray | slice:
    probability = drive.probability_of(target)
    if probability == 1:
        return slice(None)
    # ampa and nmda of one target share the stream, so that the same pairs survive
    return _survivors(n_pairs, probability, pruning_stream(drive.conn_seed, j, seed, name))


def connect(
    network: NetworkSpec,
    populations: Populations,
    cells: Cells,
    templates: tuple[Template, ...],
    origin: tuple[float, float, float],
    seed: int,
) -> tuple[Edges, DriveCells]:
    """Build all edges: local connections first, then drives, then contacts with forced events.

    Rows run connection by connection; within one, source outer, target inner, sections of the location innermost.
    """
    rules = [*_local_rules(network, populations, seed), *_drive_rules(network, populations, origin, seed)]
    sites = [_sites_of(network, templates[r.target], r) for r in rules]
    n_rows = sum(len(r.source_gid) * len(s) for r, s in zip(rules, sites, strict=True))
    edges = Edges(
        source_gid=np.empty(n_rows, np.int32),
        target_gid=np.empty(n_rows, np.int32),
        site=np.empty(n_rows, np.int16),
        weight=np.empty(n_rows),
        delay_ms=np.empty(n_rows),
        connection=np.empty(n_rows, np.int16),
        connection_labels=tuple(r.label for r in rules),
    )
    xy = cells.position_um[:, :2]
    begin = 0
    for number, (rule, site) in enumerate(zip(rules, sites, strict=True)):
        end = begin + len(rule.source_gid) * len(site)
        _fill(edges, slice(begin, end), number, rule, site, xy)
        begin = end
    edges = with_forced(network.synaptic_events, populations, cells, templates, edges)
    return edges, _drive_cells(network, populations, cells, edges)


def _sites_of(network: NetworkSpec, template: Template, rule: _Rule) -> np.ndarray:
    cell = network.populations[template.name].detailed_cell
    by_place = {
        (template.sections.names[s], r): i
        for i, (s, r) in enumerate(zip(template.sites.section, template.sites.receptors, strict=True))
    }
    return np.array([by_place[section, rule.receptor] for section in cell.sections_at(rule.location)], np.int16)


def _fill(edges: Edges, rows: slice, number: int, rule: _Rule, site: np.ndarray, xy: np.ndarray) -> None:
    source_xy = xy[rule.source_gid] if rule.source_xy is None else rule.source_xy
    step = xy[rule.target_gid] - source_xy
    distance2 = step[:, 0] ** 2 + step[:, 1] ** 2
    # far cells on large grids: the factor underflows to 0 and the delay to infinity; such an edge never acts
    with np.errstate(under="ignore", divide="ignore"):
        factor = np.exp(-distance2 / rule.space_constant_um**2)
        delay = rule.delay_ms / factor if rule.delay_ms else np.zeros(len(factor))
    n = len(site)
    edges.source_gid[rows] = np.repeat(rule.source_gid, n)
    edges.target_gid[rows] = np.repeat(rule.target_gid, n)
    edges.site[rows] = np.tile(site, len(factor))
    edges.weight[rows] = np.repeat(rule.weight_uS * factor, n)
    edges.delay_ms[rows] = np.repeat(delay, n)
    edges.connection[rows] = number


def _drive_cells(network: NetworkSpec, populations: Populations, cells: Cells, edges: Edges) -> DriveCells:
    first = len(cells.template)
    ranges = populations.gid_ranges
    n = int(populations.gid_stop[-1]) - first if len(populations.names) else 0
    targeted = np.zeros(n, bool)
    targeted[edges.source_gid[edges.source_gid >= first] - first] = True
    for name, drive in network.drives.items():
        if not drive.cell_specific:  # common drive cells exist whatever pruning left them
            targeted[ranges[name].start - first : ranges[name].stop - first] = True
            continue
        begin = ranges[name].start - first
        for target in (t for t in network.populations if t in drive.weights):
            n_cells = len(ranges[target])
            if not drive.weights[target]:  # so do those of a target that is only counted
                targeted[begin : begin + n_cells] = True
            begin += n_cells
    return DriveCells(first_gid=first, live=targeted)
