"""Flat parameters to spec: drives and tonic biases.

Rules as in HNN-core 0.6.1: names, alphabetical order, seeds (file value plus the drive's first gid), fixed delays, and
which drives exist at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from hnnlib.base.schema import within
from hnnlib.params.params import evoked_names, value
from hnnlib.params.table import CELL_NAMES, DISTAL_TARGETS
from hnnlib.spec.drives import BurstyDrive, DriveSpec, EvokedDrive, PoissonDrive
from hnnlib.spec.network import NetworkSpec, TonicBias

__all__ = ["add_biases", "add_drives"]

_CONN_SEED = 3
_GAUSS_SPIKES = 50
_LEGACY_SEED = 18  # rhythmic drives grew from 2 to 20 cells when HNN became HNN-core


def add_drives(network: NetworkSpec, params: Mapping[str, Any], legacy_mode: bool = False) -> NetworkSpec:
    """Return the network with the drives that a flat parameter file describes, after those that it has.

    Parameters
    ----------
    network : NetworkSpec
        The standard column, or any network with its population names.
    params : Params
        The flat parameters.
    legacy_mode : bool
        Whether to count drive cells and seeds as HNN's graphical interface once did, for its ``.param`` files: no drive
        is left out, every drive has drive cells for all four cell types, seeds of evoked drives are 18 less.

    Raises
    ------
    InvalidValue
        If a drive's parameters are not allowed, or a population is missing.
    """
    makers = _drive_makers(params, legacy_mode)
    for name in sorted(makers):
        seed, make = makers[name]
        first_gid = sum(network.gid_counts().values())
        if legacy_mode and name.startswith("ev"):
            seed -= _LEGACY_SEED
        with within(f"drives[{name!r}]"):
            drive = make(event_seed=int(seed) + first_gid, conn_seed=_CONN_SEED)
            if legacy_mode:
                drive = _for_all_types(drive)
        network = attrs.evolve(network, drives={**network.drives, name: drive})
    return network


def _for_all_types(drive: DriveSpec) -> DriveSpec:
    """Return the drive with drive cells for those of the four cell types, too, that it doesn't act on."""
    others = [name for name in CELL_NAMES.values() if name not in drive.weights]
    delays = drive.delays
    if isinstance(delays, Mapping):
        delays = {**delays, **dict.fromkeys(others, 0.1)}
    return attrs.evolve(drive, weights={**drive.weights, **{name: {} for name in others}}, delays=delays)


def _drive_makers(params: Mapping[str, Any], legacy_mode: bool) -> dict[str, tuple[int, Callable[..., DriveSpec]]]:
    """Return drive name -> (seed in the file, function of the seeds that makes the drive)."""
    makers: dict[str, tuple[int, Callable[..., DriveSpec]]] = {}
    for name, location in evoked_names(params):
        makers[name] = _evoked(params, name, location)
    for name, side, location in (("bursty1", "prox", "proximal"), ("bursty2", "dist", "distal")):
        end = min(value(params, f"tstop_input_{side}"), value(params, "tstop"))
        if legacy_mode or end >= value(params, f"t0_input_{side}"):
            makers[name] = _bursty(params, side, location)
    if legacy_mode or value(params, "T_pois") >= value(params, "t0_pois"):
        makers["extpois"] = _poisson(params)
    if legacy_mode or value(params, "L2Basket_Gauss_mu") <= value(params, "tstop"):
        makers["extgauss"] = _gauss(params)
    return makers


def _targets(location: str) -> tuple[str, ...]:
    return tuple(CELL_NAMES) if location == "proximal" else DISTAL_TARGETS


def _weights(params: Mapping[str, Any], location: str, pattern: str) -> dict[str, dict[str, float]]:
    return {
        CELL_NAMES[x]: {r: value(params, pattern.format(x=x, r=r)) for r in ("ampa", "nmda")}
        for x in _targets(location)
    }


def _by_layer(location: str, l2: float, l5: float) -> dict[str, float]:
    return {CELL_NAMES[x]: float(l2 if x.startswith("L2") else l5) for x in _targets(location)}


