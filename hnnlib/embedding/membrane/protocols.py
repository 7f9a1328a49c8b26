"""What electrodes would find: steps of current, spikes that travel back, and such that meet an input to the tuft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hnnlib.backends.protocol import Engine
from hnnlib.base.errors import InvalidValue
from hnnlib.base.schema import number
from hnnlib.embedding.membrane.cell import DetailedCell
from hnnlib.embedding.membrane.reports import BackPropagation, BACReport, StepReport
from hnnlib.results.result import Result
from hnnlib.simulation import simulate
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.layout import AtPoints
from hnnlib.spec.network import NetworkSpec, Population
from hnnlib.spec.run import Record

__all__ = ["bac_firing", "back_propagating_spike", "step_current"]

_SETTLE = 300.0  # ms in which a cell comes to rest: the slowest gate takes some 100 ms
_STEP = 0.25  # ms for which each value of an EPSC holds
_EVERY = 4  # time steps between the samples of a report


def step_current(
    cell: DetailedCell,
    amplitude: float | Sequence[float],
    *,
    duration: float = 500.0,
    section: str = "soma",
    dt: float = 0.025,
    engine: str | Engine | None = None,
) -> StepReport:
    """Inject steps of current, each into a cell of its own that came to rest.

    Parameters
    ----------
    cell : DetailedCell
        The cell.
    amplitude : float or sequence of float
        Currents (nA).
    duration : float
        Of the steps (ms).
    section : str
        Where; at its middle.
    dt : float
        Time step (ms).
    engine : str or Engine, optional
        As in `hnnlib.simulate`.

    Returns
    -------
    report : StepReport

    Raises
    ------
    InvalidValue
        If the section doesn't exist, or a number is not allowed.
    """
    duration = number(duration, "duration", unit="ms", gt=0)
    amplitudes = np.atleast_1d(np.asarray(amplitude, float))
    clamps = [[{"amplitude": a, "duration": duration, "section": section}] for a in amplitudes.tolist()]
    result = _run(cell, clamps, tstop=duration + 50.0, record=("soma",), dt=dt, engine=engine)
    times, soma = _times(result), _traces(result, "soma")
    before = (times < 0) & (times >= -20)
    end = (times > 0.9 * duration) & (times <= duration)
    rest = soma[:, before].mean(axis=1)
    return StepReport(
        amplitude_nA=amplitudes,
        duration_ms=duration,
        spikes_ms=_spikes(result),
        rest_mV=float(rest[0]),
        deflection_mV=soma[:, end].mean(axis=1) - rest,
        times_ms=times[times >= -20],
        soma_mV=soma[:, times >= -20],
    )


def back_propagating_spike(
    cell: DetailedCell,
    *,
    amplitude: float = 2.0,
    duration: float = 5.0,
    dt: float = 0.025,
    engine: str | Engine | None = None,
) -> BackPropagation:
    """Make the soma fire by a short pulse, and measure the spike in every section.

    Parameters
    ----------
    cell : DetailedCell
        The cell.
    amplitude : float
        Of the pulse (nA): enough for one spike.
    duration : float
        Of the pulse (ms).
    dt : float
        Time step (ms).
    engine : str or Engine, optional
        As in `hnnlib.simulate`.

    Returns
    -------
    report : BackPropagation
    """
    form = cell.morphology
    pulse = [[{"amplitude": amplitude, "duration": duration, "section": form.names[0]}]]
    result = _run(cell, pulse, tstop=40.0, record="all", dt=dt, engine=engine, every=1)
    times = _times(result)
    traces = np.array([_traces(result, name)[0] for name in form.names])
    rest = traces[:, (times < 0) & (times >= -5)].mean(axis=1)
    since = traces[:, times >= 0]
    peak = since.argmax(axis=1)
    distance = form.start_distance_um + form.lengths_um / 2
    return BackPropagation(
        section=form.names,
        domain=form.domains,
        distance_um=np.where(np.arange(form.n_sections) == 0, 0.0, distance),
        amplitude_mV=since.max(axis=1) - rest,
        delay_ms=(peak - peak[0]) * dt,
        n_spikes=len(_spikes(result)[0]),
    )


def bac_firing(
    cell: DetailedCell,
    *,
    section: str | None = None,
    soma_amplitude: float = 2.0,
    soma_duration: float = 5.0,
    tuft_amplitude: float = 1.0,
    rise: float = 0.5,
    decay: float = 5.0,
    lag: float = 5.0,
    dt: float = 0.025,
    engine: str | Engine | None = None,
) -> BACReport:
    """Let a spike that travels back meet an input to the apical tree.

    Three cells get a pulse into the soma, a current of the shape of an EPSC into the apical tree, and both: the
    protocol of Larkum et al. 1999 (Nature 398:338) for back-propagation activated calcium spikes.

    Parameters
    ----------
    cell : DetailedCell
        The cell.
    section : str, optional
        Where the EPSC goes, and where the plateau is measured; left out: the section of trunk or tuft whose middle is
        nearest to the end of the apical trunk.
    soma_amplitude, soma_duration : float
        The pulse (nA, ms).
    tuft_amplitude : float
        Peak of the EPSC (nA).
    rise, decay : float
        Its time constants (ms).
    lag : float
        From the start of the pulse to that of the EPSC (ms).
    dt : float
        Time step (ms).
    engine : str or Engine, optional
        As in `hnnlib.simulate`.

    Returns
    -------
    report : BACReport

    Raises
    ------
    InvalidValue
        If the section doesn't exist, or a number is not allowed.
    """
    form = cell.morphology
    place = form.index(_nexus(cell) if section is None else section)
    site, soma = form.names[place], form.names[0]
    times, values = _epsc(tuft_amplitude, rise, decay)
    pulse = {"amplitude": soma_amplitude, "duration": soma_duration, "section": soma}
    epsc = {
        "amplitude": values.tolist(),
        "delay": (times + lag).tolist(),
        "duration": [_STEP] * len(times),
        "section": site,
    }
    result = _run(cell, [[pulse], [epsc], [pulse, epsc]], tstop=150.0, record=(soma, site), dt=dt, engine=engine)
    clock = _times(result)
    kept = clock >= -20
    at_site = _traces(result, site)[:, kept]
    return BACReport(
        site=site,
        site_um=float(form.start_distance_um[place] + form.lengths_um[place] / 2),
        spikes_ms=_spikes(result),
        peak_mV=at_site.max(axis=1),
        plateau_ms=np.count_nonzero(at_site > -40.0, axis=1) * dt * _EVERY,
        times_ms=clock[kept],
        soma_mV=_traces(result, soma)[:, kept],
        site_mV=at_site,
    )


def _nexus(cell: DetailedCell) -> str:
    """Return the section of trunk and tuft whose middle is nearest to where the trunk ends and the tuft begins."""
    form = cell.morphology
    trunk, ends = form.sections_of("apical_trunk"), form.start_distance_um + form.lengths_um
    if not len(trunk):
        raise InvalidValue("section", None, f"must be given: {form.name} has no apical trunk")
    members = form.sections_of("apical_trunk", "apical_tuft")
    middles = form.start_distance_um[members] + form.lengths_um[members] / 2
    return form.names[members[np.abs(middles - ends[trunk].max()).argmin()]]


def _epsc(peak: float, rise: float, decay: float) -> tuple[np.ndarray, np.ndarray]:
    """Return when each step of a current of two exponentials begins (ms), and its amplitude in the middle (nA)."""
    decay = number(decay, "decay", unit="ms", gt=0)
    rise = number(rise, "rise", unit="ms", gt=0, lt=decay)
    top = rise * decay / (decay - rise) * np.log(decay / rise)
    times = _STEP * np.arange(int(np.ceil(8 * decay / _STEP)))
    middle = times + _STEP / 2
    values = (np.exp(-middle / decay) - np.exp(-middle / rise)) / (np.exp(-top / decay) - np.exp(-top / rise))
    return times, peak * values


def _run(
    cell: DetailedCell,
    clamps: Sequence[Sequence[Mapping[str, Any]]],
    *,
    tstop: float,
    record: Any,
    dt: float,
    engine: str | Engine | None,
    every: int = _EVERY,
) -> Result:
    """Simulate one cell for each list of clamps, whose times count from when the cells came to rest."""
    found = {}
    for k, given in enumerate(clamps):
        for j, clamp in enumerate(given):
            delay = np.asarray(clamp.get("delay", 0.0)) + _SETTLE
            found[f"{k}.{j}"] = CurrentClamp(cells={"cell": (k,)}, **{**clamp, "delay": delay.tolist()})
    place = AtPoints(points=tuple((1e3 * k, 0.0, 0.0) for k in range(len(clamps))))
    network = NetworkSpec(
        populations={"cell": Population(cell=cell.spec, place=place)},
        origin=(0.0, 0.0, 0.0),
        current_clamps=found,
        celsius=cell.biophysics.celsius,
    )
    kept = Record(vsec=record, every=every)
    return simulate(network, tstop=_SETTLE + tstop, dt=dt, record=kept, engine=engine, launcher="serial")


def _times(result: Result) -> np.ndarray:
    return result.cell_response.recordings["vsec"].times - _SETTLE


def _traces(result: Result, section: str) -> np.ndarray:
    """Return the potential of a section in each cell, shape (n_cells, n_times)."""
    traces = result.cell_response.recordings["vsec"]
    return np.asarray(traces.data[0][[name == section for name in traces.sections or ()]])


def _spikes(result: Result) -> tuple[np.ndarray, ...]:
    """Return the times of each cell's spikes (ms)."""
    response = result.cell_response
    n = len(set(response.recordings["vsec"].gids))
    times, gids = response.spike_times[0], response.spike_gids[0]
    return tuple(np.sort(times[gids == k]) - _SETTLE for k in range(n))
