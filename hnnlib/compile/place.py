"""Where cells are and which gid each has."""

from __future__ import annotations

import numpy as np

from hnnlib.plan.tables import Cells, Populations
from hnnlib.spec.layout import positions_of
from hnnlib.spec.network import NetworkSpec

__all__ = ["place_cells"]


def place_cells(network: NetworkSpec) -> tuple[Populations, Cells]:
    """Place all cells and assign gids: populations in their order, then drives in theirs."""
    positions = {name: positions_of(p.place, network.grid) for name, p in network.populations.items()}
    counts = network.gid_counts()
    sizes = {name: len(xyz) for name, xyz in positions.items()}
    stops = np.cumsum(list(counts.values()), dtype=np.int32) if counts else np.zeros(0, np.int32)
    members = list(network.populations.values())
    n_pop, n_drives = len(members), len(network.drives)
    populations = Populations(
        names=tuple(counts),
        gid_start=(stops - np.array(list(counts.values()), np.int32)).astype(np.int32),
        gid_stop=stops,
        is_drive=np.arange(n_pop + n_drives) >= n_pop,
        layers=(*(p.layer for p in members), *(None for _ in network.drives)),
        measure_dipole=np.array([p.measure_dipole for p in members] + [False] * n_drives, bool),
    )
    per_cell = np.repeat(np.arange(n_pop, dtype=np.int32), list(sizes.values()))
    threshold = [network.threshold if p.threshold is None else p.threshold for p in members]
    cells = Cells(
        template=per_cell,  # one template per population: populations may share a CellSpec, engines may merge them
        population=per_cell,
        position_um=np.concatenate(list(positions.values())) if positions else np.zeros((0, 3)),
        threshold_mV=np.array(threshold, float)[per_cell],
    )
    return populations, cells
