"""Circuits, spikes and reports as SONATA files (Dai et al. 2020, doi:10.1371/journal.pcbi.1007696)."""
