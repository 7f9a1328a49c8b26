"""Fixtures shared by all tests."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Cores are shared: no example of a property test is too slow. Every run draws the same ones.
settings.register_profile("hnnlib", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hnnlib")

ROOT = Path(__file__).resolve().parent.parent

# A shell that runs us in the background has Ctrl-C ignored, and what we start would inherit that.
if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def find_shared() -> Path | None:
    """Return the folder with reference and recorded data, or None where it is not at hand."""
    for candidate in (os.environ.get("HNNLIB_SHARED"), ROOT.parent / "shared"):
        if candidate and (Path(candidate) / "reference").is_dir():
            return Path(candidate)
    return None


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder with `reference/` and `data/`; the test is skipped where it is absent."""
    found = find_shared()
    if found is None:
        pytest.skip("reference data not found (set HNNLIB_SHARED to the folder that holds reference/ and data/)")
    return found


@pytest.fixture(scope="session")
def reference(shared_dir: Path):
    """Return a reader: name -> (arrays, meta) of one reference file."""

    def read(name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        meta = json.loads((shared_dir / "reference" / f"{name}.json").read_text())
        path = shared_dir / "reference" / f"{name}.npz"
        arrays = {}
        if path.exists():
            with np.load(path) as z:
                arrays = {k: z[k] for k in z.files if k != "meta_json"}
        return arrays, meta

    return read


@pytest.fixture(scope="session")
def default_params():
    """The default parameters, as shipped."""
    from hnnlib.base.resources import param_file
    from hnnlib.params.read import read_params

    return read_params(param_file("default"))


@pytest.fixture(scope="session")
def small_column(default_params):
    """The default column on a 3 by 3 mesh, with its three evoked drives: every kind of spec but a few is in it."""
    from hnnlib.models.columns import neymotin_2020
    from hnnlib.params.flat import add_drives

    return add_drives(neymotin_2020(default_params, (3, 3)), default_params)


@pytest.fixture(scope="session")
def tiny_cell():
    """A cell of two sections: a soma and a passive dendrite of three segments; for what needs no published numbers."""
    from hnnlib.spec.cells import CellSpec, SectionSpec, SynapseSpec

    membrane = {"pas": {"g": 1e-4, "e": -65.0}}
    return CellSpec(
        sections={
            "soma": SectionSpec(L=20.0, diam=20.0, mechanisms=membrane, receptors=("ampa",)),
            "dend": SectionSpec(L=150.0, diam=2.0, parent="soma", mechanisms=membrane, receptors=("ampa", "gabaa")),
        },
        synapses={
            "ampa": SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 5.0}),
            "gabaa": SynapseSpec(parameters={"e": -80.0, "tau1": 0.5, "tau2": 5.0}),
        },
        locations={"both": ("soma", "dend"), "distal": ("dend",)},
    )


@pytest.fixture(scope="session")
def tiny_network(tiny_cell):
    """Two populations of the tiny cell, four and three of them, side by side."""
    from hnnlib.spec.layout import AtPoints
    from hnnlib.spec.network import NetworkSpec, Population

    return NetworkSpec(
        populations={
            "left": Population(cell=tiny_cell, place=AtPoints(points=[(float(i), 0.0, 0.0) for i in range(4)])),
            "right": Population(cell=tiny_cell, place=AtPoints(points=[(float(i), 2.0, 9.0) for i in range(3)])),
        }
    )


@pytest.fixture(scope="session")
def run_trial():
    """Return a function that runs the first trial of a network on NEURON and returns plan and record.

    Further arguments are those of `RunSpec`.
    """

    def run(network, tstop, **options):
        from hnnlib.backends.neuron.engine import NeuronEngine
        from hnnlib.compile.build import compile_plan
        from hnnlib.spec.run import RunSpec

        plan = compile_plan(network, RunSpec(tstop=tstop, **options))
        return plan, NeuronEngine().run(plan, [0]).trials[0]

    return run


@pytest.fixture(scope="session")
def one_cell():
    """Return a function that makes a network of one cell, named "cell", at the origin."""

    def make(cell, **options):
        from hnnlib.spec.layout import AtPoints
        from hnnlib.spec.network import NetworkSpec, Population

        place = AtPoints(points=[(0.0, 0.0, 0.0)])
        population = Population(cell=cell, place=place, measure_dipole=cell.dipole_axis is not None)
        return NetworkSpec(populations={"cell": population}, origin=(0.0, 0.0, 0.0), **options)

    return make


