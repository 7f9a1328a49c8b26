"""Progress where a person watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

__all__ = ["ProgressBar", "progress_bar"]


class ProgressBar:
    """A bar over all trials of a run, called as ``bar(trial, t_ms)``; trials may finish in any order."""

    def __init__(self, bar: Any, n_trials: int, tstop: float) -> None:
        self._bar, self._n_trials, self._tstop = bar, n_trials, tstop
        self._done: dict[int, float] = {}

    def __call__(self, trial: int, t_ms: float) -> None:
        """Note that a trial has reached ``t_ms``."""
        self._done[trial] = min(t_ms, self._tstop)
        self._bar.set_description_str(f"Trial {trial + 1} of {self._n_trials}", refresh=False)
        self._bar.update(sum(self._done.values()) - self._bar.n)


@contextmanager
def progress_bar(n_trials: int, tstop: float, file: TextIO | None = None) -> Iterator[ProgressBar]:
    """Show a progress bar while the block runs.

    Parameters
    ----------
    n_trials : int
        Number of trials.
    tstop : float
        Duration of a trial (ms).
    file : file object, optional
        Where to draw it; stderr when left out.
    """
    from tqdm import tqdm

    layout = "{desc}: {percentage:3.0f}% |{bar:30}| {n:.0f}/{total:.0f} ms [{elapsed} < {remaining}]"
    with tqdm(total=n_trials * tstop, bar_format=layout, file=file, leave=True, dynamic_ncols=True) as bar:
        yield ProgressBar(bar, n_trials, tstop)
