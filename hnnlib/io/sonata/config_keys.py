"""The keys of configurations, SONATA's and those that BMTK adds, so that a misspelt one is found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hnnlib.base.errors import nearest

__all__ = ["FILE_KEYS", "NO_PATHS", "unknown_keys"]

TOP = frozenset(
    (
        *("version", "manifest", "metadata", "target_simulator", "network", "simulation", "components", "networks"),
        *("node_sets", "node_sets_file", "run", "conditions", "output", "inputs", "reports"),
    )
)
RUN = frozenset(
    (
        *("tstart", "tstop", "duration", "dt", "dL", "spike_threshold", "nsteps_block", "n_thread", "n_trials"),
        *("block_run", "block_size", "print_time", "overwrite_output_dir", "precise_times", "allow_offgrid_spikes"),
        *("random_seed", "integration_method", "stimulus_seed", "ionchannel_seed", "minis_seed", "synapse_seed"),
        *("calc_ecp", "n_runs", "use_parrot_neurons"),
    )
)
CONDITIONS = frozenset(
    (
        *("celsius", "v_init", "spike_location", "extracellular_calcium", "randomize_gaba_rise_time", "mechanisms"),
        *("modifications", "minis_single_vesicle", "dipole_baseline"),
    )
)
OUTPUT = frozenset(
    (
        *("output_dir", "log_file", "log_level", "log_format", "log_to_console", "quiet_simulator", "compression"),
        *("spikes_file", "spikes_file_csv", "spikes_file_nwb", "spikes_sort_order", "overwrite_output_dir"),
    )
)
COMPONENTS = frozenset(
    (
        *("point_neuron_models_dir", "synaptic_models_dir", "biophysical_neuron_models_dir", "morphologies_dir"),
        *("mechanisms_dir", "templates_dir", "nest_modules", "alternate_morphologies", "recXelectrodes"),
    )
)
NODES = frozenset(("nodes_file", "node_types_file", "populations", "enabled"))
EDGES = frozenset(("edges_file", "edge_types_file", "populations", "enabled"))
INPUT = frozenset(
    (
        *("input_type", "module", "node_set", "enabled", "input_file", "file", "spikes_function", "trial", "type"),
        *("precell_filter", "postcell_filter", "timestamps", "source", "target", "mode", "receptor", "weight"),
        *("amp", "delay", "duration", "timestamps_column", "amplitudes_column", "separator"),
        *("sweep_id", "sweep_window", "downsample", "section_name", "section_index", "section_dist"),
        *("units", "mapping", "interval", "interval_offset", "missing_ids", "seed", "random_seed", "rate"),
        *("electrode", "electrode_name", "waveform", "edges", "name", "population", "mean_percent"),
        *("frequency", "width", "represents_physical_electrode"),
    )
)
REPORT = frozenset(
    (
        *("cells", "node_set", "variable_name", "module", "sections", "start_time", "end_time", "dt", "unit"),
        *("enabled", "file_name", "format", "type", "transform", "electrode_positions", "electrode_channels"),
        *("contributions_dir", "buffer_size", "method", "input_type", "syn_type", "scaling", "compartments"),
        *("report_name", "output_file"),
    )
)

NO_PATHS = ("nest_modules",)
"""Components that are no folders."""
FILE_KEYS = (
    ("inputs", ("input_file", "file", "timestamps", "units")),
    ("reports", ("electrode_positions",)),
)
"""Section -> keys of its entries whose text is a path."""


def unknown_keys(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each key that nobody knows, by path and with the nearest name.

    Parameters
    ----------
    data : mapping
        A configuration.
    """
    yield from _unknown("", data, TOP)
    for section, known in (("run", RUN), ("conditions", CONDITIONS), ("output", OUTPUT), ("components", COMPONENTS)):
        yield from _unknown(f"{section}.", data.get(section), known)
    networks = data.get("networks")
    yield from _unknown("networks.", networks, ("nodes", "edges"))
    for kind, known in (("nodes", NODES), ("edges", EDGES)):
        entries = networks.get(kind) if isinstance(networks, Mapping) else None
        for i, entry in enumerate(entries if isinstance(entries, list) else []):
            yield from _unknown(f"networks.{kind}[{i}].", entry, known)
    for section, known in (("inputs", INPUT), ("reports", REPORT)):
        entries = data.get(section)
        for name, entry in entries.items() if isinstance(entries, Mapping) else ():
            yield from _unknown(f"{section}.{name}.", entry, known)


def _unknown(prefix: str, section: Any, known: Iterable[str]) -> Iterator[str]:
    for key in section if isinstance(section, Mapping) else ():
        if key not in known:
            near = nearest(key, sorted(known))
            yield f"{prefix}{key}: unknown key" + (f"; did you mean {near!r}?" if near else "")
