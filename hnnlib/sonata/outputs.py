"""A configuration's ``reports`` and ``output``: what to record, and the files that it goes to."""

from __future__ import annotations

from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType, InvalidValue, OutputError, UnknownName
from hnnlib.base.schema import within
from hnnlib.io.sonata.config import SimulationConfig
from hnnlib.io.sonata.potentials import contacts_text, read_contacts, write_potentials
from hnnlib.io.sonata.recordings import report_of_dipole, reports_of
from hnnlib.io.sonata.reports import FrameReport, write_reports
from hnnlib.io.sonata.spikes import write_spikes_sonata
from hnnlib.plan.circuit import Circuit
from hnnlib.results.result import Result
from hnnlib.results.spike_data import SpikeData
from hnnlib.sonata.split import Origin
from hnnlib.spec.network import Electrodes, NetworkSpec
from hnnlib.spec.points import PointCellSpec, section_names
from hnnlib.spec.run import Record, RunSpec

__all__ = ["electrodes_of", "of_trial", "record_of", "report_entries", "write_outputs"]

_TRACES = (
    ("vsec", "membrane_report", "v"),
    ("isec", "membrane_report", "i_syn"),
    ("ca", "membrane_report", "cai"),
)
"""Field of Record and name in the result, module and variable in a configuration."""
_DIPOLE, _CELL_DIPOLES, _POTENTIALS = "dipole_report", "cell_dipole_report", "extracellular"
_MODULES = ("membrane_report", "multimeter_report", _POTENTIALS, _DIPOLE, _CELL_DIPOLES)
_VARIABLES = immutabledict({"v": "vsec", "V_m": "vsec", "i_syn": "isec", "cai": "ca", "ca": "ca"})


def of_trial(name: str, trial: int, n_trials: int) -> str:
    """Return the name of a file of one trial: ``spikes_2.h5`` where there are several, else ``spikes.h5``."""
    path = Path(name)
    return name if n_trials == 1 else str(path.with_name(f"{path.stem}_{trial}{path.suffix}"))


def report_entries(run: RunSpec, network: NetworkSpec, folder: Path) -> dict[str, Any]:
    """Return the entries under ``reports`` for what a run records; contacts of electrodes are written to the folder."""
    record, dt = run.record, run.dt * run.record.every
    entries: dict[str, Any] = {}
    if any(population.measure_dipole for population in network.populations.values()):
        entries["dipole"] = {"module": _DIPOLE, "file_name": "dipole.h5"}
    for field, module, variable in _TRACES:
        sections = getattr(record, field)
        if sections:
            entries[field] = {
                "module": module,
                "variable_name": variable,
                "cells": "cells",
                "sections": sections if isinstance(sections, str) else list(sections),
                "dt": dt,
                "file_name": f"{field}.h5",
            }
    if record.cell_dipoles:
        entries["cell_dipoles"] = {"module": _CELL_DIPOLES, "cells": "cells", "dt": dt, "file_name": "cell_dipoles.h5"}
    for name, electrodes in network.electrodes.items():
        contacts = folder / f"{name}.csv"
        contacts.write_text(contacts_text(electrodes.positions), encoding="utf-8")
        entries[name] = {
            "module": _POTENTIALS,
            "variable_name": "v",
            "electrode_positions": str(contacts),
            "conductivity": electrodes.conductivity,
            "method": electrodes.method,
            "min_distance": electrodes.min_distance,
            "dt": dt,
            "file_name": f"{name}.h5",
        }
    return entries


