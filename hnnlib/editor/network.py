"""Network: the familiar editor over one frozen `NetworkSpec`."""

from __future__ import annotations

import copy as copying
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import put_at, within
from hnnlib.editor.arguments import METADATA, check_keys, custom_network, deprecated, drive_targets, seeds, spike_trains
from hnnlib.editor.gains import class_gains, with_gains
from hnnlib.editor.select import cells_of, is_nested, nested_targets
from hnnlib.editor.stimuli import with_current_clamp, with_synaptic_events
from hnnlib.editor.views import BiasViews, ConnectionViews, DriveViews
from hnnlib.models.columns import column
from hnnlib.params.flat import add_biases, add_drives
from hnnlib.params.params import value
from hnnlib.spec.cells import CellSpec
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.drives import BurstyDrive, DriveSpec, EvokedDrive, PoissonDrive, SpikeTrainDrive
from hnnlib.spec.layout import AtPoints, Place, positions_of
from hnnlib.spec.network import Electrodes, NetworkSpec, Population, TonicBias

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from hnnlib.results.cell_response import CellResponse
    from hnnlib.results.potentials import ElectrodeRecording
    from hnnlib.results.result import Result

__all__ = ["Network"]

_Cells = str | int | range | Sequence[int] | Sequence[Sequence[int]]


