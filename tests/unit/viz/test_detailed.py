"""Figures and films of a detailed cell, on one of 11 segments."""

from __future__ import annotations

import itertools

import attrs
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from hnnlib.analysis import DendriticEvents, phase_histogram, spike_triggered_events
from hnnlib.base.errors import InvalidType, InvalidValue, OutputError, UnknownName
from hnnlib.embedding.membrane.segments import SegmentTable
from hnnlib.viz import (
    export_morphology_movie,
    export_voltage_distance_movie,
    plot_activations,
    plot_dendritic_events,
    plot_detailed_cell,
    plot_phase_histogram,
    plot_psth,
    plot_space_time,
    plot_spike_triggered_events,
    plot_voltage_distance,
)
from hnnlib.viz.branches import distance_lines, domain_colors, signed_distance, spread_positions

SECTIONS = {  # from, to, number of segments, thickness, distance at the beginning
    "soma": ((0, 0, -10), (0, 0, 10), 1, 18.0, 0.0),
    "basal_0": ((0, 0, -10), (-90, 20, -90), 3, 1.2, 10.0),
    "apical_0": ((0, 0, 10), (0, 0, 310), 3, 3.0, 10.0),
    "apical_1": ((0, 0, 310), (80, -40, 400), 2, 0.6, 310.0),
    "apical_2": ((0, 0, 310), (-80, 40, 400), 2, 0.6, 310.0),
}
DOMAINS = ("soma", "basal", "apical_trunk", "apical_tuft", "apical_tuft")


@pytest.fixture(scope="module")
def segments():
    rows = []
    for number, (start, stop, n, diam, at) in enumerate(SECTIONS.values()):
        start, stop = np.array(start, float), np.array(stop, float)
        length = np.linalg.norm(stop - start)
        for k in range(n):
            ends = [start + (stop - start) * q / n for q in (k, k + 0.5, k + 1)]
            x = (k + 0.5) / n
            rows.append((number, x, DOMAINS[number], 0.0 if number == 0 else at + x * length, *ends, length / n, diam))
    section, x, domain, distance, low, middle, high, length, diam = (np.array(c) for c in zip(*rows, strict=True))
    return SegmentTable(
        section=section,
        x=x,
        domain=domain,
        distance_um=distance,
        branch_order=np.zeros(len(x), np.int32),
        position_um=middle,
        start_um=low,
        end_um=high,
        length_um=length,
        diam_um=diam,
        area_um2=np.pi * diam * length,
        names=tuple(SECTIONS),
    )


@pytest.fixture
def film(segments):
    """A voltage that rises by 1 mV per ms and by 1 mV per segment."""
    times = np.arange(0, 20.05, 0.1)
    return times, -80.0 + np.arange(len(segments))[:, np.newaxis] + times


ACTIVE = {"exc": ([4, 9, 9, 10], [3.0, 5.0, 5.5, 9.0]), "inh": ([0], [5.0])}


# ----------------------------------------------------------------------------------------------------------- geometry


def test_lines_begin_where_a_section_sits(segments):
    lines = [line.tolist() for line in distance_lines(segments)]
    assert lines == [[0], [0, 1, 2, 3], [0, 4, 5, 6], [6, 7, 8], [6, 9, 10]]


def test_basal_distances_are_negative(segments):
    signed = signed_distance(segments)
    assert (signed[1:4] < 0).all()
    assert (signed[4:] > 0).all()
    np.testing.assert_array_equal(np.abs(signed), segments.distance_um)


def test_synapses_of_one_segment_lie_apart(segments):
    places = spread_positions(segments, np.array([5, 2, 5, 5, 5]))
    np.testing.assert_allclose(places[0], segments.position_um[5])  # the first is in the middle
    z = np.sort(places[[0, 2, 3, 4], 2])
    assert (np.diff(z) > 10).all()  # of 100 µm
    assert z.min() > segments.start_um[5, 2]
    assert z.max() < segments.end_um[5, 2]


