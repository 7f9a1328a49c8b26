"""`hnnlib convert`: every kind of file that it reads and writes."""

from __future__ import annotations

import json

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.cli.main import main


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("convert")
    net = hn.jones_2009_model(mesh_shape=(2, 2), add_drives_from_params=True)
    net.put("populations.L5_pyramidal.cell.sections.soma.diam", 30.0)
    hn.write_network(net, folder / "net.json")
    return net, folder


def test_networks_go_round(small, tmp_path, capsys):
    net, folder = small
    assert hn.read_network(folder / "net.json") == net
    assert main(["convert", str(folder / "net.json"), str(tmp_path / "theirs.json"), "--to", "hnn-core"]) == 0
    assert json.loads((tmp_path / "theirs.json").read_text())["object_type"] == "Network"
    assert main(["convert", str(tmp_path / "theirs.json"), str(tmp_path / "ours.json")]) == 0
    assert hn.read_network(tmp_path / "ours.json") == net
    assert f"wrote {tmp_path / 'ours.json'}" in capsys.readouterr().out


def test_parameter_files(tmp_path):
    assert main(["convert", str(hn.param_file("default.json")), str(tmp_path / "flat.json"), "--quiet"]) == 0
    assert list(hn.read_network(tmp_path / "flat.json").external_drives) == ["evdist1", "evprox1", "evprox2"]
    params = json.loads(hn.param_file("default.json").read_text())
    (tmp_path / "old.param").write_text("\n".join(f"{key}: {value}" for key, value in params.items()))
    assert main(["convert", str(tmp_path / "old.param"), str(tmp_path / "old.json"), "--quiet"]) == 0
    old = hn.read_network(tmp_path / "old.json")
    assert len(old.gid_ranges["evdist1"]) == 270  # legacy mode
    assert main(["convert", str(tmp_path / "old.param"), str(tmp_path / "bare.json"), "--no-drives", "--quiet"]) == 0
    assert not hn.read_network(tmp_path / "bare.json").external_drives


def test_a_folder_of_sonata_files(small, tmp_path):
    _, folder = small
    target = tmp_path / "column"
    assert main(["convert", str(folder / "net.json"), str(target), "--to", "sonata", "--tstop", "10", "--quiet"]) == 0
    assert len(hn.read_sonata(target).spec.populations) == 4


def test_dipoles(tmp_path):
    times = np.arange(0, 5.0, 0.025)
    dipole = hn.Dipole(times, {"agg": np.sin(times), "L2": np.cos(times), "L5": times})
    dipole.write(tmp_path / "dpl.txt")
    assert main(["convert", str(tmp_path / "dpl.txt"), str(tmp_path / "dpl.h5"), "--quiet"]) == 0
    np.testing.assert_allclose(hn.read_dipole(tmp_path / "dpl.h5").data["L2"], np.cos(times), atol=5.1e-5)


@pytest.mark.parametrize("suffix", [".h5", ".csv"])
def test_spikes(tmp_path, suffix):
    response = hn.CellResponse(
        ["a", "b"],
        [[1.5, 2.25], [3.125]],
        [[0, 4], [3]],
        [["a", "b"], ["b"]],
        gid_ranges={"a": range(3), "b": range(3, 5)},
    )
    response.write(tmp_path / "spk_%d.txt")
    target = tmp_path / f"spikes{suffix}"
    assert main(["convert", str(tmp_path / "spk_*.txt"), str(target), "--quiet"]) == 0
    spikes = hn.SpikeData.from_sonata(target) if suffix == ".h5" else hn.SpikeData.from_csv(target)
    assert sorted(spikes.times.tolist()) == [1.5, 2.25, 3.125]
    assert set(spikes.populations) == {"a", "b"}


@pytest.mark.parametrize(
    ("source", "target", "text", "told"),
    [
        ("a.json", "b.json", '{"object_type": "NetworkSpec", "network": {"populations": {}, "drive": {}}}', "drive"),
        ("a.json", "b.json", '{"object_type": "Netwrk"}', "Network object"),
        ("a.json", "b.json", '{"tstp": 170.0}', "tstop"),
        ("a.json", "b.json", "{", "not valid JSON"),
        ("a.json", "b.txt", '{"tstop": 170.0}', "must end in .json"),
        ("a.json", "a.json", "{}", "TARGET is SOURCE"),
        ("a.txt", "b.png", "1.0 2 a\n", ".nwb"),
        ("none.json", "b.json", None, "no such file"),
    ],
)
def test_mistakes_are_told_in_a_line(tmp_path, capsys, source, target, text, told):
    if text is not None:
        (tmp_path / source).write_text(text)
    assert main(["convert", str(tmp_path / source), str(tmp_path / target)]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert "Traceback" not in error
    assert not (tmp_path / "b.json").exists()
