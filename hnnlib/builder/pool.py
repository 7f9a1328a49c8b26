"""Nodes as rules see them: one by one, or many as columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from hnnlib.plan.circuit import NodePopulation

__all__ = ["Node", "NodePool"]


class Node(Mapping[str, Any]):
    """One node: its attributes by name, ``node_id`` and ``positions`` (µm) among them.

    Parameters
    ----------
    population : str
        Name of its population.
    attributes : mapping
        What it has.
    """

    __slots__ = ("_attributes", "population")

    def __init__(self, population: str, attributes: Mapping[str, Any]) -> None:
        self.population, self._attributes = population, attributes

    @property
    def node_id(self) -> int:
        """Its id in its population."""
        return int(self._attributes["node_id"])

    def __getitem__(self, name: str) -> Any:
        return self._attributes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes)

    def __len__(self) -> int:
        return len(self._attributes)

    def __repr__(self) -> str:
        return f"Node({self.population!r}, {dict(self._attributes)!r})"


class NodePool:
    """Some nodes of one population.

    Parameters
    ----------
    nodes : NodePopulation
        The population.
    node_ids : array of int, shape (n,)
        Which nodes; a node may be there more than once.
    condition : mapping
        How they were chosen.
    """

    def __init__(self, nodes: NodePopulation, node_ids: np.ndarray, condition: Mapping[str, Any]) -> None:
        self.nodes, self.node_ids, self.condition = nodes, node_ids, condition

    @property
    def population(self) -> str:
        """Name of the population."""
        return self.nodes.name

    def __len__(self) -> int:
        return len(self.node_ids)

    def __iter__(self) -> Iterator[Node]:
        return iter(self.each())

    def column(self, name: str) -> np.ndarray:
        """Return an attribute of these nodes.

        Parameters
        ----------
        name : str
            An attribute, ``node_id``, or ``positions`` for x, y and z together.

        Returns
        -------
        column : array, shape (n,); (n, 3) for ``positions``, µm
            The values; text as objects. Missing: NaN or None.

        Raises
        ------
        UnknownName
            If the population has no such attribute.
        """
        column: np.ndarray = self.nodes.column(name)[self.node_ids]
        return column

    def each(self) -> list[Node]:
        """Return the nodes one by one."""
        names = ["node_id", "node_type_id", *self.nodes.attribute_names]
        if {"x", "y", "z"} <= set(names):
            names.append("positions")
        columns = [self.column(name) for name in names]
        return [Node(self.population, dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]

    def take(self, rows: np.ndarray) -> NodePool:
        """Return the nodes of some rows.

        Parameters
        ----------
        rows : array of int
            Indices; one may be there more than once.
        """
        return NodePool(self.nodes, self.node_ids[rows], self.condition)
