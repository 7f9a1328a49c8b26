"""Dipole kernels before they are fitted: the places of a cell, its response to small events, and the terms to fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import attrs
import numpy as np

from hnnlib.backends.nest.features import bumps
from hnnlib.backends.protocol import Engine
from hnnlib.base.errors import InvalidValue
from hnnlib.compile.build import compile_plan
from hnnlib.compile.point_cells import cell_digest
from hnnlib.plan.estimate import Channel, DipoleKernels, Term
from hnnlib.plan.tables import Template
from hnnlib.reduction.kernel_lessons import rest_and_responses
from hnnlib.spec.cells import CellSpec
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import RunSpec

__all__ = ["cell_of", "rounded", "unfitted_kernels"]

_EXCITATORY, _INHIBITORY = "excitatory", "inhibitory"
_SATURATION_US = (3e-4, 3e-3, 3e-2, 3e-1)
_PRODUCT_US = ((3e-3, 3e-3), (3e-2, 3e-2))
_SHUNT_US = ((1e-2, 3e-2), (1e-2, 3e-1))
_N_SPIKES = 4


def cell_of(network: NetworkSpec, name: str) -> CellSpec:
    """Return the cell of a population; raise if it has no dendrites."""
    cell = network.populations[name].cell
    if not isinstance(cell, CellSpec):
        raise InvalidValue(f"populations[{name!r}].cell", type(cell).__name__, "must be a cell with dendrites")
    return cell


def unfitted_kernels(network: NetworkSpec, name: str, engine: Engine, dt: float) -> DipoleKernels:
    """Return the kernels of a population with all but the coefficients of its terms.

    Parameters
    ----------
    network : NetworkSpec
        The network.
    name : str
        The population.
    engine : Engine
        A detailed one: the response to small events is measured in single cells.
    dt : float
        Time step of the detailed runs (ms).

    Raises
    ------
    InvalidValue
        If its cells have no dendrites.
    """
    plan = compile_plan(network, RunSpec(tstop=10 * dt, dt=dt))
    gids = plan.populations.gid_ranges[name]
    template = plan.templates[plan.cells.template[gids.start]]
    digest = cell_digest(template, network.celsius)
    blank = DipoleKernels(digest=digest, names=(name,), rest_ms=(), rest_fAm=(), channels=(), terms=())
    places = _places(network, name, template)
    rest, responses = rest_and_responses(
        network, name, [(sections, receptor) for _, sections, receptor in places], engine, blank.step_ms, dt
    )
    table = bumps(blank)
    channels = []
    for (place, sections, receptor), response in zip(places, responses, strict=True):
        coefficients = np.linalg.lstsq(table.T, response[: table.shape[1]], rcond=None)[0]
        constants = _synapse(template, sections, receptor)
        channels.append(
            Channel(
                name=f"{place}.{receptor}",
                sections=sections,
                receptor=receptor,
                tau1=constants["tau1"],
                tau2=constants["tau2"],
                kernel=rounded(coefficients),
            )
        )
    rest_ms, rest_fAm = _thinned(rest, blank.step_ms)
    terms = _terms(template, channels)
    return attrs.evolve(blank, rest_ms=rest_ms, rest_fAm=rest_fAm, channels=tuple(channels), terms=tuple(terms))


def _places(network: NetworkSpec, name: str, template: Template) -> list[tuple[str, tuple[str, ...], str]]:
    """Return name, sections and receptor of all places that connections and drives name."""
    cell = cell_of(network, name)
    receptors = [
        (template.sections.names[s], r) for s, r in zip(template.sites.section, template.sites.receptors, strict=True)
    ]
    groups = {place: cell.locations[place] for place in cell.locations}
    grouped = {section for sections in groups.values() for section in sections}
    used = {c.location for c in network.connections if c.target == name}
    used |= {d.location for d in network.drives.values() if name in d.weights}
    groups |= {section: (section,) for section in cell.sections if section in used and section not in grouped}
    if cell.spike_section not in grouped:
        groups[cell.spike_section] = (cell.spike_section,)
    return [
        (place, tuple(sections), receptor)
        for place, sections in groups.items()
        for receptor in dict.fromkeys(r for section, r in receptors if section in sections)
        if all((section, receptor) in receptors for section in sections)
    ]


def _synapse(template: Template, sections: Sequence[str], receptor: str) -> Mapping[str, float]:
    """Return the constants of a receptor; raise if it is no conductance that rises and decays exponentially."""
    names = [template.sections.names[s] for s in template.sites.section]
    site = next(k for k, r in enumerate(template.sites.receptors) if r == receptor and names[k] in sections)
    mechanism = template.sites.mechanisms[site]
    if mechanism != "Exp2Syn":
        raise InvalidValue(f"synapses[{receptor!r}].mechanism", mechanism, "must be Exp2Syn where kernels are fitted")
    return {"tau1": 0.1, "tau2": 10.0, "e": 0.0, **template.sites.parameters[site]}


def _terms(template: Template, channels: Sequence[Channel]) -> list[Term]:
    """Return the corrections: of each channel, of pairs of places, and of own spikes."""
    terms = [Term(signal="saturation", channels=(c.name,), level=level) for c in channels for level in _SATURATION_US]
    groups: dict[tuple[str, str], list[str]] = {}
    for c in channels:
        reversal = _synapse(template, c.sections, c.receptor)["e"]
        sign = _EXCITATORY if reversal > -50.0 else _INHIBITORY
        groups.setdefault((c.name.rsplit(".", 1)[0], sign), []).append(c.name)
    for (one, of_one), (other, of_other) in combinations(sorted(groups.items(), key=lambda g: g[0][1]), 2):
        if one[1] == _INHIBITORY:  # excitatory groups come first: here both inhibit
            continue
        for level, by_level in _PRODUCT_US if other[1] == _EXCITATORY else _SHUNT_US:
            terms.append(
                Term(signal="product", channels=tuple(of_one), level=level, by=tuple(of_other), by_level=by_level)
            )
    return [*terms, *(Term(signal="spike", nth=n) for n in range(_N_SPIKES))]


def _thinned(rest: np.ndarray, step_ms: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return times and values of a slowing curve, few where it is slow."""
    last = len(rest) - 1
    rows = np.unique(np.concatenate([np.arange(21), np.round(np.geomspace(20, last, 180)).astype(int)]))
    rows = rows[(rows > 0) & (rows <= last)]  # the sample at t = 0 is 0 by definition
    return tuple((rows * step_ms).tolist()), rounded(rest[rows])


def rounded(values: np.ndarray, digits: int = 6) -> tuple[float, ...]:
    """Return numbers with as many digits as a file needs."""
    return tuple(float(f"{v:.{digits}g}") for v in values.tolist())
