"""Kernels that turn spikes into the dipole of cells: what is stored of a cell type, and what a plan needs of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from hnnlib.base.schema import choice, documented, integer, mapping, number, quantity, sequence, text

__all__ = ["Channel", "DipoleKernels", "PopulationKernels", "Term"]


@documented
@attrs.frozen(kw_only=True)
class Channel:
    """Synapses that are told apart: those of one receptor at one place of the cell."""

    name: str = text(doc="place and receptor, e.g. proximal.ampa")
    sections: tuple[str, ...] = sequence(doc="sections of the place; an event on all of them counts as one")
    receptor: str = text(doc="receptor")
    tau1: float = quantity(unit="ms", gt=0, doc="rise of its conductance")
    tau2: float = quantity(unit="ms", gt=0, doc="decay of its conductance")
    kernel: tuple[float, ...] = sequence(of=number, doc="response to a small event: coefficients (fAm/µS) of the bumps")
    heaviest_uS: float = quantity(0.0, unit="µS", ge=0, doc="heaviest event in the training set; 0: there was none")
    most_open_uS: float = quantity(0.0, unit="µS", ge=0, doc="largest conductance of a cell in the training set")


@documented
@attrs.frozen(kw_only=True)
class Term:
    """One correction of the small-signal response: a signal of each cell, and the kernel it is convolved with.

    With g the conductance that is open in ``channels`` (µS) and h that in ``by``: ``saturation`` is
    ``g - level log(1 + g / level)``, which vanishes for small g; ``product`` is ``g / (g + level)`` times
    ``h / (h + by_level)``; ``spike`` is the cell's own spike number ``nth`` within a burst (0: the first; the last such
    term takes all later ones), a delta function.
    """

    signal: str = choice(("saturation", "product", "spike"), doc="which")
    channels: tuple[str, ...] = sequence((), doc="channels whose conductances add up to g")
    level: float = quantity(1.0, unit="µS", gt=0, doc="conductance of half effect")
    by: tuple[str, ...] = sequence((), doc="channels whose conductances add up to h")
    by_level: float = quantity(1.0, unit="µS", gt=0, doc="conductance of half effect")
    nth: int = integer(0, ge=0, doc="number of the spike in its burst")
    kernel: tuple[float, ...] = sequence((), of=number, doc="coefficients of the bumps (fAm per unit of the signal)")


@documented
@attrs.frozen(kw_only=True)
class DipoleKernels:
    """How the current dipole of a cell type follows from the events that reach a cell and from its own spikes."""

    digest: str = text(doc="`cell_digest` of the cell")
    names: tuple[str, ...] = sequence(doc="populations that it was fitted to")
    step_ms: float = quantity(0.25, unit="ms", gt=0, doc="step of the signals")
    longest_ms: float = quantity(140.0, unit="ms", gt=0, doc="length of the kernels")
    n_bumps: int = integer(15, ge=2, doc="number of raised cosines on a logarithmic time axis that kernels are sums of")
    burst_ms: float = quantity(30.0, unit="ms", gt=0, doc="silence after which a spike is the first of a burst")
    rest_ms: tuple[float, ...] = sequence(of=number, doc="times from the start of a run, and")
    rest_fAm: tuple[float, ...] = sequence(of=number, doc="the dipole of a cell there that nothing reaches")
    channels: tuple[Channel, ...] = sequence(of=Channel, doc="where events arrive")
    terms: tuple[Term, ...] = sequence(of=Term, doc="corrections")
    most_spikes: int = integer(0, ge=0, doc="most spikes of a cell within 100 ms in the training set")
    provenance: Mapping[str, Any] = mapping({}, doc="what it was fitted to, and with what")
    scores: Mapping[str, Any] = mapping({}, doc="held-out runs -> R² of the dipole, raw and smoothed")


@attrs.frozen(kw_only=True, eq=False)
class PopulationKernels:
    """Kernels of the cells of one population, and the contacts that end on them."""

    population: str
    gid_start: int
    n_cells: int
    kernels: DipoleKernels
    source_gid: np.ndarray  # int32, a row for each source, cell and channel
    cell: np.ndarray  # int32, within the population
    channel: np.ndarray  # int16, of the kernels' channels
    weight_uS: np.ndarray  # on each of the channel's sections
    delay_ms: np.ndarray
