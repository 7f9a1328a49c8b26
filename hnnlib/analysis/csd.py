"""Current source density along a laminar electrode."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import positive_number, traces
from hnnlib.base.errors import InvalidValue, UnknownName

__all__ = ["PROFILES", "csd", "inverse_csd", "laminar_spacing"]

PROFILES = ("delta", "spline")

POINTS = 24
"""Points of the Gauss-Legendre rule between two contacts."""


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
    h = positive_number("spacing", spacing, "µm")
    if phi.ndim < 2 or phi.shape[-2] < 4:
        raise InvalidValue("potential.shape", phi.shape, "must be (..., n_contacts, n_times) with at least 4 contacts")
    inner = -np.diff(phi, n=2, axis=-2) / h**2
    first = 2 * inner[..., :1, :] - inner[..., 1:2, :]
    last = 2 * inner[..., -1:, :] - inner[..., -2:-1, :]
    return np.concatenate([first, inner, last], axis=-2)


def inverse_csd(
    potential: Any, spacing: float, diameter: float = 500.0, conductivity: float = 0.3, profile: str = "spline"
) -> NDArray[np.float64]:
    r"""Return the current sources that make a laminar potential, if they fill a disc round the electrode at each depth.

    The potential on the axis of discs of radius :math:`R` with the source density :math:`C(z)` is [1]_

    .. math:: \varphi(z) = \frac{1}{2\sigma} \int C(z') \left(\sqrt{(z-z')^2 + R^2} - |z-z'|\right) dz'

    With a shape of :math:`C` given by its values at the contacts this is a matrix; its inverse gives the values. Unlike
    the second difference (`csd`) it knows how far sources reach sideways, and needs no extrapolation at the ends.

    Parameters
    ----------
    potential : array-like, shape (..., n_contacts, n_times)
        Extracellular potential (µV) at contacts in the order of depth, at least 2 (4 for a spline).
    spacing : float
        Distance between neighbouring contacts (µm).
    diameter : float
        Diameter of the discs (µm): about that of the active patch.
    conductivity : float
        Conductivity of the medium (S/m), the same everywhere.
    profile : str
        What :math:`C` is between the contacts: ``'spline'``, a natural cubic spline, 0 beyond the first and last
        contact; ``'delta'``, thin discs at the contacts, each with the current of a slice as thick as the spacing.

    Returns
    -------
    csd : ndarray, shape (..., n_contacts, n_times)
        Current source density at the contacts (µA/mm³), sinks negative.

    Raises
    ------
    UnknownName
        If there is no such profile.
    InvalidValue
        If there are too few contacts or a number is not above 0.

    References
    ----------
    .. [1] Pettersen et al. (2006), Journal of Neuroscience Methods 154:116-133, doi:10.1016/j.jneumeth.2005.12.005
    """
    h, width = positive_number("spacing", spacing, "µm"), positive_number("diameter", diameter, "µm")
    sigma = positive_number("conductivity", conductivity, "S/m")
    if profile not in PROFILES:
        raise UnknownName("profile", profile, "profile of source density", PROFILES)
    phi, least = traces("potential", potential), 4 if profile == "spline" else 2
    if phi.ndim < 2 or phi.shape[-2] < least:
        allowed = f"must be (..., n_contacts, n_times) with at least {least} contacts"
        raise InvalidValue("potential.shape", phi.shape, allowed)
    z = np.arange(phi.shape[-2], dtype=np.float64) * h
    if profile == "delta":
        at, weight = z, h * np.eye(z.size)
    else:
        at, weight = _spline_sources(z)
    distance = np.abs(z[:, None] - at)
    # µm² over S/m; 1 µA/mm³ over that makes 1e-3 µV
    reach = (np.sqrt(distance**2 + (width / 2) ** 2) - distance) / (2 * sigma)
    return np.asarray(1e3 * np.linalg.solve(reach @ weight, phi))


def _spline_sources(z: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return depths and, for each, the weights of the contacts' values in an integral over their spline."""
    from scipy.interpolate import CubicSpline

    x, w = np.polynomial.legendre.leggauss(POINTS)
    h = z[1] - z[0]
    at = (z[:-1, None] + 0.5 * h * (x + 1)).ravel()
    weight = np.tile(0.5 * h * w, z.size - 1)
    return at, weight[:, None] * CubicSpline(z, np.eye(z.size), bc_type="natural")(at)


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
