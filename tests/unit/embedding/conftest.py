"""Cells by hand for tests of the room: no file is read, no simulator runs."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.embedding.form.morphology import Morphology
from hnnlib.embedding.membrane.segments import SegmentTable
from hnnlib.embedding.synapses.table import Embedding, SynapseType
from hnnlib.spec.cells import SynapseSpec


@pytest.fixture(scope="session")
def fork() -> Morphology:
    """A soma, a trunk of 300 µm that ends in a fork of two branches of 100 µm, a basal dendrite and an axon."""
    return Morphology(
        names=("soma", "apical_0", "apical_1", "apical_2", "basal_0", "axon_0"),
        types=("soma", "apical", "apical", "apical", "basal", "axon"),
        parent=np.array([-1, 0, 1, 1, 0, 0], np.int32),
        parent_end=np.array([1, 1, 1, 1, 0, 0], np.int8),
        points=(
            np.array([[0.0, 0.0, -10.0, 20.0], [0.0, 0.0, 10.0, 20.0]]),
            np.array([[0.0, 0.0, 10.0, 4.0], [0.0, 0.0, 160.0, 3.0], [0.0, 0.0, 310.0, 2.0]]),
            np.array([[0.0, 0.0, 310.0, 1.5], [60.0, 0.0, 390.0, 1.0]]),
            np.array([[0.0, 0.0, 310.0, 1.5], [-60.0, 0.0, 390.0, 0.8]]),
            np.array([[0.0, 0.0, -10.0, 2.0], [0.0, 60.0, -90.0, 1.0]]),
            np.array([[0.0, 0.0, -10.0, 1.0], [0.0, 0.0, -210.0, 0.5]]),
        ),
        domains=("soma", "apical_trunk", "apical_tuft", "apical_tuft", "basal", "axon"),
        name="fork",
    )


def straight_cell(sections, max_segment=20.0):
    """Return the segments of straight sections: name -> (domain, begin, end, distance of the begin from the soma)."""
    columns = {name: [] for name in ("section", "x", "domain", "distance_um", "start_um", "end_um", "length_um")}
    for i, (domain, begin, end, distance) in enumerate(sections.values()):
        begin, end = np.array(begin, float), np.array(end, float)
        length = np.linalg.norm(end - begin)
        n = max(1, int(np.ceil(length / max_segment - 1e-9)))
        x = (np.arange(n) + 0.5) / n
        borders = begin + np.linspace(0, 1, n + 1)[:, None] * (end - begin)
        columns["section"] += [i] * n
        columns["x"] += x.tolist()
        columns["domain"] += [domain] * n
        columns["distance_um"] += (np.abs(x - 0.5) if domain == "soma" else distance / length + x).dot(length).tolist()
        columns["start_um"] += borders[:-1].tolist()
        columns["end_um"] += borders[1:].tolist()
        columns["length_um"] += [length / n] * n
    n = len(columns["section"])
    arrays = {name: np.array(values) for name, values in columns.items()}
    return SegmentTable(
        **arrays,
        position_um=(arrays["start_um"] + arrays["end_um"]) / 2,
        branch_order=np.zeros(n, np.int32),
        diam_um=np.ones(n),
        area_um2=np.pi * arrays["length_um"],
        names=tuple(sections),
    )


@pytest.fixture(scope="session")
def make_segments():
    """Return what makes segments of straight sections."""
    return straight_cell


@pytest.fixture(scope="session")
def pyramid():
    """Soma, two basal dendrites, trunk, oblique, two branches of a tuft and an axon."""
    return straight_cell(
        {
            "soma": ("soma", (0, 0, -10), (0, 0, 10), 0),
            "axon_0": ("axon", (0, 0, -10), (0, 0, -60), 10),
            "basal_0": ("basal", (0, 0, -10), (-150, 0, -60), 10),
            "basal_1": ("basal", (0, 0, -10), (150, 0, -60), 10),
            "apical_0": ("apical_trunk", (0, 0, 10), (0, 0, 510), 10),
            "apical_1": ("apical_oblique", (0, 0, 110), (100, 0, 160), 110),
            "apical_2": ("apical_tuft", (0, 0, 510), (-100, 0, 650), 510),
            "apical_3": ("apical_tuft", (0, 0, 510), (100, 0, 650), 510),
        }
    )


@pytest.fixture(scope="session")
def bush():
    """A cell with as much dendrite as the layer 5 pyramid of L5NeuronSimulation, in many straight branches."""
    rng = np.random.default_rng(5)
    sections = {"soma": ("soma", (0, 0, -10), (0, 0, 10), 0)}
    for k in range(40):
        direction = rng.normal(size=3) * (1, 1, 0.5) - (0, 0, 0.5)
        direction /= np.linalg.norm(direction)
        begin = np.array([0, 0, -10])
        sections[f"basal_{k}"] = ("basal", begin, begin + 128.3 * direction, 10)
    for k in range(60):
        height = rng.uniform(50, 600)
        begin, direction = np.array([0, 0, height]), rng.normal(size=3)
        end = begin + 124 * direction / np.linalg.norm(direction)
        sections[f"apical_{k}"] = ("apical_tuft" if height > 400 else "apical_oblique", begin, end, height)
    return straight_cell(sections)


@pytest.fixture(scope="session")
def make_embedding(pyramid):
    """Return what makes embeddings: so many synapses of each population, of cells at random, each with a kind."""

    def make(counts, n_sources, *, release_p=1.0, delay_ms=None, group=-1, plasticity=None, seed=0):
        rng = np.random.default_rng(seed)
        n = sum(counts.values())
        receptor = SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 5.0})
        population = np.repeat(np.arange(len(counts)), list(counts.values()))
        kinds = {p: SynapseType(receptors={"ampa": receptor}, plasticity=(plasticity or {}).get(p)) for p in counts}
        return Embedding(
            segments=pyramid,
            populations=tuple(counts),
            kinds=kinds,
            population=population,
            source=rng.integers(0, n_sources, n),
            kind=population,
            section=np.full(n, 4),
            x=rng.random(n),
            weight_uS=np.full(n, 1e-3),
            delay_ms=rng.uniform(0.1, 3.0, n) if delay_ms is None else np.broadcast_to(delay_ms, n),
            release_p=np.broadcast_to(release_p, n),
            group=np.broadcast_to(group, n),
            cluster=np.full(n, -1),
            n_sources=dict.fromkeys(counts, n_sources),
        )

    return make
