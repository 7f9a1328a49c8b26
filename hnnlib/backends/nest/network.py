"""A plan of point cells in NEST's kernel: cells, connections, currents, and what is recorded of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hnnlib.backends.nest.grid import TIC_MS, delay_steps, event_steps, times_of, waveforms
from hnnlib.plan.tables import Plan, Probe, Synapse, Template

__all__ = ["PointNetwork", "Recording", "cell_model", "port_numbers", "recordable"]

_PRECISE = "_ps"
"""How models end that fire, and are fired at, between time steps."""


def recordable(probe: Probe) -> str:
    """Return NEST's name of what a probe measures."""
    return "V_m" if probe.quantity == "v" else probe.quantity


def cell_model(number: int) -> str:
    """Return what the copy of a model is called that a template's cells are made of."""
    return f"hnnlib_cell_{number}"


def port_numbers(template: Template) -> np.ndarray:
    """Return NEST's ``receptor_type`` of each site of a point cell.

    It is the site's parameter of that name; without it ports count from 1, and a single one has 0, the number that
    models without ports want.
    """
    first = 1 if template.n_sites > 1 or (template.point is not None and "multisynapse" in template.point.name) else 0
    given = [p.get("receptor_type", k + first) for k, p in enumerate(template.sites.parameters)]
    return np.array(given, np.int64)


