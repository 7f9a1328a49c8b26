"""A morphology moved, turned or stretched."""

from __future__ import annotations

import attrs
import numpy as np

from hnnlib.base.errors import InvalidValue
from hnnlib.embedding.form.morphology import Morphology

__all__ = ["aligned", "apical_direction", "is_upright", "scaled", "soma_middle"]


def soma_middle(morphology: Morphology) -> np.ndarray:
    """Return the middle of the soma's path (µm), shape (3,).

    Parameters
    ----------
    morphology : Morphology
        A cell.
    """
    points = morphology.points[0][:, :3]
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return np.array([np.interp(way[-1] / 2, way, points[:, axis]) for axis in range(3)])


def apical_direction(origin: np.ndarray, paths: list[np.ndarray]) -> np.ndarray:
    """Return the direction from a place to the middle of the dendrites in some paths, shape (3,).

    Parameters
    ----------
    origin : array, shape (3,)
        The place (µm).
    paths : list of array, shape (n_points, >=3)
        x, y, z (µm) along each dendrite.

    Returns
    -------
    direction : array, shape (3,)
        Of length 1; +z if there are no dendrites, or their middle is the place.
    """
    moment, length = np.zeros(3), 0.0
    for path in paths:
        steps = np.linalg.norm(np.diff(path[:, :3], axis=0), axis=1)
        moment += steps @ (path[1:, :3] + path[:-1, :3]) / 2
        length += steps.sum()
    towards = moment / length - origin if length > 0 else np.zeros(3)
    size = np.linalg.norm(towards)
    return towards / size if size > 0 else np.array([0.0, 0.0, 1.0])


def aligned(morphology: Morphology) -> Morphology:
    """Return the cell as a column holds it: the soma's middle at the origin, the apical tree upwards along z.

    Upwards is where the middle of the apical dendrites lies, each weighted by its length. The turn is the smallest
    that there is; a cell without apical dendrites is moved only.

    Parameters
    ----------
    morphology : Morphology
        A cell as it was traced, in whatever direction.

    Returns
    -------
    Morphology
    """
    origin = soma_middle(morphology)
    apical = [p for p, kind in zip(morphology.points, morphology.types, strict=True) if kind == "apical"]
    turn = _turn_to_z(apical_direction(origin, apical))

    def moved(points: np.ndarray) -> np.ndarray:
        xyz = points[:, :3] - origin
        # Sums of columns, not a matrix product: that one rounds by where a row stands, and ends would no longer meet.
        turned = [sum(xyz[:, k] * turn[axis, k] for k in range(3)) for axis in range(3)]
        return np.column_stack([*turned, points[:, 3]])

    return attrs.evolve(morphology, points=tuple(moved(p) for p in morphology.points))


def is_upright(morphology: Morphology) -> bool:
    """Return whether a cell stands as `aligned` puts it: within a degree, and a µm of the origin.

    Parameters
    ----------
    morphology : Morphology
        A cell.
    """
    origin = soma_middle(morphology)
    apical = [p for p, kind in zip(morphology.points, morphology.types, strict=True) if kind == "apical"]
    return bool(np.abs(origin).max() <= 1.0 and apical_direction(origin, apical)[2] >= np.cos(np.radians(1.0)))


def _turn_to_z(direction: np.ndarray) -> np.ndarray:
    """Return the rotation of a direction into +z about the axis at right angles to both (Rodrigues' formula)."""
    x, y, z = direction
    sine = np.hypot(x, y)
    if sine < 1e-9:
        return np.diag([1.0, np.sign(z), np.sign(z)])
    cross = np.array([[0.0, 0.0, -x], [0.0, 0.0, -y], [x, y, 0.0]])
    return np.eye(3) + cross + cross @ cross * ((1 - z) / sine**2)


def scaled(
    morphology: Morphology, *, length: float = 1.0, diameter: float = 1.0, domains: str | list[str] | None = None
) -> Morphology:
    """Return the cell with longer or shorter, thicker or thinner sections; what sits on them moves along.

    Parameters
    ----------
    morphology : Morphology
        A cell.
    length : float
        Factor on lengths. The soma's middle stays where it is.
    diameter : float
        Factor on diameters.
    domains : str or list of str, optional
        Domains to change, or ``apical`` for all of the apical tree; left out: the whole cell.

    Returns
    -------
    Morphology

    Raises
    ------
    InvalidValue
        If a factor is not above 0.
    UnknownName
        If there is no such domain.
    """
    for path, value in (("length", length), ("diameter", diameter)):
        if not 0 < value < np.inf:
            raise InvalidValue(path, value, "must be > 0 and finite")
    names = [domains] if isinstance(domains, str) else domains
    every = range(morphology.n_sections)
    members = set(every if names is None else morphology.sections_of(*names).tolist())
    middle = soma_middle(morphology)
    points: list[np.ndarray] = []
    for i in every:
        old, above = morphology.points[i], int(morphology.parent[i])
        factor = length if i in members else 1.0
        if above > 0:
            end = -int(morphology.parent_end[i])
            shift = points[above][end, :3] - morphology.points[above][end, :3]
            anchor = old[0, :3]
        else:
            anchor = middle if above < 0 else old[0, :3]
            shift = (anchor - middle) * ((length if 0 in members else 1.0) - 1.0)
        new = old.copy()
        new[:, :3] = anchor + shift + (old[:, :3] - anchor) * factor
        if above > 0:
            new[0, :3] = points[above][end, :3]  # to the last bit: the sum above is rounded
        new[:, 3] *= diameter if i in members else 1.0
        points.append(new)
    return attrs.evolve(morphology, points=tuple(points))
