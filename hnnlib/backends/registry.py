"""Engines and launchers by name."""

from __future__ import annotations

from hnnlib.backends.launch.serial import SerialLauncher
from hnnlib.backends.protocol import Engine, Launcher
from hnnlib.base.errors import UnknownName

__all__ = ["ENGINES", "LAUNCHERS", "make_engine", "make_launcher"]

ENGINES = ("neuron",)
LAUNCHERS = ("serial", "joblib")


def make_engine(name: str) -> Engine:
    """Return an engine by its name.

    Raises
    ------
    UnknownName
        If there is none.
    """
    if name == "neuron":
        from hnnlib.backends.neuron.engine import NeuronEngine

        return NeuronEngine()
    raise UnknownName("engine", name, "engine", ENGINES)


def make_launcher(name: str) -> Launcher:
    """Return a launcher by its name; ``'joblib'`` uses all cores.

    Raises
    ------
    UnknownName
        If there is none.
    """
    if name == "serial":
        return SerialLauncher()
    if name == "joblib":
        from hnnlib.backends.launch.joblib import JoblibLauncher

        return JoblibLauncher(n_jobs=-1)
    raise UnknownName("launcher", name, "launcher", LAUNCHERS)
