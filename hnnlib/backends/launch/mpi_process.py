"""Processes of this machine, told apart from later ones that got the same number."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import attrs

__all__ = ["Process", "Survivor", "end_processes", "start_time"]


@attrs.frozen
class Process:
    """A process: its number and, where the system tells it, when it was started."""

    pid: int
    started: int | None

    @property
    def state(self) -> str:
        """Return one letter as ``ps`` shows it (R runs, S sleeps, T is stopped, ...); empty if it has ended."""
        fields = _stat(self.pid)
        if fields is None:
            return "S" if not Path("/proc/self").exists() and _exists(self.pid) else ""
        return "" if fields[0] in "ZX" or int(fields[19]) != self.started else fields[0]


class Survivor:
    """A shell that outlives this process, should it be killed: then it ends a process group and removes a folder.

    It waits for a line on its standard input, and does both when there comes none: the other end is gone. MPI's own
    means are none here: whether a rank hears that mpiexec's input has ended depends on the MPI, and NEURON listens to
    nothing within a step of a trial.

    Parameters
    ----------
    group : int
        Number of the process group.
    folder : path-like
        What to remove, with all that is in it.
    """

    _SCRIPT = 'read line || { kill -s TERM -- "-$1"; sleep 2; kill -s KILL -- "-$1"; rm -rf -- "$2"; }'

    def __init__(self, group: int, folder: str | os.PathLike[str]) -> None:
        command = ["/bin/sh", "-c", self._SCRIPT, "sh", str(group), os.fspath(folder)]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, cwd="/", start_new_session=True
        )

    def dismiss(self) -> None:
        """Let it go: this process has done both itself, or there is no more need."""
        with suppress(OSError):
            self._process.communicate(b"\n", timeout=2.0)


def start_time(pid: int) -> int | None:
    """Return when a process was started, in the kernel's ticks since it booted; None where there is no /proc."""
    fields = _stat(pid)
    return None if fields is None else int(fields[19])


def end_processes(processes: Sequence[Process], patience: float = 2.0) -> None:
    """Kill those of some processes that still run, and wait until they are gone, ``patience`` seconds at most."""
    for process in processes:
        if process.state:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, signal.SIGKILL)
    limit = time.monotonic() + patience
    while any(process.state for process in processes) and time.monotonic() < limit:
        time.sleep(0.01)


def _stat(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat after the name (which may hold blanks and brackets)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
