"""Fits of a network to recorded data: free parameters, objectives, searches, uncertainty."""

from __future__ import annotations

from hnnlib.optimization.config import FitConfig, read_fit_config, write_example
from hnnlib.optimization.fitting import fit
from hnnlib.optimization.free import Free, Space, free_of_drives
from hnnlib.optimization.objectives import Custom, Objective, Sum
from hnnlib.optimization.outcome import Fit, read_fit
from hnnlib.optimization.posterior import Calibration, Posterior, infer, learn_posterior, simulate_waveforms
from hnnlib.optimization.problem import Evaluation, Problem
from hnnlib.optimization.rates import SpikeRate
from hnnlib.optimization.regression import Regression
from hnnlib.optimization.report import write_report
from hnnlib.optimization.searches import CMAES, Bayesian, LeastSquares, Local, MultiStart
from hnnlib.optimization.stepwise import stepwise
from hnnlib.optimization.summaries import Summaries
from hnnlib.optimization.target import Target, read_target
from hnnlib.optimization.uncertainty import Intervals, intervals
from hnnlib.optimization.waveform import RMSE, BandPower, Correlation, PeakAt, Peaks

__all__ = [
    "CMAES",
    "RMSE",
    "BandPower",
    "Bayesian",
    "Calibration",
    "Correlation",
    "Custom",
    "Evaluation",
    "Fit",
    "FitConfig",
    "Free",
    "Intervals",
    "LeastSquares",
    "Local",
    "MultiStart",
    "Objective",
    "PeakAt",
    "Peaks",
    "Posterior",
    "Problem",
    "Regression",
    "Space",
    "SpikeRate",
    "Sum",
    "Summaries",
    "Target",
    "fit",
    "free_of_drives",
    "infer",
    "intervals",
    "learn_posterior",
    "read_fit",
    "read_fit_config",
    "read_target",
    "simulate_waveforms",
    "stepwise",
    "write_example",
    "write_report",
]
