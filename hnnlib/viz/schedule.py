"""What acts on a network from outside, over time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number
from hnnlib.base.errors import InvalidValue
from hnnlib.compile.place import place_cells
from hnnlib.compile.sample import sample_trial
from hnnlib.spec.drives import BurstyDrive, DriveSpec, EvokedDrive, PoissonDrive, SpikeTrainDrive
from hnnlib.spec.network import NetworkSpec
from hnnlib.viz.colors import drive_colors, population_colors
from hnnlib.viz.network import network_of, seed_of
from hnnlib.viz.style import INK, finish, new_axes, one_axes, put_title

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plot_drive_schedule"]

N_BINS = 170
HEIGHT = 0.8
"""Height of the highest bin, as a part of a row."""

ORDINARY = 250.0
"""Duration that is shown where nothing in the network says when it ends (ms)."""


@attrs.frozen(kw_only=True)
class _Row:
    """One thing that acts: events, or currents as (start, stop, nA)."""

    name: str
    says: str
    color: str
    targets: tuple[str, ...]
    events: Any = None
    currents: tuple[tuple[float, float, float], ...] = ()


def plot_drive_schedule(
    net: Any,
    tstop: float | None = None,
    ax: Any = None,
    trial: int = 0,
    show: bool = True,
    *,
    seed: int | None = None,
) -> Figure:
    """Plot when each drive, bias and current clamp acts on a network, and on whom.

    Events are those of one trial, counted over all cells of a drive; each row has its own scale.

    Parameters
    ----------
    net : Network, NetworkSpec or Result
        The network.
    tstop : float, optional
        End of the time axis (ms). Left out: that of the last simulation, else the end of the last drive.
    ax : matplotlib.axes.Axes, optional
        Where to plot; targets are then left out. Left out: in a new figure.
    trial : int
        The trial.
    show : bool
        Whether to show the figure, where the backend has windows.
    seed : int, optional
        Seed of the run, for drives without an ``event_seed``. Left out: that of a result, else 0.

    Returns
    -------
    figure : matplotlib.figure.Figure
        The figure.

    Raises
    ------
    InvalidType
        If ``net`` is no network.
    InvalidValue
        If nothing acts on the network, or ``tstop`` is not positive.
    """
    network = network_of(net)
    stop = _duration(net, network) if tstop is None else finite_number("tstop", tstop, "ms")
    if stop <= 0:
        raise InvalidValue("tstop", tstop, "must be > 0 ms")
    rows = _rows(network, stop, trial, seed_of(net, seed))
    if not rows:
        raise InvalidValue("net", net, "has no drives, biases or current clamps")
    height = 1.1 + 0.52 * len(rows)
    if ax is None:
        shares = (5.0, 0.35 * max(len(network.populations), 2))
        figure, (ax, beside) = new_axes(
            n_columns=2, size=(8.4, height + 0.6), width_ratios=shares, sharey=True, sharex=False
        )
        _draw_targets(beside, rows, network)
    else:
        figure, ax = one_axes(ax, size=(7.0, height))
    for i, row in enumerate(rows):
        _draw(ax, i, row, stop)
    ax.set_yticks(np.arange(len(rows)) - 0.35, [f"{row.name}\n{row.says}" for row in rows])
    ax.tick_params(axis="y", length=0, labelcolor=INK)
    ax.set(xlim=(0.0, stop), ylim=(len(rows) - 0.7, -1.0), xlabel="Time (ms)")
    put_title(ax, "Events and currents from outside")
    return finish(figure, show)


def _duration(net: Any, network: NetworkSpec) -> float:
    response = getattr(net, "cell_response", None)
    if response is not None and response.times is not None and response.times.size > 1:
        return float(response.times[-1])
    ends = [_end(drive) for drive in network.drives.values()]
    ends += [b.tstop for biases in network.biases.values() for b in biases.values()]
    ends += [t for events in network.synaptic_events.values() for t in events.times]
    for clamp in network.current_clamps.values():
        ends += [None if duration is None else delay + duration for _, delay, duration in clamp.steps()]
    known = [end for end in ends if end is not None]
    return 10.0 * math.ceil(1.05 * max(known) / 10.0) if known and max(known) > 0 else ORDINARY


def _end(drive: DriveSpec) -> float | None:
    """Return when a drive has ended, or None where that is for the run to say."""
    if isinstance(drive, EvokedDrive):
        return drive.mu + 4.0 * drive.sigma
    if isinstance(drive, SpikeTrainDrive):
        return max((t for train in drive.trains for t in train), default=None)
    return drive.tstop


def _says(drive: DriveSpec) -> str:
    """Return what a drive is, in a few words."""
    if isinstance(drive, EvokedDrive):
        spikes = "" if drive.numspikes == 1 else f", {drive.numspikes} spikes"
        return f"{drive.location}, {drive.mu:g} ± {drive.sigma:g} ms{spikes}"
    if isinstance(drive, PoissonDrive):
        rates = sorted(set(drive.rate.values())) if isinstance(drive.rate, Mapping) else [drive.rate]
        return f"{drive.location}, Poisson {'–'.join(f'{r:g}' for r in dict.fromkeys([rates[0], rates[-1]]))} Hz"
    if isinstance(drive, BurstyDrive):
        return f"{drive.location}, bursts at {drive.burst_rate:g} Hz"
    n = len(drive.trains)
    return f"{drive.location}, {n} given train{'' if n == 1 else 's'}"


def _rows(network: NetworkSpec, stop: float, trial: int, seed: int) -> list[_Row]:
    events = _events(network, stop, trial, seed)
    colors = drive_colors(network)
    rows = [
        _Row(name=name, says=_says(drive), color=colors[name], targets=tuple(drive.weights), events=events[name])
        for name, drive in network.drives.items()
    ]
    for name, forced in network.synaptic_events.items():
        targets = tuple(network.populations if forced.post is None else forced.post)
        rows.append(_Row(name=name, says="forced events", color=colors[name], targets=targets, events=events[name]))
    for name, biases in network.biases.items():
        for target, b in biases.items():
            current = ((b.t0, stop if b.tstop is None else b.tstop, b.amplitude),)
            rows.append(_Row(name=name, says=f"bias, {b.section}", color=INK, targets=(target,), currents=current))
    for name, clamp in network.current_clamps.items():
        steps = tuple((start, stop if length is None else start + length, nA) for nA, start, length in clamp.steps())
        rows.append(
            _Row(name=name, says=f"clamp, {clamp.section}", color=INK, targets=tuple(clamp.cells), currents=steps)
        )
    return rows


def _events(network: NetworkSpec, stop: float, trial: int, seed: int) -> dict[str, NDArray[np.float64]]:
    """Return the times of all events of each source (ms), as they are simulated."""
    populations, cells = place_cells(network)
    events, first = sample_trial(network, populations, trial, stop, seed), len(cells.template)
    return {
        name: events.time_ms[events.offset[gids.start - first] : events.offset[gids.stop - first]]
        for name, gids in populations.gid_ranges.items()
        if gids.start >= first
    }


def _draw(ax: Any, i: int, row: _Row, stop: float) -> None:
    """Draw one row, with its ground at ``y = i``; the axis points downwards."""
    ax.axhline(i, color="#D8D8D8", lw=0.8, zorder=0)
    if row.events is not None:
        counts, edges = np.histogram(row.events, bins=N_BINS, range=(0.0, stop))
        heights = HEIGHT * counts / max(counts.max(), 1)
        ax.stairs(i - heights, edges, baseline=i, fill=True, color=row.color, lw=0)
        return
    largest = max(abs(nA) for _, _, nA in row.currents) or 1.0
    for start, end, nA in row.currents:
        height = HEIGHT * abs(nA) / largest
        # Depolarising currents are filled, others hollow.
        face = {"fc": row.color, "alpha": 0.75} if nA > 0 else {"fc": "none", "ec": row.color}
        ax.fill_between([start, min(end, stop)], i - height, i, lw=1.0, **face)
        name = f"{nA:g} nA".replace("-", "−")
        ax.annotate(
            name,
            ((start + min(end, stop)) / 2, i - height / 2),
            ha="center",
            va="center",
            fontsize=8.5,
            color="white" if nA > 0 else INK,
        )


def _draw_targets(ax: Any, rows: list[_Row], network: NetworkSpec) -> None:
    """Draw one column for each population, with a dot where a row acts on it."""
    colors, names = population_colors(network), list(network.populations)
    for j, name in enumerate(names):
        hit = [i for i, row in enumerate(rows) if name in row.targets]
        ax.plot([j] * len(hit), np.array(hit) - 0.35, "o", ms=7, color=colors[name])
    ax.set(xlim=(-0.6, len(names) - 0.4))
    ax.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    ax.tick_params(length=0, labelleft=False)
    for spine in ax.spines.values():
        spine.set_visible(False)
    put_title(ax, "Targets")
