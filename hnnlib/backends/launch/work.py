"""What a worker does, whoever started it."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hnnlib.backends.protocol import Engine, Progress
from hnnlib.base.errors import HnnlibError, SimulationError, TrialFailed
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records

__all__ = ["call", "numbered", "records_of_networks", "run_network", "run_trial"]

V = TypeVar("V")


def run_trial(given: tuple[Engine, Plan], trial: int) -> Records:
    """Return the records of one trial."""
    engine, plan = given
    return engine.run(plan, [trial])


def run_network(engine: Engine, plan: Plan) -> Records:
    """Return the records of all trials of a plan."""
    return engine.run(plan, range(plan.run.n_trials))


def call(function: Callable[[Any, Any], V], given: Any, item: Any, what: str, number: int) -> V | HnnlibError:
    """Return what a function gives for an item, or why there is nothing.

    Errors come back as values, for the launcher's caller to raise: raised here they would travel with a traceback of
    this process, and be logged by it, which is noise beside what they say.
    """
    try:
        return function(given, item)
    except HnnlibError as error:
        return error.with_traceback(None)
    except Exception as error:  # noqa: BLE001  a bug, but one that must be told with the item that shows it
        place = traceback.extract_tb(error.__traceback__)[-1]
        cause = f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})"
    return TrialFailed(number, cause) if what == "trial" else SimulationError(f"{what} {number} failed: {cause}")


def numbered(items: Iterable[Any], numbers: Iterable[int] | None) -> Iterator[tuple[int, Any]]:
    """Return number and item of each, as they are asked for."""
    return iter(zip(itertools.count() if numbers is None else numbers, items, strict=False))


def records_of_networks(
    arriving: Iterable[tuple[int, Records | HnnlibError]], plans: Sequence[Plan], progress: Progress | None
) -> Generator[tuple[int, Records], None, None]:
    """Pass on number and records of networks; raise at the first that failed, and name it."""
    for number, done in arriving:
        if isinstance(done, HnnlibError):
            raise done.of(number) if isinstance(done, TrialFailed) else done
        yield number, done
        if progress is not None:
            progress(number, plans[number].run.tstop_ms)
