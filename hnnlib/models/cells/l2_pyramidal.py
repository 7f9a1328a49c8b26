"""Layer 2/3 pyramidal cell of Jones et al. 2009, J Neurophysiol 102:3554 (shape reduced as by Bush & Sejnowski)."""

from __future__ import annotations

from hnnlib.models.cells.parts import pyramidal_cell
from hnnlib.spec.cells import CellSpec

__all__ = ["l2_pyramidal"]


def l2_pyramidal() -> CellSpec:
    """Return the layer 2/3 pyramidal cell: eight sections, 32 segments, fast sodium and potassium, M current."""

    def membrane(gnabar: float) -> dict[str, dict[str, float]]:
        return {
            "hh2": {"gnabar": gnabar, "gkbar": 0.01, "gl": 4.26e-5, "el": -65.0},
            "km": {"gbar": 250.0},
        }

    return pyramidal_cell(
        sizes={
            "apical_trunk": (59.5, 4.25),
            "apical_1": (306.0, 4.08),
            "apical_tuft": (238.0, 3.4),
            "apical_oblique": (340.0, 3.91),
            "basal_1": (85.0, 4.25),
            "basal_2": (255.0, 2.72),
            "basal_3": (255.0, 2.72),
            "soma": (22.1, 23.4),
        },
        tree={
            "basal_1": ("soma", 0),
            "apical_trunk": ("soma", 1),
            "apical_1": ("apical_trunk", 1),
            "apical_tuft": ("apical_1", 1),
            "apical_oblique": ("apical_trunk", 1),
            "basal_2": ("basal_1", 1),
            "basal_3": ("basal_1", 1),
        },
        cm=0.6195,
        v0={"*": -71.46},
        soma=membrane(0.18),
        dendrite=membrane(0.15),
    )
