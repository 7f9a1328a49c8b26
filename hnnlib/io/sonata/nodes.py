"""Populations of nodes as SONATA files: an HDF5 file of rows and a table of types."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import numpy as np

from hnnlib.base.atomic import replacing
from hnnlib.base.errors import FileFormatError
from hnnlib.base.log import logger
from hnnlib.io.sonata.files import get_attributes, get_ids, new_file, open_file, population_group, put_column
from hnnlib.io.sonata.types_csv import read_types, types_of, types_text
from hnnlib.plan.circuit import NodePopulation
from hnnlib.plan.circuit_check import check_nodes
from hnnlib.plan.columns import is_text, node_attributes, spread

__all__ = ["IN_BOTH", "read_nodes", "stage_nodes", "write_nodes"]

IN_BOTH = ("model_type", "model_template")
"""Attributes of types that are written by node too, since libsonata does not read tables of types. Not more of them:
BMTK gets text by node as bytes, so that a filter on it finds nothing, and knows virtual nodes by their table only."""


def write_nodes(
    nodes: NodePopulation | Iterable[NodePopulation],
    nodes_file: str | os.PathLike[str],
    node_types_file: str | os.PathLike[str],
    *,
    in_both: Iterable[str] = IN_BOTH,
    compression: str | int | None = None,
    overwrite: bool = True,
) -> None:
    """Write populations of nodes, both files or neither.

    Parameters
    ----------
    nodes : NodePopulation or iterable of NodePopulation
        The populations.
    nodes_file : path-like
        The HDF5 file.
    node_types_file : path-like
        The table of types.
    in_both : iterable of str
        Attributes of types that are written by node too, for readers that know no tables of types; not of virtual
        nodes. Who means to edit the table by hand gives none: what a node says comes before what its type says.
    compression : 'gzip' or int, optional
        Compress, which libsonata can't read; a number is gzip's level.
    overwrite : bool
        Whether existing files may be replaced.

    Raises
    ------
    InvalidValue
        If a population breaks an invariant.
    OutputError
        If a file can't be written; older files are then as they were.
    """
    with ExitStack() as files:
        stage_nodes(files, nodes, nodes_file, node_types_file, tuple(in_both), compression, overwrite)


def stage_nodes(
    files: ExitStack,
    nodes: NodePopulation | Iterable[NodePopulation],
    nodes_file: str | os.PathLike[str],
    node_types_file: str | os.PathLike[str],
    in_both: tuple[str, ...],
    compression: str | int | None,
    overwrite: bool,
) -> None:
    """Write populations of nodes into files that take their names when ``files`` is closed.

    Parameters
    ----------
    files : ExitStack
        What will close the files.
    nodes, nodes_file, node_types_file, in_both, compression, overwrite
        As in `write_nodes`.
    """
    populations = [nodes] if isinstance(nodes, NodePopulation) else list(nodes)
    for population in populations:
        check_nodes(population)
    table = files.enter_context(replacing(node_types_file, overwrite))
    file = files.enter_context(new_file(nodes_file, compression, overwrite))
    text = types_text({population.name: population.node_types for population in populations}, "node")
    table.write_text(text, encoding="utf-8")
    file.require_group("nodes")
    for population in populations:
        _put_population(file, population, in_both, compression)


def _put_population(file: Any, nodes: NodePopulation, in_both: tuple[str, ...], compression: str | int | None) -> None:
    group, n = population_group(file, "nodes", nodes.name), len(nodes)
    put_column(group, "node_type_id", nodes.node_type_id, compression)
    put_column(group, "node_id", np.arange(n, dtype=np.uint64), compression)
    put_column(group, "node_group_id", np.zeros(n, np.uint32), compression)
    put_column(group, "node_group_index", np.arange(n, dtype=np.uint64), compression)
    rows = group.create_group("0")
    copied = () if nodes.is_virtual else (name for name in in_both if name in nodes.attribute_names)
    columns = {name: nodes.column(name) for name in copied} | dict(nodes.attributes)
    for name, column in columns.items():
        if column.ndim > 1:
            logger.warning("%s/%s has several values a node: libsonata can't read it", rows.name, name)
        put_column(rows, name, column, compression)
    dynamics = rows.create_group("dynamics_params")
    for name, column in nodes.dynamics_params.items():
        put_column(dynamics, name, column, compression)


def read_nodes(
    nodes_file: str | os.PathLike[str], node_types_file: str | os.PathLike[str] | None = None
) -> dict[str, NodePopulation]:
    """Read all populations of nodes from a file.

    Parameters
    ----------
    nodes_file : path-like
        The HDF5 file; what hnnlib, BMTK or tools of the Blue Brain Project wrote.
    node_types_file : path-like, optional
        The table of types.

    Returns
    -------
    nodes : dict of str to NodePopulation
        The populations by name. Rows are in the order of their ids, attributes of several groups are joined,
        ``positions`` are told apart into ``x``, ``y`` and ``z``, and what a node says just as its type does is left to
        the type.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If a file is truncated, damaged or something else, ids are not 0 to n - 1, or a node has a type that the table
        does not have.
    """
    types = {} if node_types_file is None else read_types(node_types_file, "node")
    with open_file(nodes_file, "nodes") as populations:
        nodes = {name: _read_population(name, group, types) for name, group in populations.items()}
        for population in nodes.values():
            if types and not population.node_types and len(population):
                known = ", ".join(repr(name) for name in types)
                raise FileFormatError(str(node_types_file), f"has no types of population {population.name!r} ({known})")
            check_nodes(population)
    return nodes


def _read_population(name: str, group: Any, types: dict[str | None, Any]) -> NodePopulation:
    type_id, node_types = get_ids(group, "node_type_id"), types_of(types, name)
    n = len(type_id)
    attributes, dynamics = get_attributes(group, "node", n, lambda column: spread(type_id, node_types, column))
    attributes = node_attributes(attributes)
    for column in [column for column in attributes if is_text(attributes[column])]:
        by_type = spread(type_id, node_types, column)
        if by_type is not None and np.array_equal(by_type, attributes[column]):
            del attributes[column]
        elif by_type is not None and column in IN_BOTH:
            logger.warning(
                "%s: %s of population %r differs from the table of types; what the HDF5 file says holds",
                *(group.file.filename, column, name),
            )
    if "node_id" in group:
        node_id = get_ids(group, "node_id")
        order = np.argsort(node_id, kind="stable")
        if not np.array_equal(node_id[order], np.arange(n)):
            raise FileFormatError(group.file.filename, f"{group.name}/node_id must hold each id from 0 to {n - 1} once")
        if not np.array_equal(order, np.arange(n)):
            type_id = type_id[order]
            attributes = {name: column[order] for name, column in attributes.items()}
            dynamics = {name: column[order] for name, column in dynamics.items()}
    return NodePopulation(
        name=name, node_type_id=type_id, node_types=node_types, attributes=attributes, dynamics_params=dynamics
    )