def record_of(
    config: SimulationConfig, dt: float, circuit: Circuit, origin: Origin, points: Container[str] = ()
) -> Record:
    """Return what a configuration's reports record.

    Parameters
    ----------
    config : SimulationConfig
        The configuration.
    dt : float
        The run's step (ms).
    circuit : Circuit
        The circuit as it is in the files.
    origin : mapping
        Where the populations that are simulated come from.
    points : container of str
        The populations of point cells, of which reports name NEST's variables.

    Returns
    -------
    record : Record

    Raises
    ------
    UnknownName
        If a module or variable is unknown.
    InvalidValue
        If reports are wanted at different steps, or at none that is a multiple of the run's.
    """
    fields: dict[str, Any] = {}
    every: dict[str, int] = {}
    cells: dict[str, Any] = {}
    for name, entry in config.reports.items():
        with within(f"reports.{name}"):
            module = entry.get("module", "membrane_report")
            if module not in _MODULES:
                raise UnknownName("module", module, "module of reports", _MODULES)
            every[name] = 1 if module == _DIPOLE else _every(entry, dt)
            if module == _CELL_DIPOLES:
                fields["cell_dipoles"] = True
            elif module in _MODULES[:2]:
                chosen = _chosen(entry, circuit, origin)
                of_points = [name in points for name in chosen]
                cells = {name: sorted({*cells.get(name, ()), *rows}) for name, rows in (cells | chosen).items()}
                for field in _fields(entry, bool(of_points) and all(of_points)):
                    if field in _VARIABLES.values():
                        sections = "soma" if all(of_points) else entry.get("sections", "soma")
                        fields[field] = _wider(fields.get(field), sections)
                    else:
                        fields["states"] = tuple(dict.fromkeys((*fields.get("states", ()), field)))
    steps = {n for name, n in every.items() if config.reports[name].get("module") != _DIPOLE}
    if len(steps) > 1:
        found = {name: config.reports[name].get("dt", dt) for name in every}
        raise InvalidValue("reports", found, "must all have the same dt (ms)")
    # of cells with sections everyone's are kept, as the result's file says; points are many, and sampled finely
    if cells and all(name in points for name in origin if _simulated(name, circuit, origin)):
        fields["cells"] = cells
    return Record(**fields, every=steps.pop() if steps else 1)


def _simulated(name: str, circuit: Circuit, origin: Origin) -> bool:
    return not circuit.nodes[origin[name][0]].is_virtual


def _chosen(entry: Mapping[str, Any], circuit: Circuit, origin: Origin) -> dict[str, list[int]]:
    """Return the cells of a report: population that is simulated -> indices within it."""
    found = circuit.select(entry.get("cells", "all"), "cells")
    chosen = {}
    for name, (population, ids) in origin.items():
        if _simulated(name, circuit, origin) and population in found:
            rows = np.flatnonzero(np.isin(ids, found[population]))
            if len(rows):
                chosen[name] = rows.tolist()
    return chosen


def _fields(entry: Mapping[str, Any], points: bool) -> list[str]:
    """Return the names of recordings in the result: of points, NEST's own but for the membrane's voltage."""
    wanted = entry.get("variable_name", "V_m" if points else "v")
    variables = list(wanted) if isinstance(wanted, tuple | list) else [wanted]
    if points:
        return ["vsec" if v in ("v", "V_m") else str(v) for v in variables]
    if len(variables) != 1 or variables[0] not in _VARIABLES:
        variable = variables[0] if len(variables) == 1 else wanted
        raise UnknownName("variable_name", variable, "variable of cells with sections", _VARIABLES)
    return [_VARIABLES[str(variables[0])]]


def _every(entry: Mapping[str, Any], dt: float) -> int:
    wanted = float(entry.get("dt", dt))
    steps = round(wanted / dt)
    if steps < 1 or abs(steps * dt - wanted) > 1e-9 * wanted:
        raise InvalidValue("dt", wanted, f"must be a multiple of the run's step, {dt:g} ms")
    return steps


def _wider(known: Any, new: Any) -> Any:
    """Return sections that hold both of two choices."""
    new = new if isinstance(new, str) and new in ("all", "soma") else (new,) if isinstance(new, str) else tuple(new)
    if known is None or known == new:
        return new
    if "all" in (known, new):
        return "all"
    parts = [("soma",) if part == "soma" else part for part in (known, new)]
    return tuple(dict.fromkeys((*parts[0], *parts[1])))


