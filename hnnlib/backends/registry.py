"""Engines and launchers by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hnnlib.backends.launch.serial import SerialLauncher
from hnnlib.backends.protocol import Engine, Launcher
from hnnlib.base.errors import UnknownName
from hnnlib.base.log import logger
from hnnlib.plan.tables import Plan

__all__ = ["ENGINES", "LAUNCHERS", "engine_with", "make_engine", "make_launcher"]

ENGINES = ("auto", "fast", "neuron", "nest")
LAUNCHERS = ("serial", "joblib", "mpi", "dask")


def make_engine(name: str, plan: Plan) -> Engine:
    """Return an engine by its name.

    Parameters
    ----------
    name : str
        ``'neuron'``, ``'fast'``, ``'nest'``, or ``'auto'``: NEST where all cells are points, else fast where it
        supports the plan, else NEURON.
    plan : Plan
        What is to be run.

    Raises
    ------
    UnknownName
        If there is no such engine.
    MissingPackage
        If it is NEST, and NEST is not installed.
    """
    if name not in ENGINES:
        raise UnknownName("engine", name, "engine", ENGINES)
    if name == "nest" or (name == "auto" and _all_points(plan)):
        from hnnlib.backends.nest.engine import NestEngine

        return NestEngine()
    if name in ("auto", "fast"):
        from hnnlib.backends.fast.engine import FastEngine

        fast = FastEngine()
        if name == "fast":
            return fast
        problems = fast.obstacles(plan)
        if not problems:
            logger.info("engine: fast")
            return fast
        logger.info("engine: NEURON, since the fast engine can't run this network: %s", "; ".join(problems))
    from hnnlib.backends.neuron.engine import NeuronEngine

    return NeuronEngine()


def engine_with(told: Mapping[str, Any]) -> Engine:
    """Return the engine that was told as plain data.

    Parameters
    ----------
    told : mapping
        ``name`` and ``options`` of an engine, as it says them itself.

    Raises
    ------
    UnknownName
        If there is no such engine for cells with sections.
    """
    from hnnlib.backends.fast.engine import FastEngine
    from hnnlib.backends.neuron.engine import NeuronEngine

    kinds: dict[str, Any] = {"fast": FastEngine, "neuron": NeuronEngine}
    if told["name"] not in kinds:
        raise UnknownName("engine.name", told["name"], "engine", kinds)
    made: Engine = kinds[told["name"]](**told["options"])
    return made


def _all_points(plan: Plan) -> bool:
    points = [template.point is not None for template in plan.templates]
    return bool(points) and all(points)


def make_launcher(name: str) -> Launcher:
    """Return a launcher by its name; ``'joblib'`` and ``'mpi'`` use all cores, ``'dask'`` the current client's cluster.

    Raises
    ------
    UnknownName
        If there is none.
    """
    if name not in LAUNCHERS:
        raise UnknownName("launcher", name, "launcher", LAUNCHERS)
    if name == "serial":
        return SerialLauncher()
    if name == "mpi":
        from hnnlib.backends.launch.mpi import MPILauncher

        return MPILauncher()
    if name == "dask":
        from hnnlib.backends.launch.dask import DaskLauncher

        return DaskLauncher()
    from hnnlib.backends.launch.joblib import JoblibLauncher

    return JoblibLauncher(n_jobs=-1)
