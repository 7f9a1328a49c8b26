"""External drives: sources of spikes that are not simulated, and the synapses that they act on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import attrs
from immutabledict import immutabledict

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import checked, documented, integer, mapping, number, quantity, sequence, text

__all__ = ["BurstyDrive", "Drive", "DriveSpec", "EvokedDrive", "PoissonDrive", "SpikeTrainDrive"]


def _weights(value: Any, path: str) -> Mapping[str, float]:
    if not isinstance(value, Mapping):
        raise InvalidType(path, value, "must be a mapping receptor -> weight (µS)")
    return immutabledict({r: number(w, f"{path}[{r!r}]", unit="µS", ge=0) for r, w in value.items()})


@documented
@attrs.frozen(kw_only=True)
class Drive:
    """What all drives share. Every drive cell sits at the network's origin.

    ``n_drive_cells="n_cells"`` gives every targeted cell a drive cell of its own; a number gives that many drive cells,
    each connected to all targeted cells (1: all cells get the same spikes). A target with no weights at all, as HNN's
    legacy mode has them, gets drive cells that nobody hears.
    """

    location: str = text(doc="group of sections or section of the targets")
    weights: Mapping[str, Mapping[str, float]] = mapping(of=_weights, doc="population -> receptor -> weight (µS)")
    delays: float | Mapping[str, float] = quantity(
        0.1, unit="ms", ge=0, per_name=True, doc="delay at distance 0; one for all or by population"
    )
    probability: float | Mapping[str, float] = quantity(
        1.0, gt=0, le=1, per_name=True, doc="part of the pairs that is kept; one for all or by population"
    )
    space_constant: float = quantity(3.0, unit="grid units", gt=0, doc="decay with horizontal distance to the origin")
    n_drive_cells: int | str = integer("n_cells", ge=1, words=("n_cells",), doc="'n_cells' or a number")
    event_seed: int | None = integer(None, optional=True, doc="HNN-core's seed; None: an independent stream")
    conn_seed: int | None = integer(None, ge=0, optional=True, doc="HNN-core's seed of pruning; None: independent")

    def __attrs_post_init__(self) -> None:
        if not self.weights:
            raise InvalidValue("weights", {}, "must name at least one target population")
        for name in ("delays", "probability"):
            value = getattr(self, name)
            if isinstance(value, Mapping) and set(value) != set(self.weights):
                raise InvalidValue(name, sorted(value), f"must have exactly the targets {sorted(self.weights)}")

    @property
    def cell_specific(self) -> bool:
        """Whether each targeted cell has a drive cell of its own."""
        return self.n_drive_cells == "n_cells"

    def delay_to(self, population: str) -> float:
        """Return the delay to a target population at distance 0 (ms).

        Parameters
        ----------
        population : str
            The target.
        """
        return self.delays[population] if isinstance(self.delays, Mapping) else self.delays

    def probability_of(self, population: str) -> float:
        """Return the part of the pairs with a target population that is kept.

        Parameters
        ----------
        population : str
            The target.
        """
        return self.probability[population] if isinstance(self.probability, Mapping) else self.probability


@documented
@attrs.frozen(kw_only=True)
class EvokedDrive(Drive):
    """Each drive cell fires ``numspikes`` times, at times drawn from a normal distribution."""

    kind: ClassVar[str] = "evoked"
    mu: float = quantity(unit="ms", doc="mean time of the spikes")
    sigma: float = quantity(unit="ms", ge=0, doc="standard deviation of the times")
    numspikes: int = integer(1, ge=1, doc="spikes of a drive cell in a trial")


@documented
@attrs.frozen(kw_only=True)
class PoissonDrive(Drive):
    """Each drive cell fires as a Poisson process."""

    kind: ClassVar[str] = "poisson"
    tstart: float = quantity(0.0, unit="ms", ge=0, doc="start")
    tstop: float | None = quantity(None, unit="ms", ge=0, optional=True, doc="end; None: the end of the run")
    rate: float | Mapping[str, float] = quantity(
        unit="Hz", gt=0, per_name=True, doc="rate; one for all or by target population"
    )

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        _check_window(self.tstart, self.tstop)
        if isinstance(self.rate, Mapping):
            for name in self.rate:
                if name not in self.weights:
                    raise UnknownName("rate", name, "target of this drive", self.weights)
            if set(self.rate) != set(self.weights):
                missing = sorted(set(self.weights) - set(self.rate))
                raise InvalidValue("rate", dict(self.rate), f"must have a rate for each target (lacks {missing})")
            if not self.cell_specific:
                raise InvalidValue(
                    "rate", dict(self.rate), "may differ between targets only with n_drive_cells='n_cells'"
                )

    def rate_of(self, population: str | None) -> float:
        """Return the rate of the drive cells of a target population (Hz).

        Parameters
        ----------
        population : str or None
            The target; None for drive cells that all targets share.
        """
        return self.rate[population] if isinstance(self.rate, Mapping) and population else self.rate  # type: ignore[return-value]


@documented
@attrs.frozen(kw_only=True)
class BurstyDrive(Drive):
    """Bursts in a rhythm: burst centres every ``1000 / burst_rate`` ms, each jittered."""

    kind: ClassVar[str] = "bursty"
    n_drive_cells: int | str = integer(1, ge=1, words=("n_cells",), doc="'n_cells' or a number")
    tstart: float = quantity(0.0, unit="ms", ge=0, doc="centre of the first burst")
    tstart_std: float = quantity(0.0, unit="ms", ge=0, doc="jitter of tstart, common to the drive's cells")
    tstop: float | None = quantity(
        None, unit="ms", ge=0, optional=True, doc="no burst centre after it; None: end of run"
    )
    burst_rate: float = quantity(unit="Hz", gt=0, doc="bursts per second")
    burst_std: float = quantity(0.0, unit="ms", ge=0, doc="jitter of each burst centre of each drive cell")
    numspikes: int = integer(2, ge=1, doc="spikes in a burst")
    spike_isi: float = quantity(10.0, unit="ms", ge=0, doc="interval of the spikes in a burst")

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        _check_window(self.tstart, self.tstop)
        if (self.numspikes - 1) * self.spike_isi > 1000.0 / self.burst_rate:
            raise InvalidValue(
                "spike_isi",
                self.spike_isi,
                f"makes the Burst duration ({self.numspikes} spikes) longer than the period of {self.burst_rate:g} Hz",
            )


def _train(value: Any, path: str) -> tuple[float, ...]:
    try:
        times = tuple(float(t) for t in value)
    except (TypeError, ValueError):
        raise InvalidType(path, value, "must be a list of spike times (ms)") from None
    for i, t in enumerate(times):
        if not math.isfinite(t) or t < 0:
            raise InvalidValue(f"{path}[{i}]", t, "must be a finite time >= 0 ms")
    return times


def _plain(value: Any, path: str) -> Any:
    """Return plain data with nothing in it that could be changed."""
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return immutabledict({key: _plain(v, f"{path}[{key!r}]") for key, v in value.items()})
    if isinstance(value, list | tuple):
        return tuple(_plain(v, f"{path}[{i}]") for i, v in enumerate(value))
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise InvalidType(path, value, "must be plain data, as in JSON")


def _origin(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidType(path, value, "must be a mapping")
    plain: Mapping[str, Any] = _plain(value, path)
    return plain


@documented
@attrs.frozen(kw_only=True)
class SpikeTrainDrive(Drive):
    """Each drive cell replays a given list of spike times, the same in every trial."""

    kind: ClassVar[str] = "spike_train"
    trains: tuple[tuple[float, ...], ...] = sequence(of=_train, doc="spike times (ms) of each drive cell")
    sources: tuple[str | int, ...] = sequence((), doc="names of the sources, in the order of the trains")
    origin: Mapping[str, Any] = checked(_origin, immutabledict(), doc="where the trains come from: file, seed, ...")
    n_drive_cells: int | str = integer(1, ge=1, doc="number of trains")

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        if not self.trains:
            raise InvalidValue("trains", self.trains, "must hold at least one spike train (it may be empty)")
        if self.n_drive_cells != len(self.trains):
            raise InvalidValue("n_drive_cells", self.n_drive_cells, f"must be the number of trains, {len(self.trains)}")


def _check_window(tstart: float, tstop: float | None) -> None:
    if tstop is not None and tstop < tstart:
        raise InvalidValue("tstop", tstop, f"must be >= tstart ({tstart:g} ms)")


DriveSpec = EvokedDrive | PoissonDrive | BurstyDrive | SpikeTrainDrive