def electrodes_of(config: SimulationConfig) -> dict[str, Electrodes]:
    """Return the electrode arrays of a configuration's reports.

    Raises
    ------
    InvalidValue
        If an entry names no contacts or has values that are not allowed.
    """
    arrays = {}
    for name, entry in config.reports.items():
        if entry.get("module") == _POTENTIALS:
            with within(f"reports.{name}"):
                if "electrode_positions" not in entry:
                    raise InvalidValue("electrode_positions", None, "must name a table of contacts")
                given = {k: entry[k] for k in ("conductivity", "method", "min_distance") if k in entry}
                arrays[name] = Electrodes(positions=read_contacts(entry["electrode_positions"]), **given)
    return arrays


# ---------------------------------------------------------------------------------------------------- files


def write_outputs(
    result: Result,
    config: SimulationConfig,
    network: NetworkSpec,
    circuit: Circuit | None = None,
    origin: Origin | None = None,
) -> list[Path]:
    """Write spikes and reports as a configuration names them, and the whole result as ``result.h5``.

    Parameters
    ----------
    result : Result
        What was simulated.
    config : SimulationConfig
        Where files go, and what.
    network : NetworkSpec
        What was simulated; its cells' sections, in their order, are the elements of reports.
    circuit : Circuit, optional
        For reports of some cells only: the circuit of the files.
    origin : mapping, optional
        Where the populations of the result are in the files; left out: they have the same names.

    Returns
    -------
    files : list of pathlib.Path

    Raises
    ------
    OutputError
        If a file can't be written.
    """
    folder = Path(config.output["output_dir"])
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(folder, f"can't be made ({error.strerror or error})") from error
    written = []
    n = result.n_trials
    spikes_file = config.output.get("spikes_file", "spikes.h5")
    if not isinstance(spikes_file, str):
        raise InvalidType(
            "output.spikes_file", spikes_file, "must be one name; of several trials each file gets its number"
        )
    sections = {name: section_names(population.cell) for name, population in network.populations.items()}
    points = bool(sections) and all(isinstance(p.cell, PointCellSpec) for p in network.populations.values())
    for trial in range(n):
        file = folder / of_trial(spikes_file, trial, n)
        write_spikes_sonata(_spikes(result, trial, origin), file, _sorting(config))
        written.append(file)
        for name, entry in config.reports.items():
            file = folder / of_trial(str(entry.get("file_name", f"{name}.h5")), trial, n)
            with within(f"reports.{name}"):
                written += _write_report(result, name, entry, trial, file, sections, circuit, origin, points)
    result.write(folder / "result.h5")
    return [*written, folder / "result.h5"]


def _sorting(config: SimulationConfig) -> str:
    return {"id": "by_id", "by_id": "by_id", "none": "none"}.get(
        str(config.output.get("spikes_sort_order", "time")), "by_time"
    )


def _spikes(result: Result, trial: int, origin: Origin | None) -> SpikeData:
    cells = result.cell_response.cell_type_names
    spikes = SpikeData.from_cell_response(result.cell_response, trial=trial, populations=cells)
    if origin is None:
        return spikes
    names = list(dict.fromkeys(origin[name][0] for name in spikes.populations))
    ids, codes = spikes.node_ids.copy(), spikes.codes.copy()
    for code, name in enumerate(spikes.populations):
        mine = spikes.codes == code
        population, nodes = origin[name]
        ids[mine], codes[mine] = nodes[spikes.node_ids[mine]], names.index(population)
    return SpikeData(spikes.times, ids, codes, names)


