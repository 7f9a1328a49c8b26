"""HNN-core's makers of networks, and what goes with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs

from hnnlib.base.errors import InvalidType, InvalidValue
from hnnlib.compat import network_files, network_read
from hnnlib.compat.network import Network
from hnnlib.compat.network_files import write_network_configuration
from hnnlib.editor import models
from hnnlib.editor.arguments import deprecated
from hnnlib.editor.network import Network as Editor
from hnnlib.spec.drives import DriveSpec
from hnnlib.spec.network import NetworkSpec

__all__ = [
    "add_erp_drives_to_jones_model",
    "calcium_model",
    "convert_to_json",
    "dict_to_network",
    "jones_2009_model",
    "law_2021_model",
    "neymotin_2020_model",
    "read_network_configuration",
    "remove_nulled_drives",
    "useful_drives",
]


def neymotin_2020_model(
    params: Any = None,
    add_drives_from_params: bool = False,
    legacy_mode: bool = False,
    mesh_shape: tuple[int, int] = (10, 10),
) -> Network:
    """Return the standard column; arguments as in `hnnlib.neymotin_2020_model`."""
    return _model(models.neymotin_2020_model, params, add_drives_from_params, legacy_mode, mesh_shape)


def jones_2009_model(
    params: Any = None,
    add_drives_from_params: bool = False,
    legacy_mode: bool = False,
    mesh_shape: tuple[int, int] = (10, 10),
) -> Network:
    """Return the standard column under its older name, which HNN-core is about to drop."""
    deprecated("jones_2009_model; use neymotin_2020_model")
    return _model(models.neymotin_2020_model, params, add_drives_from_params, legacy_mode, mesh_shape)


def law_2021_model(
    params: Any = None,
    add_drives_from_params: bool = False,
    legacy_mode: bool = False,
    mesh_shape: tuple[int, int] = (10, 10),
) -> Network:
    """Return the column for beta events; arguments as in `hnnlib.law_2021_model`."""
    return _model(models.law_2021_model, params, add_drives_from_params, legacy_mode, mesh_shape)


def calcium_model(
    params: Any = None,
    add_drives_from_params: bool = False,
    legacy_mode: bool = False,
    mesh_shape: tuple[int, int] = (10, 10),
) -> Network:
    """Return the column with graded dendritic channels; arguments as in `hnnlib.calcium_model`."""
    return _model(models.calcium_model, params, add_drives_from_params, legacy_mode, mesh_shape)


def _model(
    make: Callable[..., Editor], params: Any, with_drives: bool, legacy_mode: bool, mesh_shape: tuple[int, int]
) -> Network:
    if legacy_mode:
        deprecated("legacy_mode; needed only to repeat results of HNN's older .param files")
    return Network.of(make(params, with_drives, legacy_mode, mesh_shape))


# name, location, mean and spread (ms), seed; seeds of HNN-core's examples, weights of default.json
_ERP = (
    ("evdist1", "distal", 63.53, 3.85, 274),
    ("evprox1", "proximal", 26.61, 2.47, 544),
    ("evprox2", "proximal", 137.12, 8.33, 814),
)


def add_erp_drives_to_jones_model(net: Network, tstart: float = 0.0) -> None:
    """Add the three drives of the published evoked response.

    Weights are those of ``default.json``; seeds are those of HNN-core's examples (274, 544, 814), hence other event
    times than with ``add_drives_from_params``.

    Parameters
    ----------
    net : Network
        The standard column.
    tstart : float
        Added to all times (ms).
    """
    if not isinstance(net, Editor):
        raise InvalidType("net", net, "must be a Network")
    published = models.neymotin_2020_model(add_drives_from_params=True, mesh_shape=(1, 1)).spec.drives
    for name, _, mu, sigma, seed in _ERP:
        if name in net.external_drives:
            raise InvalidValue("net", name, "is the name of a drive of this network already")
        heard = {t: {r: w for r, w in weights.items() if w > 0} for t, weights in published[name].weights.items()}
        receptors = {r: {t: w[r] for t, w in heard.items() if r in w} for r in ("ampa", "nmda")}
        options = {f"weights_{receptor}": weights for receptor, weights in receptors.items() if weights}
        delays = {t: published[name].delay_to(t) for t in heard if heard[t]}
        net.add_evoked_drive(
            name,
            mu=mu + tstart,
            sigma=sigma,
            numspikes=1,
            location=published[name].location,
            synaptic_delays=delays,
            event_seed=seed,
            conn_seed=3,
            **options,
        )


def remove_nulled_drives(net: Network) -> Network:
    """Return a copy without the drives that never fire or have no weight above 0.

    Parameters
    ----------
    net : Network
        The network; it stays as it is.
    """
    made = net.copy()
    made._spec = attrs.evolve(made.spec, drives=useful_drives(made.spec))
    return made


def useful_drives(spec: NetworkSpec) -> dict[str, DriveSpec]:
    """Return the drives of a network that fire and have a weight above 0.

    Parameters
    ----------
    spec : NetworkSpec
        The network.
    """
    return {name: drive for name, drive in spec.drives.items() if not _is_null(drive)}


def _is_null(drive: DriveSpec) -> bool:
    weights = [w for receptors in drive.weights.values() for w in receptors.values()]
    start, stop = getattr(drive, "tstart", 0.0), getattr(drive, "tstop", None)
    silent = stop is not None and stop <= start
    return silent or getattr(drive, "mu", 0.0) < 0 or not any(w > 0 for w in weights)


def convert_to_json(
    params_fname: str | os.PathLike[str],
    out_fname: str | os.PathLike[str],
    include_drives: bool = True,
    overwrite: bool = True,
) -> None:
    """Write the network of a flat parameter file as hierarchical JSON.

    Parameters
    ----------
    params_fname : path-like
        A ``.json`` or ``.param`` file of flat parameters; the latter is read in legacy mode.
    out_fname : path-like
        The file to write; ``.json`` is added to a name without it.
    include_drives : bool
        Whether to keep the drives that do something.
    overwrite : bool
        Whether an existing file may be replaced.
    """
    for field, value in {"params_fname": params_fname, "out_fname": out_fname}.items():
        if not isinstance(value, str | os.PathLike):
            raise InvalidType(field, value, "must be a path")
    source, target = Path(params_fname), Path(out_fname)
    if source.suffix not in (".json", ".param"):
        raise InvalidValue("params_fname", str(source), "must end in .json or .param")
    legacy = source.suffix == ".param"
    net = Network.of(models.neymotin_2020_model(source, include_drives, legacy))
    net = remove_nulled_drives(net)
    write_network_configuration(net, target if target.suffix == ".json" else f"{target}.json", overwrite)


def dict_to_network(
    net_data: Mapping[str, Any], read_drives: bool = True, read_external_biases: bool = True
) -> Network:
    """Return the network that plain data describes; arguments as in `hnnlib.dict_to_network`."""
    return Network.of(network_read.dict_to_network(net_data, read_drives, read_external_biases))


def read_network_configuration(
    fname: str | os.PathLike[str], read_drives: bool = True, read_external_biases: bool = True
) -> Network:
    """Read a network from hierarchical JSON; arguments as in `hnnlib.read_network_configuration`."""
    return Network.of(network_files.read_network_configuration(fname, read_drives, read_external_biases))
