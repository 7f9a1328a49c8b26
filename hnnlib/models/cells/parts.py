"""What the published cells have in common: receptors, orientation, assembly."""

from __future__ import annotations

import math
from collections.abc import Mapping

from immutabledict import immutabledict

from hnnlib.spec.cells import CellSpec, SectionSpec, SynapseSpec
from hnnlib.spec.profiles import Profile

__all__ = ["DIAGONAL", "RECEPTORS", "pyramidal_cell", "synapse"]

DIAGONAL = 1 / math.sqrt(2)

# name: reversal (mV), rise and decay (ms); Jones et al. 2009, J Neurophysiol 102:3554, table of synaptic constants
RECEPTORS: Mapping[str, tuple[float, float, float]] = immutabledict(
    {
        "ampa": (0.0, 0.5, 5.0),
        "nmda": (0.0, 1.0, 20.0),
        "gabaa": (-80.0, 0.5, 5.0),
        "gabab": (-80.0, 1.0, 20.0),
    }
)

_DIRECTIONS: Mapping[str, tuple[float, float, float]] = immutabledict(
    {
        "apical_oblique": (-1.0, 0.0, 0.0),
        "basal_1": (0.0, 0.0, -1.0),
        "basal_2": (-DIAGONAL, 0.0, -DIAGONAL),
        "basal_3": (DIAGONAL, 0.0, -DIAGONAL),
    }
)


def synapse(e: float, tau1: float, tau2: float) -> SynapseSpec:
    """Return a two-exponential conductance: reversal (mV), rise and decay time constants (ms)."""
    return SynapseSpec(parameters={"e": e, "tau1": tau1, "tau2": tau2})


def pyramidal_cell(
    *,
    sizes: Mapping[str, tuple[float, float]],
    tree: Mapping[str, tuple[str, int]],
    cm: float,
    v0: Mapping[str, float],
    soma: Mapping[str, Mapping[str, float | Profile]],
    dendrite: Mapping[str, Mapping[str, float | Profile]],
) -> CellSpec:
    """Assemble a pyramidal cell of the published kind.

    Parameters
    ----------
    sizes : dict
        Section -> (length, diameter) in µm, in order of creation.
    tree : dict
        Section -> (parent, end of the parent).
    cm : float
        Membrane capacitance (µF/cm²).
    v0 : dict
        Section -> initial potential (mV); ``"*"`` for those not named.
    soma, dendrite : dict
        Mechanism -> parameters.
    """
    sections = {}
    for name, (length, diam) in sizes.items():
        parent, parent_end = tree.get(name, (None, 1))
        is_soma = name == "soma"
        sections[name] = SectionSpec(
            L=length,
            diam=diam,
            Ra=200.0,
            cm=cm,
            v0=v0.get(name, v0["*"]),
            direction=_DIRECTIONS.get(name, (0.0, 0.0, 1.0)),
            parent=parent,
            parent_end=parent_end,
            mechanisms=soma if is_soma else dendrite,
            receptors=("gabaa", "gabab") if is_soma else tuple(RECEPTORS),
        )
    return CellSpec(
        sections=sections,
        synapses={name: synapse(*constants) for name, constants in RECEPTORS.items()},
        locations={"proximal": ("apical_oblique", "basal_2", "basal_3"), "distal": ("apical_tuft",)},
        dipole_axis="apical_trunk",
    )
