"""Figures for the browser, to zoom into and turn: one HTML file each, which needs no network."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.base.atomic import atomic_write_text, check_writable
from hnnlib.base.errors import InvalidValue, MissingPackage, OutputError, UnknownName
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import Dipole, average_dipoles
from hnnlib.viz.colors import COLORS, checked_colormap, colors_of, population_colors, type_colors
from hnnlib.viz.dipole import layer_title, layers_of, moment_label
from hnnlib.viz.network import NetworkSections, network_of, sections_of
from hnnlib.viz.plotter import section_voltages
from hnnlib.viz.series import dipoles_of, prepared
from hnnlib.viz.spikes import check_response, raster_types, spikes_of
from hnnlib.viz.style import INK, trial_numbers

__all__ = ["interactive_dipole", "interactive_network", "interactive_raster"]

N_COLORS = 32
"""Steps of a colormap that is handed to the browser, which goes straight between them."""


def interactive_raster(
    cell_response: CellResponse,
    trial_idx: int | Iterable[int] | None = None,
    cell_types: Sequence[str] | None = None,
    colors: Any = None,
    marker_size: float = 5.0,
    path: str | os.PathLike[str] | None = None,
    overwrite: bool = True,
) -> Any:
    """Plot which cell fired when, for the browser: pointing at a dot tells cell, time and trial.

    Parameters
    ----------
    cell_response : CellResponse
        The spikes.
    trial_idx : int or list of int, optional
        The trials, drawn over each other. Left out: all.
    cell_types : sequence of str, optional
        Types or drives to draw. Left out: all cell types, without the drives.
    colors : color, list of color or dict of str to color, optional
        One for all, one for each type, or by type.
    marker_size : float
        Size of the dots (pixels).
    path : path-like, optional
        HTML file to write; it needs no network.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    figure : plotly.graph_objects.Figure
        The figure.

    Raises
    ------
    MissingPackage
        If plotly is not installed.
    InvalidType, InvalidValue, UnknownName
        As in `plot_spikes_raster`.
    OutputError
        If the file can't be written.
    """
    go = _plotly(path, overwrite)
    check_response(cell_response)
    trials = trial_numbers(trial_idx, cell_response.n_trials)
    names = raster_types(cell_response, cell_types)
    own = type_colors(cell_response)
    palette = colors_of(names, colors, argument="colors", cycle=[own[name] for name in names])
    figure = go.Figure()
    for name in names:
        parts = [spikes_of(cell_response, name, [k]) for k in trials]
        trial = np.repeat(trials, [len(times) for times, _ in parts])
        figure.add_trace(
            go.Scattergl(
                x=np.concatenate([np.empty(0), *(times for times, _ in parts)]),
                y=np.concatenate([np.empty(0, int), *(gids for _, gids in parts)]),
                customdata=trial,
                mode="markers",
                marker={"size": marker_size, "color": _css(palette[name])},
                name=name,
                hovertemplate="gid %{y}<br>%{x:.3f} ms<br>trial %{customdata}",
            )
        )
    _lay_out(figure, "Time (ms)", "Cell (gid)")
    figure.update_yaxes(autorange="reversed")
    if cell_response.times is not None and cell_response.times.size > 1:
        figure.update_xaxes(range=[float(cell_response.times[0]), float(cell_response.times[-1])])
    return _written(figure, path, overwrite)


def interactive_dipole(
    dpl: Dipole | Sequence[Dipole],
    tmin: float | None = None,
    tmax: float | None = None,
    layer: str | Sequence[str] = "agg",
    decim: int | Sequence[int] | None = None,
    average: bool = False,
    path: str | os.PathLike[str] | None = None,
    overwrite: bool = True,
) -> Any:
    """Plot dipoles over time, for the browser: pointing at a line tells time and moment.

    Parameters
    ----------
    dpl : Dipole or sequence of Dipole
        The dipole, or one per trial; they must be scaled alike.
    tmin, tmax : float, optional
        Plot only this window (ms).
    layer : str or sequence of str
        Parts of the dipole: ``'agg'`` (all), ``'L2'``, ``'L5'``; each has its own colour.
    decim : int or sequence of int, optional
        Keep every ``decim``-th sample, as in `plot_dipole`.
    average : bool
        Whether to add the mean of the trials as a thick line; the trials are then thin and pale.
    path : path-like, optional
        HTML file to write; it needs no network.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    figure : plotly.graph_objects.Figure
        The figure.

    Raises
    ------
    MissingPackage
        If plotly is not installed.
    InvalidType, InvalidValue, UnknownName
        As in `plot_dipole`.
    OutputError
        If the file can't be written.
    """
    go = _plotly(path, overwrite)
    dipoles = dipoles_of(dpl)
    layers = layers_of(layer, dipoles)
    traces = [prepared(d, tmin, tmax, decim) for d in dipoles]
    mean = prepared(average_dipoles(dipoles), tmin, tmax, decim) if average else None
    colors = {"agg": INK, **colors_of([name for name in layers if name != "agg"], cycle=COLORS[1::2])}
    figure = go.Figure()
    for name in layers:
        for k, trace in enumerate(traces):
            label = layer_title(name) + (f", trial {k}" if len(traces) > 1 else "")
            look = {"line": {"color": colors[name], "width": 1.0}, "opacity": 0.5} if average else {}
            figure.add_trace(_line(go, trace, name, label, **{"line": {"color": colors[name], "width": 1.6}, **look}))
        if mean is not None:
            label = f"{layer_title(name)}, average"
            figure.add_trace(_line(go, mean, name, label, line={"color": colors[name], "width": 3.0}))
    _lay_out(figure, "Time (ms)", moment_label(dipoles[0]))
    return _written(figure, path, overwrite)


def _line(go: Any, dpl: Dipole, layer: str, label: str, **look: Any) -> Any:
    tell = "%{x:.3f} ms<br>%{y:.4g} nAm"
    return go.Scattergl(x=dpl.times, y=dpl.data[layer], mode="lines", name=label, hovertemplate=tell, **look)


def interactive_network(
    net: Any,
    color: str = "population",
    trial_idx: int = 0,
    n_frames: int = 60,
    vmin: float = -100.0,
    vmax: float = 50.0,
    colormap: Any = "viridis",
    inplane_distance: float | None = None,
    path: str | os.PathLike[str] | None = None,
    overwrite: bool = True,
) -> Any:
    """Plot the sections of all cells and the electrodes in space, for the browser: to turn, and to point at.

    Parameters
    ----------
    net : Network, NetworkSpec or Result
        The network; for voltages, after `simulate_dipole` with ``record_vsec='all'``, or the result of such a run.
    color : 'population' or 'voltage'
        What colours stand for. Voltages come with a slider over time.
    trial_idx : int
        The trial.
    n_frames : int
        Number of times on the slider, spread evenly over the recording.
    vmin, vmax : float
        Voltages at the ends of the colours (mV).
    colormap : str or matplotlib.colors.Colormap
        Colours of voltages.
    inplane_distance : float, optional
        Distance of neighbours on the grid in the picture (µm), e.g. 300, where the cells of the model stand so close
        that they can't be told apart. Left out: the network's own.
    path : path-like, optional
        HTML file to write; it needs no network.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    figure : plotly.graph_objects.Figure
        The figure.

    Raises
    ------
    MissingPackage
        If plotly is not installed.
    InvalidType
        If ``net`` is no network.
    InvalidValue
        If there is no such trial, or voltages are asked for that were not recorded.
    UnknownName
        If ``color`` is neither.
    OutputError
        If the file can't be written.
    """
    if color not in ("population", "voltage"):
        raise UnknownName("color", color, "meaning of colours", ("population", "voltage"))
    go = _plotly(path, overwrite)
    network = network_of(net)
    sections = sections_of(network, inplane_distance)
    figure = go.Figure()
    if color == "voltage":
        _add_voltages(
            go, figure, sections, getattr(net, "cell_response", None), trial_idx, n_frames, (vmin, vmax, colormap)
        )
    else:
        first, colors = 0, population_colors(network)
        for name, count in ((n, network.gid_counts()[n]) for n in network.populations):
            of = (sections.gid >= first) & (sections.gid < first + count)
            first += count
            look = {"line": {"color": _css(colors[name]), "width": 3}, "name": name}
            figure.add_trace(_lines(go, sections, of, **look))
    for name, electrodes in network.electrodes.items():
        points = np.array(electrodes.positions)
        look = {"marker": {"size": 3, "color": INK, "symbol": "square"}, "name": f"{name} (electrodes)"}
        figure.add_trace(go.Scatter3d(**_xyz(points), mode="markers", **look))
    axes = {f"{axis}axis": {"title": {"text": f"{axis} (µm)"}} for axis in "xyz"}
    camera = {"eye": {"x": 1.55, "y": -1.55, "z": 0.45}, "center": {"x": 0.0, "y": 0.0, "z": -0.1}}
    figure.update_layout(
        template="simple_white",
        scene={**axes, "aspectmode": "data", "camera": camera},
        legend={"x": 0.0, "y": 1.0, "itemsizing": "constant"},
        margin={"l": 0, "r": 0, "t": 20, "b": 10},
    )
    return _written(figure, path, overwrite)


def _xyz(points: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    return {axis: points[:, k] for k, axis in enumerate("xyz")}


def _lines(go: Any, sections: NetworkSections, which: NDArray[np.bool_], **look: Any) -> Any:
    """Return one trace of the lines of many sections; a row of NaN ends each."""
    ends = sections.ends_um[which]
    points = np.concatenate([ends, np.full((len(ends), 1, 3), np.nan)], axis=1).reshape(-1, 3)
    names = [
        f"gid {gid}, {sections.names[k]}" for k, gid in zip(np.flatnonzero(which), sections.gid[which], strict=True)
    ]
    told = np.repeat(names, 3)
    return go.Scatter3d(**_xyz(points), mode="lines", text=told, hoverinfo="text", **look)


def _add_voltages(
    go: Any,
    figure: Any,
    sections: NetworkSections,
    response: Any,
    trial: int,
    n_frames: Any,
    scale: tuple[Any, Any, Any],
) -> None:
    """Add the lines of all sections, coloured by voltage, and a slider over time."""
    vmin, vmax, colormap = scale
    if response is None:
        raise InvalidValue("net", None, "must be simulated with record_vsec='all' to have voltages")
    if isinstance(n_frames, bool) or not isinstance(n_frames, int | np.integer) or n_frames < 1:
        raise InvalidValue("n_frames", n_frames, "must be an integer >= 1")
    (trial,) = trial_numbers([trial], response.n_trials)
    times, voltages = section_voltages(response, sections.gid, sections.names, sections.v0_mV, trial)
    samples = np.unique(np.linspace(0, times.size - 1, n_frames).round().astype(int))
    cmap = checked_colormap("colormap", colormap)
    steps = np.linspace(0.0, 1.0, N_COLORS)
    look = {
        "colorscale": [[x, _css(cmap(x))] for x in steps.tolist()],
        "cmin": vmin,
        "cmax": vmax,
        "width": 3,
        "showscale": True,
        "colorbar": {"title": {"text": "Voltage (mV)"}},
    }
    # Three points a section; tenths of a mV are finer than the colours, and make a smaller file.
    shades = {k: np.repeat(np.round(voltages[:, k].astype(float), 1), 3) for k in samples.tolist()}
    everything = np.ones(len(sections.gid), bool)
    figure.add_trace(
        _lines(go, sections, everything, line={**look, "color": shades[int(samples[0])]}, showlegend=False)
    )
    figure.frames = [
        go.Frame(name=f"{times[k]:.2f}", data=[{"type": "scatter3d", "line": {**look, "color": shade}}], traces=[0])
        for k, shade in shades.items()
    ]
    jump = {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}}
    marks = [{"label": f.name, "method": "animate", "args": [[f.name], jump]} for f in figure.frames]
    figure.update_layout(sliders=[{"steps": marks, "currentvalue": {"prefix": "Time (ms): "}, "pad": {"t": 10}}])


def _plotly(path: Any, overwrite: bool) -> Any:
    """Return `plotly.graph_objects`, or raise; also if the file can't be written."""
    try:
        import plotly.graph_objects as go
    except ImportError as error:
        raise MissingPackage("plotly", "viz") from error
    if path is not None and check_writable(path, overwrite).suffix.lower() not in (".html", ".htm"):
        raise OutputError(path, "must end in .html")
    return go


def _css(color: Any) -> str:
    from matplotlib.colors import to_hex

    return str(to_hex(color))


def _lay_out(figure: Any, x: str, y: str) -> None:
    figure.update_layout(template="simple_white", xaxis_title=x, yaxis_title=y, legend={"itemsizing": "constant"})


def _written(figure: Any, path: Any, overwrite: bool) -> Any:
    if path is not None:
        atomic_write_text(path, figure.to_html(include_plotlyjs=True, full_html=True), overwrite)
    return figure
