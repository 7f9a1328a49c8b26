"""A simulated dipole at a place in a head: handed over to MNE-Python, which knows what sensors see of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import positive_number
from hnnlib.base.errors import InvalidType, InvalidValue, MissingPackage

__all__ = ["source_estimate"]

_NAM_TO_AM = 1e-9


def source_estimate(
    times: NDArray[np.float64],
    moment: NDArray[np.float64],
    forward: Any,
    position: Any,
    orientation: Any = None,
    max_distance: float = 0.01,
) -> Any:
    """Return a dipole moment as MNE's source estimate, active at one source of a forward solution.

    What sensors see of it is then ``mne.apply_forward(forward, estimate, info)``.

    Parameters
    ----------
    times : ndarray, shape (n_times,)
        Times (ms), evenly spaced.
    moment : ndarray, shape (n_times,)
        Dipole moment (nAm).
    forward : mne.Forward
        Forward solution, of any kind of source space.
    position : array-like, shape (3,)
        Where the dipole is (m), in the coordinates of ``forward`` (the head's, as a rule); the nearest source is taken,
        e.g. ``forward['src'][0]['rr'][vertex]``.
    orientation : array-like, shape (3,), optional
        Direction of a positive moment, of any length. Left out: the normal of that source. A positive moment is a
        current up the apical dendrites, towards the surface of the cortex, where MNE's normals point to.
    max_distance : float
        How far away the nearest source may be (m).

    Returns
    -------
    estimate : mne.SourceEstimate, mne.VolSourceEstimate or mne.MixedSourceEstimate
        Moments (Am) over time (s) at one source; with an orientation, MNE's vector estimate, for which ``forward`` must
        have free orientations.

    Raises
    ------
    MissingPackage
        If MNE-Python is not installed.
    InvalidType
        If ``forward`` is no forward solution.
    InvalidValue
        If no source is near enough, or position or orientation are no such vector.
    """
    try:
        import mne
    except ImportError:
        raise MissingPackage("mne", "mne") from None
    if not isinstance(forward, mne.Forward):
        raise InvalidType("forward", forward, "must be an mne.Forward")
    data = moment[np.newaxis] * _NAM_TO_AM
    kind = {"surface": "", "volume": "Vol", "discrete": "Vol", "mixed": "Mixed"}[forward["src"].kind]
    if orientation is not None:
        direction = _vector("orientation", orientation)
        length = float(np.linalg.norm(direction))
        if length == 0:
            raise InvalidValue("orientation", orientation, "must not be zero")
        data = data[:, np.newaxis] * (direction / length)[:, np.newaxis]
        kind += "Vector"
    make = getattr(mne, f"{kind}SourceEstimate")
    vertices = _one_vertex(forward, _vector("position", position), max_distance)
    return make(data, vertices, tmin=1e-3 * times[0], tstep=1e-3 * (times[-1] - times[0]) / (len(times) - 1))


def _vector(name: str, value: Any) -> NDArray[np.float64]:
    try:
        vector = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise InvalidType(name, value, "must be three numbers") from None
    if vector.shape != (3,) or not np.isfinite(vector).all():
        raise InvalidValue(name, value, "must be three finite numbers")
    return vector


def _one_vertex(forward: Any, position: NDArray[np.float64], max_distance: float) -> list[NDArray[np.int64]]:
    """Return the vertex nearest to a position, as a list with one array for each of the forward's source spaces."""
    distance = np.linalg.norm(forward["source_rr"] - position, axis=1)
    source = int(np.argmin(distance))
    if distance[source] > positive_number("max_distance", max_distance, "m"):
        allowed = (
            f"is {distance[source]:.3g} m from the nearest source, more than {max_distance:g} m (positions are in m)"
        )
        raise InvalidValue("position", position.tolist(), allowed)
    vertices, first = [], 0
    for space in forward["src"]:
        here = source - first
        inside = 0 <= here < space["nuse"]
        vertices.append(np.array([space["vertno"][here]] if inside else [], np.int64))
        first += space["nuse"]
    return vertices
