"""How much of a dendrite's voltage arrives at the soma."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidValue
from hnnlib.base.schema import number
from hnnlib.embedding.membrane.cell import DetailedCell
from hnnlib.mechanisms.catalogue import lookup
from hnnlib.plan.tables import Template

__all__ = ["attenuation"]

_LEAKS: Mapping[str, str] = immutabledict({"pas": "g", "hh2": "gl"})
_AT_ONCE = 256  # right sides that are solved together: 256 columns of 2500 segments are 10 MB


def attenuation(cell: DetailedCell, frequency: float = 0.0) -> np.ndarray:
    """Return the part of the voltage at each segment that arrives at the soma.

    Current goes into one segment; what is returned for it is the amplitude of the voltage at the middle of the soma, by
    that at the segment itself: 1 at the soma, less the further away.

    Parameters
    ----------
    cell : DetailedCell
        The cell, at rest: its membrane is the capacitance and the leaks (``pas``, and that of ``hh2``); what other
        channels let through at rest is left out.
    frequency : float
        Of the current (Hz, >= 0); 0: a steady one.

    Returns
    -------
    ratio : array, shape (n_segments,)

    Raises
    ------
    InvalidValue
        If the frequency is negative, or the cell has no leak.

    Notes
    -----
    The inverse of the matrix of admittances has the transfer impedances between all places; the ratio is that from the
    segment to the soma by the segment's own input impedance (Koch 1999, Biophysics of Computation, section 3.4).
    """
    from scipy.sparse.linalg import splu

    frequency = number(frequency, "frequency", unit="Hz", ge=0)
    template = cell.template
    n = template.n_segments
    solver = splu(_admittances(template, frequency))
    size = solver.shape[0]
    own = np.empty(n, complex)
    to_soma = np.empty(n, complex)
    for first in range(0, n, _AT_ONCE):
        columns = np.arange(first, min(first + _AT_ONCE, n))
        ones = np.zeros((size, len(columns)), complex)
        ones[columns, columns - first] = 1.0
        voltages = solver.solve(ones)
        own[columns] = voltages[columns, columns - first]
        to_soma[columns] = voltages[template.spike_segment]
    return np.abs(to_soma / own)


def _admittances(template: Template, frequency: float) -> Any:
    """Return the sparse matrix of admittances (µS) of all segments, and after them of the ends of sections."""
    from scipy.sparse import coo_matrix

    sections, segments = template.sections, template.segments
    n, n_sections = template.n_segments, len(sections.names)
    start, end = np.empty(n_sections, np.int64), n + np.arange(n_sections)
    for i, above in enumerate(sections.parent.tolist()):  # parents stand before their children
        start[i] = n + n_sections if above < 0 else end[above] if sections.parent_end[i] else start[above]
    first, last = sections.first_segment, sections.first_segment + sections.nseg - 1
    inner = np.setdiff1d(np.arange(n), last)
    one = np.concatenate([start, inner, last])
    other = np.concatenate([first, inner + 1, end])
    near, far = segments.near_MOhm, segments.far_MOhm
    axial = 1 / np.concatenate([near[first], far[inner] + near[inner + 1], far[last]])
    membrane = _leak(template) * segments.area_um2 * 1e-2  # S/cm² µm² = 1e-2 µS
    capacitance = sections.cm_uF_cm2[segments.section] * segments.area_um2  # µF/cm² µm² = 1e-14 F
    own = membrane + 2j * np.pi * frequency * capacitance * 1e-8
    rows = np.concatenate([one, other, one, other, np.arange(n)])
    columns = np.concatenate([one, other, other, one, np.arange(n)])
    values = np.concatenate([axial, axial, -axial, -axial, own])
    size = n + n_sections + 1
    return coo_matrix((values, (rows, columns)), shape=(size, size)).tocsc()


def _leak(template: Template) -> np.ndarray:
    """Return the conductance of the leaks of each segment (S/cm²)."""
    found = np.zeros(template.n_segments)
    for density in template.densities:
        if (name := _LEAKS.get(density.mechanism)) is not None:
            default = lookup(density.mechanism).parameters[name].default
            given = density.parameters.get(name, np.full(len(density.segments), np.nan))
            found[density.segments] += np.where(np.isnan(given), default, given)
    if not found.any():
        raise InvalidValue("cell", template.name, f"has no leak (a mechanism of {', '.join(_LEAKS)})")
    return found
