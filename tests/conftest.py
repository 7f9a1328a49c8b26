"""Fixtures shared by all tests."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# Cores are shared: no example of a property test is too slow. Every run draws the same ones.
settings.register_profile("hnnlib", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("hnnlib")

ROOT = Path(__file__).resolve().parent.parent


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