def _evoked(params: Mapping[str, Any], name: str, location: str) -> tuple[int, Callable[..., DriveSpec]]:
    stem = f"{name[:6]}_{name[6:]}"  # evprox1 -> evprox_1

    def make(**seeds: int) -> DriveSpec:
        return EvokedDrive(
            mu=value(params, f"t_{stem}"),
            sigma=value(params, f"sigma_t_{stem}"),
            numspikes=value(params, f"numspikes_{stem}"),
            location=location,
            weights=_weights(params, location, f"gbar_{stem}_{{x}}_{{r}}"),
            delays=_by_layer(location, 0.1, 1.0 if location == "proximal" else 0.1),
            space_constant=3.0,
            n_drive_cells=1 if value(params, "sync_evinput") else "n_cells",
            **seeds,
        )

    return value(params, f"prng_seedcore_{stem}"), make


def _bursty(params: Mapping[str, Any], side: str, location: str) -> tuple[int, Callable[..., DriveSpec]]:
    start = value(params, f"t0_input_{side}")

    def make(**seeds: int) -> DriveSpec:
        return BurstyDrive(
            tstart=start,
            tstart_std=value(params, f"t0_input_stdev_{side}"),
            # an end before the start, which legacy mode lets through, means silence
            tstop=max(start, min(value(params, f"tstop_input_{side}"), value(params, "tstop"))),
            burst_rate=value(params, f"f_input_{side}"),
            burst_std=value(params, f"f_stdev_{side}"),
            numspikes=value(params, f"events_per_cycle_{side}"),
            spike_isi=10.0,
            n_drive_cells=value(params, f"repeats_{side}"),
            location=location,
            weights=_weights(params, location, f"input_{side}_A_weight_{{x}}_{{r}}"),
            delays=_by_layer(
                location, value(params, f"input_{side}_A_delay_L2"), value(params, f"input_{side}_A_delay_L5")
            ),
            space_constant=100.0,
            **seeds,
        )

    return value(params, f"prng_seedcore_input_{side}"), make


def _poisson(params: Mapping[str, Any]) -> tuple[int, Callable[..., DriveSpec]]:
    def make(**seeds: int) -> DriveSpec:
        rates = {CELL_NAMES[x]: value(params, f"{x}_Pois_lamtha") for x in CELL_NAMES}
        start = max(0.0, value(params, "t0_pois"))
        return PoissonDrive(
            tstart=start,
            tstop=max(start, value(params, "T_pois")),
            rate={name: rate if rate > 0 else 1.0 for name, rate in rates.items()},
            location="proximal",
            weights=_weights(params, "proximal", "{x}_Pois_A_weight_{r}"),
            delays={CELL_NAMES[x]: 0.1 if x == "L2Pyr" else 1.0 for x in CELL_NAMES},
            space_constant=100.0,
            **seeds,
        )

    return value(params, "prng_seedcore_extpois"), make


def _gauss(params: Mapping[str, Any]) -> tuple[int, Callable[..., DriveSpec]]:
    def make(**seeds: int) -> DriveSpec:
        return EvokedDrive(
            mu=value(params, "L2Basket_Gauss_mu"),
            sigma=value(params, "L2Basket_Gauss_sigma"),
            numspikes=_GAUSS_SPIKES,
            location="proximal",
            weights={CELL_NAMES[x]: {"ampa": value(params, f"{x}_Gauss_A_weight")} for x in CELL_NAMES},
            # the published reader takes each type's mean as its delay; kept, since published results contain it
            delays={CELL_NAMES[x]: float(value(params, f"{x}_Gauss_mu")) for x in CELL_NAMES},
            space_constant=100.0,
            **seeds,
        )

    return value(params, "prng_seedcore_extgauss"), make


def add_biases(network: NetworkSpec, params: Mapping[str, Any]) -> NetworkSpec:
    """Return the network with the tonic biases of flat parameters (``Itonic_A``, ``_t0``, ``_T`` of a cell's soma)."""
    found = {}
    for short, name in CELL_NAMES.items():
        amplitude, t0, end = (params.get(f"Itonic_{part}_{short}_soma") for part in ("A", "t0", "T"))
        if amplitude is not None and t0 is not None and end is not None and amplitude != 0:
            # an end of -1 stands for the end of the run
            found[name] = TonicBias(amplitude=amplitude, t0=max(0.0, t0), tstop=None if end < 0 else end)
    return attrs.evolve(network, biases={**network.biases, "tonic": found}) if found else network
