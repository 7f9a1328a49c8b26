"""Simulate a neocortical column and the current dipole that EEG and MEG record from it."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0.dev0"

__all__ = [
    "ENGINES",
    "LAUNCHERS",
    "AtPoints",
    "BurstyDrive",
    "CellResponse",
    "CellSpec",
    "Circuit",
    "ConnectionSpec",
    "CurrentClamp",
    "DaskBackend",
    "Dipole",
    "Electrodes",
    "EvokedDrive",
    "Exponential",
    "FastEngine",
    "Grid",
    "HnnlibError",
    "InvalidValue",
    "JoblibBackend",
    "Linear",
    "MPIBackend",
    "MPIUnavailable",
    "MechanismBuildError",
    "Network",
    "NetworkBuilder",
    "NetworkSpec",
    "NeuronEngine",
    "OnGrid",
    "OutputError",
    "Params",
    "PoissonDrive",
    "PoissonGenerator",
    "Population",
    "Record",
    "Replay",
    "Result",
    "RunSpec",
    "SectionSpec",
    "SimulationError",
    "SonataNetwork",
    "SpikeData",
    "SpikeTrainDrive",
    "SpikesFromCSV",
    "SpikesFromFunction",
    "SpikesFromNWB",
    "SpikesFromSonata",
    "SynapseSpec",
    "SynapticEvents",
    "TonicBias",
    "TrialFailed",
    "analysis",
    "average_dipoles",
    "cache_dir",
    "calcium_model",
    "check_writable",
    "compiled_library",
    "distance_connector",
    "get_at",
    "init_config",
    "jones_2009_model",
    "laminar_probe",
    "law_2021_model",
    "mechanism_library",
    "neymotin_2020_model",
    "param_file",
    "pick_connection",
    "positions_columnar",
    "put_at",
    "read_circuit",
    "read_dipole",
    "read_params",
    "read_result",
    "read_sonata",
    "read_spikes",
    "run_config",
    "simulate",
    "simulate_dipole",
    "simulate_many",
    "takes_arrays",
    "vector_unit",
    "viz",
    "write_circuit",
    "write_sonata",
]


def _home(name: str) -> str:
    """Return the module that a public name lives in."""
    homes = {
        "hnnlib.backends.fast.build": ("vector_unit",),
        "hnnlib.backends.fast.engine": ("FastEngine",),
        "hnnlib.backends.neuron.engine": ("NeuronEngine",),
        "hnnlib.backends.launch.dask": ("DaskBackend",),
        "hnnlib.backends.launch.joblib": ("JoblibBackend",),
        "hnnlib.backends.launch.mpi": ("MPIBackend",),
        "hnnlib.backends.registry": ("ENGINES", "LAUNCHERS"),
        "hnnlib.base.atomic": ("check_writable",),
        "hnnlib.base.errors": (
            "HnnlibError",
            "InvalidValue",
            "MPIUnavailable",
            "MechanismBuildError",
            "OutputError",
            "SimulationError",
            "TrialFailed",
        ),
        "hnnlib.base.resources": ("param_file",),
        "hnnlib.base.schema": ("get_at", "put_at"),
        "hnnlib.builder.network": ("NetworkBuilder",),
        "hnnlib.builder.rules": ("distance_connector", "positions_columnar", "takes_arrays"),
        "hnnlib.io.sonata.circuit": ("read_circuit", "write_circuit"),
        "hnnlib.plan.circuit": ("Circuit",),
        "hnnlib.editor.models": ("calcium_model", "jones_2009_model", "law_2021_model", "neymotin_2020_model"),
        "hnnlib.editor.network": ("Network",),
        "hnnlib.editor.select": ("pick_connection",),
        "hnnlib.mechanisms.build": ("cache_dir", "compiled_library", "mechanism_library"),
        "hnnlib.params.params": ("Params",),
        "hnnlib.params.read": ("read_params",),
        "hnnlib.results.cell_response": ("CellResponse", "read_spikes"),
        "hnnlib.results.dipole": ("Dipole", "average_dipoles", "read_dipole"),
        "hnnlib.results.result": ("Result", "read_result"),
        "hnnlib.results.spike_data": ("SpikeData",),
        "hnnlib.simulation": ("simulate", "simulate_dipole", "simulate_many"),
        "hnnlib.sources.files": ("Replay", "SpikesFromCSV", "SpikesFromSonata"),
        "hnnlib.sources.function": ("SpikesFromFunction",),
        "hnnlib.sources.nwb": ("SpikesFromNWB",),
        "hnnlib.sources.poisson": ("PoissonGenerator",),
        "hnnlib.sonata.export": ("write_sonata",),
        "hnnlib.sonata.network": ("SonataNetwork", "read_sonata"),
        "hnnlib.sonata.run": ("init_config", "run_config"),
        "hnnlib.spec.cells": ("CellSpec", "SectionSpec", "SynapseSpec"),
        "hnnlib.spec.clamps": ("CurrentClamp",),
        "hnnlib.spec.connectivity": ("ConnectionSpec",),
        "hnnlib.spec.drives": ("BurstyDrive", "EvokedDrive", "PoissonDrive", "SpikeTrainDrive"),
        "hnnlib.spec.events": ("SynapticEvents",),
        "hnnlib.spec.laminar": ("laminar_probe",),
        "hnnlib.spec.layout": ("AtPoints", "Grid", "OnGrid"),
        "hnnlib.spec.network": ("Electrodes", "NetworkSpec", "Population", "TonicBias"),
        "hnnlib.spec.profiles": ("Exponential", "Linear"),
        "hnnlib.spec.run": ("Record", "RunSpec"),
    }
    return next((module for module, names in homes.items() if name in names), "")


def __getattr__(name: str) -> Any:
    # Public names are imported when first asked for, so that `import hnnlib` stays light.
    if name in ("analysis", "viz"):
        return importlib.import_module(f"hnnlib.{name}")
    module = _home(name)
    if not module:
        raise AttributeError(f"module 'hnnlib' has no attribute {name!r}")
    return getattr(importlib.import_module(module), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
