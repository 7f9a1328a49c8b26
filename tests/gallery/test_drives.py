"""The examples that drive a column with spikes from elsewhere: what arrives there, computed by hand."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

# run the script, then tell which cell fired when, and what else the tests below compare with
RUN = """
import json, runpy, sys
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
found = runpy.run_path(sys.argv[1])
response = found["result"].cell_response
spikes = zip(response.spike_times[0].tolist(), response.spike_gids[0].tolist())
first = {gid: (name, gid - gids.start) for name, gids in found["net"].gid_ranges.items() for gid in gids}
told = {
    "spikes": [(t, *first[gid]) for t, gid in spikes],
    "table": str(found.get("table", "")),
    "recorded": {int(unit): times.tolist() for unit, times in found.get("recorded", {}).items()},
    "figures": len(plt.get_fignums()),
    "drives": {name: d.get("origin") for name, d in found["result"].provenance["network"]["drives"].items()},
}
print("TOLD", json.dumps(told))
"""


@pytest.fixture
def run(tmp_path):
    """Return a function that runs an example and returns what it tells."""

    def example(name):
        done = subprocess.run(
            [sys.executable, "-c", RUN, str(EXAMPLES / name)],
            cwd=tmp_path,
            env={**os.environ, "TMPDIR": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr
        told = json.loads(done.stdout.split("TOLD", 1)[1])
        assert told["figures"] == 2
        return told

    return example


def fired(told, drive, n_cells):
    trains = {k: [] for k in range(n_cells)}
    for t, name, cell in told["spikes"]:
        if name == drive:
            trains[cell].append(t)
    return trains


def rows_of(path):
    with Path(path).open(newline="") as file:
        rows = csv.DictReader(file, delimiter=" ")
        return [(float(row["timestamps"]), row["population"], int(row["node_ids"])) for row in rows]


@pytest.mark.neuron
def test_table(run):
    told = run("plot_drive_from_csv.py")
    expected = {node: [] for node in range(40)}
    for t, population, node in rows_of(told["table"]):
        assert population == "thalamus"
        expected[node].append(t)
    assert sum(map(len, expected.values())) > 20
    assert fired(told, "thalamus", 40) == {node: sorted(times) for node, times in expected.items()}
    # and out again: the spikes of the pyramidal cells
    out = Path(told["table"]).with_name("cells.csv")
    assert sorted(rows_of(out)) == sorted(tuple(row) for row in told["spikes"] if row[1].endswith("pyramidal"))


@pytest.mark.neuron
def test_function(run):
    told = run("plot_drive_from_function.py")
    second = [40] * 10 + [55] * 10
    expected = {k: [20 + 0.5 * k, 20 + 0.5 * k + second[k]] for k in range(20)}
    assert fired(told, "wave", 20) == expected | {4: []}


@pytest.mark.neuron
def test_recording(run):
    pytest.importorskip("pynwb")
    told = run("plot_drive_from_nwb.py")
    units = {node: unit for _, node, _, unit in told["drives"]["thalamus"]["unit_map"]}
    assert set(units) == set(range(8))
    assert len(set(units.values())) == 8
    assert set(units.values()) < set(range(10)) - {3}  # of the first electrode; 3 is noise
    trains = fired(told, "thalamus", 8)
    for node, unit in units.items():
        expected = [t - 2000 for t in told["recorded"][str(unit)] if 2000 <= t <= 2120]
        np.testing.assert_allclose(trains[node], expected, rtol=0, atol=1e-9)
    assert sum(map(len, trains.values())) > 10
