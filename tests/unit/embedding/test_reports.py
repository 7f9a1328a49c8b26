"""What the protocols report: numbers that follow from the traces, and a text that a person reads."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.base.errors import UnknownName
from hnnlib.embedding.membrane.reports import BackPropagation, BACReport, StepReport


def steps(amplitudes, spikes, deflections) -> StepReport:
    return StepReport(
        amplitude_nA=np.array(amplitudes),
        duration_ms=400.0,
        spikes_ms=tuple(np.array(s, float) for s in spikes),
        rest_mV=-73.0,
        deflection_mV=np.array(deflections),
        times_ms=np.zeros(0),
        soma_mV=np.zeros((len(amplitudes), 0)),
    )


def test_rates_count_the_spikes_of_the_step():
    found = steps([0.0, 0.2, 0.4], [[], [50.0, 450.0], [10.0, 200.0, 400.0]], [0.0, 10.0, 30.0])
    np.testing.assert_array_equal(found.rate_Hz, [0.0, 2.5, 7.5])
    np.testing.assert_array_equal(found.first_spike_ms, [np.nan, 50.0, 10.0])
    assert repr(found).splitlines() == [
        "<StepReport | steps of 400 ms, rest -73.0 mV>",
        "  +0 nA: 0 Hz",
        "  +0.2 nA: 2.5 Hz, first at 50.0 ms",
        "  +0.4 nA: 7.5 Hz, first at 10.0 ms",
    ]


def test_input_resistance_is_that_of_the_weakest_silent_step():
    found = steps([0.0, -0.2, -0.1, 0.05], [[], [], [], [3.0]], [0.0, -9.0, -5.0, 20.0])
    assert found.input_MOhm == pytest.approx(50.0)
    assert "input resistance 50 MΩ" in repr(found)
    assert np.isnan(steps([0.5], [[3.0]], [20.0]).input_MOhm)


@pytest.fixture
def spike() -> BackPropagation:
    return BackPropagation(
        section=("soma", "basal_0", "apical_0", "apical_1"),
        domain=("soma", "basal", "apical_trunk", "apical_tuft"),
        distance_um=np.array([0.0, 60.0, 160.0, 400.0]),
        amplitude_mV=np.array([110.0, 90.0, 70.0, 20.0]),
        delay_ms=np.array([0.0, 0.2, 0.5, 2.0]),
        n_spikes=1,
    )


def test_heights_of_a_spike(spike):
    assert spike.near("apical", 1000.0) == 20.0
    assert spike.near("apical_trunk", 1000.0) == 70.0
    assert spike.near("apical", 170.0) == 70.0
    assert repr(spike).splitlines()[:2] == ["<BackPropagation | 1 spike>", "  soma: 110 mV at 0 µm"]
    with pytest.raises(UnknownName, match="domain: 'axon' is no domain of this cell"):
        spike.near("axon", 10.0)


def test_a_report_of_three_cells():
    found = BACReport(
        site="apical_4",
        site_um=700.0,
        spikes_ms=(np.array([4.0]), np.array([]), np.array([4.0, 20.0])),
        peak_mV=np.array([-20.0, -40.0, 10.0]),
        plateau_ms=np.array([5.0, 0.0, 45.0]),
        times_ms=np.zeros(0),
        soma_mV=np.zeros((3, 0)),
        site_mV=np.zeros((3, 0)),
    )
    np.testing.assert_array_equal(found.n_spikes, [1, 0, 2])
    assert repr(found).splitlines()[-1] == "  both: 2 spikes, site's peak 10 mV, 45.0 ms above -40 mV"
