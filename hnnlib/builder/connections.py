"""Connections by rule: which pairs of nodes are connected, by how many synapses, and what each synapse is like."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.seeds import independent_stream
from hnnlib.builder.pool import NodePool
from hnnlib.plan.columns import as_column

__all__ = ["ITERATORS", "ConnectionMap"]

ITERATORS = ("one_to_one", "all_to_one", "one_to_all", "all_to_all")


@attrs.frozen
class _Property:
    names: tuple[str, ...]
    rule: Any  # a function, or values
    params: Mapping[str, Any]
    dtypes: tuple[Any, ...]


class ConnectionMap:
    """Edges that one call of `NetworkBuilder.add_edges` asks for.

    Parameters
    ----------
    sources, targets : NodePool
        Nodes at either end.
    rule : int, array or callable
        Number of synapses of each pair.
    params : mapping
        Further arguments of the rule.
    iterator : str, optional
        What the rule is called with.
    edge_type_id : int
        Type of these edges.
    stream : tuple of (int, str, int)
        What names the streams of random numbers: seed, name, number of the connection.

    Raises
    ------
    InvalidValue, InvalidType
        If rule and iterator don't fit.
    """

    def __init__(
        self,
        sources: NodePool,
        targets: NodePool,
        rule: Any,
        params: Mapping[str, Any],
        iterator: str | None,
        edge_type_id: int,
        stream: tuple[int, str, int],
    ) -> None:
        self.sources, self.targets, self.edge_type_id = sources, targets, edge_type_id
        self._params, self._stream = dict(params), stream
        self._path = f"{stream[1]}.add_edges[{stream[2]}]"
        self._rule = rule if callable(rule) else self._constant(rule)
        self._iterator = self._chosen(iterator)
        self._properties: list[_Property] = []

    def add_properties(
        self,
        names: str | Sequence[str],
        rule: Any = None,
        rule_params: Mapping[str, Any] | None = None,
        values: Any = None,
        dtypes: Any = None,
    ) -> None:
        """Give each synapse properties of its own; the edges have then one row per synapse.

        Parameters
        ----------
        names : str or sequence of str
            Names of the properties, e.g. ``syn_weight`` or ``['afferent_section_id', 'afferent_section_pos']``.
        rule : callable, optional
            ``rule(source, target, **rule_params)`` is called for each synapse and returns its value, or one for each
            name; if marked with `takes_arrays`, it is called once with all.
        rule_params : mapping, optional
            Further arguments of the rule.
        values : scalar or array, optional
            In place of a rule: a value for all synapses, or one for each, target by target and source by source; for
            several names, one of these for each.
        dtypes : type or sequence of type, optional
            Of what type the values are, one or one for each name.

        Raises
        ------
        InvalidValue
            If there is not one of rule and values, or not one type for each name.
        """
        path = f"{self._path}.add_properties"
        found = (names,) if isinstance(names, str) else tuple(names)
        if (rule is None) == (values is None):
            raise InvalidValue(path, found, "needs either a rule or values")
        kinds = tuple(dtypes) if isinstance(dtypes, list | tuple) else (dtypes,) * len(found)
        if len(kinds) != len(found):
            raise InvalidValue(f"{path}.dtypes", dtypes, f"must be one type, or one for each of {', '.join(found)}")
        for kind in kinds:
            try:
                np.dtype(kind)
            except TypeError:
                raise InvalidType(f"{path}.dtypes", kind, "must be a type that numpy knows") from None
        self._properties.append(_Property(found, values if rule is None else rule, dict(rule_params or {}), kinds))

    def edges(self) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Call the rules.

        Returns
        -------
        source_node_id, target_node_id : array of int, shape (n,)
            Ends of each edge, ordered by target, then source.
        attributes : dict of str to array, shape (n,)
            ``nsyns``, or the properties of each synapse.

        Raises
        ------
        InvalidValue
            If a rule returns something else than numbers of synapses, or than a property for each synapse.
        """
        nsyns = self._nsyns()
        target, source = np.nonzero(nsyns.T)
        counts = nsyns[source, target]
        attributes: dict[str, np.ndarray] = {}
        if self._properties:
            source, target = np.repeat(source, counts), np.repeat(target, counts)
            for number, entry in enumerate(self._properties):
                attributes |= self._values(entry, number, source, target)
        else:
            attributes["nsyns"] = counts
        return self.sources.node_ids[source], self.targets.node_ids[target], attributes

    def _constant(self, rule: Any) -> np.ndarray:
        shape = (len(self.sources), len(self.targets))
        if rule is None or isinstance(rule, str):
            raise InvalidType(f"{self._path}.connection_rule", rule, "must be a number, an array or a function")
        return self._counts(rule, shape, "connection_rule")

    def _chosen(self, iterator: str | None) -> str:
        path = f"{self._path}.iterator"
        arrays = callable(self._rule) and _takes_arrays(self._rule)
        if iterator is None:
            return "all_to_all" if arrays else "one_to_one"
        if iterator not in ITERATORS:
            raise UnknownName(path, iterator, "iterator", ITERATORS)
        if arrays and iterator != "all_to_all":
            raise InvalidValue(path, iterator, "can't be: the rule takes all nodes at once; leave it out")
        return iterator

    def _nsyns(self) -> np.ndarray:
        shape = (len(self.sources), len(self.targets))
        if not callable(self._rule):
            constant: np.ndarray = self._rule
            return constant
        rule = _bound(self._rule, self._params, lambda: independent_stream(*self._stream))
        if self._iterator == "all_to_all":
            return self._counts(rule(self.sources, self.targets), shape)
        sources, targets = self.sources.each(), self.targets.each()
        nsyns = np.zeros(shape, np.int64)
        if self._iterator == "one_to_one":
            for j, target in enumerate(targets):
                nsyns[:, j] = self._counts([rule(source, target) for source in sources], shape[:1])
        elif self._iterator == "all_to_one":
            for j, target in enumerate(targets):
                nsyns[:, j] = self._counts(rule(sources, target), shape[:1])
        else:
            for i, source in enumerate(sources):
                nsyns[i] = self._counts(rule(source, targets), shape[1:])
        return nsyns

    def _counts(self, returned: Any, shape: tuple[int, ...], what: str = "what the rule returns") -> np.ndarray:
        """Return numbers of synapses, None being 0, after a check."""
        path = f"{self._path}: {what}"
        try:
            array = np.asarray(returned)
            numbers = np.where(array == np.array(None), 0, array).astype(float)
        except (TypeError, ValueError):
            raise InvalidType(path, returned, "must be numbers of synapses") from None
        if numbers.shape not in (shape, ()) or (numbers.shape == () and what == "what the rule returns"):
            raise InvalidValue(path, numbers.shape, f"must have shape {shape}")
        good = np.isfinite(numbers) & (numbers >= 0) & (numbers == np.floor(numbers))
        if not good.all():
            raise InvalidValue(path, numbers[~good].flat[0].item(), "must be a whole number of synapses, 0 or more")
        return np.broadcast_to(numbers.astype(np.int64), shape)

    def _values(self, entry: _Property, number: int, source: np.ndarray, target: np.ndarray) -> dict[str, np.ndarray]:
        n, several = len(source), len(entry.names) > 1
        if not callable(entry.rule):
            columns = entry.rule if several else [entry.rule]
        else:
            rule = _bound(entry.rule, entry.params, lambda: independent_stream(*self._stream, number))
            if _takes_arrays(entry.rule):
                returned = rule(self.sources.take(source), self.targets.take(target))
                columns = returned if several else [returned]
            else:
                sources, targets = self.sources.each(), self.targets.each()
                rows = [rule(sources[i], targets[j]) for i, j in zip(source, target, strict=True)]
                columns = self._transposed(rows, entry.names) if several else [rows]
        path = f"{self._path}.add_properties"
        if len(columns) != len(entry.names):
            raise InvalidValue(path, len(columns), f"values were given; must be one for each of {entry.names}")
        found = {}
        for name, values, kind in zip(entry.names, columns, entry.dtypes, strict=True):
            try:
                column = as_column(np.asarray(values, dtype=kind))
            except (TypeError, ValueError) as error:
                raise InvalidType(f"{path}: {name}", values, f"must be of type {kind} ({error})") from None
            if column.shape not in ((n,), ()):
                raise InvalidValue(
                    f"{path}: {name}", column.shape, f"must be one value, or one for each of {n} synapses"
                )
            found[name] = np.full(n, column) if column.shape == () else column
        return found

    def _transposed(self, rows: list[Any], names: tuple[str, ...]) -> list[list[Any]]:
        for row in rows:
            if not isinstance(row, Sequence | np.ndarray) or len(row) != len(names):
                raise InvalidValue(f"{self._path}.add_properties", row, f"must be a value for each of {names}")
        return [[row[k] for row in rows] for k in range(len(names))]


def _takes_arrays(rule: Any) -> bool:
    while rule is not None:
        if getattr(rule, "takes_arrays", False):
            return True
        rule = getattr(rule, "func", None)  # what a functools.partial completes
    return False


def _bound(rule: Callable[..., Any], params: Mapping[str, Any], stream: Callable[[], Any]) -> Callable[..., Any]:
    """Return a rule with its further arguments, a stream of random numbers among them if it asks for one."""
    try:
        asks = "rng" in inspect.signature(rule).parameters
    except (TypeError, ValueError):  # some functions written in C tell nothing of themselves
        asks = False
    further = {**params, "rng": stream()} if asks and "rng" not in params else dict(params)
    return lambda source, target: rule(source, target, **further)