# ------------------------------------------------------------------------------------------------------------ figures


def test_cell_by_domain(segments):
    ax = plot_detailed_cell(segments, title="A cell").axes[0]
    (branches,) = ax.collections
    inks = domain_colors(segments)
    expected = [inks[d] for d in [*segments.domain[1:], "soma"]]  # the soma last, over the others
    from matplotlib.colors import to_rgba_array

    np.testing.assert_allclose(branches.get_colors(), to_rgba_array(expected))
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["soma", "basal", "apical trunk", "apical tuft"]
    widths = np.array(branches.get_linewidths())
    assert widths[-1] == widths.max()
    assert widths.min() >= 0.7
    np.testing.assert_allclose(widths[3] / widths[0], 3.0 / 1.2)
    np.testing.assert_allclose(branches.get_segments()[3], [[0, 10], [0, 110]], atol=1e-9)
    assert ax.get_title(loc="left") == "A cell"
    assert ax.texts[0].get_text() == "50 µm"  # a sixth of 490 µm, rounded down


def test_cell_by_value(segments):
    values = np.arange(11.0)
    values[4] = np.nan
    ax = plot_detailed_cell(segments, values, "Rate (Hz)", plane="yz").axes[0]
    (branches,) = ax.collections
    np.testing.assert_array_equal(branches.get_array().mask[:-1], np.isnan(values[1:]))
    assert branches.get_clim() == (0.0, 10.0)
    assert ax.child_axes[0].get_ylabel() == "Rate (Hz)"
    assert plot_detailed_cell(segments, values, clim=(2, 3)).axes[0].collections[0].get_clim() == (2.0, 3.0)


def test_synapses_on_a_cell(segments):
    figure, ax = plt.subplots()
    synapses = {"exc": [5, 5, 9], "inh": np.array([0])}
    assert plot_detailed_cell(segments, synapses=synapses, colors={"inh": "k"}, ax=ax, ylim=(-50, 200)) is figure
    dots = {line.get_label(): line for line in ax.lines}
    np.testing.assert_allclose(dots["exc (3)"].get_xydata(), spread_positions(segments, np.array([5, 5, 9]))[:, [0, 2]])
    assert dots["inh (1)"].get_color() == "k"
    assert ax.get_ylim() == (-50, 200)


def test_legend_and_bar_of_colours_are_apart(segments):
    synapses = {name: [1] for name in ("VPM", "L4", "L5", "L6", "PV", "SOM")}
    figure = plot_detailed_cell(segments, np.arange(11.0), "Rate (Hz)", synapses=synapses)
    figure.draw_without_rendering()
    ax = figure.axes[0]
    assert not ax.get_legend().get_window_extent().overlaps(ax.child_axes[0].get_tightbbox())


def test_voltage_against_distance(segments):
    v = np.arange(11.0)
    ax = plot_voltage_distance(segments, v, ylim=(-5, 20), title="3 ms").axes[0]
    lines = ax.collections[0].get_segments()
    np.testing.assert_allclose(lines[3], [[260, 6], *zip(segments.distance_um[7:9], [7, 8], strict=True)])
    assert ax.get_ylim() == (-5, 20)
    assert "basal negative" in ax.get_xlabel()


def test_activations(segments):
    ax = plot_activations(segments, ACTIVE, soma_spikes=[7.0], tlim=(0, 10)).axes[0]
    dots = {line.get_label(): line for line in ax.lines}
    np.testing.assert_allclose(dots["exc (4)"].get_xdata(), ACTIVE["exc"][1])
    np.testing.assert_allclose(dots["exc (4)"].get_ydata(), segments.distance_um[ACTIVE["exc"][0]])
    assert ax.get_xlim() == (0, 10)


