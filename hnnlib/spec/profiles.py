"""How a membrane parameter varies along a cell: values, not functions, so that they can be stored and compared.

``x`` is the path distance in µm from the 0 end of the root section to the centre of a segment.
"""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue
from hnnlib.base.schema import documented, quantity, sequence

__all__ = ["Exponential", "Linear", "Profile", "Sampled", "evaluate"]


@documented
@attrs.frozen(kw_only=True)
class Exponential:
    """``scale * (exp(rate * x) + offset)``."""

    kind: ClassVar[str] = "exponential"
    scale: float = quantity(doc="value at x = 0 when offset is 0")
    rate: float = quantity(unit="1/µm", doc="growth per µm of path distance")
    offset: float = quantity(0.0, doc="added to the exponential before scaling")


@documented
@attrs.frozen(kw_only=True)
class Linear:
    """From ``start`` at x = 0 to ``end`` at x = ``reach``, constant beyond."""

    kind: ClassVar[str] = "linear"
    start: float = quantity(doc="value at x = 0")
    end: float = quantity(doc="value at and beyond x = reach")
    reach: float = quantity(unit="µm", gt=0, doc="path distance where the value stops changing")


@documented
@attrs.frozen(kw_only=True)
class Sampled:
    """One value for each segment of the section, from its 0 end to its 1 end."""

    kind: ClassVar[str] = "sampled"
    values: tuple[float, ...] = sequence(doc="one value per segment")


Profile = Exponential | Linear | Sampled


def evaluate(profile: float | Profile, x: np.ndarray) -> np.ndarray:
    """Return the value of a profile at path distances.

    Parameters
    ----------
    profile : float or Profile
        A number is the same everywhere.
    x : array, shape (n_segments,)
        Path distances of the segment centres of one section (µm).

    Returns
    -------
    values : array, shape (n_segments,)

    Raises
    ------
    InvalidValue
        If a `Sampled` profile has another number of values than the section has segments.
    """
    if isinstance(profile, Exponential):
        return profile.scale * (np.exp(profile.rate * x) + profile.offset)
    if isinstance(profile, Linear):
        return profile.start + np.minimum(profile.reach, x) * (profile.end - profile.start) / profile.reach
    if isinstance(profile, Sampled):
        if len(profile.values) != len(x):
            raise InvalidValue("", profile.values, f"must hold one value for each of the {len(x)} segments")
        return np.array(profile.values, float)
    return np.full(len(x), float(profile))
