"""Basket cell of Jones et al. 2009, J Neurophysiol 102:3554: one compartment with Hodgkin-Huxley channels."""

from __future__ import annotations

from hnnlib.models.cells.parts import RECEPTORS, synapse
from hnnlib.spec.cells import CellSpec, SectionSpec

__all__ = ["basket"]


def basket(*, distal: bool) -> CellSpec:
    """Return the basket cell.

    Parameters
    ----------
    distal : bool
        Whether distal input reaches it; in the published column that of layer 2/3 does and that of layer 5 does not.
    """
    receptors = ("ampa", "gabaa", "nmda")
    soma = SectionSpec(L=39.0, diam=20.0, Ra=200.0, cm=0.85, v0=-64.9737, mechanisms={"hh2": {}}, receptors=receptors)
    return CellSpec(
        sections={"soma": soma},
        synapses={name: synapse(*RECEPTORS[name]) for name in receptors},
        locations={"proximal": ("soma",), "distal": ("soma",) if distal else ()},
    )
