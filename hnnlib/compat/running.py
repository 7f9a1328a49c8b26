"""HNN-core's ways to run: simulate_dipole, backends, electrode arrays."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from hnnlib.backends.launch.active import Backend, active_backend
from hnnlib.base.errors import InvalidValue
from hnnlib.compat.network import Network
from hnnlib.results.dipole import Dipole
from hnnlib.results.potentials import ElectrodeRecording
from hnnlib.simulation import simulate_dipole as simulate_quietly

__all__ = ["extracellular_array", "joblib_backend", "mpi_backend", "simulate_dipole"]

_EVERY = 10.0
"""How often HNN-core says how far a trial has come (ms)."""


def simulate_dipole(
    net: Network,
    tstop: float | None = None,
    dt: float = 0.025,
    n_trials: int | None = None,
    record_vsec: str | bool = False,
    record_isec: str | bool = False,
    record_ca: str | bool = False,
    postproc: bool = False,
    verbose: bool = True,
) -> list[Dipole]:
    """Simulate a network and return its dipoles; arguments as in `hnnlib.simulate_dipole`.

    ``verbose`` says on stdout how far each trial has come, as HNN-core does.
    """
    backend = active_backend()
    n_procs = getattr(backend, "n_procs", None)
    n_cells = sum(len(net.gid_ranges[name]) for name in net.spec.populations)
    if n_procs is not None and n_procs > n_cells:
        reason = f"More MPI processes were assigned than there are cells in the network ({n_cells})"
        raise InvalidValue("n_procs", n_procs, reason)
    told: Any = _Spoken() if verbose else False
    dipoles = simulate_quietly(
        net,
        tstop=tstop,
        dt=dt,
        n_trials=n_trials,
        record_vsec=record_vsec,
        record_isec=record_isec,
        record_ca=record_ca,
        postproc=postproc,
        verbose=told,
    )
    net.__dict__.update(_tstop=tstop, _dt=dt)
    return dipoles


class _Spoken:
    """Says on stdout how far trials have come: what users of HNN-core watch."""

    def __init__(self) -> None:
        self._said: dict[int, float] = {}

    def __call__(self, trial: int, t_ms: float) -> None:
        if t_ms >= self._said.get(trial, -_EVERY) + _EVERY:
            self._said[trial] = t_ms
            sys.stdout.write(f"Trial {trial + 1}: {t_ms:g} ms...\n")


def joblib_backend(n_jobs: int = 1) -> Backend:
    """Return a context manager that spreads trials over processes, as HNN-core's JoblibBackend."""
    from hnnlib.backends.launch.joblib import JoblibBackend

    return JoblibBackend(n_jobs=n_jobs)


def mpi_backend(
    n_procs: int | None = None,
    mpi_cmd: str | Sequence[str] = "mpiexec",
    use_hwthreading_if_found: bool = True,
    sensible_default_cores: bool = True,
    override_hwthreading_option: bool | None = None,
    override_oversubscribe_option: bool | None = None,
    verbose: bool = False,
) -> Backend:
    """Return a context manager that spreads cells and trials over MPI ranks, as HNN-core's MPIBackend.

    Parameters
    ----------
    n_procs : int, optional
        Number of ranks; 1: no MPI. Left out: one per core.
    mpi_cmd : str or list of str
        The command that starts ranks; ``'mpiexec'`` is the one of this Python environment, if it has one.
    use_hwthreading_if_found, sensible_default_cores, override_hwthreading_option, override_oversubscribe_option : bool
        Not needed: hnnlib tells the MPI at hand what it needs.
    verbose : bool
        Not needed either: what a rank says is in the error if it fails.
    """
    if n_procs == 1:
        return joblib_backend()
    from hnnlib.backends.launch.mpi import MPIBackend

    return MPIBackend(n_procs, None if mpi_cmd == "mpiexec" else mpi_cmd)


def extracellular_array(
    positions: Any,
    *,
    conductivity: float = 0.3,
    method: str | None = "psa",
    min_distance: float = 0.5,
    times: Any = None,
    voltages: Any = None,
) -> ElectrodeRecording:
    """Return an array of electrodes with what they recorded, nothing if it is left out.

    Parameters
    ----------
    positions : tuple or list of tuple
        One contact (x, y, z) or several, in µm.
    conductivity : float
        Of the medium (S/m).
    method : 'psa', 'lsa' or None
        Point sources, line sources, or the plain sum of membrane currents.
    min_distance : float
        Nearer membrane counts as this far away (µm).
    times : array-like, shape (n_times,), optional
        Times (ms).
    voltages : array-like, shape (n_trials, n_contacts, n_times), optional
        Potentials (µV).
    """
    where = np.atleast_2d(np.array(positions, float))
    t = np.zeros(0) if times is None else np.array(times, float)
    v = np.zeros((0, len(where), t.size)) if voltages is None else np.array(voltages, float)
    return ElectrodeRecording(
        positions=where, conductivity=conductivity, method=method, min_distance=min_distance, times=t, voltages=v
    )
