"""Which engine and launcher run when none is named: set by ``with JoblibBackend(...):``, read by `hnnlib.simulate`."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any

import attrs

from hnnlib.backends.protocol import Engine, Launcher

__all__ = ["Backend", "active_backend"]

_active: ContextVar[Any] = ContextVar("hnnlib_backend", default=None)


@attrs.define(kw_only=True, eq=False)
class Backend:
    """A launcher and an engine; a context manager that makes them the ones in use.

    Parameters
    ----------
    launcher : Launcher
        Spreads trials.
    engine : str or Engine
        The engine, or its name.
    """

    launcher: Launcher
    engine: str | Engine = "auto"
    _tokens: list[Token[Any]] = attrs.field(factory=list, init=False, repr=False)

    def __enter__(self) -> Backend:
        self._tokens.append(_active.set(self))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _active.reset(self._tokens.pop())


def active_backend() -> Backend | None:
    """Return the backend of the innermost ``with`` block, or None."""
    backend: Backend | None = _active.get()
    return backend