class Network:
    """A network of cells, its drives and what is recorded.

    Every method replaces the one frozen spec inside (`spec`); an edit that is not allowed raises and changes nothing.

    Parameters
    ----------
    params : dict
        Flat parameters, as `read_params` returns them. Used are ``threshold``, ``celsius``, and with
        ``add_drives_from_params`` everything about drives.
    add_drives_from_params : bool
        Whether to add the drives and tonic biases that the parameters describe.
    legacy_mode : bool
        Whether those drives have the cells and seeds that HNN's older ``.param`` files meant.
    mesh_shape : tuple of int
        Pyramidal cells per layer along x and y.
    pos_dict : dict, optional
        Cell type -> list of positions (x, y, z) in µm, and ``'origin'``: the network's own cells in place of the
        standard four types. Goes with ``cell_types``.
    cell_types : dict, optional
        Cell type -> `CellSpec`, or ``{"cell_object": CellSpec, "cell_metadata": {...}}`` with ``morpho_type``,
        ``electro_type``, ``layer``, ``measure_dipole``, ``reference``, ``color``, ``marker``.

    Raises
    ------
    InvalidType, InvalidValue
        If an argument is not allowed.

    Notes
    -----
    The class makes cells, no connections: see `add_connection`, or a published model such as `neymotin_2020_model`.
    """

    def __init__(
        self,
        params: Mapping[str, Any],
        add_drives_from_params: bool = False,
        legacy_mode: bool = False,
        mesh_shape: tuple[int, int] = (10, 10),
        pos_dict: Mapping[str, Any] | None = None,
        cell_types: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(params, Mapping):
            raise InvalidType("params", params, "must be a dict of parameters, e.g. from read_params")
        check_keys(params)
        if (pos_dict is None) != (cell_types is None):
            raise InvalidValue("pos_dict", pos_dict, "and cell_types must be given together, or neither")
        options = {"threshold": value(params, "threshold"), "celsius": value(params, "celsius")}
        if pos_dict is None or cell_types is None:
            self._spec = column(mesh_shape, **options)
        else:
            self._spec = custom_network(pos_dict, cell_types, options)
        self._params = params
        self._result: Result | None = None
        if add_drives_from_params:
            self._spec = add_biases(add_drives(self._spec, params, legacy_mode), params)

    @classmethod
    def from_spec(cls, spec: NetworkSpec, params: Mapping[str, Any] | None = None) -> Network:
        """Return an editor over a spec.

        Parameters
        ----------
        spec : NetworkSpec
            What to edit.
        params : dict, optional
            Flat parameters that it came from.
        """
        if not isinstance(spec, NetworkSpec):
            raise InvalidType("spec", spec, "must be a NetworkSpec")
        net = cls.__new__(cls)
        net._spec, net._params, net._result = spec, params or {}, None
        return net

    # ------------------------------------------------------------------------------------------------ reading

    @property
    def spec(self) -> NetworkSpec:
        """The network as one frozen value."""
        return self._spec

    @property
    def cell_types(self) -> dict[str, dict[str, Any]]:
        """Cell type -> ``cell_object`` (`CellSpec`) and ``cell_metadata``."""
        return {
            name: {"cell_object": p.cell, "cell_metadata": {m: getattr(p, m) for m in METADATA}}
            for name, p in self._spec.populations.items()
        }

    @property
    def gid_ranges(self) -> dict[str, range]:
        """Cell type, drive or synaptic events -> its gids: cell types in their order, drives in theirs, then events."""
        ranges, start = {}, 0
        for name, count in self._spec.gid_counts().items():
            ranges[name] = range(start, start + count)
            start += count
        return ranges

    @property
    def pos_dict(self) -> dict[str, Any]:
        """Cell type or drive -> positions (x, y, z) in µm, and ``'origin'``, where drive cells sit."""
        spec = self._spec
        positions: dict[str, Any] = {
            name: [tuple(p) for p in positions_of(pop.place, spec.grid).tolist()]
            for name, pop in spec.populations.items()
        }
        counts = spec.gid_counts()
        positions.update({name: [spec.drive_origin] * counts[name] for name in (*spec.drives, *spec.synaptic_events)})
        positions["origin"] = spec.drive_origin
        return positions

    @property
    def external_drives(self) -> DriveViews:
        """Drives by name; ``net.external_drives['evprox1']['dynamics']['mu'] = 30.`` changes the network."""
        return DriveViews(self)

    @property
    def external_biases(self) -> BiasViews:
        """Tonic biases by name and cell type."""
        return BiasViews(self)

    @property
    def connectivity(self) -> ConnectionViews:
        """Connections between cells, then those of drives; ``net.connectivity[4]['nc_dict']['A_weight'] = 0.05``."""
        return ConnectionViews(self, self._delete_connection)

    @property
    def threshold(self) -> float:
        """Spike threshold (mV)."""
        return self._spec.threshold

    @property
    def cell_response(self) -> CellResponse | None:
        """Spikes and recordings of the last `simulate_dipole`, or None."""
        return None if self._result is None else self._result.cell_response

    @property
    def rec_arrays(self) -> dict[str, ElectrodeRecording]:
        """Electrode arrays by name, with the potentials of the last `simulate_dipole` (no trials before it)."""
        from hnnlib.results.potentials import ElectrodeRecording

        found = {} if self._result is None else dict(self._result.potentials)
        for name, e in self._spec.electrodes.items():
            if name not in found:
                found[name] = ElectrodeRecording(
                    positions=np.array(e.positions),
                    conductivity=e.conductivity,
                    method=e.method,
                    min_distance=e.min_distance,
                    times=np.zeros(0),
                    voltages=np.zeros((0, len(e.positions), 0)),
                )
        return found

    def drive_events(self, name: str) -> list[list[Any]]:
        """Return a drive's events in the last run.

        Parameters
        ----------
        name : str
            Name of the drive.

        Returns
        -------
        events : list of list of array
            Event times (ms) by trial and drive cell; empty before a run.
        """
        if self._result is None or name not in self._spec.drives:
            return []
        response, gids = self._result.cell_response, self.gid_ranges[name]
        return [
            [times[spike_gids == gid] for gid in gids]
            for times, spike_gids in zip(response.spike_times, response.spike_gids, strict=True)
        ]

    def gid_to_type(self, gid: int) -> str | None:
        """Return the cell type or drive that a gid belongs to, or None.

        Parameters
        ----------
        gid : int
            The gid.
        """
        return next((name for name, gids in self.gid_ranges.items() if gid in gids), None)

    def filter_cell_types(self, **metadata: Any) -> list[str]:
        """Return the cell types whose metadata have all the given values.

        Parameters
        ----------
        **metadata
            E.g. ``layer='5', electro_type='excitatory'``.
        """
        return [
            name
            for name, entry in self.cell_types.items()
            if all(key in METADATA and entry["cell_metadata"][key] == wanted for key, wanted in metadata.items())
        ]

    # ------------------------------------------------------------------------------------------------ editing

    def put(self, path: str, value: Any) -> None:
        """Set what stands at a path, e.g. ``drives.evprox1.mu``.

        Parameters
        ----------
        path : str
            As in `put_at`.
        value : object
            The new value.

        Raises
        ------
        InvalidValue
            If the path does not exist or the value is not allowed there.
        """
        self._spec = put_at(self._spec, path, value)

    def copy(self) -> Network:
        """Return a network with the same spec and no results."""
        return Network.from_spec(self._spec, copying.deepcopy(self._params))

    def set_cell_positions(
        self, *, inplane_distance: float | None = None, layer_separation: float | None = None
    ) -> None:
        """Move the cells that stand on the grid.

        Parameters
        ----------
        inplane_distance : float, optional
            Distance of neighbours (µm); space constants scale with it, so that weights and delays stay.
        layer_separation : float, optional
            Height of depth 1 above depth 0 (µm).
        """
        changes = {"inplane_distance": inplane_distance, "layer_separation": layer_separation}
        for field, distance in changes.items():
            if distance is not None:
                self.put(f"grid.{field}", distance)

    def add_cell_type(self, name: str, cell: CellSpec, place: Place | Sequence[Any], **metadata: Any) -> None:
        """Add a population of cells, after those that exist.

        Parameters
        ----------
        name : str
            A new name.
        cell : CellSpec
            What each cell is.
        place : OnGrid, AtPoints or sequence
            Where they are; a sequence holds positions (x, y, z) in µm.
        **metadata
            ``layer``, ``morpho_type``, ``electro_type``, ``measure_dipole``, ``reference``, ``color``, ``marker``,
            ``threshold``.
        """
        if name in self._spec.populations or name in self._spec.drives:
            raise InvalidValue("name", name, "exists already")
        with within(f"cell_types[{name!r}]"):
            where: Any = AtPoints(points=tuple(place)) if isinstance(place, Sequence) else place
            population = Population(cell=cell, place=where, **metadata)
        self._spec = attrs.evolve(self._spec, populations={**self._spec.populations, name: population})

    def _add_drive(self, name: str, kind: type, location: str, targets: dict[str, Any], **fields: Any) -> None:
        if name in self._spec.drives:
            raise InvalidValue("name", name, "is the name of a drive already; choose another")
        with within(f"drives[{name!r}]"):
            drive: DriveSpec = kind(location=location, **targets, **fields)
        self._spec = attrs.evolve(self._spec, drives={**self._spec.drives, name: drive})

    def add_evoked_drive(
        self,
        name: str,
        *,
        mu: float,
        sigma: float,
        numspikes: int,
        location: str,
        n_drive_cells: int | str = "n_cells",
        cell_specific: bool = True,
        weights_ampa: Mapping[str, float] | None = None,
        weights_nmda: Mapping[str, float] | None = None,
        space_constant: float = 3.0,
        synaptic_delays: float | Mapping[str, float] = 0.1,
        probability: float | Mapping[str, float] = 1.0,
        event_seed: int | None = None,
        conn_seed: int | None = None,
        seedcore: int | None = None,
    ) -> None:
        """Add a drive whose cells fire at times drawn from a normal distribution.

        Parameters
        ----------
        name : str
            A new name.
        mu, sigma : float
            Mean and standard deviation of the spike times (ms).
        numspikes : int
            Spikes of a drive cell in a trial.
        location : str
            Group of sections or section of the targets: ``'proximal'``, ``'distal'``, ``'soma'``, …
        n_drive_cells : int or 'n_cells'
            ``'n_cells'``: one drive cell for each targeted cell; a number: that many, each connected to all of them.
        cell_specific : bool
            Must agree with ``n_drive_cells``.
        weights_ampa, weights_nmda : dict, optional
            Cell type -> weight (µS); their keys are the targets.
        space_constant : float
            Decay with horizontal distance, in grid units.
        synaptic_delays : float or dict
            Delay (ms), one for all targets or by cell type.
        probability : float or dict
            Part of the connections that is kept.
        event_seed, conn_seed : int, optional
            HNN-core's seeds; left out, the drive has streams of its own that no other drive changes.
        seedcore : int, optional
            Deprecated name of ``event_seed``.
        """
        targets = drive_targets(
            n_drive_cells, cell_specific, weights_ampa, weights_nmda, space_constant, synaptic_delays, probability
        )
        self._add_drive(
            name,
            EvokedDrive,
            location,
            targets,
            mu=mu,
            sigma=sigma,
            numspikes=numspikes,
            **seeds(event_seed, conn_seed, seedcore),
        )

    def add_poisson_drive(
        self,
        name: str,
        *,
        tstart: float = 0.0,
        tstop: float | None = None,
        rate_constant: float | Mapping[str, float],
        location: str,
        n_drive_cells: int | str = "n_cells",
        cell_specific: bool = True,
        weights_ampa: Mapping[str, float] | None = None,
        weights_nmda: Mapping[str, float] | None = None,
        space_constant: float = 100.0,
        synaptic_delays: float | Mapping[str, float] = 0.1,
        probability: float | Mapping[str, float] = 1.0,
        event_seed: int | None = None,
        conn_seed: int | None = None,
        seedcore: int | None = None,
    ) -> None:
        """Add a drive whose cells fire as Poisson processes.

        Parameters
        ----------
        name : str
            A new name.
        tstart, tstop : float
            Start and end (ms); ``tstop`` None: the end of the run.
        rate_constant : float or dict
            Rate (Hz), one for all targets or by cell type.
        location : str
            As in `add_evoked_drive`, like all that follow.
        n_drive_cells : int or 'n_cells'
            Number of drive cells.
        cell_specific : bool
            Whether each target cell has a drive cell of its own.
        weights_ampa, weights_nmda : dict
            Cell type -> weight (µS); their keys are the targets.
        space_constant : float
            Decay with horizontal distance, in grid units.
        synaptic_delays, probability : float or dict
            Delay (ms), and part of the connections that is kept; one for all targets or by cell type.
        event_seed, conn_seed, seedcore : int or None
            Seeds of the events and of the choice of contacts.
        """
        targets = drive_targets(
            n_drive_cells, cell_specific, weights_ampa, weights_nmda, space_constant, synaptic_delays, probability
        )
        self._add_drive(
            name,
            PoissonDrive,
            location,
            targets,
            tstart=tstart,
            tstop=tstop,
            rate=rate_constant,
            **seeds(event_seed, conn_seed, seedcore),
        )

    def add_bursty_drive(
        self,
        name: str,
        *,
        tstart: float = 0.0,
        tstart_std: float = 0.0,
        tstop: float | None = None,
        location: str,
        burst_rate: float,
        burst_std: float = 0.0,
        numspikes: int = 2,
        spike_isi: float = 10.0,
        n_drive_cells: int | str = 1,
        cell_specific: bool = False,
        weights_ampa: Mapping[str, float] | None = None,
        weights_nmda: Mapping[str, float] | None = None,
        synaptic_delays: float | Mapping[str, float] = 0.1,
        space_constant: float = 100.0,
        probability: float | Mapping[str, float] = 1.0,
        event_seed: int | None = None,
        conn_seed: int | None = None,
        seedcore: int | None = None,
    ) -> None:
        """Add a rhythmic drive: bursts of spikes with jitter.

        Parameters
        ----------
        name : str
            A new name.
        tstart, tstart_std, tstop : float
            Centre of the first burst, its jitter from trial to trial, end (ms).
        location : str
            As in `add_evoked_drive`, like all that is said no more of below.
        burst_rate : float
            Bursts per second (Hz).
        burst_std : float
            Jitter of each burst of each drive cell (ms).
        numspikes, spike_isi : int, float
            Spikes of a burst and their interval (ms).
        n_drive_cells : int or 'n_cells'
            Number of drive cells.
        cell_specific : bool
            Whether each target cell has a drive cell of its own.
        weights_ampa, weights_nmda : dict
            Cell type -> weight (µS); their keys are the targets.
        synaptic_delays : float or dict
            Delay (ms), one for all targets or by cell type.
        space_constant : float
            Decay with horizontal distance, in grid units.
        probability : float or dict
            Part of the connections that is kept.
        event_seed, conn_seed, seedcore : int or None
            Seeds of the events and of the choice of contacts.
        """
        targets = drive_targets(
            n_drive_cells, cell_specific, weights_ampa, weights_nmda, space_constant, synaptic_delays, probability
        )
        dynamics = {"tstart": tstart, "tstart_std": tstart_std, "tstop": tstop, "burst_rate": burst_rate}
        dynamics.update(burst_std=burst_std, numspikes=numspikes, spike_isi=spike_isi)
        self._add_drive(name, BurstyDrive, location, targets, **dynamics, **seeds(event_seed, conn_seed, seedcore))

    def add_spike_train_drive(
        self,
        name: str,
        *,
        spike_data: Any,
        location: str,
        weights_ampa: Mapping[str, float] | None = None,
        weights_nmda: Mapping[str, float] | None = None,
        synaptic_delays: float | Mapping[str, float] = 0.1,
        space_constant: float = 3.0,
        probability: float | Mapping[str, float] = 1.0,
        conn_seed: int | None = None,
        population: str | None = None,
        nodes: Any = None,
    ) -> None:
        """Add a drive that replays given spikes, the same in every trial; each source connects to all targets.

        Parameters
        ----------
        name : str
            A new name.
        spike_data : dict, list of tuple, path, SpikeData or spike source
            Source -> spike times (ms); or (time, source) pairs; or the name of a spike text file (its first trial); or
            spikes whose nodes become the drive's cells, e.g. ``SpikesFromCSV(file=...)``; where they come from is kept.
        location : str
            As in `add_evoked_drive`, like all that follow.
        weights_ampa, weights_nmda : dict
            Cell type -> weight (µS); their keys are the targets.
        synaptic_delays : float or dict
            Delay (ms), one for all targets or by cell type.
        space_constant : float
            Decay with horizontal distance, in grid units.
        probability : float or dict
            Part of the connections that is kept.
        conn_seed : int or None
            Seed of the choice of contacts.
        population : str, optional
            Population of the spikes; needed where there are several.
        nodes : sequence of int or dict, optional
            Nodes of the population that become cells, silent ones too: ids, or columns with ``node_id``.
        """
        fields = spike_trains(spike_data, population, nodes)
        n = len(fields["trains"])
        targets = drive_targets(n, False, weights_ampa, weights_nmda, space_constant, synaptic_delays, probability)
        self._add_drive(name, SpikeTrainDrive, location, targets, **fields, conn_seed=conn_seed)

    def add_tonic_bias(
        self,
        *,
        amplitude: Mapping[str, float] | float,
        cell_type: str | None = None,
        section: str = "soma",
        bias_name: str = "tonic",
        t0: float = 0.0,
        tstop: float | None = None,
    ) -> None:
        """Add a constant current into cells.

        Parameters
        ----------
        amplitude : dict
            Cell type -> current (nA), positive depolarises.
        cell_type : str, optional
            Deprecated: the one cell type that a number as ``amplitude`` is for.
        section : str
            Section whose middle gets the current.
        bias_name : str
            Name; several biases may coexist.
        t0, tstop : float
            Start and end (ms); ``tstop`` None: the end of the run.
        """
        if cell_type is not None:
            deprecated("cell_type in add_tonic_bias; pass amplitude={cell_type: value}")
            amplitude = {cell_type: amplitude}  # type: ignore[dict-item]
        if not isinstance(amplitude, Mapping) or not amplitude:
            raise InvalidValue("amplitude", amplitude, "must be a dict with at least one cell type: current (nA)")
        existing = self._spec.biases.get(bias_name, {})
        added = {}
        for target, current in amplitude.items():
            if target in existing:
                raise InvalidValue(f"biases[{bias_name!r}]", target, "has this bias already; give another bias_name")
            with within(f"biases[{bias_name!r}][{target!r}]"):
                added[target] = TonicBias(amplitude=current, t0=t0, tstop=tstop, section=section)
        biases = {**self._spec.biases, bias_name: {**existing, **added}}
        self._spec = attrs.evolve(self._spec, biases=biases)

    def add_current_clamp(
        self,
        name: str,
        cells: Any,
        *,
        amplitude: float | Sequence[float] | None = None,
        delay: float | Sequence[float] | None = None,
        duration: float | Sequence[float | None] | None = None,
        times: Sequence[float] | None = None,
        amplitudes: Sequence[float] | None = None,
        csv: str | PathLike[str] | None = None,
        section: str = "soma",
    ) -> None:
        """Add a current into chosen cells, the same in every trial; it adds to what else flows there.

        The current is given in one of three ways: as steps (``amplitude``, ``delay``, ``duration``), as arrays
        (``times``, ``amplitudes``), or as a file (``csv``).

        Parameters
        ----------
        name : str
            A new name.
        cells : str, int, range, list or dict
            A cell type or a list of them; a gid, a range or a list of gids; or conditions that all must hold:
            ``population``, ``node_id`` (indices within one population), ``gids``, and metadata of the cell type such as
            ``electro_type`` or ``layer``.
        amplitude : float or list of float
            Current of each step (nA); positive depolarises.
        delay : float or list of float
            Start of each step (ms); left out, a single step starts at 0.
        duration : float or list of float, optional
            How long each step lasts (ms); None: to the end of the run. Steps that overlap add up.
        times, amplitudes : sequence of float, shape (n_values,)
            A current that is ``amplitudes[k]`` (nA) from ``times[k]`` (ms) until the next time, the last one to the end
            of the run, and 0 before the first. Times must rise.
        csv : path-like
            A text table of such times and amplitudes, read now: columns ``timestamps`` (ms) and ``amps`` (nA),
            separated by commas, semicolons, tabs or spaces; without a line of names, two columns in this order.
        section : str
            Section whose middle gets the current.

        Raises
        ------
        UnknownName
            If there is no such cell type or section.
        InvalidValue
            If no cell is meant, lists have different lengths, or a number is not allowed.
        MissingFile, FileFormatError
            If the file can't be read; names line and column.

        Notes
        -----
        A step acts in every time step whose middle is at or after its start and before its end, as NEURON's IClamp.
        """
        current: dict[str, Any] = {"amplitude": amplitude, "delay": delay, "duration": duration}
        current |= {"times": times, "amplitudes": amplitudes, "csv": csv}
        given = {key: value for key, value in current.items() if value is not None}
        self._spec = with_current_clamp(self._spec, name, cells, section, given)

    def add_synaptic_events(
        self,
        name: str,
        times: Sequence[float] | str | PathLike[str],
        pre: Any = None,
        post: Any = None,
        *,
        receptor: str | None = None,
        mode: str = "add",
        weight_scale: float = 1.0,
    ) -> None:
        """Force events on the contacts between chosen cells at given times, the same in every trial.

        Every contact from a cell of ``pre`` to a cell of ``post`` gets one event at each time, with the contact's own
        weight (gains and distance included) times ``weight_scale``. In the spikes of the run, in ``net.gid_ranges`` and
        in figures the events are those of a drive called ``name`` with one cell.

        Parameters
        ----------
        name : str
            A new name, of no cell type or drive.
        times : sequence of float, shape (n_times,), or path-like
            When events arrive at the synapses (ms): the delay of the connection is not added. Or a text file with one
            time a line, read now.
        pre, post : str, int, range, list or dict, optional
            Source and target cells, as ``cells`` in `add_current_clamp`; left out, every cell.
        receptor : str, optional
            Receptor of the contacts; left out, any.
        mode : 'add', 'replace' or 'isolate'
            ``'add'``: the network's own spikes act as before. ``'replace'``: the matching contacts no longer hear their
            source cells. ``'isolate'``: no contact between cells does any more. Drives act as ever.
        weight_scale : float
            Multiplies the weights.

        Raises
        ------
        UnknownName
            If there is no such cell type, receptor or mode.
        InvalidValue
            If there is no connection from ``pre`` to ``post`` (add connections first), or a time is not allowed.
            Whether the very cells are connected shows when a run is prepared: then `simulate` raises this error.
        MissingFile, FileFormatError
            If the file can't be read; names the line.

        Notes
        -----
        Events of several names add up. A contact hears its source cell unless one of the names forbids it, whatever the
        order in which they were added. ``net.put("synaptic_events", {})`` takes all away.
        """
        fields = {"receptor": receptor, "mode": mode, "weight_scale": weight_scale}
        self._spec = with_synaptic_events(self._spec, name, times, pre, post, **fields)

    def add_connection(
        self,
        src_gids: _Cells,
        target_gids: _Cells,
        loc: str,
        receptor: str,
        weight: float,
        delay: float,
        lamtha: float,
        threshold: float | None = None,
        gain: float = 1.0,
        allow_autapses: bool = True,
        probability: float = 1.0,
        conn_seed: int | None = None,
    ) -> None:
        """Connect cells.

        Parameters
        ----------
        src_gids, target_gids : str, int, range, list of int
            A cell type, or gids of one cell type. Targets may be a list of lists, one for each source.
        loc : str
            Group of sections (one synapse on each) or section of the targets.
        receptor : str
            Receptor of the targets.
        weight : float
            Peak conductance at distance 0 (µS).
        delay : float
            Delay at distance 0 (ms).
        lamtha : float
            Space constant, in grid units.
        threshold : float, optional
            Spike threshold of the source cells (mV). It belongs to the cell type: it holds for all its connections.
        gain : float
            Multiplies the weight.
        allow_autapses : bool
            Whether a cell may connect to itself.
        probability : float
            Part of the connections that is kept.
        conn_seed : int, optional
            HNN-core's seed of the choice; left out, a stream of its own.
        """
        source, source_cells = cells_of(self, "src_gids", src_gids)
        fields: dict[str, Any] = {"source_cells": source_cells}
        if is_nested(target_gids):
            target, fields = nested_targets(self, source_cells, src_gids, target_gids)
        else:
            target, fields["target_cells"] = cells_of(self, "target_gids", target_gids)
        connection = ConnectionSpec(
            source=source,
            target=target,
            location=loc,
            receptor=receptor,
            weight=weight,
            delay=delay,
            space_constant=lamtha,
            gain=gain,
            allow_autapses=allow_autapses,
            probability=probability,
            conn_seed=conn_seed,
            **fields,
        )
        spec = attrs.evolve(self._spec, connections=(*self._spec.connections, connection))
        if threshold is not None:
            spec = put_at(spec, f"populations['{source}'].threshold", threshold)
        self._spec = spec

    def _delete_connection(self, i: int) -> None:
        connections = self._spec.connections
        self._spec = attrs.evolve(self._spec, connections=connections[:i] + connections[i + 1 :])

    def clear_connectivity(self) -> None:
        """Remove all connections between cells; those of drives stay."""
        self._spec = attrs.evolve(self._spec, connections=())

    def clear_drives(self) -> None:
        """Remove all drives with their connections; biases stay."""
        self._spec = attrs.evolve(self._spec, drives={})

    def add_electrode_array(
        self,
        name: str,
        electrode_pos: Any,
        *,
        conductivity: float = 0.3,
        method: str | None = "psa",
        min_distance: float = 0.5,
    ) -> None:
        """Add an array of electrodes that record extracellular potentials.

        Parameters
        ----------
        name : str
            A new name.
        electrode_pos : tuple or list of tuple
            One contact (x, y, z) or several, in µm.
        conductivity : float
            Of the medium (S/m).
        method : 'psa', 'lsa' or None
            Point sources, line sources, or the plain sum of membrane currents.
        min_distance : float
            Nearer membrane counts as this far away (µm).
        """
        if name in self._spec.electrodes:
            raise InvalidValue("name", name, "is the name of an electrode array already; choose another")
        single = np.iterable(electrode_pos) and all(isinstance(v, int | float | np.number) for v in electrode_pos)
        with within(f"electrodes[{name!r}]"):
            electrodes = Electrodes(
                positions=(electrode_pos,) if single else electrode_pos,
                conductivity=conductivity,
                method=method,
                min_distance=min_distance,
            )
        self._spec = attrs.evolve(self._spec, electrodes={**self._spec.electrodes, name: electrodes})

    def set_global_synaptic_gains(
        self,
        e_e: float | None = None,
        e_i: float | None = None,
        i_e: float | None = None,
        i_i: float | None = None,
        copy: bool = False,
    ) -> Network | None:
        """Set the gain of all connections of a class; drives are not touched.

        Parameters
        ----------
        e_e, e_i, i_e, i_i : float, optional
            Gain of connections from excitatory (e) or inhibitory (i) cells to such cells; None leaves it.
        copy : bool
            Whether to change and return a copy.

        Returns
        -------
        net : Network or None
            The changed copy.
        """
        net = self.copy() if copy else self
        net._spec = with_gains(self._spec, {"e_e": e_e, "e_i": e_i, "i_e": i_e, "i_i": i_i})
        return net if copy else None

    def get_global_synaptic_gains(self) -> dict[str, float]:
        """Return the gain of each class of connections; 1 for a class without any.

        Raises
        ------
        InvalidValue
            If connections of a class have different gains.
        """
        return class_gains(self._spec)

    def plot_cells(self, ax: Any = None, show: bool = True) -> Figure:
        """Plot cell positions in 3-D.

        Parameters
        ----------
        ax : matplotlib 3-D axes, optional
            Where to draw; a new figure when left out.
        show : bool
            Whether to show the figure.

        Returns
        -------
        figure : matplotlib.figure.Figure
        """
        from hnnlib.viz import plot_cells

        return plot_cells(self, ax=ax, show=show)

    def plot_connectivity_graph(self, **kwargs: Any) -> Figure:
        """Plot populations and drives with arrows as wide as the weights between them.

        Parameters
        ----------
        **kwargs
            Passed on to `hnnlib.viz.plot_connectivity_graph`: ``ax``, ``receptor``, ``drives``, ``show``.

        Returns
        -------
        figure : matplotlib.figure.Figure
        """
        from hnnlib.viz import plot_connectivity_graph

        return plot_connectivity_graph(self, **kwargs)

    def plot_drive_schedule(self, **kwargs: Any) -> Figure:
        """Plot when each drive, bias and current clamp acts, and on whom.

        Parameters
        ----------
        **kwargs
            Passed on to `hnnlib.viz.plot_drive_schedule`: ``tstop``, ``ax``, ``trial``, ``show``.

        Returns
        -------
        figure : matplotlib.figure.Figure
        """
        from hnnlib.viz import plot_drive_schedule

        return plot_drive_schedule(self, **kwargs)

    # ------------------------------------------------------------------------------------------------ Python

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Network):
            return NotImplemented
        mine, theirs = self._spec, other._spec
        orders = [[list(m) for m in (s.populations, s.drives, s.synaptic_events)] for s in (mine, theirs)]
        return orders[0] == orders[1] and mine == theirs

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        counts = self._spec.gid_counts()
        cells = ", ".join(f"{counts[name]} {name}" for name in self._spec.populations)
        extra = [f"{len(self._spec.connections)} connections", f"{len(self._spec.drives)} drives"]
        return f"<Network | {cells}; {', '.join(extra)}>"