def test_space_and_time():
    counts = np.arange(12).reshape(2, 2, 3)
    ax = plot_space_time([1, 3, 5], [-25, 25], counts).axes[0]
    (image,) = ax.collections
    np.testing.assert_array_equal(np.asarray(image.get_array()).reshape(2, 3), counts.mean(axis=0))
    assert (ax.get_xlim(), ax.get_ylim()) == ((0, 6), (-50, 50))
    assert ax.child_axes[0].get_ylabel() == "Events per 2 ms and 50 µm and trial"
    with pytest.raises(InvalidValue, match=r"counts.shape: \(3, 2\) must be \(2, 3\)"):
        plot_space_time([1, 3, 5], [-25, 25], counts[0].T)


def test_psth():
    ax = plot_psth([1, 3, 5], {"exc": [1, 2, 3], "inh": [0, 4, 0]}, onset=3.0).axes[0]
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["exc", "inh"]
    assert ax.get_xlim() == (0, 6)
    assert plot_psth([1, 3, 5], [1, 2, 3]).axes[0].get_legend() is None
    with pytest.raises(InvalidValue, match=r"values\['exc'\].shape: \(2,\) must be \(3,\)"):
        plot_psth([1, 3, 5], {"exc": [1, 2]})


def events(segment, t_on, kind="nmda"):
    t = np.asarray(t_on, float)
    return DendriticEvents(np.asarray(segment, np.int32), np.full(len(t), kind), t, t + 30, -np.ones(len(t)))


def test_rates_of_dendritic_events(segments):
    trials = [events([5, 5, 9], [1, 2, 3]), events([5], [1.0]), events([8], [1.0], "na")]
    figure = plot_dendritic_events(segments, trials, 200.0)
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == ["Sodium spikes", "NMDA plateaus"]
    shown = figure.axes[1].collections[0].get_array()
    # 3 events in 3 trials of 200 ms; the soma's row is the last
    assert shown[4] == pytest.approx(5.0)
    assert shown[8] == pytest.approx(1 / 0.6)
    assert np.count_nonzero(~shown.mask) == 2
    with pytest.raises(InvalidValue, match="events: 11 is no segment of the cell, which has 0 to 10"):
        plot_dendritic_events(segments, events([11], [1.0]), 200.0)
    with pytest.raises(InvalidType, match=r"events\[0\]: .* must be DendriticEvents"):
        plot_dendritic_events(segments, [1.0], 200.0)


def test_events_around_spikes():
    average = spike_triggered_events(
        [events([1, 2], [90.0, 95.0])], [[100.0]], np.arange(4.0), 0.0, 300.0, n_groups=2, window=(-20, 20)
    )
    ax = plot_spike_triggered_events(average).axes[0]
    np.testing.assert_allclose(np.asarray(ax.collections[0].get_array()).reshape(2, -1), average.additional)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["0", "1.5", "3"]
    none = attrs.evolve(average, n_spikes=0)
    with pytest.raises(InvalidValue, match="n_spikes: 0 must be at least 1"):
        plot_spike_triggered_events(none)


def test_phases():
    ax = plot_phase_histogram(phase_histogram(np.arange(10) * 62.5, 16.0)).axes[0]
    assert ax.get_title(loc="left").startswith("10 spikes, vector strength 1.00")
    with pytest.raises(InvalidType, match=r"histogram: .* must be what phase_histogram returns"):
        plot_phase_histogram([1.0])


# -------------------------------------------------------------------------------------------------------------- films


@pytest.mark.parametrize(
    ("export", "size"), [(export_morphology_movie, (150, 216)), (export_voltage_distance_movie, (210, 150))]
)
def test_films(segments, film, tmp_path, export, size):
    path = tmp_path / "cell.gif"
    export(segments, *film, path, activations=ACTIVE, tstart=2.0, tstop=12.0, tstep=2.5, dpi=30)
    assert plt.get_fignums() == []
    with Image.open(path) as found:
        assert (found.n_frames, found.size) == (5, size)
        pictures = []
        for k in range(5):
            found.seek(k)
            pictures.append(np.asarray(found.convert("RGB")).astype(int))
    assert all((a != b).any() for a, b in itertools.pairwise(pictures))


