"""How a membrane parameter varies over a domain: values of the path distance from the middle of the soma.

A number is the same everywhere. The other rules take the distance x in µm, or, with ``relative_to``, as a part of the
largest distance that the domain, or the whole apical tree, reaches.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue
from hnnlib.base.schema import choice, documented, number, quantity
from hnnlib.embedding.form.morphology import Morphology

__all__ = [
    "ExponentialRule",
    "LinearRule",
    "Rule",
    "SigmoidRule",
    "WindowRule",
    "evaluate_rule",
    "parameter",
    "reaches",
]


def _relative() -> Any:
    return choice(
        (None, "domain", "apical"),
        None,
        doc="x is a part of the largest distance in the domain that the rule is given for, or in the apical tree",
    )


def _rising(begin: float, end: float) -> None:
    if end <= begin:
        raise InvalidValue("end", end, f"must be beyond begin ({begin:g})")


@documented
@attrs.frozen(kw_only=True)
class LinearRule:
    """From ``near`` at x = ``begin`` to ``far`` at x = ``end``, constant before and beyond."""

    kind: ClassVar[str] = "linear"
    near: float = quantity(doc="value up to x = begin")
    far: float = quantity(doc="value from x = end on")
    begin: float = quantity(0.0, ge=0, doc="where the value starts to change")
    end: float = quantity(gt=0, doc="where it stops")
    relative_to: str | None = _relative()

    def __attrs_post_init__(self) -> None:
        _rising(self.begin, self.end)


@documented
@attrs.frozen(kw_only=True)
class ExponentialRule:
    """``offset + scale * exp(rate * (x - begin))``, and no more than ``cap``."""

    kind: ClassVar[str] = "exponential"
    scale: float = quantity(doc="the exponential's part at x = begin")
    rate: float = quantity(doc="growth per distance (1/µm, or per part)")
    offset: float = quantity(0.0, doc="added")
    begin: float = quantity(0.0, ge=0, doc="where distance starts to count")
    cap: float | None = quantity(None, optional=True, doc="largest value; None: none")
    relative_to: str | None = _relative()


@documented
@attrs.frozen(kw_only=True)
class SigmoidRule:
    """``near + (far - near) / (1 + exp(-(x - middle) / width))``."""

    kind: ClassVar[str] = "sigmoid"
    near: float = quantity(doc="value far before the middle")
    far: float = quantity(doc="value far beyond it")
    middle: float = quantity(ge=0, doc="where the value is half-way")
    width: float = quantity(gt=0, doc="distance over which it changes e-fold")
    relative_to: str | None = _relative()


@documented
@attrs.frozen(kw_only=True)
class WindowRule:
    """``inside`` where begin <= x <= end, ``outside`` elsewhere: a hot zone."""

    kind: ClassVar[str] = "window"
    inside: float = quantity(doc="value in the window")
    outside: float = quantity(0.0, doc="value elsewhere")
    begin: float = quantity(ge=0, doc="where the window begins")
    end: float = quantity(gt=0, doc="where it ends")
    relative_to: str | None = _relative()

    def __attrs_post_init__(self) -> None:
        _rising(self.begin, self.end)


Rule = LinearRule | ExponentialRule | SigmoidRule | WindowRule


def parameter(value: Any, path: str) -> float | Rule:
    """Return ``value`` if it is a rule or a finite number, or raise with the path."""
    return value if isinstance(value, Rule) else number(value, path)


def reaches(morphology: Morphology) -> dict[str, float]:
    """Return how far each domain goes.

    Parameters
    ----------
    morphology : Morphology
        Whose.

    Returns
    -------
    reaches : dict of str to float
        Domain -> largest path distance of a section's end from the middle of the soma (µm); ``apical``, of all parts of
        that tree, and ``all`` too.
    """
    ends = morphology.start_distance_um + morphology.lengths_um
    ends[0] /= 2
    found: dict[str, float] = {}
    for domain, end in zip(morphology.domains, ends.tolist(), strict=True):
        for name in (domain, domain.split("_")[0], "all"):
            found[name] = max(found.get(name, 0.0), end)
    return found


def evaluate_rule(
    value: float | Rule, distance_um: np.ndarray, domain: str, reach_um: Mapping[str, float]
) -> np.ndarray:
    """Return what a rule says at path distances.

    Parameters
    ----------
    value : float or Rule
        A number is the same everywhere.
    distance_um : array, shape (n,)
        Path distances from the middle of the soma (µm).
    domain : str
        What the rule is given for: a domain, ``apical`` or ``all``.
    reach_um : dict of str to float
        Largest distances, as `reaches` gives them.

    Returns
    -------
    values : array, shape (n,)

    Raises
    ------
    InvalidValue
        If the rule is relative to an apical tree, and there is none.
    """
    if not isinstance(value, Rule):
        return np.full(len(distance_um), float(value))
    x = np.asarray(distance_um, float)
    if value.relative_to is not None:
        of = domain if value.relative_to == "domain" else "apical"
        if of not in reach_um:
            raise InvalidValue("relative_to", value.relative_to, f"needs a morphology with {of} sections")
        x = x / reach_um[of]
    if isinstance(value, LinearRule):
        return np.interp(x, [value.begin, value.end], [value.near, value.far])
    if isinstance(value, ExponentialRule):
        found = value.offset + value.scale * np.exp(value.rate * (x - value.begin))
        return found if value.cap is None else np.minimum(found, value.cap)
    if isinstance(value, SigmoidRule):
        # tanh: the same as the exponential's form, and never too large a number
        return value.near + (value.far - value.near) * 0.5 * (1 + np.tanh((x - value.middle) / (2 * value.width)))
    return np.where((x >= value.begin) & (x <= value.end), value.inside, value.outside)
