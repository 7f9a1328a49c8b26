"""Errors with the facts as fields, in one voice: path, value, what is allowed, nearest name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

__all__ = [
    "FileFormatError",
    "HnnlibError",
    "InvalidType",
    "InvalidValue",
    "MPIUnavailable",
    "MechanismBuildError",
    "MissingFile",
    "MissingPackage",
    "OutputError",
    "OutputExists",
    "SimulationError",
    "TrialFailed",
    "UnknownName",
    "UnsupportedPlan",
    "nearest",
]


def nearest(name: object, choices: Iterable[str]) -> str | None:
    """Return the choice that is spelt most like ``name``, or None if none is close."""
    match = difflib.get_close_matches(str(name), list(choices), n=1, cutoff=0.6)
    return match[0] if match else None


class HnnlibError(Exception):
    """Base of every error that hnnlib raises for a reason it can name."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Errors cross process borders (joblib, MPI); their constructors take keywords, so pickle by state.
        return (_rebuild, (type(self), self.args, self.__dict__))


def _rebuild(cls: type[HnnlibError], args: tuple[Any, ...], state: dict[str, Any]) -> HnnlibError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidValue(HnnlibError, ValueError):
    """A value that is not allowed where it stands.

    Parameters
    ----------
    path : str
        Where the value stands, e.g. ``drives['evprox1'].sigma``.
    value : object
        What was given.
    allowed : str
        What is allowed there, as a phrase: ``must be >= 0 ms``.
    suggestion : str, optional
        The nearest allowed name.
    """

    def __init__(self, path: str, value: object, allowed: str, suggestion: str | None = None) -> None:
        self.path, self.value, self.allowed, self.suggestion = path, value, allowed, suggestion
        text = f"{path}: {_short(value)} {allowed}" if path else f"{_short(value)} {allowed}"
        if suggestion is not None:
            text += f"; did you mean {suggestion!r}?"
        super().__init__(text)


class InvalidType(InvalidValue, TypeError):
    """A value of the wrong type; fields as in `InvalidValue`."""


class UnknownName(InvalidValue):
    """A name that is not known where it stands.

    Parameters
    ----------
    path : str
        Where the name stands.
    name : object
        The name that was given.
    what : str
        What the name should have been, e.g. ``"cell type"``.
    known : sequence of str
        The names that exist.
    """

    def __init__(self, path: str, name: object, what: str, known: Iterable[str]) -> None:
        self.known = tuple(known)
        listed = ", ".join(self.known[:20]) + (", …" if len(self.known) > 20 else "")
        allowed = f"is no {what} (has {listed})" if self.known else f"is no {what} (there is none)"
        super().__init__(path, name, allowed, nearest(name, self.known))


class FileFormatError(HnnlibError, ValueError):
    """A file that can't be read as what it claims to be.

    Parameters
    ----------
    file : object
        Path of the file.
    reason : str
        What is wrong with it.
    line : int, optional
        1-based line number.
    """

    def __init__(self, file: object, reason: str, line: int | None = None) -> None:
        self.file, self.reason, self.line = str(file), reason, line
        super().__init__(f"{self.file}{'' if line is None else f', line {line}'}: {reason}")


class MissingFile(HnnlibError, FileNotFoundError):
    """There is no such file.

    Parameters
    ----------
    file : object
        Path of the file.
    reason : str
        What was looked for.
    """

    def __init__(self, file: object, reason: str = "there is no such file") -> None:
        self.file, self.reason = str(file), reason
        super().__init__(f"{self.file}: {reason}")

    def __str__(self) -> str:
        return str(self.args[0])


class OutputError(HnnlibError, OSError):
    """A place that can't be written to; nothing half-written is left there.

    Parameters
    ----------
    file : object
        Path that was to be written.
    reason : str
        Why it can't be.
    """

    def __init__(self, file: object, reason: str) -> None:
        self.file, self.reason = str(file), reason
        super().__init__(f"{self.file}: {reason}")

    def __str__(self) -> str:
        return str(self.args[0])


class OutputExists(OutputError, FileExistsError):
    """A file that must not be overwritten; fields as in `OutputError`."""


class MechanismBuildError(HnnlibError, RuntimeError):
    """The mechanisms could not be compiled or loaded."""


class MPIUnavailable(HnnlibError, RuntimeError):
    """MPI can't be used here: a part of it is missing, or its parts don't fit together."""


class MissingPackage(HnnlibError, ImportError):
    """A package that is not needed by all, and is not installed.

    Parameters
    ----------
    package : str
        Its name.
    extra : str
        hnnlib's extra that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"{package} is not installed: pip install 'hnnlib[{extra}]'")


class SimulationError(HnnlibError, RuntimeError):
    """A simulation that could not be run to its end."""


class TrialFailed(SimulationError):
    """One trial failed.

    Parameters
    ----------
    trial : int
        0-based index of the trial.
    cause : str
        What went wrong in it.
    network : int, optional
        0-based index of the network, where many were run.
    """

    def __init__(self, trial: int, cause: str, network: int | None = None) -> None:
        self.trial, self.cause, self.network = trial, cause, network
        of = "" if network is None else f"network {network}, "
        super().__init__(f"{of}trial {trial} failed: {cause}")

    def of(self, network: int) -> TrialFailed:
        """Return this error with the number of the network that it is of.

        Parameters
        ----------
        network : int
            0-based index.
        """
        return TrialFailed(self.trial, self.cause, network)


class UnsupportedPlan(HnnlibError, ValueError):
    """An engine can't run this plan; every obstacle is listed.

    Parameters
    ----------
    engine : str
        Name of the engine.
    obstacles : sequence of str
        One sentence each.
    """

    def __init__(self, engine: str, obstacles: Sequence[str]) -> None:
        self.engine, self.obstacles = engine, tuple(obstacles)
        super().__init__(f"engine {engine!r} can't run this plan:" + "".join(f"\n  - {o}" for o in self.obstacles))


def _short(value: object) -> str:
    text = repr(value)
    # of a long value the end too: a path says most there
    return text if len(text) <= 120 else f"{text[:60]}...{text[-57:]}"