def test_what_frames_show(segments, film, tmp_path, monkeypatch):
    """The lines, dots and clock of single frames; the writer is left out."""
    seen = []

    def watch(figure, moving, draw, frames, *_, **__):
        for frame in frames:
            draw(frame)
            lines, dots, _, clock = moving
            seen.append((clock.get_text(), np.array(lines.get_colors()), len(dots.get_offsets()), lines.get_segments()))

    monkeypatch.setattr("hnnlib.viz.detailed_movie.write_movie", watch)
    times = {"tstart": 4.96, "tstop": 9.1, "tstep": 2.0}
    options = {"activations": ACTIVE, "active_for": 2.0, "elev": 0.0, "turn": 90.0, **times}
    export_morphology_movie(segments, *film, tmp_path / "cell.gif", **options)
    assert [text for text, *_ in seen] == ["5.0 ms", "7.0 ms", "9.0 ms"]
    # 3.0 ms is over and both at 5.0 ms are on; 2 ms later only the one of 5.5 ms; then that of 9.0 ms
    assert [n for _, _, n, _ in seen] == [2, 1, 1]
    front, side = np.array(seen[0][3]), np.array(seen[1][3])
    np.testing.assert_allclose(np.ptp(front[..., 0]), 170, rtol=1e-6)  # x from -90 to 80 µm
    np.testing.assert_allclose(np.ptp(side[..., 0]), 80, rtol=1e-6)  # y from -40 to 40 µm
    np.testing.assert_allclose(np.ptp(front[..., 1]), 490, rtol=1e-6)
    assert (seen[0][1] != seen[2][1]).any()


def test_an_interactive_page_and_its_errors(segments, film, tmp_path):
    path = tmp_path / "cell.html"
    export_voltage_distance_movie(segments, *film, path, tstart=0.0, tstop=2.0, tstep=1.0, dpi=30)
    assert path.read_text("utf-8").count("data:image/png;base64") == 3
    with pytest.raises(OutputError, match=r"must end in .gif, .html or .mp4"):
        export_morphology_movie(segments, *film, tmp_path / "cell.png")
    with pytest.raises(InvalidValue, match=r"tstart, tstop: .* within the recording, from 0 to 20 ms"):
        export_morphology_movie(segments, *film, tmp_path / "cell.gif", tstop=30.0)
    with pytest.raises(InvalidValue, match=r"voltages.shape: \(3, 201\) must be \(n_segments, n_times\): \(11, 201\)"):
        export_morphology_movie(segments, film[0], film[1][:3], tmp_path / "cell.gif")
    assert plt.get_fignums() == []


def test_bad_arguments(segments):
    with pytest.raises(InvalidType, match="it has no 'section'"):
        plot_detailed_cell([1, 2])
    with pytest.raises(InvalidValue, match=r"values.shape: \(3,\) must be \(11,\), one value a segment"):
        plot_detailed_cell(segments, [1, 2, 3])
    with pytest.raises(InvalidValue, match=r"synapses\['exc'\]\[1\]: 11 is no segment of the cell, which has 0 to 10"):
        plot_detailed_cell(segments, synapses={"exc": [0, 11]})
    with pytest.raises(UnknownName, match="plane: 'zx' is no plane"):
        plot_detailed_cell(segments, plane="zx")
    with pytest.raises(UnknownName, match="colors: 'tuft' is no name of what is drawn"):
        plot_voltage_distance(segments, np.zeros(11), colors={"tuft": "k"})
    with pytest.raises(
        InvalidValue, match=r"activations\['exc'\]\[1\].shape: \(1,\) must be that of its segments, \(2,\)"
    ):
        plot_activations(segments, {"exc": ([1, 2], [1.0])})
    with pytest.raises(InvalidType, match=r"activations: .* must be a dict of population to \(segments, times\)"):
        plot_activations(segments, [([1, 2], [1.0])])
    with pytest.raises(InvalidValue, match=r"tlim: \(2, 1\) must be rising \(ms\)"):
        plot_activations(segments, ACTIVE, tlim=(2, 1))
