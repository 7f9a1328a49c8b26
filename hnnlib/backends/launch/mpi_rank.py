"""One rank of a job that `mpi_job` has started: ``python -m hnnlib.backends.launch.mpi_rank FOLDER``.

The folder holds what to do, and takes what comes of it:

- ``settings``, ``work``: the number of ranks; engine, plans and tasks, or a function to be called;
- ``item-K``: item K for that function, until a rank takes it; ``no-more``: all items are done;
- ``rank-R``: the log of rank R. A JSON object of its process, then a line ``TASK T_MS`` at each sign of life;
- ``done-K``: the records of task K, by the first rank of the team that computed it, or the value of item K;
- ``error-R``: why rank R has ended the job, a JSON object.
"""

from __future__ import annotations

import json
import os
import pickle
import socket
import sys
import time
import traceback
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

from hnnlib.backends.launch.mpi_deal import Calls, Work
from hnnlib.backends.launch.mpi_process import start_time
from hnnlib.backends.launch.mpi_world import connect, end_job, wait_for_all
from hnnlib.backends.launch.parcel import read_parcel
from hnnlib.backends.launch.work import call
from hnnlib.backends.protocol import join_parts
from hnnlib.base.errors import OutputError, SimulationError, TrialFailed

__all__ = ["main"]

_PAUSE = 0.005  # s, between looks for an item where there is none


def main(folder: str) -> None:
    """Do this rank's share of the work in a folder; whatever goes wrong is told there, and ends the job."""
    rank = _Rank(Path(folder))
    try:
        rank.work()
    except BaseException as error:
        rank.tell(error)
        raise


class _Rank:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._comm: Any = None
        self._rank = 0
        self._log: Any = None
        self._trial: int | None = None

    def work(self) -> None:
        if not self._folder.is_dir():
            raise SimulationError(
                f"host {socket.gethostname()} doesn't see {str(self._folder)!r}, where the ranks get their work from: "
                "set TMPDIR to a folder that all hosts share, or start the script itself by mpiexec"
            )
        settings = json.loads((self._folder / "settings").read_text())
        self._comm = connect(settings["n_ranks"])
        self._rank = self._comm.Get_rank()
        self._open_log()
        # a pickle, in a folder that only this user can write to; ranks of one machine share its arrays
        work: Work | Calls = read_parcel(os.fspath(self._folder / "work"))
        os.utime(self._log)  # a sign of life: building may take a while
        if isinstance(work, Calls):
            self._call(work)
        else:
            self._run(work)
        wait_for_all(self._comm)  # else ranks that are done keep cores busy in MPI's own end

    def _run(self, work: Work) -> None:
        if work.team > 1:
            work.team_up(work.team)
        team = self._comm.Split(self._rank // work.team, self._rank)
        mine = set(work.of(self._rank))
        for number, task in enumerate(work.tasks):
            if task in mine:
                self._compute(work, number, team)
        self._trial = None

    def _call(self, calls: Calls) -> None:
        for number, item in self._items():
            self._sign(number, 0.0)
            self._write(number, call(calls.function, calls.given, item, calls.what, number))

    def _items(self) -> Generator[tuple[int, Any], None, None]:
        """Take items that no other rank has taken, until all are done."""
        while not (self._folder / "no-more").exists():
            there = sorted(int(name[5:]) for name in os.listdir(self._folder) if name.startswith("item-"))
            for number in there:
                taken = self._folder / f"taken-{number}"
                try:
                    os.rename(self._folder / f"item-{number}", taken)
                except FileNotFoundError:  # another rank was faster
                    continue
                item = pickle.loads(taken.read_bytes())
                taken.unlink()
                yield number, item
                break
            else:
                time.sleep(_PAUSE)

    def _compute(self, work: Work, number: int, team: Any) -> None:
        plan, self._trial = work.tasks[number]
        self._sign(number, 0.0)
        records = work.compute(work.tasks[number], self._rank, lambda trial, t_ms: self._sign(number, t_ms))
        wait_for_all(team)
        parts = team.gather(records)
        if parts is not None:
            self._write(number, parts[0] if work.team == 1 else join_parts(work.plans[plan], parts))

    def _write(self, number: int, records: Any) -> None:
        import joblib

        whole, unfinished = self._folder / f"done-{number}", self._folder / f"unfinished-{number}"
        try:
            joblib.dump(records, unfinished)
            os.replace(unfinished, whole)
        except OSError as error:
            unfinished.unlink(missing_ok=True)  # what ends this job has to be told in the same place
            raise OutputError(
                self._folder, f"can't take a trial's records ({error.strerror}); TMPDIR names another folder"
            ) from error

    def _open_log(self) -> None:
        me = {"pid": os.getpid(), "host": socket.gethostname(), "started": start_time(os.getpid())}
        self._log = os.open(self._folder / f"rank-{self._rank}", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.write(self._log, json.dumps(me).encode() + b"\n")

    def _sign(self, task: int, t_ms: float) -> None:
        try:
            os.write(self._log, f"{task} {t_ms}\n".encode())
        except OSError:  # a full disk is no reason to stop here; its time of change is a sign, too
            os.utime(self._log)

    def tell(self, error: BaseException) -> None:
        cause = error.cause if isinstance(error, TrialFailed) else str(error)
        told = {
            "rank": self._rank,
            "trial": error.trial if isinstance(error, TrialFailed) else self._trial,
            "kind": type(error).__name__,
            "module": type(error).__module__,
            "cause": cause,
        }
        with suppress(OSError):
            unfinished = self._folder / f"unfinished-error-{self._rank}-{os.getpid()}"
            unfinished.write_text(json.dumps(told))
            os.replace(unfinished, self._folder / f"error-{self._rank}")
        traceback.print_exception(error)
        # once more in one line, should there be no room for a file: of the output, the parent keeps the end
        sys.stderr.write(f"rank {told['rank']}, trial {told['trial']}: {told['kind']}: {cause}\n")
        if self._comm is not None:
            end_job(self._comm)


if __name__ == "__main__":
    main(sys.argv[1])
