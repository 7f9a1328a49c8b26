"""Trials one after another in this process."""

from __future__ import annotations

from hnnlib.backends.protocol import Engine, Progress
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records

__all__ = ["SerialLauncher"]


class SerialLauncher:
    """Runs all trials in this process."""

    name = "serial"

    def run(self, engine: Engine, plan: Plan, progress: Progress | None = None) -> Records:
        """Run all trials of the plan, one after another."""
        return engine.run(plan, range(plan.run.n_trials), progress)
