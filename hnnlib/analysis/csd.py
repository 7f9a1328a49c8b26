"""Current source density along a laminar electrode."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number
from hnnlib.base.errors import InvalidValue

__all__ = ["csd", "laminar_spacing"]


def csd(potential: Any, spacing: float) -> NDArray[np.float64]:
    r"""Return the current source density: minus the second spatial difference of the potential.

    .. math:: c_i = -(\varphi_{i-1} - 2 \varphi_i + \varphi_{i+1}) / h^2

    [1]_, without the conductivity as a factor. The rows of the first and the last contact are extrapolated linearly
    from the two next to them, so that the shape stays that of the potential (as in HNN-core 0.6.1). Sinks are negative.

    Parameters
    ----------
    potential : array-like, shape (..., n_contacts, n_times)
        Extracellular potential (µV) at contacts in the order of depth, at least 4.
    spacing : float
        Distance :math:`h` between neighbouring contacts (µm).

    Returns
    -------
    csd : ndarray, shape (..., n_contacts, n_times)
        Current source density (µV/µm²).

    Raises
    ------
    InvalidValue
        If there are fewer than 4 contacts (the borders need two rows inside) or the spacing is not positive.

    References
    ----------
    .. [1] Mitzdorf (1985), Physiological Reviews 65:37-100, doi:10.1152/physrev.1985.65.1.37
    """
    phi = np.asarray(potential, dtype=np.float64)
    h = finite_number("spacing", spacing, "µm")
    if h <= 0:
        raise InvalidValue("spacing", spacing, "must be > 0 µm")
    if phi.ndim < 2 or phi.shape[-2] < 4:
        raise InvalidValue("potential.shape", phi.shape, "must be (..., n_contacts, n_times) with at least 4 contacts")
    inner = -np.diff(phi, n=2, axis=-2) / h**2
    first = 2 * inner[..., :1, :] - inner[..., 1:2, :]
    last = 2 * inner[..., -1:, :] - inner[..., -2:-1, :]
    return np.concatenate([first, inner, last], axis=-2)


def laminar_spacing(positions: Any) -> float:
    """Return the depth between neighbouring contacts of a straight, evenly spaced electrode.

    Parameters
    ----------
    positions : array-like, shape (n_contacts, 3)
        Contact positions x, y, z (µm) in the order along the electrode; z is depth.

    Returns
    -------
    spacing : float
        Distance of the first two contacts in z (µm).

    Raises
    ------
    InvalidValue
        If there are fewer than 2 contacts, they don't lie on one line, are not evenly spaced, or have all the same z.
    """
    contacts = np.asarray(positions, dtype=np.float64)
    if contacts.ndim != 2 or contacts.shape[1] != 3 or contacts.shape[0] < 2:
        raise InvalidValue("positions.shape", contacts.shape, "must be (n_contacts, 3) with at least 2 contacts")
    steps = np.diff(contacts, axis=0)
    length = float(np.linalg.norm(steps[0]))
    # A thousandth of the spacing: positions are typed in by hand, often rounded to 0.1 µm.
    tolerance = 1e-3 * length
    off_line = np.linalg.norm(np.cross(steps, steps[0]), axis=1) > tolerance * length
    if length == 0 or np.any(off_line) or np.any(steps @ steps[0] <= 0):
        raise InvalidValue("positions", contacts.tolist(), "must lie on one line, in order")
    if np.any(np.abs(np.linalg.norm(steps, axis=1) - length) > tolerance):
        raise InvalidValue("positions", contacts.tolist(), "must be evenly spaced")
    depth = float(abs(steps[0, 2]))
    if depth <= tolerance:
        raise InvalidValue("positions", contacts.tolist(), "must differ in z: depth is along z")
    return depth
