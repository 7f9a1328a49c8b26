"""Circuits built by rule: nodes in groups, and functions that say which of them are connected."""
