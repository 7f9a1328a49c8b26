"""The command with a stand-in for the simulation."""

from __future__ import annotations

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.backends.launch.active import active_backend
from hnnlib.cli.main import main


@pytest.fixture
def hnnlib(capsys, tmp_path, monkeypatch):
    """Run the command in an empty folder: words -> (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        try:
            code = main(list(words))
        except SystemExit as leaving:  # argparse's way out
            code = leaving.code
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.fixture
def simulated(monkeypatch):
    """Calls of `simulate`, each a dict of its arguments; what comes back is a bump of 1 nAm at 40 ms in every trial."""
    calls = []

    def simulate(net, **given):
        backend = active_backend()
        calls.append({"spec": net.spec, "jobs": backend and backend.n_jobs, **given})
        times = np.arange(round(given["tstop"] / given["dt"]) + 1) * given["dt"]
        if callable(given["progress"]):
            for trial in range(given["n_trials"]):
                given["progress"](trial, given["tstop"] / 2)
                given["progress"](trial, given["tstop"])
        dipoles = [hn.Dipole(times, np.exp(-(((times - 40) / 8) ** 2))) for _ in range(given["n_trials"])]
        nothing = [[]] * given["n_trials"]
        spikes = hn.CellResponse(list(net.spec.populations), nothing, nothing, nothing)
        result = hn.Result(dipoles=dipoles, cell_response=spikes, provenance={"engine": "stand-in"})
        if given["out"] is not None:
            result.write(given["out"], overwrite=given["overwrite"])
        return result

    monkeypatch.setattr(hn, "simulate", simulate)
    monkeypatch.setattr(hn, "mechanism_library", lambda again=False: None)
    return calls
