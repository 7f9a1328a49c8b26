"""`import hnn_core` gives hnnlib: the module names of HNN-core mapped to ours."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from immutabledict import immutabledict

from hnnlib import __version__
from hnnlib.base.resources import param_file

__all__ = ["install_as_hnn_core"]

LIKE = "0.6.1"
"""The release of HNN-core whose names, arguments and numbers are ours."""

_SIMULATE: Mapping[str, str] = immutabledict({"simulate_dipole": "compat.running"})
_DIPOLE: Mapping[str, str] = immutabledict(
    {"Dipole": "results.dipole", "average_dipoles": "results.dipole", "read_dipole": "results.dipole"}
)
_READ_TEXT: Mapping[str, str] = immutabledict({"_read_dipole_txt": "io.text:read_dipole_text"})
_MEASURES: Mapping[str, str] = immutabledict(
    {"_rmse": "compat.measures:rmse", "_anticorr": "compat.measures:anticorrelation"}
)
_NETWORK: Mapping[str, str] = immutabledict({"Network": "compat.network", "pick_connection": "editor.select"})
_MODELS: Mapping[str, str] = immutabledict(
    {
        "neymotin_2020_model": "compat.models",
        "jones_2009_model": "compat.models",
        "law_2021_model": "compat.models",
        "calcium_model": "compat.models",
    }
)
_CELLS: Mapping[str, str] = immutabledict({"pyramidal": "compat.cells_default", "basket": "compat.cells_default"})
_RESPONSE: Mapping[str, str] = immutabledict(
    {"CellResponse": "results.cell_response", "read_spikes": "results.cell_response"}
)
_BACKENDS: Mapping[str, str] = immutabledict(
    {"MPIBackend": "compat.running:mpi_backend", "JoblibBackend": "compat.running:joblib_backend"}
)
_PARAMS: Mapping[str, str] = immutabledict(
    {"Params": "params.params", "read_params": "params.read", "convert_to_json": "compat.models"}
)
_FILES: Mapping[str, str] = immutabledict(
    {
        "dict_to_network": "compat.models",
        "network_to_dict": "compat.network_dict",
        "read_network_configuration": "compat.models",
        "write_network_configuration": "compat.network_files",
    }
)
_OPTIMIZATION: Mapping[str, str] = immutabledict(
    {
        "Optimizer": "compat.optimization",
        "generate_opt_history_table": "compat.optimization",
        "optimize_evoked": "compat.optimize_evoked",
    }
)

NAMES: Mapping[str, Mapping[str, str]] = immutabledict(
    {
        "": {
            **_SIMULATE,
            **_DIPOLE,
            **_READ_TEXT,
            **_NETWORK,
            **_MODELS,
            "Cell": "compat.cells",
            **_CELLS,
            **_RESPONSE,
            **_BACKENDS,
            **_PARAMS,
            **_FILES,
        },
        "dipole": {**_SIMULATE, **_DIPOLE, **_READ_TEXT, **_MEASURES},
        "network": _NETWORK,
        "network_models": {**_MODELS, "add_erp_drives_to_jones_model": "compat.models"},
        "cell": {"Cell": "compat.cells", "Section": "compat.cells"},
        "cells_default": {**_CELLS, "pyramidal_ca": "compat.cells_default"},
        "cell_response": _RESPONSE,
        "extracellular": {
            "ExtracellularArray": "compat.running:extracellular_array",
            "calculate_csd2d": "analysis.csd:csd",
        },
        "params": {**_PARAMS, "remove_nulled_drives": "compat.models"},
        "hnn_io": _FILES,
        "parallel_backends": _BACKENDS,
        "batch_simulate": {"BatchSimulate": "compat.batch"},
        "optimization": _OPTIMIZATION,
        "utils": {"smooth_waveform": "analysis.filters"},
    }
)
"""Submodule of hnn_core -> name -> our module that has it, with ``:name`` where it is called otherwise there."""


class _Alias(ModuleType):
    """A module of HNN-core whose names are looked up here when they are asked for."""

    def __init__(self, name: str, names: Mapping[str, str], fallback: str | None = None) -> None:
        super().__init__(name, f"HNN-core's module {name}, played by hnnlib {__version__}.")
        self._names, self._fallback = names, fallback
        self.__all__ = [known for known in names if not known.startswith("_")]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name not in self._names:
            if self._fallback is not None and not name.startswith("_"):
                return getattr(importlib.import_module(self._fallback), name)
            known = ", ".join(self._names)
            raise AttributeError(f"module {self.__name__!r}, played by hnnlib, has no {name!r} (has {known})")
        module, _, theirs = self._names[name].partition(":")
        return getattr(importlib.import_module(f"hnnlib.{module}"), theirs or name)

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return _module, (self.__name__,)

    def __dir__(self) -> list[str]:
        return sorted([*super().__dir__(), *self._names])


def _module(name: str) -> ModuleType:
    """Return an alias in a process that unpickles it, e.g. a worker."""
    install_as_hnn_core()
    return sys.modules[name]


def install_as_hnn_core() -> None:
    """Make ``import hnn_core`` and its submodules give hnnlib.

    Scripts for HNN-core 0.6.1 then run as they are: same names, arguments, defaults and numbers. What differs, and why,
    says the page on coming from HNN-core.

    Warns
    -----
    UserWarning
        If HNN-core itself is installed as well: hnnlib wins, and names that were imported from it before stay its own.

    Examples
    --------
    >>> import hnnlib
    >>> hnnlib.install_as_hnn_core()
    >>> from hnn_core import neymotin_2020_model, simulate_dipole
    """
    present = sys.modules.get("hnn_core")
    if isinstance(present, _Alias):
        return
    if present is not None or importlib.util.find_spec("hnn_core") is not None:
        earlier = "; what was imported from it before stays HNN-core's" if present is not None else ""
        text = f"HNN-core is installed, too: 'import hnn_core' now gives hnnlib{earlier}"
        warnings.warn(text, UserWarning, stacklevel=2)
        for name in [name for name in sys.modules if name.startswith("hnn_core.")]:
            del sys.modules[name]
    root = _Alias("hnn_core", NAMES[""])
    root.__version__ = LIKE  # type: ignore[attr-defined]
    root.__path__ = []  # a package: its submodules stand in sys.modules
    root.__file__ = str(param_file("default.json").parent.parent / "__init__.py")  # scripts look for param/ beside it
    sys.modules["hnn_core"] = root
    for name, names in NAMES.items():
        if name:
            _add(root, name, _Alias(f"hnn_core.{name}", names))
    _add(root, "viz", _Alias("hnn_core.viz", {}, "hnnlib.viz"))


def _add(root: ModuleType, name: str, module: ModuleType) -> None:
    sys.modules[f"hnn_core.{name}"] = module
    setattr(root, name, module)
