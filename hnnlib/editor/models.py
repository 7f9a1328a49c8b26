"""The published columns as networks to edit."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from hnnlib.base.errors import InvalidType
from hnnlib.base.resources import param_file
from hnnlib.editor.arguments import check_keys
from hnnlib.editor.network import Network
from hnnlib.models.columns import WEIGHT_KEYS, calcium, law_2021, neymotin_2020
from hnnlib.params.flat import add_biases, add_drives
from hnnlib.params.params import value
from hnnlib.params.read import read_params
from hnnlib.spec.network import NetworkSpec

__all__ = ["calcium_model", "jones_2009_model", "law_2021_model", "neymotin_2020_model"]

_Params = Mapping[str, Any] | str | os.PathLike[str] | None


def neymotin_2020_model(
    params: _Params = None,
    add_drives_from_params: bool = False,
    legacy_mode: bool = False,
    mesh_shape: tuple[int, int] = (10, 10),
) -> Network:
    """Return the standard column of HNN.

    Jones et al. 2009, J Neurophysiol 102:3554; Neymotin et al. 2020, eLife 9:e51214.

    Parameters
    ----------
    params : dict, path or None
        Flat parameters, the name of a parameter file, or None for the shipped ``default.json``.
    add_drives_from_params : bool
        Whether to add the drives and biases that the parameters describe.
    legacy_mode : bool
        Whether those drives have the cells and seeds that HNN's older ``.param`` files meant.
    mesh_shape : tuple of int
        Pyramidal cells per layer along x and y.

    Returns
    -------
    net : Network
    """
    return _build(neymotin_2020, params, add_drives_from_params, legacy_mode, mesh_shape)


def jones_2009_model(
    params: _Params = None,
    add_drives_from_params: bool = False,
    legacy_mode: bool = False,
    mesh_shape: tuple[int, int] = (10, 10),
) -> Network:
    """Return the same column as `neymotin_2020_model`, under the name of its first paper.

    Parameters
    ----------
    params : dict, path or None
        As in `neymotin_2020_model`.
    add_drives_from_params : bool
        Whether to add the drives and biases that the parameters describe.
    legacy_mode : bool
        Whether those drives have the cells and seeds that HNN's older ``.param`` files meant.
    mesh_shape : tuple of int
        Pyramidal cells per layer along x and y.

    Returns
    -------
    net : Network
    """
    return _build(neymotin_2020, params, add_drives_from_params, legacy_mode, mesh_shape)


def law_2021_model(
    params: _Params = None,
    add_drives_from_params: bool = False,
    legacy_mode: bool = False,
    mesh_shape: tuple[int, int] = (10, 10),
) -> Network:
    """Return the column of Law et al. 2022, Cereb Cortex 32:668 (beta events, tactile detection).

    Parameters
    ----------
    params : dict, path or None
        As in `neymotin_2020_model`.
    add_drives_from_params : bool
        Whether to add the drives and biases that the parameters describe.
    legacy_mode : bool
        Whether those drives have the cells and seeds that HNN's older ``.param`` files meant.
    mesh_shape : tuple of int
        Pyramidal cells per layer along x and y.

    Returns
    -------
    net : Network
    """
    return _build(law_2021, params, add_drives_from_params, legacy_mode, mesh_shape)


def calcium_model(
    params: _Params = None,
    add_drives_from_params: bool = False,
    legacy_mode: bool = False,
    mesh_shape: tuple[int, int] = (10, 10),
) -> Network:
    """Return the column of Kohl et al. 2022, Brain Topogr 35:19 (graded dendritic channels in layer 5).

    Parameters
    ----------
    params : dict, path or None
        As in `neymotin_2020_model`.
    add_drives_from_params : bool
        Whether to add the drives and biases that the parameters describe.
    legacy_mode : bool
        Whether those drives have the cells and seeds that HNN's older ``.param`` files meant.
    mesh_shape : tuple of int
        Pyramidal cells per layer along x and y.

    Returns
    -------
    net : Network
    """
    return _build(calcium, params, add_drives_from_params, legacy_mode, mesh_shape)


def _build(
    make: Callable[..., NetworkSpec], given: _Params, with_drives: bool, legacy_mode: bool, mesh_shape: tuple[int, int]
) -> Network:
    params = _resolve(given)
    weights = {key: value(params, key) for key in WEIGHT_KEYS}
    spec = make(weights, mesh_shape, threshold=value(params, "threshold"), celsius=value(params, "celsius"))
    if with_drives:
        spec = add_biases(add_drives(spec, params, legacy_mode), params)
    return Network.from_spec(spec, params)


def _resolve(given: _Params) -> Mapping[str, Any]:
    if given is None:
        return read_params(param_file("default.json"))
    if isinstance(given, str | os.PathLike):
        return read_params(given)
    if not isinstance(given, Mapping):
        raise InvalidType("params", given, "must be a dict of parameters, the name of a parameter file, or None")
    check_keys(given)
    return given
