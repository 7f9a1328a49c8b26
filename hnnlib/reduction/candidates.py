"""Which point model stands for a cell, which of its parameters are searched for, and between which bounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue
from hnnlib.compile.point_cells import PointCell, Port
from hnnlib.plan.tables import Template
from hnnlib.reduction.integrate import ONE, PORT
from hnnlib.reduction.search import Free

__all__ = ["MODEL", "Design", "make_design"]

MODEL = "aeif_cond_beta_multisynapse"

_V_PEAK_MV = -20.0  # where the upstroke ends: it takes less than a step from there on
_DIGITS = 6


@attrs.frozen(kw_only=True, eq=False)
class Design:
    """The point model of a cell type before it is fitted."""

    ports: tuple[tuple[str, tuple[str, ...], str], ...]  # name, sections, receptor
    kinetics: tuple[Mapping[str, float], ...]  # of each port's synapse: tau1, tau2, e
    port_of_site: np.ndarray  # int; -1: nothing arrives there
    free: tuple[Free, ...]

    def given(self, x: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return all parameters of candidates, as `candidate_spikes` takes them, from those that are free."""
        n = len(x["C_m"])
        one = {name: x[name] for name in ONE if name in x}
        one["V_peak"] = np.full(n, _V_PEAK_MV)
        fixed = [
            {"gain": 1.0, "saturation_uS": 0.0, "tau_rise": k["tau1"], "tau_decay": k["tau2"], "E_rev": k["e"]}
            for k in self.kinetics
        ]
        port = {
            name: np.stack(
                [x.get(f"{p[0]}:{name}", np.full(n, f[name])) for p, f in zip(self.ports, fixed, strict=True)], axis=1
            )
            for name in PORT
        }
        return {**one, **port}

    def cell(self, digest: str, names: Sequence[str], found: Mapping[str, float]) -> PointCell:
        """Return the point cell with the parameters found."""
        given = self.given({name: np.array([value]) for name, value in found.items()})
        parameters: dict[str, Any] = {name: _rounded(given[name][0]) for name in ONE}
        parameters["V_m"] = parameters["E_L"]
        for name in ("tau_rise", "tau_decay", "E_rev"):
            parameters[name] = [_rounded(v) for v in given[name][0]]
        ports = []
        for k, (name, sections, receptor) in enumerate(self.ports):
            saturation = _rounded(given["saturation_uS"][0, k])
            ports.append(
                Port(
                    name=name,
                    sections=sections,
                    receptor=receptor,
                    gain=_rounded(given["gain"][0, k]),
                    saturation_uS=saturation or None,
                )
            )
        return PointCell(digest=digest, names=tuple(names), model=MODEL, parameters=parameters, ports=tuple(ports))

    def starting_from(self, cell: PointCell) -> Design:
        """Return the design with the search beginning at another point cell, where it has what that one has."""
        values: dict[str, float] = {n: v for n, v in cell.parameters.items() if n in ONE}
        for k, port in enumerate(cell.ports):
            own = {"gain": port.gain, "saturation_uS": port.saturation_uS or 0.0}
            own |= {name: cell.parameters[name][k] for name in ("tau_rise", "tau_decay", "E_rev")}
            values |= {f"{port.name}:{name}": value for name, value in own.items()}
        begin = [
            attrs.evolve(f, start=float(np.clip(values[f.name], f.low, f.high))) if f.name in values else f
            for f in self.free
        ]
        return attrs.evolve(self, free=tuple(begin))


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


def make_design(template: Template, places: Mapping[str, Sequence[str]], used_sites: np.ndarray) -> Design:
    """Return the point model of a cell with one port for each place and receptor at which something arrives.

    Parameters
    ----------
    template : Template
        The cell.
    places : dict of str to sequence of str
        Name -> sections; a section belongs to the first place that has it.
    used_sites : array of int
        Sites at which events arrive in the training set.

    Raises
    ------
    InvalidValue
        If a synapse there is no ``Exp2Syn``.
    """
    sites, sections = template.sites, template.sections
    soma = sections.names[template.segments.section[template.spike_segment]]
    place_of = {s: name for name, members in reversed(list(places.items())) for s in members}
    groups: dict[tuple[str, str], list[int]] = {}
    for site in np.unique(used_sites).tolist():
        section, receptor = sections.names[sites.section[site]], sites.receptors[site]
        if sites.mechanisms[site] != "Exp2Syn":
            raise InvalidValue(
                f"{template.name}.sites[{receptor!r}]",
                sites.mechanisms[site],
                "must be Exp2Syn: point models have conductances of two exponentials",
            )
        groups.setdefault((place_of.get(section, section), receptor), []).append(site)
    port_of_site = np.full(template.n_sites, -1)
    ports, kinetics = [], []
    free = _membrane(template)
    for k, ((place, receptor), members) in enumerate(groups.items()):
        port_of_site[members] = k
        within = tuple(sections.names[sites.section[m]] for m in members)
        synapse = {"tau1": 0.5, "tau2": 5.0, "e": 0.0, **sites.parameters[members[0]]}
        ports.append((f"{place}.{receptor}", within, receptor))
        kinetics.append(synapse)
        rest = float(sections.v0_mV[sections.names.index(soma)])
        free += _port(f"{place}.{receptor}", synapse, rest, away=within != (soma,))
    return Design(ports=tuple(ports), kinetics=tuple(kinetics), port_of_site=port_of_site, free=tuple(free))


def _membrane(template: Template) -> list[Free]:
    """Return the parameters of the membrane, around what the detailed cell's surface and rest suggest."""
    s = template.sections
    capacity = float((np.pi * s.L_um * s.diam_um * s.cm_uF_cm2).sum() * 0.01)  # pF
    rest = float(s.v0_mV[template.segments.section[template.spike_segment]])
    return [
        Free(name="C_m", low=capacity / 8, high=capacity * 8, start=capacity, log=True),
        Free(name="g_L", low=capacity / 100, high=capacity * 2, start=capacity / 6, log=True),
        Free(name="E_L", low=rest - 5, high=rest + 5, start=rest),
        Free(name="V_th", low=rest - 2, high=rest + 32, start=rest + 14),
        Free(name="Delta_T", low=0.4, high=6.0, start=2.0),
        Free(name="a", low=0.1, high=300.0, start=10.0, log=True),
        Free(name="b", low=5.0, high=8000.0, start=4 * capacity, log=True),
        Free(name="tau_w", low=1.0, high=800.0, start=40.0, log=True),
        Free(name="V_reset", low=rest - 12, high=rest + 26, start=rest + 2),
        Free(name="t_ref", low=0.5, high=25.0, start=8.0),
    ]


def _port(name: str, synapse: Mapping[str, float], rest: float, away: bool) -> list[Free]:
    rise, decay, reversal = synapse["tau1"], synapse["tau2"], synapse["e"]
    free = [
        Free(name=f"{name}:gain", low=0.01, high=20.0, start=1.0, log=True),
        Free(name=f"{name}:tau_decay", low=decay / 3, high=decay * 3, start=decay, log=True),
    ]
    if away:
        free.append(Free(name=f"{name}:saturation_uS", low=1e-3, high=3.0, start=0.05, log=True))
    if reversal > rest + 20:  # excitation: its reversal hardly matters, its onset does
        slowest = min(6 * rise, decay / 3.3)
        free.append(Free(name=f"{name}:tau_rise", low=rise / 2, high=slowest, start=rise * 1.2, log=True))
    else:
        free.append(Free(name=f"{name}:E_rev", low=reversal - 10, high=max(reversal, rest) + 8, start=reversal))
    return free