class PointNetwork:
    """What of a plan is in the kernel: at first nothing, then what is added.

    Parameters
    ----------
    nest : module
        NEST, its kernel just reset.
    plan : Plan
        What to build, of point cells only.
    """

    def __init__(self, nest: Any, plan: Plan) -> None:
        self._nest, self._plan = nest, plan
        self.node_id = np.zeros(plan.n_cells, np.int64)  # of each gid
        self._source_id = np.zeros(plan.n_gids, np.int64)
        self._precise = False
        self._synapse_names: dict[str, str] = {}

    def add_cells(self, number: int) -> None:
        """Create the cells of a template, by its number."""
        gids = np.flatnonzero(self._plan.cells.template == number)
        point = self._plan.templates[number].point
        if point is None or not len(gids):
            return
        # a copy of the model: as an argument of Create, a list as long as there are cells would be one value for each
        name = cell_model(number)
        self._nest.CopyModel(point.name, name, _plain(point.parameters))
        cells = self._nest.Create(name, len(gids))
        if point.of_cells:
            rows = zip(*(values.tolist() for values in point.of_cells.values()), strict=True)
            cells.set([dict(zip(point.of_cells, row, strict=True)) for row in rows])
        self.node_id[gids] = cells.tolist()
        self._precise |= point.name.endswith(_PRECISE)

    def connect(self, rows: np.ndarray, events: Callable[[int], np.ndarray] | None = None) -> None:
        """Make some of the plan's connections.

        Parameters
        ----------
        rows : array of int
            Rows of the plan's edges, rising.
        events : callable, optional
            Drive cell -> times (ms) at which it fires; left out, none does.
        """
        edges = self._plan.edges
        ports = [port_numbers(template) for template in self._plan.templates]
        connection = edges.connection[rows]
        self._add_sources(np.unique(edges.source_gid[rows]).astype(np.int64), events)
        for number in np.unique(connection).tolist():
            mine = rows[connection == number]
            synapse = self._plan.synapses[number] if self._plan.synapses else Synapse()
            model = self.synapse_model(synapse)
            template = self._plan.cells.template[edges.target_gid[mine]]
            port = np.zeros(len(mine), np.int64)
            for t in np.unique(template).tolist():
                port[template == t] = ports[t][edges.site[mine[template == t]]]
            self._connect(model, synapse, number, mine, port)

    def _connect(self, model: str, synapse: Synapse, number: int, rows: np.ndarray, port: np.ndarray) -> None:
        edges, dt = self._plan.edges, self._plan.run.dt_ms
        own = {}
        if synapse.of_edges:
            place = np.searchsorted(np.flatnonzero(edges.connection == number), rows)
            own = {name: np.asarray(values, float)[place] for name, values in synapse.of_edges.items()}
        self._nest.Connect(
            self._source_id[edges.source_gid[rows]],
            self.node_id[edges.target_gid[rows]],
            "one_to_one",
            {
                "synapse_model": model,
                "weight": edges.weight[rows],
                "delay": times_of(delay_steps(edges.delay_ms[rows], dt), dt),
                "receptor_type": port,
                **own,
            },
        )

    def synapse_model(self, synapse: Synapse) -> str:
        """Return the name of a model of synapses with given parameters: NEST's own, or a copy that is made once."""
        if not synapse.parameters:
            return synapse.model
        parameters = _plain(synapse.parameters)
        key = f"{synapse.model} {sorted(parameters.items())}"
        if key not in self._synapse_names:
            name = f"hnnlib_synapse_{len(self._synapse_names)}"
            self._nest.CopyModel(synapse.model, name, parameters)
            self._synapse_names[key] = name
        return self._synapse_names[key]

    def _add_sources(self, gids: np.ndarray, events: Callable[[int], np.ndarray] | None) -> None:
        """Create what fires for drive cells."""
        self._source_id[: self._plan.n_cells] = self.node_id
        new = gids[self._source_id[gids] == 0]
        if not len(new):
            return
        # not a spike_generator, which accepts static synapses only
        sources = self._nest.Create("spike_train_injector", len(new))
        self._source_id[new] = sources.tolist()
        if events is not None:
            sources.set([self._spikes(events(int(gid) - self._plan.n_cells)) for gid in new])

    def _spikes(self, times: np.ndarray) -> dict[str, Any]:
        dt = self._plan.run.dt_ms
        times = np.sort(times)
        if not self._precise:
            return {"spike_times": times_of(event_steps(times, dt), dt)}
        snapped = times_of(np.round(times / dt), dt)
        on_grid = np.abs(snapped - times) < 1e-6 * dt
        return {"spike_times": np.maximum(np.where(on_grid, snapped, times), TIC_MS), "precise_times": True}

    def add_currents(self) -> None:
        """Connect a generator for each current; it arrives one time step later."""
        run = self._plan.run
        for wave in waveforms(self._plan.biases, run.dt_ms, run.n_steps):
            current = {"amplitude_times": times_of(wave.steps, run.dt_ms), "amplitude_values": wave.amplitude_pA}
            generator = self._nest.Create("step_current_generator", params=current)
            targets = self._nest.NodeCollection(sorted(self.node_id[wave.gids].tolist()))
            self._nest.Connect(generator, targets, syn_spec={"delay": run.dt_ms})

    def record(self, probe: Probe) -> Recording:
        """Record what a probe measures."""
        return Recording(self._nest, self._plan, probe, self.node_id)

    def record_spikes(self) -> Any:
        """Return a recorder of all cells' spikes."""
        recorder = self._nest.Create("spike_recorder", params={"time_in_steps": True})
        if len(self.node_id):
            self._nest.Connect(self._nest.NodeCollection(sorted(self.node_id.tolist())), recorder)
        return recorder

    def spikes(self, recorder: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return times (ms) and gids of what a recorder heard, up to the end of the run and at it."""
        run = self._plan.run
        heard = recorder.events
        steps = np.asarray(heard["times"], np.int64)
        kept = steps <= run.n_steps
        gid_of = np.zeros(int(self.node_id.max(initial=0)) + 1, np.int32)
        gid_of[self.node_id] = np.arange(len(self.node_id))
        # a spike between two steps is told by the later one, and how long before it was
        times = times_of(steps[kept], run.dt_ms) - np.asarray(heard["offsets"], float)[kept]
        return times, gid_of[np.asarray(heard["senders"], np.int64)[kept]]


class Recording:
    """What a probe needs, as NEST records it: one multimeter for each model of cells."""

    def __init__(self, nest: Any, plan: Plan, probe: Probe, node_id: np.ndarray) -> None:
        self._probe = probe
        self._n_samples = plan.run.n_steps // probe.every + 1
        self._columns = np.unique(probe.index)  # gids: a point cell has one segment
        self._ids = node_id[self._columns]
        name = recordable(probe)
        interval = float(times_of(np.array(probe.every), plan.run.dt_ms))
        self._parts: list[tuple[Any, np.ndarray, np.ndarray | None]] = []  # multimeter, node ids, values at t = 0
        for t in np.unique(plan.cells.template[self._columns]).tolist():
            ids = np.sort(self._ids[plan.cells.template[self._columns] == t])
            cells = nest.NodeCollection(ids.tolist())
            settings = {"interval": interval, "record_from": [name], "time_in_steps": True}
            meter = nest.Create("multimeter", params=settings)
            nest.Connect(meter, cells)
            self._parts.append((meter, ids, _initial(cells, name)))

    def samples(self) -> np.ndarray:
        """Return the probe's samples, shape (n_samples, n_rows)."""
        from scipy.sparse import csr_matrix

        probe = self._probe
        values = np.full((self._n_samples, len(self._columns)), np.nan)
        place = np.argsort(self._ids)  # column of each node id, rising
        sorted_ids = self._ids[place]
        for meter, ids, initial in self._parts:
            heard = meter.events
            sample = np.asarray(heard["times"], np.int64) // probe.every
            kept = sample < self._n_samples
            column = place[np.searchsorted(sorted_ids, np.asarray(heard["senders"], np.int64)[kept])]
            values[sample[kept], column] = np.asarray(heard[recordable(probe)], float)[kept]
            mine = place[np.searchsorted(sorted_ids, ids)]
            # nothing is recorded at t = 0: what a model doesn't tell of its state stands as it is one sample later
            values[0, mine] = initial if initial is not None else values[min(1, self._n_samples - 1), mine]
        index = np.searchsorted(self._columns, probe.index)
        matrix = csr_matrix((probe.weight, index, probe.indptr), shape=(probe.n_rows, len(self._columns)))
        return np.ascontiguousarray((matrix @ values.T).T)


def _initial(cells: Any, name: str) -> np.ndarray | None:
    if name not in cells[0].get():
        return None
    return np.atleast_1d(np.asarray(cells.get(name), float))


def _plain(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as NEST takes them: numbers, and lists of them."""
    return {name: _number(value) for name, value in parameters.items()}


def _number(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    return list(value) if isinstance(value, tuple | list) else value
