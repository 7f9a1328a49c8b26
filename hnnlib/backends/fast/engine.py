"""The fast engine: generated C++ with the cell index as vector lane."""

from __future__ import annotations

import ctypes
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from hnnlib.backends.fast.build import kernel_library
from hnnlib.backends.fast.codes import code_of, obstacles_of
from hnnlib.backends.fast.generate import Kernel, generate
from hnnlib.backends.fast.model import KernelModel, make_model
from hnnlib.backends.fast.pack import Packed, TrialData, pack, pack_trial
from hnnlib.backends.fast.table import rate_rows
from hnnlib.backends.protocol import RATES, Progress, check_finite, header_of, point_populations, trial_record
from hnnlib.base.errors import HnnlibError, InvalidValue, SimulationError, TrialFailed, UnknownName
from hnnlib.plan.tables import Plan, digest_of
from hnnlib.results.records import Records, TrialRecord

__all__ = ["FastEngine"]


class FastEngine:
    """Runs plans by kernels that are written for their cells and compiled once.

    The numbers are those of NEURON's default fixed step: staggered implicit Euler, events at the nearest step start,
    threshold watched at step starts.

    Parameters
    ----------
    rates : str
        ``'tables'``: gating rates as the mod files tabulate them, resampled (the published numbers); ``'exact'``: the
        formulas themselves, as NEURON with ``usetable = 0``.
    precision : str
        ``'float64'`` or ``'float32'``.
    threads : int
        Trials that run at the same time.

    Raises
    ------
    UnknownName
        If ``rates`` or ``precision`` is none of these.
    """

    name = "fast"
    splits_trials = False

    def __init__(self, rates: str = "tables", precision: str = "float64", threads: int = 1) -> None:
        if rates not in RATES:
            raise UnknownName("rates", rates, "choice", RATES)
        if precision not in ("float64", "float32"):
            raise UnknownName("precision", precision, "choice", ("float64", "float32"))
        if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
            raise InvalidValue("threads", threads, "must be an integer >= 1")
        self.rates, self.precision, self.threads = rates, precision, threads
        self._lock = threading.Lock()
        self._built: dict[str, tuple[list[KernelModel], list[Kernel], list[np.ndarray], ctypes.CDLL]] = {}
        # what the last key was made of: compiled variants of a network share their templates
        self._keyed: tuple[Any, str] = (None, "")
        # the plan that was packed last (a weak reference), so that its trials can be asked for one by one
        self._packed: tuple[weakref.ref[Plan], Packed, ctypes.CDLL] | None = None

    def __reduce__(self) -> tuple[type[FastEngine], tuple[str, str, int]]:
        return (FastEngine, (self.rates, self.precision, self.threads))

    @property
    def options(self) -> dict[str, object]:
        """What the engine was made with."""
        return {"rates": self.rates, "precision": self.precision, "threads": self.threads}

    def obstacles(self, plan: Plan) -> list[str]:
        """Return what of the plan this engine can't do, one sentence each.

        Parameters
        ----------
        plan : Plan
            What is to be run.
        """
        return point_populations(plan) or obstacles_of(plan, self.precision, self.rates)

    def run(self, plan: Plan, trials: Sequence[int], progress: Progress | None = None) -> Records:
        """Compute some trials of a plan.

        Parameters
        ----------
        plan : Plan
            What to run.
        trials : sequence of int
            0-based indices of the trials.
        progress : callable, optional
            Called as ``progress(trial, t_ms)``.

        Returns
        -------
        records : Records

        Raises
        ------
        TrialFailed
            If a trial diverges: with its number, time, cell and section.
        MechanismBuildError
            If the kernels can't be compiled.
        """
        return self._run(plan, trials, progress, self.threads)

    def run_many(self, plans: Sequence[Plan], progress: Progress | None = None) -> list[Records]:
        """Compute all trials of many plans; variants of one structure share its compiled kernels.

        Parameters
        ----------
        plans : sequence of Plan
            What to run; with ``threads`` above 1, several plans at the same time.
        progress : callable, optional
            Called as ``progress(number of the plan, duration of a trial)`` when a plan is done.

        Returns
        -------
        records : list of Records
            One per plan, the same as from `run`.
        """

        def one(numbered: tuple[int, Plan]) -> Records:
            number, plan = numbered
            try:
                records = self._run(plan, range(plan.run.n_trials), None, 1)
            except TrialFailed as error:
                raise error.of(number) from error
            if progress is not None:
                progress(number, plan.run.tstop_ms)
            return records

        if self.threads == 1:
            return [one(item) for item in enumerate(plans)]
        with ThreadPoolExecutor(self.threads) as pool:
            return list(pool.map(one, enumerate(plans)))

    def _run(self, plan: Plan, trials: Sequence[int], progress: Progress | None, threads: int) -> Records:
        begin = time.process_time()
        packed, library = self._pack(plan)
        build_cpu_s = time.process_time() - begin
        if threads == 1 or len(trials) == 1:
            done = [self._one(plan, packed, library, k, progress) for k in trials]
        else:
            with ThreadPoolExecutor(threads) as pool:
                done = list(pool.map(lambda k: self._one(plan, packed, library, k, progress), trials))
        return Records(header=header_of(plan), trials=tuple(done), engine=self.name, stats={"build_cpu_s": build_cpu_s})

    def _pack(self, plan: Plan) -> tuple[Packed, ctypes.CDLL]:
        known = self._packed
        if known is not None and known[0]() is plan:
            return known[1], known[2]
        with self._lock:
            models, kernels, tables, library = self._kernels(plan)
        packed = pack(plan, models, kernels, tables, int(library.hnnlib_lanes()))
        self._packed = (weakref.ref(plan), packed, library)
        return packed, library

    def _kernels(self, plan: Plan) -> tuple[list[KernelModel], list[Kernel], list[np.ndarray], ctypes.CDLL]:
        parts = (plan.templates, plan.run.celsius, plan.run.dt_ms)
        if parts != self._keyed[0]:
            self._keyed = (parts, digest_of(*parts))
        key = self._keyed[1]
        if key not in self._built:
            models = [
                make_model(
                    template,
                    {name: code_of(name) for name in _mechanisms(template)},
                    celsius=plan.run.celsius,
                    dt=plan.run.dt_ms,
                    rates=self.rates,
                )
                for template in plan.templates
            ]
            kernels = [generate(model, f"Kernel{k}") for k, model in enumerate(models)]
            tables = [
                rate_rows(model, kernel, celsius=plan.run.celsius, dt=plan.run.dt_ms, rates=self.rates)
                for model, kernel in zip(models, kernels, strict=True)
            ]
            defines = ("HNNLIB_FLOAT",) if self.precision == "float32" else ()
            library = kernel_library(_unit(kernels), defines)
            self._built.clear()  # one network at a time, as with NEURON
            self._built[key] = (models, kernels, tables, library)
        return self._built[key]

    def _one(
        self, plan: Plan, packed: Packed, library: ctypes.CDLL, trial: int, progress: Progress | None
    ) -> TrialRecord:
        begin = time.thread_time()
        try:
            data: TrialData = pack_trial(plan, packed, trial)
            library.hnnlib_run(ctypes.c_void_p(data.job.ctypes.data))
            if data.job[0]["n_spikes"] > len(data.spikes):  # more than there was room for: again, with enough
                data = pack_trial(plan, packed, trial, max_spikes=int(data.job[0]["n_spikes"]))
                library.hnnlib_run(ctypes.c_void_p(data.job.ctypes.data))
            job = data.job[0]
            if job["bad_step"] >= 0:
                raise SimulationError(_divergence(plan, job))
            check_finite(plan, trial, data.samples)
            spikes = data.spikes[: int(job["n_spikes"])]
            cpu_s = time.thread_time() - begin
            if progress is not None:
                progress(trial, plan.run.tstop_ms)
            return trial_record(plan, trial, spikes["time"], spikes["gid"], data.samples, cpu_s)
        except HnnlibError as error:
            raise TrialFailed(trial, str(error)) from error


