"""Draw the event times of drive cells, trial by trial."""

from __future__ import annotations

import numpy as np

from hnnlib.base.seeds import independent_stream, published_stream
from hnnlib.plan.tables import Events, Populations
from hnnlib.spec.drives import BurstyDrive, DriveSpec, EvokedDrive, PoissonDrive, SpikeTrainDrive
from hnnlib.spec.network import NetworkSpec

__all__ = ["drive_events", "sample_trial"]

_Stream = np.random.RandomState | np.random.Generator


def sample_trial(network: NetworkSpec, populations: Populations, trial: int, tstop: float, seed: int) -> Events:
    """Return the events of all drive cells in one trial; last, the times of forced synaptic events.

    Parameters
    ----------
    network : NetworkSpec
        Whose drives to sample.
    populations : Populations
        Its gids.
    trial : int
        0-based index of the trial.
    tstop : float
        Duration of the run (ms).
    seed : int
        Seed of the independent streams.
    """
    ranges = populations.gid_ranges
    # forced synaptic events have gids of their own, which the published seeding doesn't count: they are no drives
    n_gids = sum(len(ranges[name]) for name in (*network.populations, *network.drives))
    times: list[np.ndarray] = []
    for name, drive in network.drives.items():
        sizes = {t: len(ranges[t]) for t in network.populations if t in drive.weights}
        times += drive_events(name, drive, sizes, len(ranges[name]), trial, n_gids, tstop, seed)
    times += [np.array(events.times) for events in network.synaptic_events.values()]
    offset = np.concatenate([[0], np.cumsum([len(t) for t in times])]).astype(np.int64)
    return Events(time_ms=np.concatenate(times) if times else np.zeros(0), offset=offset)


def drive_events(
    name: str,
    drive: DriveSpec,
    targets: dict[str, int],
    n_drive_cells: int,
    trial: int,
    n_gids: int,
    tstop: float,
    seed: int,
) -> list[np.ndarray]:
    """Return the event times (ms) of each drive cell of one drive in one trial.

    Parameters
    ----------
    name : str
        Name of the drive.
    drive : DriveSpec
        The drive.
    targets : dict
        Target populations in gid order, with their number of cells.
    n_drive_cells : int
        Number of drive cells.
    trial : int
        0-based index of the trial.
    n_gids : int
        Number of gids of the network, part of the published seeding.
    tstop : float
        Duration of the run (ms).
    seed : int
        Seed of the independent streams.

    Notes
    -----
    Distributions as in HNN-core 0.6.1; times outside (0, tstop] are dropped, except for spike trains, which are taken
    as given.
    """
    if isinstance(drive, SpikeTrainDrive):
        return [np.array(train, float) for train in drive.trains]

    # one for all cells in turn: making a Mersenne twister takes far longer than drawing a cell's events
    published = None if drive.event_seed is None else published_stream(drive.event_seed, trial, n_gids)

    def stream(cell: int) -> _Stream:
        if drive.event_seed is not None:
            return published_stream(drive.event_seed, trial, n_gids, cell, reuse=published)
        return independent_stream(seed, name, trial, cell)

    start = getattr(drive, "tstart", 0.0)
    if isinstance(drive, BurstyDrive) and drive.tstart_std > 0:
        # common to the drive's cells; the published stream is that of cell 0, an independent one is its own
        common = stream(0) if drive.event_seed is not None else independent_stream(seed, f"{name}/start", trial)
        start = float(common.normal(drive.tstart, drive.tstart_std))
    owner = [t for t, n in targets.items() for _ in range(n)] if drive.cell_specific else [None] * n_drive_cells
    found = []
    for cell in range(n_drive_cells):
        times = _times(drive, owner[cell], stream(cell), start, tstop)
        times = times[(times > 0) & (times <= tstop)]
        times.sort()
        found.append(times)
    return found


def _times(
    drive: EvokedDrive | PoissonDrive | BurstyDrive, target: str | None, stream: _Stream, start: float, tstop: float
) -> np.ndarray:
    if isinstance(drive, EvokedDrive):
        return np.asarray(stream.normal(drive.mu, drive.sigma, drive.numspikes))
    end = tstop if drive.tstop is None else drive.tstop
    if isinstance(drive, PoissonDrive):
        return _poisson(start, end, drive.rate_of(target), stream)
    return _bursts(drive, start, end, stream)


def _poisson(start: float, end: float, rate: float, stream: _Stream) -> np.ndarray:
    """Return the times of a Poisson process: exponential intervals, one draw each (the published order of draws)."""
    times = []
    t = start
    while t < end:
        t += stream.exponential(1.0 / rate) * 1000.0
        if t < end:
            times.append(t)
    return np.array(times, float)


def _bursts(drive: BurstyDrive, start: float, end: float, stream: _Stream) -> np.ndarray:
    centres = np.arange(start, end, 1000.0 / drive.burst_rate)
    jittered = np.asarray(stream.normal(centres, drive.burst_std))
    within_burst = drive.spike_isi * (np.arange(drive.numspikes) - (drive.numspikes - 1) / 2)
    return (jittered[None, :] + within_burst[:, None]).ravel()
