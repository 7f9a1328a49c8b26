"""A job of ranks under ``mpiexec``, as the process that starts it sees it."""

from __future__ import annotations

import collections
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from hnnlib.backends.launch.mpi_deal import Calls, Work
from hnnlib.backends.launch.mpi_process import Process, Survivor, end_processes
from hnnlib.backends.launch.mpi_world import job_environment
from hnnlib.backends.launch.parcel import write_parcel
from hnnlib.backends.protocol import Progress
from hnnlib.base import errors
from hnnlib.base.errors import HnnlibError, MPIUnavailable, OutputError, SimulationError, TrialFailed
from hnnlib.base.log import logger
from hnnlib.results.records import Records

__all__ = ["run_calls", "run_job"]

_TICK = 0.05  # s, between looks at what the ranks have written
_END = 5.0  # s, that mpiexec gets to end by itself
_MOST_AHEAD = 100  # items per rank that are made before ranks are free for them


def run_job(
    work: Work, mpi_cmd: Sequence[str], timeout: float | None, progress: Progress | None
) -> Generator[tuple[int, Records], None, None]:
    """Start a job, yield the number of the plan and the records of each trial as it ends, and end the job.

    However this generator ends, no process of the job is left behind, nor its folder.

    Raises
    ------
    TrialFailed, SimulationError
        If a rank fails, dies, or none gives a sign of life for ``timeout`` seconds: naming rank, trial and cause.
    MPIUnavailable
        If the ranks can't use MPI together.
    OutputError
        If the folder for temporary files can't take the work.
    """
    with _started(work, mpi_cmd, timeout) as job:
        waiting = set(range(len(work.tasks)))
        while waiting:
            for number, records in job.arrived(waiting, progress):
                yield work.tasks[number][0], records
        job.finish()


def run_calls(
    calls: Calls, items: Iterator[tuple[int, Any]], mpi_cmd: Sequence[str], timeout: float | None
) -> Generator[tuple[int, Any], None, None]:
    """Start a job that calls a function for each item, yield number and value of each as it ends, and end the job.

    Raises
    ------
    SimulationError, MPIUnavailable, OutputError
        As `run_job`.
    """
    with _started(calls, mpi_cmd, timeout) as job:
        waiting, ahead = set[int](), 2 * calls.n_ranks
        while True:
            for number, item in itertools.islice(items, ahead - len(waiting)):
                job.give(number, item)
                waiting.add(number)
            if not waiting:
                break
            n_waiting = len(waiting)
            yield from job.arrived(waiting)
            if len(waiting) < n_waiting / 2:  # short ones: ranks would wait for this process to look again
                ahead = min(2 * ahead, _MOST_AHEAD * calls.n_ranks)
        job.give_no_more()
        job.finish()


@contextmanager
def _started(work: Work | Calls, mpi_cmd: Sequence[str], timeout: float | None) -> Iterator[_Job]:
    """Start a job for the block; at its end no process of the job is left, nor its folder."""
    # ignore_cleanup_errors: a rank that is being ended may still hold a file there (network file systems)
    with tempfile.TemporaryDirectory(prefix="hnnlib-", ignore_cleanup_errors=True) as folder:
        try:
            Path(folder, "settings").write_text(json.dumps({"n_ranks": work.n_ranks}))
            write_parcel(work, os.path.join(folder, "work"))
        except OSError as error:
            reason = f"can't take the network ({error.strerror}); TMPDIR names another folder"
            raise OutputError(folder, reason) from error
        job = _Job(work, mpi_cmd, folder, timeout)
        try:
            job.start()
            yield job
        finally:
            job.end()


class _RankLog:
    """What a rank has said of itself so far."""

    def __init__(self, path: Path) -> None:
        self._path, self._read, self._changed = path, 0, 0
        self.process: Process | None = None
        self.pid, self.host = 0, ""
        self.task: int | None = None
        self.t_ms = 0.0

    def listen(self) -> tuple[bool, list[tuple[int, float]]]:
        """Read on; return whether there was a sign of life, and the task and time (ms) of each."""
        try:
            status = os.stat(self._path)
        except OSError:
            return False, []
        changed, self._changed = status.st_mtime_ns != self._changed, status.st_mtime_ns
        if status.st_size <= self._read:
            return changed, []
        with open(self._path, "rb") as file:
            file.seek(self._read)
            said = file.read()
        said = said[: said.rfind(b"\n") + 1]  # a line may be half-written
        self._read += len(said)
        signs = []
        for line in said.decode().splitlines():
            if line.startswith("{"):
                self._introduce(**json.loads(line))
            else:
                task, t_ms = line.split()
                signs.append((int(task), float(t_ms)))
                self.task, self.t_ms = signs[-1]
        return True, signs

    def _introduce(self, pid: int, host: str, started: int | None) -> None:
        self.pid, self.host = pid, host
        process = Process(pid, started)
        if host == socket.gethostname() and process.state:  # else it is on another machine, or out of sight here
            self.process = process


