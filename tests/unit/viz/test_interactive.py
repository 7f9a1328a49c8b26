"""Figures for the browser."""

from __future__ import annotations

import json
import re
import sys

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue, MissingPackage, OutputError, UnknownName
from hnnlib.spec.network import Electrodes
from hnnlib.viz import interactive_dipole, interactive_network, interactive_raster
from hnnlib.viz.colors import COLORS
from hnnlib.viz.network import sections_of

pytest.importorskip("plotly")


def by_name(figure):
    return {trace.name: trace for trace in figure.data}


def test_a_raster_tells_cell_time_and_trial(response):
    figure = interactive_raster(response)
    cells = by_name(figure)
    assert list(cells) == ["L2_basket", "L5_pyramidal"]
    np.testing.assert_array_equal(cells["L5_pyramidal"].x, [41.0, 42.0, 43.0, 44.0])
    np.testing.assert_array_equal(cells["L5_pyramidal"].y, [2, 4, 2, 4])
    np.testing.assert_array_equal(cells["L5_pyramidal"].customdata, [0, 0, 1, 1])
    assert cells["L5_pyramidal"].marker.color == COLORS[1].lower()
    assert "trial %{customdata}" in cells["L5_pyramidal"].hovertemplate
    layout = figure.layout
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("Time (ms)", "Cell (gid)")
    assert (tuple(layout.xaxis.range), layout.yaxis.autorange) == ((0.0, 100.0), "reversed")


def test_some_types_of_one_trial(response):
    (trace,) = interactive_raster(response, trial_idx=1, cell_types=["evprox1"], colors="red").data
    assert (list(trace.x), trace.marker.color) == ([25.5], "#ff0000")
    with pytest.raises(UnknownName, match="did you mean 'evprox"):
        interactive_raster(response, cell_types=["evprox"])


def test_dipoles_of_layers_with_their_average(dipoles):
    figure = interactive_dipole(dipoles, tmin=20, tmax=80, layer=["agg", "L2", "L5"], average=True)
    lines = by_name(figure)
    assert list(lines)[:3] == ["All layers, trial 0", "All layers, trial 1", "All layers, average"]
    mean = (dipoles[0].data["L5"] + dipoles[1].data["L5"])[80:321] / 2
    np.testing.assert_allclose(lines["Layer 5, average"].y, mean)
    assert lines["Layer 5, average"].line.width > 2 * lines["Layer 5, trial 0"].line.width
    assert [lines[f"{n}, average"].line.color for n in ("Layer 2/3", "Layer 5")] == list(COLORS[1:4:2])
    assert figure.layout.yaxis.title.text == "Dipole moment (nAm)"
    (one,) = interactive_dipole(dipoles[0].copy().scale(3000)).data
    assert one.name == "All layers"


def test_the_network_in_space(circuit):
    contacts = ((0.0, 0.0, 0.0), (0.0, 0.0, 100.0))
    network = attrs.evolve(circuit, electrodes={"shank": Electrodes(positions=contacts)})
    figure = interactive_network(network, inplane_distance=200.0)
    traces = by_name(figure)
    assert list(traces) == [*circuit.populations, "shank (electrodes)"]
    sections = sections_of(circuit, 200.0)
    of = (sections.gid >= 15) & (sections.gid < 24)
    drawn = np.column_stack([traces["L5_pyramidal"][axis] for axis in "xyz"]).reshape(-1, 3, 3)
    np.testing.assert_array_equal(drawn[:, :2], sections.ends_um[of])
    assert np.isnan(drawn[:, 2]).all()
    assert traces["L5_pyramidal"].text[0] == f"gid 15, {sections.names[np.flatnonzero(of)[0]]}"
    np.testing.assert_array_equal(traces["shank (electrodes)"].z, [0.0, 100.0])
    scene = figure.layout.scene
    assert [scene[f"{axis}axis"].title.text for axis in "xyz"] == ["x (µm)", "y (µm)", "z (µm)"]


def test_voltages_with_a_slider(recorded):
    figure = interactive_network(recorded, color="voltage", trial_idx=1, n_frames=3)
    assert [frame.name for frame in figure.frames] == ["0.00", "1.00", "2.00"]
    gids = sections_of(recorded_network(recorded)).gid
    for k, frame in zip((0, 2, 4), figure.frames, strict=True):
        np.testing.assert_array_equal(frame.data[0].line.color, np.repeat(-75.0 + gids + 10 * k, 3))
    assert [step.label for step in figure.layout.sliders[0].steps] == ["0.00", "1.00", "2.00"]
    assert figure.data[0].line.colorbar.title.text == "Voltage (mV)"
    assert (figure.data[0].line.cmin, figure.data[0].line.cmax) == (-100.0, 50.0)


def recorded_network(result):
    from hnnlib.viz.network import network_of

    return network_of(result)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        ({"color": "volts"}, UnknownName, "did you mean 'voltage'"),
        ({"color": "voltage"}, InvalidValue, "record_vsec='all'"),
    ],
)
def test_wrong_arguments_of_a_network(circuit, arguments, error, says):
    with pytest.raises(error, match=says):
        interactive_network(circuit, **arguments)


def test_numbers_of_frames(recorded):
    with pytest.raises(InvalidValue, match="n_frames: 0 must be an integer >= 1"):
        interactive_network(recorded, color="voltage", n_frames=0)


def test_the_file_needs_no_network(response, tmp_path):
    path = tmp_path / "raster.html"
    figure = interactive_raster(response, path=path)
    text = path.read_text("utf-8")
    assert not re.search(r"<(script|link)[^>]+(src|href)=", text)
    written = text[text.rindex("Plotly.newPlot(") :]
    assert json.dumps(figure.data[1].name) in written
    with pytest.raises(OutputError, match=r"must end in \.html"):
        interactive_raster(response, path=tmp_path / "raster.png")
    with pytest.raises(OutputError, match="exists already"):
        interactive_raster(response, path=path, overwrite=False)


def test_without_plotly_the_error_says_what_to_install(response, monkeypatch):
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(MissingPackage, match=r"pip install 'hnnlib\[viz\]'"):
        interactive_raster(response)
