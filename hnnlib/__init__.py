"""Simulate a neocortical column and the current dipole that EEG and MEG record from it."""

__version__ = "0.1.0.dev0"
