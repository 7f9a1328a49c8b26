"""A detailed cell in space on a flat page: a camera that turns, and the branches that it sees."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hnnlib.analysis.checks import finite_number
from hnnlib.viz.branches import drawn_ends, is_soma
from hnnlib.viz.detailed import widths_of_lines

__all__ = ["Camera", "Tree"]

FADE = 0.4
"""Part of the background in the colour of the farthest branches."""


THINNEST = 1.1
"""Least width of lines (points): films have few pixels."""


class Camera:
    """A camera without perspective that looks at the soma's middle and turns around the z axis.

    Parameters
    ----------
    segments : SegmentTable
        The cell's segments.
    elev, azim : float
        Where it is at the beginning (degrees): above the horizon, and around the cell from the front.
    turn : float
        How far it turns from frame to frame (degrees).
    """

    def __init__(self, segments: Any, elev: Any, azim: Any, turn: Any) -> None:
        self.elev, self.azim, self.turn = (
            finite_number(name, value, "degrees") for name, value in (("elev", elev), ("azim", azim), ("turn", turn))
        )
        self.ends = drawn_ends(segments)
        soma = np.flatnonzero(is_soma(segments))
        self.middle = self.ends[soma if soma.size else slice(None)].mean(axis=(0, 1))
        self.reach = float(np.linalg.norm((self.ends - self.middle)[..., :2], axis=-1).max()) or 1.0

    def seen(self, points: NDArray[np.float64], frame: int) -> NDArray[np.float64]:
        """Return places on the page, to the right, up, and towards the camera, shape (n, 3) (µm).

        Parameters
        ----------
        points : array, shape (n, 3)
            Places (µm).
        frame : int
            Number of the frame.
        """
        a, e = np.radians(self.azim + self.turn * frame), np.radians(self.elev)
        right = np.array([np.cos(a), np.sin(a), 0.0])
        level = np.array([np.sin(a), -np.cos(a), 0.0])  # from the front, x runs to the right and y away
        up = np.array([0.0, 0.0, np.cos(e)]) - np.sin(e) * level
        towards = np.array([0.0, 0.0, np.sin(e)]) + np.cos(e) * level
        return (points - self.middle) @ np.array([right, up, towards]).T

    def window(self, xlim: Any, ylim: Any) -> NDArray[np.float64]:
        """Return the lowest and highest place on the page that shows the cell from everywhere, shape (2, 2) (µm).

        Parameters
        ----------
        xlim, ylim : tuple of float or None
            Limits that hold in place of these (µm).
        """
        points, e = (self.ends - self.middle).reshape(-1, 3), np.radians(self.elev)
        up, swing = points[:, 2] * np.cos(e), np.linalg.norm(points[:, :2], axis=1) * abs(np.sin(e))
        low, high = float((up - swing).min()), float((up + swing).max())
        edge = 0.02 * (high - low)
        across = xlim or (-self.reach - edge, self.reach + edge)
        return np.array([across, ylim or (low - edge, high + edge)]).T


class Tree:
    """The branches as one collection of lines, coloured anew in each frame; the farther away, the paler.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
        Where to draw.
    segments : SegmentTable
        The cell's segments.
    camera : Camera
        What looks at them.
    values : array, shape (n_segments, n_times)
        What colours them.
    mappable : matplotlib.cm.ScalarMappable
        Which colour means what.
    background : color
        Of the axes.
    """

    def __init__(
        self, ax: Any, segments: Any, camera: Camera, values: NDArray[np.float64], mappable: Any, background: Any
    ) -> None:
        from matplotlib.collections import LineCollection
        from matplotlib.colors import to_rgb

        self._camera, self._values, self._mappable = camera, values, mappable
        self._background, self._segments = np.array(to_rgb(background)), segments
        self._soma = is_soma(segments)
        self._widths = np.asarray(segments.diam_um, np.float64)
        self.lines: Any = LineCollection([], capstyle="round", zorder=2)
        ax.add_collection(self.lines, autolim=False)

    def fit(self, ax: Any, window: NDArray[np.float64]) -> None:
        """Give lines the width of the branches, once the axes have their place.

        Parameters
        ----------
        ax : matplotlib.axes.Axes
            The axes.
        window : array, shape (2, 2)
            The lowest and highest place that is seen (µm).
        """
        self._widths = widths_of_lines(ax, self._segments, window, THINNEST)

    def show(self, frame: int, sample: int) -> None:
        """Draw a frame.

        Parameters
        ----------
        frame : int
            Number of the frame.
        sample : int
            Number of the sample.
        """
        ends = self._camera.seen(self._camera.ends.reshape(-1, 3), frame).reshape(-1, 2, 3)
        depth = ends[:, :, 2].mean(axis=1)
        order = np.lexsort((depth, self._soma))  # the soma last, over the dendrites' beginnings
        colors = np.array(self._mappable.to_rgba(self._values[order, sample]))
        part = FADE * np.clip(0.5 - 0.5 * depth[order, np.newaxis] / self._camera.reach, 0.0, 1.0)
        colors[:, :3] = (1 - part) * colors[:, :3] + part * self._background
        self.lines.set_segments(ends[order, :, :2])
        self.lines.set_color(colors)
        self.lines.set_linewidths(self._widths[order])
