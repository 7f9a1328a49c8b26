"""What a worker does, whoever started it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

from hnnlib.backends.protocol import Engine
from hnnlib.base.errors import HnnlibError, SimulationError, TrialFailed
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records

__all__ = ["run_network", "run_trial"]

# Errors come back as values, for the launcher to raise: raised here they would travel with a traceback of this process,
# and be logged by it, which is noise beside what they say.


def run_trial(engine: Engine, plan: Plan, trial: int) -> Records | HnnlibError:
    """Return the records of one trial, or why there are none."""
    return _attempt(lambda: engine.run(plan, [trial]), lambda cause: TrialFailed(trial, cause))


def run_network(engine: Engine, plan: Plan, number: int) -> Records | HnnlibError:
    """Return the records of all trials of the plan of that number, or why there are none."""
    outcome = _attempt(
        lambda: engine.run(plan, range(plan.run.n_trials)),
        lambda cause: SimulationError(f"network {number} failed: {cause}"),
    )
    return outcome.of(number) if isinstance(outcome, TrialFailed) else outcome


def _attempt(run: Callable[[], Records], failed: Callable[[str], HnnlibError]) -> Records | HnnlibError:
    try:
        return run()
    except HnnlibError as error:
        return error
    except Exception as error:  # noqa: BLE001  a bug, but one that must be told with the trial that shows it
        place = traceback.extract_tb(error.__traceback__)[-1]
        return failed(f"{type(error).__name__}: {error} ({Path(place.filename).name}, line {place.lineno})")
