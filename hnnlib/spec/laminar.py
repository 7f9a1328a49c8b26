"""Where the contacts of a laminar probe are."""

from __future__ import annotations

import math
import numbers
from typing import Any

from hnnlib.base.errors import InvalidType, InvalidValue

__all__ = ["laminar_probe"]


def laminar_probe(
    n_contacts: int = 25, spacing: float = 100.0, lowest: float = -325.0, x: float = 0.0, y: float = 0.0
) -> tuple[tuple[float, float, float], ...]:
    """Return the contacts of a straight, upright probe, the lowest first.

    Left as they are, the contacts reach from below the basal dendrites of layer 5 to above the tufts of the default
    column, whose layer 5 somata are at 0 µm.

    Parameters
    ----------
    n_contacts : int
        Number of contacts.
    spacing : float
        Distance between neighbouring contacts (µm).
    lowest : float
        Height of the lowest contact (µm).
    x, y : float
        Where the probe stands (µm).

    Returns
    -------
    positions : tuple of tuple of float, n_contacts of (x, y, z)
        Contacts (µm), for `Network.add_electrode_array` or `Electrodes`.

    Raises
    ------
    InvalidType, InvalidValue
        If a number is none or not finite, the number of contacts below 1 or the spacing not above 0.

    Examples
    --------
    >>> laminar_probe(3, spacing=500.0, lowest=0.0, x=20.0)
    ((20.0, 0.0, 0.0), (20.0, 0.0, 500.0), (20.0, 0.0, 1000.0))
    """
    if isinstance(n_contacts, bool) or not isinstance(n_contacts, numbers.Integral):
        raise InvalidType("n_contacts", n_contacts, "must be an integer")
    if n_contacts < 1:
        raise InvalidValue("n_contacts", n_contacts, "must be >= 1")
    step, low, at_x, at_y = (
        _number(name, value) for name, value in (("spacing", spacing), ("lowest", lowest), ("x", x), ("y", y))
    )
    if step <= 0:
        raise InvalidValue("spacing", spacing, "must be > 0 µm")
    return tuple((at_x, at_y, low + k * step) for k in range(int(n_contacts)))


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise InvalidType(name, value, "must be a number in µm")
    if not math.isfinite(value):
        raise InvalidValue(name, value, "must be finite")
    return float(value)
