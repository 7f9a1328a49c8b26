"""What of a plan NEST can't do, found before the run by building a part of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from hnnlib.backends.nest.grid import TIC_MS
from hnnlib.backends.nest.kernel import Kernel
from hnnlib.backends.nest.network import PointNetwork, cell_model, recordable
from hnnlib.base.errors import InvalidValue, UnknownName
from hnnlib.plan.tables import Plan, Probe, Template

__all__ = ["obstacles"]

_BOOKKEEPING = frozenset(
    (
        *("archiver_length", "available", "capacity", "element_type", "elementsize", "frozen", "global_id"),
        *("has_connections", "instantiations", "local", "model", "model_id", "node_uses_wfr", "post_trace"),
        *("recordables", "synaptic_elements", "t_spike", "thread", "thread_local_id", "type_id", "vp", "sizeof"),
        *("ignore_and_spike", "ignore_and_spike_interval", "ignore_and_spike_offset", "has_delay", "num_connections"),
        *("requires_symmetric", "synapse_model", "synapse_modelid", "weight_recorder", "delay", "weight"),
        *("receptor_type",),
    )
)
"""What NEST lists among the parameters of a model and can't be set, or is given elsewhere."""


def obstacles(kernel: Kernel, plan: Plan, threads: int) -> list[str]:
    """Return what of a plan NEST can't do, one sentence each.

    Parameters
    ----------
    kernel : Kernel
        This process's kernel; what is in it is forgotten.
    plan : Plan
        What is to be run.
    threads : int
        Threads of a simulation.
    """
    used = [plan.templates[t] for t in np.unique(plan.cells.template).tolist()]
    found = [
        f"population {template.name!r} is made of cells with sections; NEST simulates points"
        for template in used
        if template.point is None
    ]
    dt = plan.run.dt_ms
    if abs(round(dt / TIC_MS) * TIC_MS - dt) > 1e-9:
        found.append(str(InvalidValue("dt", dt, f"must be a multiple of {TIC_MS:g} ms")))
    if any(events.factor is not None for events in plan.events):
        found.append("events have factors of their own; NEST gives a connection one weight")
    if found:
        return found
    kernel.reset(dt, 1, threads)
    nest = kernel.nest
    found += [*_models(nest, used), *_synapses(nest, plan)]
    return found or list(_refused(kernel, plan))


def _models(nest: Any, templates: list[Template]) -> Iterator[str]:
    for template in templates:
        point = template.point
        if point is None:
            continue
        path = f"populations[{template.name!r}].cell"
        if point.name not in nest.node_models or not _is_cell(nest, point.name):
            known = [name for name in nest.node_models if _is_cell(nest, name)]
            yield str(UnknownName(f"{path}.model", point.name, "model of a cell in NEST", known))
            continue
        yield from _parameters(nest, point.name, (*point.parameters, *point.of_cells), f"{path}.parameters")


def _is_cell(nest: Any, name: str) -> bool:
    return str(nest.GetDefaults(name).get("element_type")) == "neuron"


def _synapses(nest: Any, plan: Plan) -> Iterator[str]:
    for label, synapse in zip(plan.edges.connection_labels, plan.synapses, strict=False):
        path = f"connections[{label!r}]"
        if synapse.model not in nest.synapse_models:
            yield str(UnknownName(f"{path}.model", synapse.model, "model of a synapse in NEST", nest.synapse_models))
            continue
        names = (*synapse.parameters, *synapse.of_edges)
        yield from _parameters(nest, synapse.model, names, f"{path}.parameters")


def _parameters(nest: Any, model: str, names: Sequence[str], path: str) -> Iterator[str]:
    known = [name for name in nest.GetDefaults(model) if name not in _BOOKKEEPING]
    for name in names:
        if name not in known:
            yield str(UnknownName(path, name, f"parameter of {model}", known))


def _refused(kernel: Kernel, plan: Plan) -> Iterator[str]:
    """Yield what NEST refuses when all cells, one connection of each kind and all recorders are made."""
    network = PointNetwork(kernel.nest, plan)
    for number, template in enumerate(plan.templates):
        try:
            network.add_cells(number)
        except kernel.errors as error:
            yield f"populations[{template.name!r}].cell: {_told(error, plan)}"
            return
    for row in _kinds(plan):
        try:
            network.connect(np.array([row]))
        except kernel.errors as error:
            yield f"{_name(plan, row)}: {_told(error, plan)}"
            continue
        weight, point = plan.edges.weight[row], _template(plan, row).point
        # told by NEST only when an event arrives
        if weight < 0 and point is not None and "cond" in point.name and "multisynapse" in point.name:
            yield f"{_name(plan, row)}: weight {weight:g} must be >= 0: the port's reversal potential makes the sign"
    for probe in plan.probes:
        try:
            network.record(probe)
        except kernel.errors:
            yield from _unrecorded(kernel.nest, network, plan, probe)


def _kinds(plan: Plan) -> list[int]:
    """Return a row of the edges of each kind: connection, model and port of the cell, sign."""
    edges = plan.edges
    live = np.flatnonzero(plan.live_edges())
    template = plan.cells.template[edges.target_gid[live]]
    kinds = np.stack([edges.connection[live], template, edges.site[live], edges.weight[live] < 0])
    rows: list[int] = live[np.unique(kinds, axis=1, return_index=True)[1]].tolist()
    return rows


def _template(plan: Plan, row: int) -> Template:
    """Return the template of the cell that a row of the edges ends in."""
    return plan.templates[plan.cells.template[plan.edges.target_gid[row]]]


def _told(error: Exception, plan: Plan) -> str:
    """Return what NEST says, with its own names of models in place of those of our copies."""
    text = str(error)
    # the last first: number 1 is the beginning of number 12
    for number, template in reversed(list(enumerate(plan.templates))):
        if template.point is not None:
            text = text.replace(cell_model(number), template.point.name)
    return f"NEST: {text}"


def _name(plan: Plan, row: int) -> str:
    template = _template(plan, row)
    port = template.sites.receptors[plan.edges.site[row]]
    return f"connections[{plan.edges.connection_labels[plan.edges.connection[row]]!r}] onto {template.name!r}, {port}"


def _unrecorded(nest: Any, network: PointNetwork, plan: Plan, probe: Probe) -> Iterator[str]:
    """Yield which cells have nothing by the name of what a probe measures."""
    gids = np.unique(probe.index)
    for t in np.unique(plan.cells.template[gids]).tolist():
        gid = int(gids[plan.cells.template[gids] == t][0])
        known = nest.NodeCollection([int(network.node_id[gid])]).recordables
        if recordable(probe) not in known:
            what = f"recordable of population {plan.templates[t].name!r}"
            yield str(UnknownName(f"record of {probe.name!r}", recordable(probe), what, known))
