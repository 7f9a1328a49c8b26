"""Layer 5 pyramidal cells.

`l5_pyramidal`: Jones et al. 2009, J Neurophysiol 102:3554 (morphology reduced from Bush & Sejnowski 1993).
`l5_pyramidal_calcium`: Kohl et al. 2022, Brain Topogr 35:19; sodium, potassium and calcium graded along the dendrite.
"""

from __future__ import annotations

import attrs

from hnnlib.models.cells.parts import pyramidal_cell
from hnnlib.spec.cells import CellSpec
from hnnlib.spec.profiles import Exponential, Linear, Profile

__all__ = ["l5_pyramidal", "l5_pyramidal_calcium"]

_Membrane = dict[str, dict[str, float | Profile]]


def _membrane(gnabar: float, el: float, ar_gbar: float | Profile) -> _Membrane:
    return {
        "hh2": {"gnabar": gnabar, "gkbar": 0.01, "gl": 4.26e-5, "el": el},
        "ca": {"gbar": 60.0},
        "cad": {"taur": 20.0},
        "kca": {"gbar": 2e-4},
        "km": {"gbar": 200.0},
        "cat": {"gbar": 2e-4},
        "ar": {"gbar": ar_gbar},
    }


def l5_pyramidal() -> CellSpec:
    """Return the layer 5 pyramidal cell: nine sections, 55 segments; h current growing towards the tuft."""
    return pyramidal_cell(
        sizes={
            "apical_trunk": (102.0, 10.2),
            "apical_1": (680.0, 7.48),
            "apical_2": (680.0, 4.93),
            "apical_tuft": (425.0, 3.4),
            "apical_oblique": (255.0, 5.1),
            "basal_1": (85.0, 6.8),
            "basal_2": (255.0, 8.5),
            "basal_3": (255.0, 8.5),
            "soma": (39.0, 28.9),
        },
        tree={
            "basal_1": ("soma", 0),
            "apical_trunk": ("soma", 1),
            "apical_1": ("apical_trunk", 1),
            "apical_2": ("apical_1", 1),
            "apical_tuft": ("apical_2", 1),
            "apical_oblique": ("apical_trunk", 1),
            "basal_2": ("basal_1", 1),
            "basal_3": ("basal_1", 1),
        },
        cm=0.85,
        v0={"*": -72.0, "apical_1": -71.32, "apical_2": -69.08, "apical_tuft": -67.30},
        soma=_membrane(0.16, -65.0, 1e-6),
        dendrite=_membrane(0.14, -71.0, Exponential(scale=1e-6, rate=0.003)),
    )


def l5_pyramidal_calcium() -> CellSpec:
    """Return the layer 5 pyramidal cell with graded dendritic channels."""
    cell = l5_pyramidal()
    graded: dict[str, dict[str, float | Profile]] = {
        "hh2": {
            "gnabar": Linear(start=0.32, end=0.0028, reach=962.0),
            "gkbar": Exponential(scale=0.06, rate=-0.006, offset=1e-4),
        },
        "ca": {"gbar": Linear(start=10.0, end=40.0, reach=1501.0)},
    }
    soma: dict[str, dict[str, float | Profile]] = {"hh2": {"gnabar": 0.32, "gkbar": 0.06}}
    sections = {}
    for name, section in cell.sections.items():
        changes = soma if name == "soma" else graded
        mechanisms = {m: {**values, **changes.get(m, {})} for m, values in section.mechanisms.items()}
        sections[name] = attrs.evolve(section, mechanisms=mechanisms)
    return attrs.evolve(cell, sections=sections)
