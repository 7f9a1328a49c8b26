"""Populations of edges as SONATA files: an HDF5 file of rows, indexed by either end, and a table of types."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import Any

import numpy as np

from hnnlib.base.atomic import replacing
from hnnlib.base.errors import FileFormatError, UnknownName
from hnnlib.io.sonata.files import get_attributes, get_ids, new_file, open_file, population_group, put_column
from hnnlib.io.sonata.types_csv import read_types, types_of, types_text
from hnnlib.plan.circuit import EdgePopulation
from hnnlib.plan.circuit_check import check_edges
from hnnlib.plan.columns import edge_attributes, edge_default

__all__ = ["read_edges", "stage_edges", "write_edges"]


def write_edges(
    edges: EdgePopulation | Iterable[EdgePopulation],
    edges_file: str | os.PathLike[str],
    edge_types_file: str | os.PathLike[str],
    n_nodes: Mapping[str, int],
    *,
    in_both: Iterable[str] = (),
    sort: bool = True,
    compression: str | int | None = None,
    overwrite: bool = True,
) -> None:
    """Write populations of edges, both files or neither.

    Parameters
    ----------
    edges : EdgePopulation or iterable of EdgePopulation
        The populations.
    edges_file : path-like
        The HDF5 file.
    edge_types_file : path-like
        The table of types.
    n_nodes : mapping of str to int
        Number of nodes of each population that edges begin or end in.
    in_both : iterable of str
        Attributes of types that are written by edge too, for readers that know no tables of types.
    sort : bool
        Whether to sort by target, then source, which makes both indices compact. Otherwise edges keep their order.
    compression : 'gzip' or int, optional
        Compress, which libsonata can't read; a number is gzip's level.
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    InvalidValue
        If a population breaks an invariant, e.g. an edge ends in a node that isn't there.
    OutputError
        If a file can't be written; older files are then as they were.
    """
    options: dict[str, Any] = {"sort": sort, "compression": compression, "overwrite": overwrite}
    with ExitStack() as files:
        stage_edges(files, edges, edges_file, edge_types_file, n_nodes, in_both=tuple(in_both), **options)


def stage_edges(
    files: ExitStack,
    edges: EdgePopulation | Iterable[EdgePopulation],
    edges_file: str | os.PathLike[str],
    edge_types_file: str | os.PathLike[str],
    n_nodes: Mapping[str, int],
    *,
    in_both: tuple[str, ...],
    sort: bool,
    compression: str | int | None,
    overwrite: bool,
) -> None:
    """Write populations of edges into files that take their names when ``files`` is closed.

    Parameters
    ----------
    files : ExitStack
        What will close the files.
    edges, edges_file, edge_types_file, n_nodes, in_both, sort, compression, overwrite
        As in `write_edges`.
    """
    populations = [edges] if isinstance(edges, EdgePopulation) else list(edges)
    for population in populations:
        for name in (population.source, population.target):
            if name not in n_nodes:
                raise UnknownName("n_nodes", name, "population with a known number of nodes", n_nodes)
        check_edges(population, n_nodes[population.source], n_nodes[population.target])
    table = files.enter_context(replacing(edge_types_file, overwrite))
    file = files.enter_context(new_file(edges_file, compression, overwrite))
    text = types_text({population.name: population.edge_types for population in populations}, "edge")
    table.write_text(text, encoding="utf-8")
    file.require_group("edges")
    for population in populations:
        _put_population(file, _sorted(population) if sort else population, n_nodes, in_both, compression)


def _put_population(
    file: Any,
    edges: EdgePopulation,
    n_nodes: Mapping[str, int],
    in_both: tuple[str, ...],
    compression: str | int | None,
) -> None:
    group, n = population_group(file, "edges", edges.name), len(edges)
    for end, population in (("source", edges.source), ("target", edges.target)):
        ids = getattr(edges, f"{end}_node_id").astype(np.uint64)
        put_column(group, f"{end}_node_id", ids, compression).attrs["node_population"] = population
    put_column(group, "edge_type_id", edges.edge_type_id, compression)
    put_column(group, "edge_group_id", np.zeros(n, np.uint32), compression)
    put_column(group, "edge_group_index", np.arange(n, dtype=np.uint64), compression)
    rows = group.create_group("0")
    columns = {name: edges.column(name) for name in in_both if name in edges.attribute_names} | dict(edges.attributes)
    for name, column in columns.items():
        put_column(rows, name, column, compression)
    dynamics = rows.create_group("dynamics_params")
    for name, column in edges.dynamics_params.items():
        put_column(dynamics, name, column, compression)
    indices = group.create_group("indices")
    _put_index(indices.create_group("source_to_target"), edges.source_node_id, n_nodes[edges.source], compression)
    _put_index(indices.create_group("target_to_source"), edges.target_node_id, n_nodes[edges.target], compression)


def _sorted(edges: EdgePopulation) -> EdgePopulation:
    source, target = edges.source_node_id, edges.target_node_id
    step = np.diff(target)
    if np.all((step > 0) | ((step == 0) & (np.diff(source) >= 0))):
        return edges
    return edges.take(np.lexsort((source, target)))


def _put_index(group: Any, ids: np.ndarray, n_nodes: int, compression: str | int | None) -> None:
    """Write where the edges of each node are: runs of equal ids, and for each node its range of runs."""
    starts = np.flatnonzero(np.diff(ids, prepend=-1))
    runs = np.column_stack([starts, np.append(starts[1:], len(ids))[: len(starts)]])
    order = np.argsort(ids[starts], kind="stable")
    bounds = np.searchsorted(ids[starts][order], np.arange(n_nodes + 1))
    put_column(group, "range_to_edge_id", runs[order].astype(np.uint64), compression)
    ranges = np.column_stack([bounds[:-1], bounds[1:]]).astype(np.uint64)
    group["node_id_to_range"] = put_column(group, "node_id_to_ranges", ranges, compression)  # BMTK's name, a hard link


def read_edges(
    edges_file: str | os.PathLike[str], edge_types_file: str | os.PathLike[str] | None = None
) -> dict[str, EdgePopulation]:
    """Read all populations of edges from a file.

    Parameters
    ----------
    edges_file : path-like
        The HDF5 file; what hnnlib, BMTK or tools of the Blue Brain Project wrote. Its indices are not needed.
    edge_types_file : path-like, optional
        The table of types.

    Returns
    -------
    edges : dict of str to EdgePopulation
        The populations by name, rows as in the file. Attributes of several groups are joined; BMTK's ``sec_id`` and
        ``sec_x`` are called ``afferent_section_id`` and ``afferent_section_pos``.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If a file is truncated, damaged or something else, an edge has a type that the table does not have, or a weight
        or delay is no number that it may be.
    """
    types = {} if edge_types_file is None else read_types(edge_types_file, "edge")
    with open_file(edges_file, "edges") as populations:
        edges = {name: _read_population(name, group, types) for name, group in populations.items()}
        for population in edges.values():
            if types and not population.edge_types and len(population):
                known = ", ".join(repr(name) for name in types)
                raise FileFormatError(str(edge_types_file), f"has no types of population {population.name!r} ({known})")
            # How many nodes there are, the nodes' files say.
            check_edges(population, _least(population.source_node_id), _least(population.target_node_id))
    return edges


def _least(node_id: np.ndarray) -> int:
    return int(node_id.max(initial=-1)) + 1


def _read_population(name: str, group: Any, types: dict[str | None, Any]) -> EdgePopulation:
    type_id, edge_types = get_ids(group, "edge_type_id"), types_of(types, name)
    attributes, dynamics = get_attributes(
        group, "edge", len(type_id), lambda column: edge_default(type_id, edge_types, column)
    )
    return EdgePopulation(
        name=name,
        source=_population_at(group, "source"),
        target=_population_at(group, "target"),
        source_node_id=get_ids(group, "source_node_id"),
        target_node_id=get_ids(group, "target_node_id"),
        edge_type_id=type_id,
        edge_types=edge_types,
        attributes=edge_attributes(attributes),
        dynamics_params=dynamics,
    )


def _population_at(group: Any, end: str) -> str:
    get_ids(group, f"{end}_node_id")
    name = group[f"{end}_node_id"].attrs.get("node_population", group[f"{end}_node_id"].attrs.get("network"))
    if name is None:
        raise FileFormatError(group.file.filename, f"{group.name}/{end}_node_id has no attribute 'node_population'")
    return name.decode() if isinstance(name, bytes) else str(name)
