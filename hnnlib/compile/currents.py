"""Tonic biases and current clamps as rows of constant currents."""

from __future__ import annotations

import numpy as np

from hnnlib.compile.place import chosen_gids
from hnnlib.plan.tables import Biases, Populations, Template
from hnnlib.spec.network import NetworkSpec

__all__ = ["make_biases"]


def make_biases(
    network: NetworkSpec, populations: Populations, templates: tuple[Template, ...], tstop: float
) -> Biases:
    """Return one row for each cell and step of current: biases first, then clamps, cell by cell.

    Parameters
    ----------
    network : NetworkSpec
        Whose currents.
    populations : Populations
        Its gids.
    templates : tuple of Template
        One per population.
    tstop : float
        Duration of the run (ms), where currents without an end have theirs.
    """
    cell = {t.name: t for t in templates}
    parts = [np.zeros((0, 5))]
    for by_population in network.biases.values():
        for target, bias in by_population.items():
            duration = None if bias.tstop is None else max(0.0, bias.tstop - bias.t0)
            gids = np.array(populations.gid_ranges[target])
            parts.append(_rows(cell[target], gids, bias.section, [(bias.amplitude, bias.t0, duration)], tstop))
    for clamp in network.current_clamps.values():
        # a step of no current adds exactly 0, and recorded currents hold long ones
        steps = [step for step in clamp.steps() if step[0] != 0.0]
        for target in network.populations:
            if target in clamp.cells:
                gids = chosen_gids({target: clamp.cells[target]}, populations)
                parts.append(_rows(cell[target], gids, clamp.section, steps, tstop))
    table = np.concatenate(parts)
    return Biases(
        gid=table[:, 0].astype(np.int32),
        section=table[:, 1].astype(np.int32),
        amplitude_nA=table[:, 2],
        delay_ms=table[:, 3],
        duration_ms=table[:, 4],
    )


def _rows(
    template: Template, gids: np.ndarray, section: str, steps: list[tuple[float, float, float | None]], tstop: float
) -> np.ndarray:
    """Return gid, section, amplitude, delay and duration of each step of each cell, steps innermost."""
    end = [(amplitude, delay, max(0.0, tstop - delay) if d is None else d) for amplitude, delay, d in steps]
    table = np.zeros((len(gids), len(steps), 5))
    table[:, :, 0] = gids[:, None]
    table[:, :, 1] = template.sections.names.index(section)
    table[:, :, 2:] = np.array(end, float).reshape(1, -1, 3)
    return table.reshape(-1, 5)
