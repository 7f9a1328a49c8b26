"""Published networks as specs.

`neymotin_2020`: Jones et al. 2009, J Neurophysiol 102:3554, as shipped with HNN (Neymotin et al. 2020, eLife 9:e51214).
`law_2021`: Law et al. 2022, Cereb Cortex 32:668 (beta events and tactile detection).
`calcium`: Kohl et al. 2022, Brain Topogr 35:19.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from hnnlib.models.cells.basket import basket
from hnnlib.models.cells.l2_pyramidal import l2_pyramidal
from hnnlib.models.cells.l5_pyramidal import l5_pyramidal, l5_pyramidal_calcium
from hnnlib.models.cells.parts import synapse
from hnnlib.spec.cells import CellSpec
from hnnlib.spec.connectivity import ConnectionSpec
from hnnlib.spec.layout import Grid, OnGrid
from hnnlib.spec.network import NetworkSpec, Population

__all__ = ["WEIGHT_KEYS", "calcium", "column", "law_2021", "local_connections", "neymotin_2020"]

# What a population says of where it is from, and `Result.cite` reads. Several papers are set apart by semicolons.
_COLUMN = "Jones et al. 2009, doi:10.1152/jn.00535.2009; Neymotin et al. 2020, doi:10.7554/eLife.51214"
_PYRAMIDAL = f"{_COLUMN}; Bush & Sejnowski 1993, doi:10.1016/0165-0270(93)90151-G"
_LAW = "Law et al. 2022, Cereb Cortex 32:668"
_KOHL = "Kohl et al. 2022, doi:10.1007/s10548-021-00838-0"

_L2P, _L5P, _L2B, _L5B = "L2_pyramidal", "L5_pyramidal", "L2_basket", "L5_basket"

# source, target, receptor, location, key of the weight in a flat parameter file, space constant, autapses allowed
_LOCAL = (
    (_L2P, _L2P, "nmda", "proximal", "gbar_L2Pyr_L2Pyr_nmda", 3.0, False),
    (_L2P, _L2P, "ampa", "proximal", "gbar_L2Pyr_L2Pyr_ampa", 3.0, False),
    (_L5P, _L5P, "nmda", "proximal", "gbar_L5Pyr_L5Pyr_nmda", 3.0, False),
    (_L5P, _L5P, "ampa", "proximal", "gbar_L5Pyr_L5Pyr_ampa", 3.0, False),
    (_L2B, _L2P, "gabaa", "soma", "gbar_L2Basket_L2Pyr_gabaa", 50.0, True),
    (_L2B, _L2P, "gabab", "soma", "gbar_L2Basket_L2Pyr_gabab", 50.0, True),
    (_L5B, _L5P, "gabaa", "soma", "gbar_L5Basket_L5Pyr_gabaa", 70.0, True),
    (_L5B, _L5P, "gabab", "soma", "gbar_L5Basket_L5Pyr_gabab", 70.0, True),
    (_L2P, _L5P, "ampa", "proximal", "gbar_L2Pyr_L5Pyr", 3.0, True),
    (_L2P, _L5P, "ampa", "distal", "gbar_L2Pyr_L5Pyr", 3.0, True),
    (_L2B, _L5P, "gabaa", "distal", "gbar_L2Basket_L5Pyr", 50.0, True),
    (_L2P, _L2B, "ampa", "soma", "gbar_L2Pyr_L2Basket", 3.0, True),
    # L2 basket cells may inhibit themselves, L5 basket cells may not: so in the published model
    (_L2B, _L2B, "gabaa", "soma", "gbar_L2Basket_L2Basket", 20.0, True),
    (_L5B, _L5B, "gabaa", "soma", "gbar_L5Basket_L5Basket", 20.0, False),
    (_L5P, _L5B, "ampa", "soma", "gbar_L5Pyr_L5Basket", 3.0, True),
    (_L2P, _L5B, "ampa", "soma", "gbar_L2Pyr_L5Basket", 3.0, True),
)


WEIGHT_KEYS = tuple(dict.fromkeys(row[4] for row in _LOCAL))


def column(mesh_shape: tuple[int, int] = (10, 10), *, threshold: float = 0.0, celsius: float = 37.0) -> NetworkSpec:
    """Return the four populations of the standard column, unconnected.

    Parameters
    ----------
    mesh_shape : tuple of int
        Pyramidal cells per layer along x and y.
    threshold : float
        Spike threshold (mV).
    celsius : float
        Temperature (°C).
    """
    populations = {
        _L2B: _inhibitory(basket(distal=True), "2", 0.8, "#CC79A7"),
        _L2P: _excitatory(l2_pyramidal(), "2", 1.0, "#0072B2"),
        _L5B: _inhibitory(basket(distal=False), "5", 0.2, "#E69F00"),
        _L5P: _excitatory(l5_pyramidal(), "5", 0.0, "#D55E00"),
    }
    return NetworkSpec(
        populations=populations, grid=Grid(mesh_shape=mesh_shape), threshold=threshold, celsius=celsius, baseline="hnn"
    )


def _excitatory(cell: CellSpec, layer: str, depth: float, color: str) -> Population:
    return Population(
        cell=cell,
        place=OnGrid(depth=depth),
        layer=layer,
        morpho_type="pyramidal",
        electro_type="excitatory",
        measure_dipole=True,
        reference=_PYRAMIDAL,
        color=color,
        marker="^",
    )


def _inhibitory(cell: CellSpec, layer: str, depth: float, color: str) -> Population:
    return Population(
        cell=cell,
        place=OnGrid(pattern="interleaved", depth=depth),
        layer=layer,
        morpho_type="basket",
        electro_type="inhibitory",
        reference=_COLUMN,
        color=color,
        marker="x",
    )


def local_connections(weights: Mapping[str, float]) -> tuple[ConnectionSpec, ...]:
    """Return the sixteen connections of the standard column.

    Parameters
    ----------
    weights : dict
        Peak conductances in µS by their key in a flat parameter file (``gbar_*``).
    """
    return tuple(
        ConnectionSpec(
            source=source,
            target=target,
            receptor=receptor,
            location=location,
            weight=weights[key],
            delay=1.0,
            space_constant=space_constant,
            allow_autapses=autapses,
        )
        for source, target, receptor, location, key, space_constant, autapses in _LOCAL
    )


def neymotin_2020(
    weights: Mapping[str, float], mesh_shape: tuple[int, int] = (10, 10), **column_options: float
) -> NetworkSpec:
    """Return the standard column with its local connections; arguments as in `column` and `local_connections`."""
    return attrs.evolve(column(mesh_shape, **column_options), connections=local_connections(weights))


def law_2021(
    weights: Mapping[str, float], mesh_shape: tuple[int, int] = (10, 10), **column_options: float
) -> NetworkSpec:
    """Return the column of Law et al. 2022: slow GABA-B, stronger distal inhibition of layer 5, less calcium."""
    network = neymotin_2020(weights, mesh_shape, **column_options)
    changed = {
        (_L5P, _L5P, "nmda", "proximal"): 0.0004,
        (_L5B, _L5P, "gabaa", "soma"): 0.02,
        (_L5B, _L5P, "gabab", "soma"): 0.005,
    }
    connections = []
    for c in network.connections:
        key = (c.source, c.target, c.receptor, c.location)
        if key == (_L2B, _L5P, "gabaa", "distal"):
            continue
        connections.append(attrs.evolve(c, weight=changed[key]) if key in changed else c)
    connections += [
        ConnectionSpec(
            source=_L2B, target=_L5P, receptor="gabab", location="distal", weight=0.0002, space_constant=50.0
        ),
        # stands for Martinotti cells; its weight is the parameter, not the reduced somatic one
        ConnectionSpec(
            source=_L5B,
            target=_L5P,
            receptor="gabaa",
            location="distal",
            weight=weights["gbar_L5Basket_L5Pyr_gabaa"],
            space_constant=70.0,
        ),
    ]
    populations = dict(network.populations)
    for name in (_L2P, _L5P):
        cell = populations[name].detailed_cell
        cell = attrs.evolve(cell, synapses={**cell.synapses, "gabab": synapse(-80.0, 45.0, 200.0)})
        if name == _L5P:
            sections = dict(cell.sections)
            for section in ("soma", "basal_1", "basal_2", "basal_3"):
                mechanisms = {m: v for m, v in sections[section].mechanisms.items() if m != "ca"}
                sections[section] = attrs.evolve(sections[section], mechanisms=mechanisms)
            cell = attrs.evolve(cell, sections=sections)
        populations[name] = attrs.evolve(populations[name], cell=cell, reference=f"{_LAW}; {_PYRAMIDAL}")
    return attrs.evolve(network, connections=tuple(connections), populations=populations)


def calcium(
    weights: Mapping[str, float], mesh_shape: tuple[int, int] = (10, 10), **column_options: float
) -> NetworkSpec:
    """Return the column of Kohl et al. 2022: the standard one with `l5_pyramidal_calcium`."""
    network = neymotin_2020(weights, mesh_shape, **column_options)
    cell = l5_pyramidal_calcium()
    population = attrs.evolve(network.populations[_L5P], cell=cell, reference=f"{_KOHL}; {_PYRAMIDAL}")
    return attrs.evolve(network, populations={**network.populations, _L5P: population})
