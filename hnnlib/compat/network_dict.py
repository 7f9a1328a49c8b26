"""A network as the dict that HNN-core's network files hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue
from hnnlib.base.schema import digest, to_plain
from hnnlib.compile.build import compile_plan
from hnnlib.compile.discretise import make_template
from hnnlib.editor.arguments import METADATA
from hnnlib.editor.network import Network
from hnnlib.plan.tables import Plan
from hnnlib.results.cell_response import CellResponse
from hnnlib.spec.cells import CellSpec, SectionSpec, SynapseSpec
from hnnlib.spec.drives import DriveSpec, PoissonDrive, SpikeTrainDrive
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.profiles import evaluate
from hnnlib.spec.run import RunSpec

__all__ = ["NATIVE", "cell_to_dict", "connectivity_of", "network_to_dict", "signed"]

NATIVE = "hnnlib"
"""Key of what only hnnlib reads: the spec itself, and a digest of all the rest, which tells whether that was edited."""

_DELAY = 1.0  # HNN-core's `Network.delay`, which nothing uses


def network_to_dict(net: Network, write_output: bool = False) -> dict[str, Any]:
    """Return a network as plain data, in the form of HNN-core's hierarchical network files.

    Parameters
    ----------
    net : Network
        The network.
    write_output : bool
        Whether to include the last run: spikes, and events of the drives.

    Returns
    -------
    data : dict
        Ready for JSON; `dict_to_network` makes an equal network of it. What the form has no place for (distance rules
        as rules, HNN-core's own network having only their values, forced events, current clamps, spacing of the grid)
        stands under ``'hnnlib'``, which HNN-core doesn't look at. A drive or connection without a seed has null there,
        which HNN-core can't run: give it one for HNN-core's sake.
    """
    data = _of_spec(net.spec)
    if write_output and net.cell_response is not None:
        data["cell_response"] = _response(net.cell_response)
        for name, drive in data["external_drives"].items():
            drive["events"] = [[_plain(cell) for cell in trial] for trial in net.drive_events(name)]
    data[NATIVE] = {"network": to_plain(net.spec), "digest": digest(signed(data))}
    return data


def signed(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a network's dict that tells what the network is: neither results nor hnnlib's own entry."""
    kept = {key: value for key, value in data.items() if key not in (NATIVE, "cell_response", "rec_arrays")}
    drives = kept.get("external_drives", {})
    kept["external_drives"] = {
        name: {key: value for key, value in drive.items() if key != "events"} for name, drive in drives.items()
    }
    return kept


def _of_spec(spec: NetworkSpec) -> dict[str, Any]:
    plan = _plan(spec)
    ranges = plan.populations.gid_ranges
    position = plan.cells.position_um
    positions: dict[str, Any] = {
        name: _plain(position[ranges[name].start : ranges[name].stop]) for name in spec.populations
    }
    positions.update({name: [list(spec.drive_origin)] * len(ranges[name]) for name in spec.drives})
    positions["origin"] = list(spec.drive_origin)
    n_x, n_y = spec.grid.mesh_shape
    return {
        "object_type": "Network",
        "legacy_mode": False,
        "N_pyr_x": n_x,
        "N_pyr_y": n_y,
        "celsius": spec.celsius,
        "threshold": spec.threshold,
        "delay": _DELAY,
        "cell_types": {
            name: {
                "cell_object": cell_to_dict(name, p.detailed_cell),
                "cell_metadata": {key: getattr(p, key) for key in METADATA},
            }
            for name, p in spec.populations.items()
        },
        "gid_ranges": {name: {"start": r.start, "stop": r.stop} for name, r in ranges.items()},
        "pos_dict": positions,
        "cell_response": {},
        "external_drives": {name: _drive(spec, name, drive) for name, drive in spec.drives.items()},
        "external_biases": {
            name: {
                target: {key: getattr(bias, key) for key in ("amplitude", "t0", "tstop", "section")}
                for target, bias in biases.items()
            }
            for name, biases in spec.biases.items()
        },
        "connectivity": _connectivity(spec, plan, ranges),
        "rec_arrays": {
            name: {
                "positions": [list(contact) for contact in e.positions],
                "conductivity": e.conductivity,
                "method": e.method,
                "min_distance": e.min_distance,
                "times": [],
                "voltages": [],
            }
            for name, e in spec.electrodes.items()
        },
    }


def _plain(value: Any) -> Any:
    return np.asarray(value).tolist()


def cell_to_dict(name: str, cell: CellSpec) -> dict[str, Any]:
    """Return a cell as HNN-core's files hold it; rules of distance become their values at each segment."""
    ends = cell.section_ends()
    template = make_template(name, cell)
    tree: dict[str, list[str]] = {}
    sections = {}
    for number, (label, section) in enumerate(cell.sections.items()):
        if section.points is not None:
            raise InvalidValue(
                f"populations[{name!r}].cell.sections[{label!r}].points",
                len(section.points),
                "3-D points can't be written in HNN-core's format, whose sections are cylinders",
            )
        rows = template.segments.section == number
        sections[label] = {
            **{key: getattr(section, key) for key in ("L", "diam", "cm", "Ra")},
            "end_pts": _plain(ends[label]),
            "nseg": section.n_segments,
            "v0": section.v0,
            "mechs": _mechanisms(section, template.segments.x[rows], template.segments.distance_um[rows]),
            "syns": list(section.receptors),
        }
        tree.setdefault(f"{label},0", []).append(f"{label},1")
        if section.parent is not None:
            tree.setdefault(f"{section.parent},{section.parent_end}", []).append(f"{label},0")
    return {
        "name": name,
        "pos": [0.0, 0.0, 0.0],
        "sections": sections,
        "synapses": {receptor: _synapse(synapse) for receptor, synapse in cell.synapses.items()},
        "cell_tree": tree if len(cell.sections) > 1 else None,
        "sect_loc": {group: list(members) for group, members in cell.locations.items()},
        "gid": None,
        "dipole_pp": [],
        "vsec": {},
        "isec": {},
        "ca": {},
        "tonic_biases": [],
    }


def _mechanisms(section: SectionSpec, x: np.ndarray, distance: np.ndarray) -> dict[str, Any]:
    return {
        mechanism: {
            parameter: value if isinstance(value, int | float) else [_plain(x), _plain(evaluate(value, distance))]
            for parameter, value in values.items()
        }
        for mechanism, values in section.mechanisms.items()
    }


def _synapse(synapse: SynapseSpec) -> dict[str, Any]:
    named = {} if synapse.mechanism == "Exp2Syn" else {"mechname": synapse.mechanism}
    return {**synapse.parameters, **named}


def _drive(spec: NetworkSpec, name: str, drive: DriveSpec) -> dict[str, Any]:
    targets = [target for target in spec.populations if target in drive.weights]

    def weights(receptor: str) -> dict[str, float] | None:
        return {t: drive.weights[t][receptor] for t in targets if receptor in drive.weights[t]} or None

    entry = {
        "type": "gaussian" if name == "extgauss" else drive.kind,
        "location": drive.location,
        "n_drive_cells": spec.gid_counts()[name],
        "event_seed": drive.event_seed,
        "conn_seed": drive.conn_seed,
        "dynamics": _dynamics(drive, targets),
        "weights_ampa": weights("ampa"),
        "weights_nmda": weights("nmda"),
        "synaptic_delays": to_plain(drive.delays),
        "probability": to_plain(drive.probability),
        "name": name,
        "target_types": targets,
        "cell_specific": drive.cell_specific,
        "events": [],
    }
    if isinstance(drive, SpikeTrainDrive):
        counts = spec.gid_counts()
        first = sum(counts[other] for other in list(counts)[: list(counts).index(name)])
        sources = drive.sources or tuple(range(len(drive.trains)))
        entry["source_to_gid_map"] = {str(source): first + k for k, source in enumerate(sources)}
    return entry


def _dynamics(drive: DriveSpec, targets: Iterable[str]) -> dict[str, Any]:
    if isinstance(drive, SpikeTrainDrive):
        pairs = [(t, k) for k, train in enumerate(drive.trains) for t in train]
        return {"times": [t for t, _ in pairs], "gids": [k for _, k in pairs]}
    if isinstance(drive, PoissonDrive):
        rates = {target: drive.rate_of(target) for target in targets}
        return {"tstart": drive.tstart, "tstop": drive.tstop, "rate_constant": rates}
    names = ("mu", "sigma", "numspikes")
    if drive.kind == "bursty":
        names = ("tstart", "tstart_std", "tstop", "burst_rate", "burst_std", "numspikes", "spike_isi")  # type: ignore[assignment]
    return {name: getattr(drive, name) for name in names}


def _plan(spec: NetworkSpec) -> Plan:
    """Return a plan for pairs and positions: a run of one step, without the events that would silence connections."""
    return compile_plan(attrs.evolve(spec, synaptic_events={}), RunSpec(tstop=0.025))


def connectivity_of(spec: NetworkSpec) -> list[dict[str, Any]]:
    """Return the entries of all connections with the pairs of cells that they join, local ones first, then drives.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    """
    plan = _plan(spec)
    return _connectivity(spec, plan, plan.populations.gid_ranges)


def _connectivity(spec: NetworkSpec, plan: Plan, ranges: Mapping[str, range]) -> list[dict[str, Any]]:
    edges = plan.edges
    begin = np.searchsorted(edges.connection, np.arange(len(edges.connection_labels) + 1))  # sorted by connection
    found = []
    for k, rule in enumerate(_rules(spec, ranges)):
        # one row per pair: the sections of a location come innermost
        n_sites = len(spec.populations[rule["target_type"]].detailed_cell.sections_at(rule["loc"]))
        rows = slice(begin[k], begin[k + 1], n_sites)
        pairs: dict[str, list[int]] = {}
        for source, target in zip(edges.source_gid[rows].tolist(), edges.target_gid[rows].tolist(), strict=True):
            pairs.setdefault(str(source), []).append(target)
        found.append(
            {
                **rule,
                "num_srcs": len(rule["src_gids"]),
                "num_targets": len(rule["target_gids"]),
                "gid_pairs": pairs,
            }
        )
    return found


def _rules(spec: NetworkSpec, ranges: Mapping[str, range]) -> Iterable[dict[str, Any]]:
    """Yield the entry of each connection without its pairs: local ones first, then drives, as compiled."""

    def entry(source: str, target: str, sources: Iterable[int], targets: Iterable[int], **rest: Any) -> dict[str, Any]:
        ends = {"src_type": source, "target_type": target}
        return {**ends, "src_gids": sorted(set(sources)), "target_gids": sorted(set(targets)), **rest}

    for c in spec.connections:
        pre, post = ranges[c.source], ranges[c.target]
        if c.pairs is not None:
            sources, targets = [pre[i] for i, _ in c.pairs], [post[j] for _, j in c.pairs]
        else:
            sources = list(pre) if c.source_cells is None else [pre[i] for i in c.source_cells]
            targets = list(post) if c.target_cells is None else [post[j] for j in c.target_cells]
        yield entry(
            c.source,
            c.target,
            sources,
            targets,
            loc=c.location,
            receptor=c.receptor,
            nc_dict=_nc(c.weight, c.delay, c.space_constant, c.gain, _threshold(spec, c.source)),
            allow_autapses=int(c.allow_autapses),
            probability=c.probability,
        )
    for name, drive in spec.drives.items():
        first = ranges[name].start
        for target in (t for t in spec.populations if t in drive.weights):
            cells = ranges[target]
            drive_cells = range(first, first + len(cells)) if drive.cell_specific else ranges[name]
            first += len(cells) if drive.cell_specific else 0
            for receptor in sorted(drive.weights[target], key=lambda r: (r != "ampa", r != "nmda")):
                weight = drive.weights[target][receptor]
                yield entry(
                    name,
                    target,
                    drive_cells,
                    cells,
                    loc=drive.location,
                    receptor=receptor,
                    nc_dict=_nc(weight, drive.delay_to(target), drive.space_constant, 1.0, spec.threshold),
                    allow_autapses=1,
                    probability=drive.probability_of(target),
                )


def _threshold(spec: NetworkSpec, source: str) -> float:
    own = spec.populations[source].threshold
    return spec.threshold if own is None else own


def _nc(weight: float, delay: float, space_constant: float, gain: float, threshold: float) -> dict[str, float]:
    return {"A_delay": delay, "A_weight": weight, "lamtha": space_constant, "threshold": threshold, "gain": gain}


def _response(response: CellResponse) -> dict[str, Any]:
    return {
        "spike_times": [_plain(t) for t in response.spike_times],
        "spike_gids": [_plain(g) for g in response.spike_gids],
        "spike_types": [_plain(t) for t in response.spike_types],
        "times": _plain(response.times) if response.times is not None else [],
        "cell_type_names": list(response.cell_type_names or ()),
    }