def _mechanisms(template: object) -> list[str]:
    densities = [d.mechanism for d in template.densities]  # type: ignore[attr-defined]
    return list(dict.fromkeys([*densities, *template.sites.mechanisms]))  # type: ignore[attr-defined]


def _unit(kernels: Sequence[Kernel]) -> str:
    """Return the translation unit: the kernels and the two functions that Python calls."""
    makers = ",\n    ".join(
        f"[](TemplateData const& d, std::int32_t const* used, std::int64_t n) -> Runner* "
        f"{{ return new RunnerOf<Kernel{k}>(d, used, n); }}"
        for k in range(len(kernels))
    )
    return (
        # a namespace without name, or kernels of two networks in one process would share trees (GNU's unique symbols)
        '#include "runtime.hpp"\nnamespace {\n'
        + "".join(kernel.text for kernel in kernels)
        + f"""}}
extern "C" std::int64_t hnnlib_lanes() {{ return W; }}
extern "C" void hnnlib_run(Job* job) {{
    static Maker const makers[] = {{
    {makers}}};
    run_trial(*job, makers);
}}
"""
    )


def _divergence(plan: Plan, job: np.void) -> str:
    gid, segment = int(job["bad_gid"]), int(job["bad_segment"])
    template = plan.templates[plan.cells.template[gid]]
    section = template.sections.names[template.segments.section[segment]]
    t = int(job["bad_step"]) * plan.run.dt_ms
    return (
        f"the simulation diverged: the voltage of gid {gid} ({template.name}, {section}) is no finite number from "
        f"t = {t:g} ms on; a smaller dt than {plan.run.dt_ms:g} ms may help"
    )
