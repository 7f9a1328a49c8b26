"""The NEURON engine."""

from __future__ import annotations

import time
from collections.abc import Sequence

from hnnlib.backends.neuron.network import NeuronNetwork
from hnnlib.backends.neuron.ranks import check_team, team_up
from hnnlib.backends.neuron.session import Session, session
from hnnlib.backends.protocol import RATES, Part, Progress, check_finite, header_of, point_populations, trial_record
from hnnlib.base.errors import HnnlibError, TrialFailed, UnknownName
from hnnlib.plan.tables import Plan
from hnnlib.results.records import Records

__all__ = ["NeuronEngine"]


class NeuronEngine:
    """Runs plans on NEURON: fixed step, first-order implicit integration, one thread; over MPI, parts of trials.

    Parameters
    ----------
    rates : str
        ``'tables'``: gating rates as the mod files tabulate them (the published numbers); ``'exact'``: the formulas
        themselves (NEURON's ``usetable = 0``).

    Raises
    ------
    UnknownName
        If ``rates`` is neither.
    """

    name = "neuron"
    threads = 1  # NEURON has one state per process
    splits_trials = True

    def __init__(self, rates: str = "tables") -> None:
        if rates not in RATES:
            raise UnknownName("rates", rates, "choice", RATES)
        self.rates = rates

    @property
    def options(self) -> dict[str, object]:
        """What the engine was made with."""
        return {"rates": self.rates}

    def obstacles(self, plan: Plan) -> list[str]:
        """Return what of the plan this engine can't do: point cells; every mechanism in a plan is NEURON's.

        Parameters
        ----------
        plan : Plan
            What is to be run.
        """
        return point_populations(plan)

    def team_up(self, n_ranks: int) -> None:
        """Make teams of consecutive ranks of this process's MPI job, which then compute trials together.

        All ranks of the job call this together. Ranks that remain when their number is no multiple of ``n_ranks`` are
        a smaller team.

        Parameters
        ----------
        n_ranks : int
            Ranks per team; 1: each computes whole trials again.

        Raises
        ------
        MPIUnavailable
            If NEURON doesn't see the same ranks as mpi4py.
        MechanismBuildError
            If the mechanisms can't be compiled or loaded.
        """
        neuron = session()
        with neuron.lock:
            if neuron.network is not None:
                neuron.network.close()
                neuron.network = None
            team_up(neuron, n_ranks)

    def run(
        self, plan: Plan, trials: Sequence[int], progress: Progress | None = None, part: Part | None = None
    ) -> Records:
        """Compute some trials of a plan.

        Parameters
        ----------
        plan : Plan
            What to run.
        trials : sequence of int
            0-based indices of the trials.
        progress : callable, optional
            Called as ``progress(trial, t_ms)``.
        part : Part, optional
            The cells that this rank computes while its team computes the others; left out: all.

        Returns
        -------
        records : Records
            Of a part: for ``hnnlib.backends.protocol.join_parts``, which also sees whether the trial has diverged.

        Raises
        ------
        TrialFailed
            If a trial can't be run to its end, with its number and the cause.
        SimulationError
            If ``part`` is not that of this rank in its team.
        MechanismBuildError
            If the mechanisms can't be compiled or loaded.
        """
        neuron = session()
        done = []
        with neuron.lock:
            check_team(neuron, part)
            network, reused = _network_of(neuron, plan, part)
            for trial in trials:
                begin = time.process_time()
                try:
                    network.fit(plan)
                    times, gids, samples = network.run(plan, trial, self.rates, progress)
                    if part is None:
                        check_finite(plan, trial, samples)
                except HnnlibError as error:
                    neuron.network = None
                    raise TrialFailed(trial, str(error)) from error
                except (RuntimeError, ValueError, TypeError) as error:  # what NEURON raises for its own errors
                    neuron.network = None
                    raise TrialFailed(trial, f"NEURON: {error}") from error
                done.append(trial_record(plan, trial, times, gids, samples, time.process_time() - begin, part))
        stats = {"build_cpu_s": 0.0 if reused else network.stats["build_cpu_s"]}
        return Records(header=header_of(plan), trials=tuple(done), engine=self.name, stats=stats)

    def run_many(self, plans: Sequence[Plan], progress: Progress | None = None) -> list[Records]:
        """Compute all trials of many plans, one after another; a network that stays the same is built once.

        Parameters
        ----------
        plans : sequence of Plan
            What to run.
        progress : callable, optional
            Called as ``progress(number of the plan, duration of a trial)`` when a plan is done.

        Returns
        -------
        records : list of Records
            One per plan, the same as from `run`.
        """
        done = []
        for number, plan in enumerate(plans):
            try:
                done.append(self.run(plan, range(plan.run.n_trials)))
            except TrialFailed as error:
                raise error.of(number) from error
            if progress is not None:
                progress(number, plan.run.tstop_ms)
        return done


def _network_of(neuron: Session, plan: Plan, part: Part | None) -> tuple[NeuronNetwork, bool]:
    """Return the network of a plan's part, and whether it was there already."""
    network = neuron.network
    if network is not None:
        if network.key == NeuronNetwork.key_of(plan, part):
            return network, True
        network.close()
    neuron.has_run = True
    neuron.network = NeuronNetwork(neuron, plan, part)
    return neuron.network, False
