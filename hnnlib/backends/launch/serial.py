"""Trials one after another in this process."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, TypeVar

from hnnlib.backends.launch.work import call, numbered
from hnnlib.backends.protocol import Engine, Progress
from hnnlib.base.errors import HnnlibError
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records

__all__ = ["SerialLauncher"]

T = TypeVar("T")
V = TypeVar("V")


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

    def map(
        self,
        function: Callable[[Any, Any], V],
        items: Iterable[Any],
        given: Any = None,
        *,
        what: str = "item",
        numbers: Iterable[int] | None = None,
    ) -> Generator[tuple[int, V | HnnlibError], None, None]:
        """Call a function for each item, as `hnnlib.backends.protocol.Launcher` says it."""
        for number, item in numbered(items, numbers):
            yield number, call(function, given, item, what, number)
