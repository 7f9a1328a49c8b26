"""Trials one after another in this process."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeVar

from hnnlib.backends.protocol import Engine, Progress
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records

__all__ = ["SerialLauncher"]

T = TypeVar("T")


class SerialLauncher:
    """Runs all trials in this process."""

    name = "serial"
    leads = True

    def share(self, value: T) -> T:
        """Return the value: this process is the only one."""
        return value

    def run(
        self, engine: Engine, plan: Plan, trials: Sequence[int], progress: Progress | None = None
    ) -> Generator[Records, None, None]:
        """Run the trials, as many at a time as the engine has threads."""
        for first in range(0, len(trials), engine.threads):
            yield engine.run(plan, trials[first : first + engine.threads], progress)

    def run_many(
        self, engine: Engine, plans: Sequence[Plan], progress: Progress | None = None
    ) -> Generator[tuple[int, Records], None, None]:
        """Run the plans, by what the engine has for many."""
        yield from enumerate(engine.run_many(plans, progress))