def _write_report(
    result: Result,
    name: str,
    entry: Mapping[str, Any],
    trial: int,
    file: Path,
    sections: Mapping[str, tuple[str, ...]],
    circuit: Circuit | None,
    origin: Origin | None,
    points: bool,
) -> list[Path]:
    """Write a report, of several variables one file for each; return the files."""
    module = entry.get("module", "membrane_report")
    if module == _POTENTIALS:
        write_potentials(result.potentials[name], file, trial=trial)
        return [file]
    if module == _DIPOLE:
        write_reports(report_of_dipole(result.dipoles[trial]), file)
        return [file]
    response = result.cell_response
    fields = ["dipole"] if module == _CELL_DIPOLES else _fields(entry, points)
    files = [file] if len(fields) == 1 else [file.with_name(f"{file.stem}_{field}{file.suffix}") for field in fields]
    for field, of_field in zip(fields, files, strict=True):
        reports = reports_of(response.recordings[field], response.gid_ranges or {}, trial=trial, sections=sections)
        if origin is not None:
            reports = _by_file_population(reports, origin)
        if circuit is not None and "cells" in entry:
            chosen = circuit.select(entry["cells"], "cells")
            reports = {n: _of_nodes(report, chosen[n]) for n, report in reports.items() if n in chosen}
        write_reports({n: _between(report, entry) for n, report in reports.items()}, of_field)
    return files


def _between(report: FrameReport, entry: Mapping[str, Any]) -> FrameReport:
    """Return the frames from ``start_time`` on and before ``end_time`` (ms)."""
    if "start_time" not in entry and "end_time" not in entry:
        return report
    times = report.times
    kept = (times >= float(entry.get("start_time", 0.0)) - 1e-9) & (times < float(entry.get("end_time", np.inf)) - 1e-9)
    if not kept.any():
        raise InvalidValue("start_time", entry.get("start_time"), "leaves no frame before end_time")
    return attrs.evolve(report, data=report.data[kept], start=float(times[kept][0]))


def _by_file_population(reports: Mapping[str, FrameReport], origin: Origin) -> dict[str, FrameReport]:
    """Return reports by population and id of the files; parts of one population are joined."""
    joined: dict[str, FrameReport] = {}
    for name, report in reports.items():
        population, ids = origin[name]
        moved = attrs.evolve(report, node_ids=ids[report.node_ids])
        joined[population] = _side_by_side(joined[population], moved) if population in joined else moved
    return joined


def _side_by_side(a: FrameReport, b: FrameReport) -> FrameReport:
    names = tuple(dict.fromkeys((*a.element_names, *b.element_names)))
    receptors = tuple(dict.fromkeys((*a.receptor_names, *b.receptor_names)))

    def recoded(codes: Any, old: tuple[str, ...], new: tuple[str, ...]) -> np.ndarray:
        return np.array([new.index(n) for n in old], np.int64)[codes] if old else codes

    both = attrs.evolve(
        a,
        data=np.concatenate([a.data, b.data], axis=1),
        node_ids=np.concatenate([a.node_ids, b.node_ids]),
        index_pointers=np.concatenate([a.index_pointers, a.index_pointers[-1] + b.index_pointers[1:]]),
        element_ids=np.concatenate([recoded(r.element_ids, r.element_names, names) for r in (a, b)]),
        element_names=names,
        element_pos=None if a.element_pos is None else np.concatenate([a.element_pos, b.element_pos]),
        receptors=None
        if a.receptors is None
        else np.concatenate([recoded(r.receptors, r.receptor_names, receptors) for r in (a, b)]),
        receptor_names=receptors,
    )
    return _of_nodes(both, np.sort(both.node_ids))


def _of_nodes(report: FrameReport, node_ids: np.ndarray) -> FrameReport:
    """Return the frames of some nodes, in the order given; nodes that were not recorded are left out."""
    row = {int(node): i for i, node in enumerate(report.node_ids)}
    kept = [row[int(node)] for node in node_ids if int(node) in row]
    starts, stops = report.index_pointers[:-1], report.index_pointers[1:]
    columns = np.concatenate([np.arange(starts[i], stops[i]) for i in kept]) if kept else np.zeros(0, np.int64)
    return attrs.evolve(
        report,
        data=report.data[:, columns],
        node_ids=report.node_ids[kept],
        index_pointers=np.concatenate([[0], np.cumsum([stops[i] - starts[i] for i in kept])]),
        element_ids=report.element_ids[columns],
        element_pos=None if report.element_pos is None else report.element_pos[columns],
        receptors=None if report.receptors is None else report.receptors[columns],
    )
