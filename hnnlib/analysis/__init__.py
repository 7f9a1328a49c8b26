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
from hnnlib.analysis.filters import savgol_filter, smooth_waveform
from hnnlib.analysis.peaks import Peak, find_peaks, largest_peaks
from hnnlib.analysis.rates import cell_rates, correlogram, spike_rates
from hnnlib.analysis.spectra import band_power, morlet, psd, tfr_morlet, tfr_multitaper

__all__ = [
    "Comparison",
    "Peak",
    "PhaseAmplitudeCoupling",
    "anticorrelation",
    "band_power",
    "cell_rates",
    "compare",
    "correlation",
    "correlogram",
    "csd",
    "find_peaks",
    "inverse_csd",
    "laminar_spacing",
    "largest_peaks",
    "morlet",
    "pairwise_phase_consistency",
    "phase_amplitude_coupling",
    "psd",
    "rmse",
    "savgol_filter",
    "smooth_waveform",
    "spike_field_coherence",
    "spike_rates",
    "tfr_morlet",
    "tfr_multitaper",
]
