"""When drives, biases and clamps act."""

from __future__ import annotations

import attrs
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.base.schema import to_plain
from hnnlib.compile.build import compile_plan
from hnnlib.editor.network import Network
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.result import Result
from hnnlib.spec.clamps import CurrentClamp
from hnnlib.spec.drives import BurstyDrive, SpikeTrainDrive
from hnnlib.spec.events import SynapticEvents
from hnnlib.spec.run import RunSpec
from hnnlib.viz import plot_drive_schedule
from hnnlib.viz.colors import drive_colors
from hnnlib.viz.schedule import HEIGHT, N_BINS

ENDLESS = CurrentClamp(cells={"L2_basket": None}, amplitude=1.0)


def rows(ax):
    return [text.get_text().split("\n") for text in ax.get_yticklabels()]


def stairs(ax):
    """Number of the row -> heights of its bins as parts of the highest."""
    found = {}
    for patch in ax.patches:
        values, _, baseline = patch.get_data()
        found[int(baseline)] = (baseline - values) / HEIGHT
    return found


def test_rows_are_what_is_simulated(circuit):
    ax, beside = plot_drive_schedule(circuit, tstop=100.0).axes
    assert rows(ax) == [
        ["prox", "proximal, 20 ± 2 ms"],
        ["noise", "distal, Poisson 50 Hz"],
        ["tonic", "bias, soma"],
    ]
    plan = compile_plan(circuit, RunSpec(tstop=100.0))
    events, ranges = plan.events[0], plan.populations.gid_ranges
    for i, name in enumerate(circuit.drives):
        times = np.concatenate([events.of(gid - plan.n_cells) for gid in ranges[name]])
        counts, _ = np.histogram(times, bins=N_BINS, range=(0, 100))
        np.testing.assert_allclose(stairs(ax)[i], counts / counts.max())
    assert [to_rgb(p.get_facecolor()) for p in ax.patches] == [to_rgb(c) for c in drive_colors(circuit).values()]
    assert (ax.get_xlabel(), ax.get_xlim()) == ("Time (ms)", (0.0, 100.0))
    assert [t.get_text() for t in beside.get_xticklabels()] == list(circuit.populations)
    dots = {name: line.get_ydata() for name, line in zip(circuit.populations, beside.lines, strict=True)}
    assert {name: [round(y + 0.35) for y in at] for name, at in dots.items()} == {
        "L2_basket": [0],
        "L2_pyramidal": [],
        "L5_basket": [],
        "L5_pyramidal": [0, 1, 2],
    }


def bars(ax):
    """Start, end and height of each bar."""
    found = []
    for bar in ax.collections:
        x, y = bar.get_paths()[0].vertices.T
        found.append((x.min(), x.max(), pytest.approx((y.max() - y.min()) / HEIGHT)))
    return found


def test_currents_are_bars(circuit):
    clamp = CurrentClamp(cells={"L2_basket": (0,)}, amplitude=(1.0, -0.5), delay=(5.0, 50.0), duration=(10.0, None))
    ax, _ = plot_drive_schedule(attrs.evolve(circuit, current_clamps={"step": clamp}), tstop=90.0).axes
    assert bars(ax) == [(10.0, 60.0, 1.0), (5.0, 15.0, 1.0), (50.0, 90.0, 0.5)]
    assert [t.get_text() for t in ax.texts] == ["0.5 nA", "1 nA", "−0.5 nA"]
    assert rows(ax)[-1] == ["step", "clamp, soma"]


def test_all_kinds_of_drives_say_what_they_are(circuit):
    targets = {"location": "proximal", "weights": {"L5_pyramidal": {"ampa": 0.1}}}
    drives = {
        "alpha": BurstyDrive(tstart=50.0, burst_rate=10.0, **targets),
        "replay": SpikeTrainDrive(trains=((10.0, 20.0), (15.0,)), n_drive_cells=2, **targets),
        "many": attrs.evolve(circuit.drives["prox"], numspikes=3),
        "two": attrs.evolve(
            circuit.drives["noise"],
            n_drive_cells="n_cells",
            weights={name: {"ampa": 0.01} for name in ("L2_pyramidal", "L5_pyramidal")},
            rate={"L2_pyramidal": 5.0, "L5_pyramidal": 40.0},
        ),
    }
    forced = {"forced": SynapticEvents(times=(30.0,), post={"L5_pyramidal": None})}
    network = attrs.evolve(circuit, drives=drives, biases={}, synaptic_events=forced)
    ax, _ = plot_drive_schedule(network, tstop=100.0).axes
    assert [text for _, text in rows(ax)] == [
        "proximal, bursts at 10 Hz",
        "proximal, 2 given trains",
        "proximal, 20 ± 2 ms, 3 spikes",
        "distal, Poisson 5–40 Hz",
        "forced events",
    ]
    assert np.flatnonzero(stairs(ax)[4]).tolist() == [int(30.0 / 100.0 * N_BINS)]


@pytest.mark.parametrize(
    ("changes", "stop"),
    [
        ({}, 90.0),  # the Poisson drive ends at 80 ms
        ({"drives": {}}, 70.0),  # the bias ends at 60 ms
        (
            {
                "drives": {},
                "biases": {},
                "current_clamps": {"c": CurrentClamp(cells={"L2_basket": None}, amplitude=1.0)},
            },
            250,
        ),
    ],
)
def test_how_long_the_axis_is(circuit, changes, stop):
    assert plot_drive_schedule(attrs.evolve(circuit, **changes)).axes[0].get_xlim() == (0.0, stop)


def test_a_result_says_duration_and_seed(circuit):
    spikes = CellResponse(list(circuit.populations), [[]], [[]], [[]], times=np.arange(0.0, 130.5, 0.5))
    free = attrs.evolve(circuit, drives={"noise": circuit.drives["noise"]})
    result = Result(dipoles=[], cell_response=spikes, provenance={"network": to_plain(free), "seed": 5})
    ax, _ = plot_drive_schedule(result).axes
    assert ax.get_xlim() == (0.0, 130.0)
    as_run, other = (stairs(plot_drive_schedule(free, 130.0, seed=seed).axes[0])[0] for seed in (5, 0))
    np.testing.assert_array_equal(stairs(ax)[0], as_run)
    assert not np.array_equal(as_run, other)


def test_given_axes_hold_the_rows_alone(circuit):
    figure, ax = plt.subplots()
    assert plot_drive_schedule(Network.from_spec(circuit), ax=ax) is figure
    assert figure.axes == [ax]


def test_names_do_not_overlap(circuit):
    many = {f"background_noise_{i}": circuit.drives["noise"] for i in range(9)}
    figure = plot_drive_schedule(attrs.evolve(circuit, drives=many))
    figure.draw_without_rendering()
    boxes = [t.get_window_extent() for t in figure.axes[0].get_yticklabels()]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert min(box.x0 for box in boxes) >= 0


def test_wrong_arguments_of_a_schedule(circuit):
    with pytest.raises(InvalidValue, match="has no drives, biases or current clamps"):
        plot_drive_schedule(attrs.evolve(circuit, drives={}, biases={}))
    with pytest.raises(InvalidValue, match=r"tstop: 0\.0 must be > 0 ms"):
        plot_drive_schedule(circuit, tstop=0.0)
    with pytest.raises(InvalidType, match="must be a Network"):
        plot_drive_schedule(None)
    assert plt.get_fignums() == []
