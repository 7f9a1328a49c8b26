"""What can be read from traces and spikes: arrays in, arrays out. scipy is imported by the function that needs it."""

from __future__ import annotations

from hnnlib.analysis.compare import Comparison, anticorrelation, compare, correlation, rmse
from hnnlib.analysis.coupling import (
    PhaseAmplitudeCoupling,
    pairwise_phase_consistency,
    phase_amplitude_coupling,
    spike_field_coherence,
)
from hnnlib.analysis.csd import csd, inverse_csd, laminar_spacing
from hnnlib.analysis.dendritic import (
    DendriticEvents,
    EventCriteria,
    SpikeTriggeredEvents,
    dendritic_events,
    spike_triggered_events,
)
from hnnlib.analysis.filters import savgol_filter, smooth_waveform
from hnnlib.analysis.peaks import Peak, find_peaks, largest_peaks
from hnnlib.analysis.psth import PhaseHistogram, bin_events, phase_histogram, psth, space_time
from hnnlib.analysis.rates import cell_rates, correlogram, spike_rates
from hnnlib.analysis.spectra import band_power, morlet, psd, tfr_morlet, tfr_multitaper

__all__ = [
    "Comparison",
    "DendriticEvents",
    "EventCriteria",
    "Peak",
    "PhaseAmplitudeCoupling",
    "PhaseHistogram",
    "SpikeTriggeredEvents",
    "anticorrelation",
    "band_power",
    "bin_events",
    "cell_rates",
    "compare",
    "correlation",
    "correlogram",
    "csd",
    "dendritic_events",
    "find_peaks",
    "inverse_csd",
    "laminar_spacing",
    "largest_peaks",
    "morlet",
    "pairwise_phase_consistency",
    "phase_amplitude_coupling",
    "phase_histogram",
    "psd",
    "psth",
    "rmse",
    "savgol_filter",
    "smooth_waveform",
    "space_time",
    "spike_field_coherence",
    "spike_rates",
    "spike_triggered_events",
    "tfr_morlet",
    "tfr_multitaper",
]