@pytest.fixture(scope="session")
def make_study_inputs():
    """Return a function that makes what a study follows from: some synapses, of three populations, on a stick."""
    from hnnlib.embedding.membrane.segments import SegmentTable
    from hnnlib.embedding.study.trial import StudyInputs
    from hnnlib.embedding.synapses.table import Embedding, SynapseType
    from hnnlib.spec.cells import SynapseSpec

    def make(n_synapses=60, n_sources=8, **changes):
        rng = np.random.default_rng(3)
        x = np.array([0.5, 1 / 6, 3 / 6, 5 / 6])
        place = np.stack([np.zeros(4), np.zeros(4), [0.0, 20.0, 40.0, 60.0]], axis=1)
        half = np.array([0.0, 0.0, 10.0])
        segments = SegmentTable(
            section=np.array([0, 1, 1, 1]),
            x=x,
            domain=np.array(["soma", "apical_trunk", "apical_trunk", "apical_trunk"]),
            distance_um=place[:, 2],
            branch_order=np.zeros(4),
            position_um=place,
            start_um=place - half,
            end_um=place + half,
            length_um=np.full(4, 20.0),
            diam_um=np.array([20.0, 3.0, 2.5, 2.0]),
            area_um2=np.array([1200.0, 190.0, 160.0, 130.0]),
            names=("soma", "apical_0"),
        )
        section = rng.integers(0, 2, n_synapses)
        embedding = Embedding(
            segments=segments,
            populations=("L4ss_C2", "VPM_C2", "silent"),
            kinds={
                "exc": SynapseType(receptors={"ampa": SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 5.0})}),
                "inh": SynapseType(
                    receptors={"gabaa": SynapseSpec(parameters={"e": -80.0, "tau1": 1.0, "tau2": 20.0})}
                ),
            },
            population=np.sort(rng.integers(0, 2, n_synapses)),
            source=rng.integers(0, n_sources, n_synapses),
            kind=rng.integers(0, 2, n_synapses),
            section=section,
            x=rng.random(n_synapses),
            weight_uS=rng.lognormal(-8, 0.5, n_synapses),
            delay_ms=rng.uniform(0.5, 2, n_synapses),
            release_p=np.full(n_synapses, 0.6),
            group=np.full(n_synapses, -1),
            cluster=np.full(n_synapses, -1),
            n_sources={"VPM_C2": n_sources + 1, "silent": 5},
            cell_types={"VPM_C2": "VPM", "L4ss_C2": "L4ss"},
        )
        given = {
            "cell": {"biophysics": {"Ra": 100.0}, "max_segment_um": 20.0},
            "sources": {"VPM_C2": {"kind": "poisson", "rate": 5.0}},
            "run": {"seed": 7, "tstop": 50.0, "dt": 0.025, "record": {"v": ["soma", "apical_0"]}},
        }
        return StudyInputs(embedding=embedding, **{**given, **changes})

    return make


@pytest.fixture(scope="session")
def make_cell_trial():
    """Return a function that makes a trial of such a study with made-up numbers, the same for each number."""
    from hnnlib.embedding.sources.spikes import SourceSpikes, TrialEvents
    from hnnlib.embedding.study.trial import CellTrial

    def make(inputs, trial, n_events=80, n_spikes=20, n_times=101, **changes):
        rng = np.random.default_rng([11, trial])
        embedding = inputs.embedding
        spikes = {
            name: SourceSpikes(
                source=rng.integers(0, embedding.n_sources[name], n_spikes), time_ms=rng.uniform(0, 50, n_spikes)
            )
            for name in embedding.populations[:2]
        }
        given = {
            "spikes": {**spikes, "silent": SourceSpikes.none()},
            "events": TrialEvents(
                synapse=rng.integers(0, len(embedding), n_events),
                time_ms=rng.uniform(0, 50, n_events),
                factor=rng.uniform(0.5, 1, n_events) if trial % 2 else None,
            ),
            "soma_spikes": np.sort(rng.uniform(0, 50, trial % 4)),
            "site_spikes": {"apical_0": np.sort(rng.uniform(0, 50, trial % 3))},
            "recordings": {"v": rng.normal(-65, 5, (2, n_times)).astype(np.float32)},
            "labels": {"v": {"site": ("soma", "apical_0"), "x": (0.5, 0.5)}},
            "units": {"v": "mV"},
            "dipole": rng.normal(0, 1e-6, (n_times, 3)),
            "times": np.linspace(0, 50, n_times),
            "wall_s": 0.25,
            "host": "here",
        }
        return CellTrial(trial=trial, **{**given, **changes})

    return make
