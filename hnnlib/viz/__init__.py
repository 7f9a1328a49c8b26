"""Figures, one module a subject. matplotlib or plotly is imported when the first one is drawn.

Every ``plot_…`` function draws into the axes that it is given, else into a new figure; those of several unlike panels
(`plot_result`, `plot_laminar`, `plot_cell_dipoles`, `plot_dendritic_events`) make one of their own. It returns the
figure, and shows it only where ``show`` is True and the backend has windows. One exception: `plot_cell_morphology`
returns its axes, as scripts for HNN-core expect. Figures for the browser (``interactive_…``) are plotly's.
"""

from __future__ import annotations

from hnnlib.viz.averages import plot_comparison, plot_grand_average
from hnnlib.viz.cell_dipoles import plot_cell_dipoles
from hnnlib.viz.cells import plot_cell_morphology, plot_cells
from hnnlib.viz.circuit import plot_drive_strength, plot_population_matrix
from hnnlib.viz.colors import population_colors
from hnnlib.viz.connectivity import plot_cell_connectivity, plot_connectivity_matrix
from hnnlib.viz.detailed import plot_detailed_cell, plot_voltage_distance
from hnnlib.viz.detailed_events import (
    plot_activations,
    plot_dendritic_events,
    plot_phase_histogram,
    plot_psth,
    plot_space_time,
    plot_spike_triggered_events,
)
from hnnlib.viz.detailed_movie import export_morphology_movie, export_voltage_distance_movie
from hnnlib.viz.dipole import plot_dipole
from hnnlib.viz.fits import plot_convergence, plot_fit
from hnnlib.viz.graph import plot_connectivity_graph
from hnnlib.viz.groups import plot_rates, plot_traces
from hnnlib.viz.interactive import interactive_dipole, interactive_network, interactive_raster
from hnnlib.viz.laminar import plot_laminar, plot_laminar_csd, plot_laminar_lfp
from hnnlib.viz.plotter import NetworkPlotter
from hnnlib.viz.schedule import plot_drive_schedule
from hnnlib.viz.spectra import plot_psd, plot_tfr_morlet
from hnnlib.viz.spikes import plot_spikes_hist, plot_spikes_raster
from hnnlib.viz.style import check_figure_path, save_figure
from hnnlib.viz.summary import plot_result
from hnnlib.viz.uncertainty import plot_calibration, plot_intervals, plot_pairs, plot_predictive
from hnnlib.viz.voltage import export_cell_movie, plot_cell_voltage

__all__ = [
    "NetworkPlotter",
    "check_figure_path",
    "export_cell_movie",
    "export_morphology_movie",
    "export_voltage_distance_movie",
    "interactive_dipole",
    "interactive_network",
    "interactive_raster",
    "plot_activations",
    "plot_calibration",
    "plot_cell_connectivity",
    "plot_cell_dipoles",
    "plot_cell_morphology",
    "plot_cell_voltage",
    "plot_cells",
    "plot_comparison",
    "plot_connectivity_graph",
    "plot_connectivity_matrix",
    "plot_convergence",
    "plot_dendritic_events",
    "plot_detailed_cell",
    "plot_dipole",
    "plot_drive_schedule",
    "plot_drive_strength",
    "plot_fit",
    "plot_grand_average",
    "plot_intervals",
    "plot_laminar",
    "plot_laminar_csd",
    "plot_laminar_lfp",
    "plot_pairs",
    "plot_phase_histogram",
    "plot_population_matrix",
    "plot_predictive",
    "plot_psd",
    "plot_psth",
    "plot_rates",
    "plot_result",
    "plot_space_time",
    "plot_spike_triggered_events",
    "plot_spikes_hist",
    "plot_spikes_raster",
    "plot_tfr_morlet",
    "plot_traces",
    "plot_voltage_distance",
    "population_colors",
    "save_figure",
]
