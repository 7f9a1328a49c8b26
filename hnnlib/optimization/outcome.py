"""What a fit found: best values, network, history, and how it came about."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from immutabledict import immutabledict
from numpy.typing import NDArray

from hnnlib.base.errors import FileFormatError, MissingPackage
from hnnlib.base.schema import from_plain
from hnnlib.editor.network import Network
from hnnlib.optimization.free import Free, Space
from hnnlib.optimization.problem import Evaluation
from hnnlib.optimization.store import Stored, read_store
from hnnlib.spec.network import NetworkSpec

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Fit", "best_number", "fit_of", "read_fit"]

Array = NDArray[np.float64]


@attrs.frozen(kw_only=True, eq=False, repr=False)
class Fit:
    """What a fit found.

    Parameters
    ----------
    header : mapping
        What was fitted and how, plain data: ``problem``, ``search``, ``seed``, ``max_trials``, ``provenance``.
    evaluations : tuple of Evaluation
        All of them, in the order in which they were asked for; the first is the start.
    space : Space
        The free parameters.
    initial : NetworkSpec
        The network that the fit started from.
    finished : bool
        Whether the fit came to its end.
    ending : mapping
        What was known at the end: why it ended, trials, seconds; empty if it did not.
    traces : mapping of str to mapping of str to ndarray
        By objective: ``times`` (ms), ``target``, ``start`` and ``fit`` (nAm), as they were compared.
    """

    header: Mapping[str, Any] = attrs.field(converter=immutabledict)
    evaluations: tuple[Evaluation, ...]
    space: Space
    initial: NetworkSpec
    finished: bool
    ending: Mapping[str, Any] = attrs.field(factory=dict, converter=immutabledict)
    traces: Mapping[str, Mapping[str, Array]] = attrs.field(factory=dict, converter=immutabledict)

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of the free parameters."""
        return self.space.names

    @property
    def free(self) -> tuple[Free, ...]:
        """The free parameters."""
        return self.space.free

    @property
    def best_evaluation(self) -> Evaluation:
        """The evaluation of the smallest loss; the earliest of equal ones."""
        return self.evaluations[best_number(self.evaluations)]

    @property
    def values(self) -> Array:
        """The best values, in the order of the parameters."""
        return self.best_evaluation.values

    @property
    def best(self) -> dict[str, float]:
        """The best values by path."""
        return dict(zip(self.names, self.values.tolist(), strict=True))

    @property
    def start(self) -> dict[str, float]:
        """The values that the fit started from, by path."""
        return dict(zip(self.names, self.evaluations[0].values.tolist(), strict=True))

    @property
    def loss(self) -> float:
        """The smallest loss."""
        return self.best_evaluation.loss

    @property
    def parts(self) -> dict[str, float]:
        """The loss by its parts at the best values, and what else the objective tells, e.g. a fitted scale."""
        return dict(self.best_evaluation.parts)

    @property
    def spec(self) -> NetworkSpec:
        """The network with the best values, as a spec."""
        return self.space.apply(self.initial, self.values)

    @property
    def network(self) -> Network:
        """The network with the best values, to be simulated or edited."""
        return Network.from_spec(self.spec)

    @property
    def n_trials(self) -> int:
        """Number of trials that were simulated, those of earlier runs of a resumed fit included."""
        extra = int(self.ending.get("trials of traces", 0))
        return len(self.evaluations) * int(self.header["problem"]["n_trials"]) + extra

    @property
    def held_fixed(self) -> dict[str, float]:
        """Path and value of every number of the drives that was not free."""
        return dict(self.header["held fixed"])

    @property
    def provenance(self) -> dict[str, Any]:
        """Versions, machine, seeds, digests."""
        return dict(self.header["provenance"])

    @property
    def convergence(self) -> Array:
        """The smallest loss so far, after each evaluation."""
        return np.minimum.accumulate([one.loss for one in self.evaluations])

    @property
    def history(self) -> pd.DataFrame:
        """Every evaluation as a table: parameters by path, loss, its parts, smallest loss so far, seconds, error.

        Raises
        ------
        MissingPackage
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingPackage("pandas", "fit") from None
        rows = [
            {
                **dict(zip(self.names, one.values.tolist(), strict=True)),
                "loss": one.loss,
                **{name: part for name, part in one.parts.items() if name != "loss"},
                "smallest loss": smallest,
                "seed": one.seed,
                "seconds": one.seconds,
                "error": one.error,
            }
            for one, smallest in zip(self.evaluations, self.convergence, strict=True)
        ]
        return pd.DataFrame(rows).rename_axis("evaluation")

    def summary(self) -> str:
        """Return what was found as lines to print.

        Returns
        -------
        text : str
            Without a newline at the end.
        """
        first, start, best = self.evaluations[0].loss, self.start, self.best
        state = self.ending.get("why", "") if self.finished else "not finished"
        lines = [
            f"{self.header['search']['name']}: loss {first:.4g} -> {self.loss:.4g} after {len(self.evaluations)} "
            f"evaluations ({self.n_trials} trials); {state}",
            "",
        ]
        width = max(map(len, self.names))
        lines.append(f"{'parameter':{width}}  {'start':>10}  {'best':>10}  {'bounds':>21}")
        for one in self.free:
            name, bounds = one.path, f"{one.low:.4g} to {one.high:.4g}"
            at = self.space.free[self.names.index(name)].to_unit(best[name])
            mark = "  at its bound" if at < 1e-3 or at > 1 - 1e-3 else ""
            lines.append(f"{name:{width}}  {start[name]:10.4g}  {best[name]:10.4g}  {bounds:>21}{mark}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        return (
            f"<Fit: {len(self.names)} parameters, {len(self.evaluations)} evaluations, loss {self.loss:.4g}"
            f"{'' if self.finished else ', not finished'}>"
        )


def best_number(evaluations: Any) -> int:
    """Return the number of the evaluation with the smallest loss; the earliest of equal ones.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        At least one.
    """
    return int(np.argmin([one.loss for one in evaluations]))


def fit_of(stored: Stored, initial: NetworkSpec | None = None) -> Fit:
    """Return the fit that a file, or a run, has the contents of.

    Parameters
    ----------
    stored : Stored
        The contents.
    initial : NetworkSpec, optional
        The network that the fit started from, where it is at hand.
    """
    problem = stored.header["problem"]
    network: NetworkSpec = from_plain(NetworkSpec, problem["network"]) if initial is None else initial
    # a fit that was killed may lack some of its last batch: what comes after a gap was asked for with it
    rows = tuple(stored.rows[number] for number in sorted(stored.rows))
    return Fit(
        header=stored.header,
        evaluations=rows,
        space=Space.of(network, [Free(**one) for one in problem["free"]]),
        initial=network,
        finished=stored.ending is not None,
        ending=stored.ending or {},
        traces=stored.traces,
    )


def read_fit(path: str | os.PathLike[str]) -> Fit:
    """Read a fit from its file, be it at its end, still running, or stopped.

    Parameters
    ----------
    path : path-like
        What ``fit(..., out=path)`` wrote.

    Returns
    -------
    fit : Fit
        With ``finished`` False if it did not come to its end.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If it is no file of a fit, is damaged, or holds no evaluation yet.
    """
    stored = read_store(path)
    if not stored.rows:
        raise FileFormatError(path, "holds no evaluation yet")
    return fit_of(stored)
