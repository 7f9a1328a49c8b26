"""Figures, one module a subject. matplotlib is imported when the first one is drawn."""

from __future__ import annotations

from hnnlib.viz.cells import plot_cell_morphology, plot_cells
from hnnlib.viz.dipole import plot_dipole
from hnnlib.viz.spikes import plot_spikes_hist, plot_spikes_raster
from hnnlib.viz.style import check_figure_path, save_figure
from hnnlib.viz.summary import plot_result

__all__ = [
    "check_figure_path",
    "plot_cell_morphology",
    "plot_cells",
    "plot_dipole",
    "plot_result",
    "plot_spikes_hist",
    "plot_spikes_raster",
    "save_figure",
]