class _Job:
    def __init__(self, work: Work | Calls, mpi_cmd: Sequence[str], folder: str, timeout: float | None) -> None:
        self._work, self._folder, self._timeout = work, Path(folder), timeout
        self._command = [*mpi_cmd, "-n", str(work.n_ranks)]
        self._ranks = [_RankLog(self._folder / f"rank-{rank}") for rank in range(work.n_ranks)]
        self._first_dead: int | None = None
        self._last_sign = time.monotonic()
        self._process: Any = None
        self._survivor: Survivor | None = None
        self._said: collections.deque[str] = collections.deque(maxlen=200)
        self._listener = threading.Thread(target=self._listen_to_output, daemon=True)

    def start(self) -> None:
        """Start mpiexec."""
        program = self._command[0]
        own = Path(program).parent == Path(sys.prefix, "bin")
        try:
            self._process = subprocess.Popen(
                [*self._command, sys.executable, "-m", "hnnlib.backends.launch.mpi_rank", str(self._folder)],
                cwd=self._folder,  # what lies beside a script must not be taken for a module, nor for mechanisms
                env=job_environment(os.environ, sys.path, own),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is the parent's alone
            )
        except OSError as error:
            raise MPIUnavailable(f"{program} can't be started: {error.strerror}") from error
        self._listener.start()
        self._survivor = Survivor(self._process.pid, self._folder)

    def _listen_to_output(self) -> None:
        """Keep the last lines, for error messages; a pipe that nobody reads would stop the ranks."""
        for line in self._process.stdout:
            self._said.append(line.decode(errors="replace").rstrip())
            logger.debug("mpiexec: %s", self._said[-1])

    # ------------------------------------------------------------------------------------------- while it runs

    def give(self, number: int, item: Any) -> None:
        """Put an item where ranks find it."""
        import cloudpickle

        unfinished = self._folder / f"unfinished-item-{number}"
        try:
            unfinished.write_bytes(cloudpickle.dumps(item))
            os.replace(unfinished, self._folder / f"item-{number}")
        except OSError as error:
            reason = f"can't take more work ({error.strerror}); TMPDIR names another folder"
            raise OutputError(self._folder, reason) from error

    def give_no_more(self) -> None:
        """Tell the ranks that all items are done."""
        (self._folder / "no-more").touch()

    def arrived(self, waiting: set[int], progress: Progress | None = None) -> Generator[tuple[int, Any], None, None]:
        """Look once at what ranks have written: yield number and value of tasks that have ended; these wait no more."""
        import joblib

        ended = self._has_ended()  # asked first: what an ended job has written is all there
        self._listen_to_ranks(progress)
        for number in sorted(waiting & self._numbers_of("done")):
            path = self._folder / f"done-{number}"
            value = joblib.load(path)
            path.unlink()
            waiting.remove(number)
            yield number, value
            self._last_sign = time.monotonic()  # whoever took it may have taken time
        if not waiting:
            return
        if ended:
            raise self._failure()
        self._check_time()
        time.sleep(_TICK)

    def _numbers_of(self, kind: str) -> set[int]:
        """Return the numbers of the files ``KIND-NUMBER``."""
        return {int(name[len(kind) + 1 :]) for name in os.listdir(self._folder) if name.startswith(f"{kind}-")}

    def _has_ended(self) -> bool:
        if self._numbers_of("error") or self._first_dead is not None:
            with suppress(subprocess.TimeoutExpired):  # mpiexec should end the others at once, and say what it saw
                self._process.wait(2.0)
            return True
        return self._process.poll() is not None

    def _listen_to_ranks(self, progress: Progress | None = None) -> None:
        for rank, log in enumerate(self._ranks):
            alive, signs = log.listen()
            if alive:
                self._last_sign = time.monotonic()
            if self._first_dead is None and log.process is not None and not log.process.state:
                self._first_dead = rank
            work = self._work
            if progress is None or isinstance(work, Calls) or rank % work.team:  # a team's ranks are about as far
                continue
            for task, t_ms in signs:
                progress(work.tasks[task][1], t_ms)

    def _check_time(self) -> None:
        silent = time.monotonic() - self._last_sign
        if self._timeout is not None and silent > self._timeout:
            stopped = [r for r, log in enumerate(self._ranks) if log.process is not None and log.process.state == "T"]
            also = f"; rank {', '.join(map(str, stopped))} is stopped (by SIGSTOP)" if stopped else ""
            where = "; ".join(self._where(rank) for rank in range(len(self._ranks)))
            raise SimulationError(
                f"the MPI job gave no sign of life for {silent:.1f} s (timeout = {self._timeout:g} s){also}: {where}"
            )

    def _where(self, rank: int) -> str:
        log = self._ranks[rank]
        if not log.pid:
            return f"rank {rank} has not started"
        name = f"rank {rank} (process {log.pid} on {log.host})"
        if log.task is None:
            return f"{name} builds its network"
        return f"{name} was in {self._work.name_of(log.task)}, last heard of at t = {log.t_ms:g} ms"

    # ------------------------------------------------------------------------------------------- when it fails

    def _failure(self) -> HnnlibError:
        """Return what has happened, as an error."""
        self._listener.join(0.5)
        self._listen_to_ranks()
        told = [json.loads((self._folder / f"error-{rank}").read_text()) for rank in self._numbers_of("error")]
        # a rank that has lost another may complain, too: MPI's own errors are told last
        told.sort(key=lambda error: (error["module"].startswith("mpi4py"), error["rank"]))
        if told:
            return _error_of(**told[0])
        code = self._process.poll()
        ended = " ".join(self._command) + (" did not notice" if code is None else f" ended with exit code {code}")
        lines = "\n".join(["its last lines:", *list(self._said)[-12:]]) if self._said else "it said nothing"
        rank = self._dead_rank()
        if rank is None:
            return SimulationError(f"{ended} before all trials were done; {lines}")
        log = self._ranks[rank]
        cause = f"{self._where(rank)}, and has ended. {ended}; {lines}"
        return SimulationError(cause) if log.task is None else self._work.failed(log.task, cause)

    def _dead_rank(self) -> int | None:
        """Return the rank whose process mpiexec names, else the first that was seen dead."""
        numbers = {int(number) for line in self._said for number in re.findall(r"\bPID (\d+)", line)}
        named = [rank for rank, log in enumerate(self._ranks) if log.pid in numbers]
        return named[0] if named else self._first_dead

    # -------------------------------------------------------------------------------------------- when it ends

    def finish(self) -> None:
        """Wait for the end of a job that has done its work."""
        try:
            code = self._process.wait(_END)
        except subprocess.TimeoutExpired:
            logger.warning("mpiexec did not end %g s after all trials were done, and is ended", _END)
            return
        if code != 0:
            logger.warning("all trials are done, but mpiexec ended with exit code %d: %s", code, list(self._said)[-5:])

    def end(self) -> None:
        """End what of the job still runs: mpiexec's process group, and the ranks, by their own numbers."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._signal_group(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(2.0)
        if self._process.returncode != 0:
            self._signal_group(signal.SIGKILL)
            self._process.wait()
        self._listen_to_ranks()
        # mpiexec gives ranks groups of their own
        end_processes([log.process for log in self._ranks if log.process is not None])
        if self._survivor is not None:
            self._survivor.dismiss()
        self._listener.join(1.0)
        if not self._listener.is_alive():
            self._process.stdout.close()

    def _signal_group(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _error_of(rank: int, trial: int | None, kind: str, module: str, cause: str) -> HnnlibError:
    """Return the error that a rank has told of."""
    if kind in ("MPIUnavailable", "MechanismBuildError"):
        same: type[HnnlibError] = getattr(errors, kind)
        return same(f"rank {rank}: {cause}")
    ours = kind in ("TrialFailed", "SimulationError", "OutputError")
    text = f"rank {rank}: {cause}" if ours else f"rank {rank}: {kind}: {cause}"
    return SimulationError(text) if trial is None else TrialFailed(trial, text)
