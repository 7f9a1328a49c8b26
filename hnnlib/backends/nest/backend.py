"""NEST in worker processes, by name."""

from __future__ import annotations

import os

from hnnlib.backends.launch.active import Backend
from hnnlib.backends.launch.joblib import JoblibLauncher
from hnnlib.backends.nest.engine import NestEngine

__all__ = ["NestBackend"]


class NestBackend(Backend):
    """Run on NEST: ``with NestBackend(dt=0.1, n_jobs=2): simulate_dipole(net, tstop=170.)``.

    Parameters
    ----------
    threads : int
        As in `NestEngine`.
    dt : float, optional
        As in `NestEngine` (ms).
    dipole : 'kernel', 'replay' or 'none'
        As in `NestEngine`.
    n_jobs : int
        Number of worker processes, each with trials of its own; -1 for one per core, 1 for this process.
    point_cells, dipole_kernels : path, optional
        As in `NestEngine`.

    Raises
    ------
    MissingPackage
        If NEST is not installed.
    InvalidValue
        If a number is out of range, or ``dipole`` is unknown.
    """

    def __init__(
        self,
        threads: int = 1,
        dt: float | None = None,
        dipole: str = "kernel",
        n_jobs: int = 1,
        point_cells: str | os.PathLike[str] | None = None,
        dipole_kernels: str | os.PathLike[str] | None = None,
    ) -> None:
        engine = NestEngine(threads, dt, dipole, point_cells, dipole_kernels)
        super().__init__(launcher=JoblibLauncher(n_jobs), engine=engine)
