"""`Result` and its summary."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest

from hnnlib.base.errors import InvalidValue
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.dipole import Dipole
from hnnlib.results.potentials import ElectrodeRecording
from hnnlib.results.result import Result

TIMES = np.arange(0, 100.25, 0.25)


def bump(height: float, trough: float) -> Dipole:
    moment = height * np.exp(-(((TIMES - 40) / 6) ** 2)) + trough * np.exp(-(((TIMES - 70) / 6) ** 2))
    return Dipole(TIMES, moment)


def response(n_trials: int = 2) -> CellResponse:
    types = [["evprox1", "L2_basket", "L2_basket"]] * n_trials
    return CellResponse(["L2_basket", "L5_pyramidal"], [[1.0, 2.0, 3.0]] * n_trials, [[9, 0, 1]] * n_trials, types)


def test_summary_lists_peaks_spikes_and_times():
    result = Result(
        dipoles=[bump(0.02, -0.05).scale(1000), bump(0.04, -0.05).scale(1000)],
        cell_response=response(),
        provenance={"engine": "neuron", "timings": {"compile": 0.25, "trials": 31.5}},
    )
    assert result.summary() == "\n".join(
        [
            "2 trials; 0 to 100 ms, one sample each 0.25 ms; engine neuron",
            "",
            "dipole peaks               largest positive     largest negative",
            "trial 0, scaled by 1000  20 nAm at 40.00 ms  -50 nAm at 70.00 ms",
            "trial 1, scaled by 1000  40 nAm at 40.00 ms  -50 nAm at 70.00 ms",
            "average, scaled by 1000  30 nAm at 40.00 ms  -50 nAm at 70.00 ms",
            "",
            "spikes        trial 0  trial 1",
            "L2_basket           2        2",
            "L5_pyramidal        0        0",
            "evprox1             1        1",
            "",
            "time taken",
            "compile      0.25 s",
            "trials      31.50 s",
        ]
    )


def test_a_result_tells_which_trials_are_missing():
    provenance = {"run": {"n_trials": 9}, "trials": [0, 1, 2, 5, 8]}
    stopped = Result(dipoles=[bump(1, -1)] * 5, cell_response=response(5), provenance=provenance)
    assert (stopped.trials, stopped.missing_trials) == ((0, 1, 2, 5, 8), (3, 4, 6, 7))
    assert stopped.summary().startswith("5 of 9 trials: 0 to 2, 5, 8; 0 to 100 ms")
    assert re.search(r"^trial 8 +1 nAm at", stopped.summary(), re.MULTILINE)
    assert re.search(r"^spikes +trial 0 +trial 1 +trial 2 +trial 5 +trial 8$", stopped.summary(), re.MULTILINE)
    whole = Result(dipoles=[], cell_response=response(2))
    assert (whole.trials, whole.missing_trials) == ((0, 1), ())
    with pytest.raises(InvalidValue, match=r"provenance\['trials'\]: \[0, 1, 2, 5, 8\] must be 2 numbers of trials"):
        Result(dipoles=[], cell_response=response(2), provenance=provenance)


def test_summary_without_peaks_dipoles_or_timings():
    flat = Result(dipoles=[Dipole(TIMES, np.zeros(TIMES.size))], cell_response=response(1))
    assert "trial 0                   none              none" in flat.summary()
    assert "average" not in flat.summary()
    assert Result(dipoles=[], cell_response=response()).summary().startswith("2 trials\n\nspikes")
    mixed = Result(dipoles=[bump(1, -1), bump(1, -1).scale(2)], cell_response=response())
    assert "average" not in mixed.summary()


def test_average_dipole_and_repr():
    result = Result(dipoles=[bump(1, 0), bump(3, 0)], cell_response=response())
    assert result.n_trials == 2
    assert result.dipole.nave == 2
    assert result.dipole.data["agg"].max() == pytest.approx(2)
    assert repr(result) == "<Result | 2 trials, 2 dipoles>"


def test_result_is_frozen_and_provenance_plain():
    provenance = {"mesh": (3, 3), "timings": {"run": 1.0}}
    result = Result(dipoles=[bump(1, 0)], cell_response=response(1), provenance=provenance)
    provenance["mesh"] = None
    assert result.provenance["mesh"] == [3, 3]
    with pytest.raises(AttributeError):
        result.dipoles = ()
    with pytest.raises(TypeError):
        result.provenance["mesh"] = 1


def test_numbers_of_trials_must_agree():
    with pytest.raises(InvalidValue, match=r"len\(dipoles\): 1 must be the number of trials with spikes, 2"):
        Result(dipoles=[bump(1, 0)], cell_response=response(2))
    recording = ElectrodeRecording([(0, 0, 0)], 0.3, "psa", 0.5, TIMES, np.zeros((2, 1, TIMES.size)))
    with pytest.raises(InvalidValue, match=r"len\(potentials\['shank'\]\): 2 must be 1"):
        Result(dipoles=[bump(1, 0)], cell_response=response(1), potentials={"shank": recording})


def test_importing_results_loads_no_heavy_library():
    code = (
        "import sys, hnnlib.results.result\n"
        "print(*[m for m in ('scipy', 'h5py', 'matplotlib', 'neuron', 'joblib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


def test_an_estimated_dipole_is_called_approximate():
    told = {"method": "kernel", "approximate": True, "scores": {"new seeds": 0.987}, "warnings": []}
    result = Result(dipoles=[bump(1, -1)] * 2, cell_response=response(), provenance={"dipole": told})
    assert result.approximate
    line = "dipole: approximate, by kernels of the point cells' spikes; with true spikes R² 0.99 after smoothing by "
    line += "30 ms"
    assert result.summary().splitlines()[1] == line
    beyond = {**told, "warnings": ["L5_pyramidal gets currents"]}
    result = Result(dipoles=[bump(1, -1)] * 2, cell_response=response(), provenance={"dipole": beyond})
    assert result.summary().splitlines()[1] == f"{line}; beyond what they were fitted to: L5_pyramidal gets currents"
    replay = {**told, "method": "replay", "scores": {}}
    result = Result(dipoles=[bump(1, -1)] * 2, cell_response=response(), provenance={"dipole": replay})
    assert "spikes acted (replay)" in result.summary().splitlines()[1]


def test_other_dipoles_are_not():
    none = {"method": "none", "approximate": False, "scores": {}, "warnings": []}
    for provenance in ({}, {"dipole": none}):
        result = Result(dipoles=[], cell_response=response(), provenance=provenance)
        assert not result.approximate
        assert "approximate" not in result.summary()
