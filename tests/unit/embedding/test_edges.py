"""Synapses as SONATA's tables and files, and back."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, OutputExists, UnknownName
from hnnlib.embedding.sources.rates import Lognormal, Uniform
from hnnlib.embedding.synapses.clusters import clustered
from hnnlib.embedding.synapses.placement import random
from hnnlib.embedding.synapses.sonata import circuit_of, embedding_from_sonata, embedding_of, embedding_to_sonata
from hnnlib.embedding.synapses.table import ShortTermPlasticity, SynapseType
from hnnlib.plan.circuit import Circuit
from hnnlib.spec.cells import SynapseSpec

AMPA = SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 5.0})
EXC = SynapseType(
    receptors={"ampa": AMPA, "nmda": SynapseSpec(mechanism="NMDA")},
    ratio={"nmda": 0.5},
    plasticity=ShortTermPlasticity(depression=0.8, tau_depression=250.0),
)
INH = SynapseType(receptors={"gabaa": SynapseSpec(parameters={"e": -80.0, "tau1": 1.0, "tau2": 20.0})})
COLUMNS = ("population", "source", "kind", "section", "x", "weight_uS", "delay_ms", "release_p", "group", "cluster")


@pytest.fixture(scope="module")
def embedding(pyramid):
    """Clustered excitation whose rows are not in the order of their sources, and inhibition with silent cells."""
    exc = clustered(
        pyramid,
        "exc",
        kind=EXC,
        weight=Lognormal(mean=1e-3, sd=5e-4),
        delay=Uniform(low=0.5, high=2.0),
        release_p=0.6,
        n_cells=200,
        contacts=Uniform(low=2, high=5, integer=True),
        clusters_per_group=6,
        domain="apical",
    )
    exc = exc.take(np.random.default_rng(1).permutation(len(exc)))
    inh = random(pyramid, "inh", kind=INH, weight=2e-3, count=100, cell_type="basket")
    return exc + attrs.evolve(inh, n_sources={"inh": 130})


def assert_same(a, b):
    assert a.populations == b.populations
    assert a.n_sources == b.n_sources
    assert a.cell_types == b.cell_types
    assert a.kinds == b.kinds
    for name in COLUMNS:
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    assert a.digest == b.digest


def test_what_is_written_comes_back_bit_by_bit(embedding, pyramid, tmp_path):
    config = embedding_to_sonata(embedding, tmp_path / "synapses")
    assert_same(embedding_from_sonata(config, pyramid), embedding)
    assert_same(embedding_from_sonata(tmp_path / "synapses", pyramid), embedding)


def test_tables_without_files(embedding, pyramid):
    circuit = circuit_of(embedding, target="pyramid")
    assert circuit.nodes["exc"].is_virtual
    assert len(circuit.nodes["inh"]) == 130
    assert circuit.edges["exc_pyramid"].target == "pyramid"
    assert_same(embedding_of(circuit, pyramid), embedding)


def test_another_cut_of_the_same_cell(make_segments, tmp_path):
    sections = {"soma": ("soma", (0, 0, -10), (0, 0, 10), 0), "basal_0": ("basal", (0, 0, -10), (0, 0, -160), 10)}
    coarse, fine = make_segments(sections, 50.0), make_segments(sections, 5.0)
    emb = random(coarse, "exc", kind=EXC, weight=1e-3, count=50)
    embedding_to_sonata(emb, tmp_path)
    assert np.array_equal(embedding_from_sonata(tmp_path, fine).x, emb.x)


def test_another_cell_is_refused(embedding, bush, tmp_path):
    embedding_to_sonata(embedding, tmp_path)
    with pytest.raises(InvalidValue, match="is the hash of the cell that the files are for"):
        embedding_from_sonata(tmp_path, bush)


def foreign(circuit, **attributes):
    """Return the edges as another tool would have written them: without our types; with some attributes replaced."""
    edges = {}
    for name, table in circuit.edges.items():
        kept = {
            k: v
            for k, v in table.attributes.items()
            if k in ("afferent_section_id", "afferent_section_pos", "syn_weight")
        }
        changed = {k: np.full(len(table), v) for k, v in attributes.items()}
        kept = {k: v for k, v in {**kept, **changed}.items() if attributes.get(k, 0) is not None}
        edges[name] = attrs.evolve(table, attributes=kept, edge_types={})
    nodes = {
        name: attrs.evolve(table, node_types={int(table.node_type_id[0]): {"model_type": "virtual"}})
        for name, table in circuit.nodes.items()
    }
    return Circuit(nodes=nodes, edges=edges)


def test_edges_of_other_tools(embedding, pyramid):
    circuit = foreign(circuit_of(embedding), nsyns=2, delay=1.5)
    emb = embedding_of(circuit, pyramid, kinds={"exc": EXC, "inh": INH})
    assert emb.weight_uS.sum() == pytest.approx(2 * embedding.weight_uS.sum())
    assert set(emb.delay_ms) == {1.5}
    assert set(emb.release_p) == {1.0}
    assert set(emb.group) == {-1}
    assert tuple(emb.kinds) == ("ampa+nmda", "gabaa")
    other = SynapseType(receptors={"gabaa": SynapseSpec(parameters={"e": -70.0})})
    assert tuple(embedding_of(circuit, pyramid, kinds=other).kinds) == ("gabaa",)


def test_one_cell_of_several(embedding, pyramid):
    circuit = circuit_of(embedding)
    nodes = dict(circuit.nodes)
    cell = nodes["cell"]
    nodes["cell"] = attrs.evolve(
        cell, node_type_id=np.repeat(cell.node_type_id, 2), attributes={k: np.zeros(2) for k in "xyz"}
    )
    edges = {
        name: attrs.evolve(table, target_node_id=np.arange(len(table)) % 2) for name, table in circuit.edges.items()
    }
    halves = [embedding_of(Circuit(nodes=nodes, edges=edges), pyramid, node=node) for node in (0, 1)]
    assert sum(map(len, halves)) == len(embedding)
    with pytest.raises(InvalidValue, match="node: 2 is no node of 'cell', which has ids from 0 to 1"):
        embedding_of(Circuit(nodes=nodes, edges=edges), pyramid, node=2)


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"afferent_section_id": 8}, r"section\[0\]: 8 is no section of the cell \(from 0 to 7\)"),
        ({"afferent_section_pos": 1.5}, r"x\[0\]: 1.5 must be from 0 to 1"),
        ({"syn_weight": -1.0}, r"weight_uS\[0\]: -1.0 must be >= 0"),
        ({"delay": np.inf}, r"delay_ms\[0\]: inf must be >= 0 and finite"),
        ({"syn_weight": None}, r"edges\['exc_cell'\].attributes: 'syn_weight' is no attribute"),
        ({"afferent_section_id": None}, r"edges\['exc_cell'\].attributes: 'afferent_section_id'"),
    ],
)
def test_edges_that_do_not_fit(embedding, pyramid, attributes, told):
    with pytest.raises(InvalidValue, match=told):
        embedding_of(foreign(circuit_of(embedding), **attributes), pyramid, kinds=EXC)


def test_names_that_are_not_there(embedding, pyramid, tmp_path):
    circuit = circuit_of(embedding)
    with pytest.raises(UnknownName, match="target: 'cells' is no population that edges end in"):
        embedding_of(circuit, pyramid, target="cells")
    with pytest.raises(UnknownName, match=r"edges\['inh_cell'\].kinds: 'inh' is no population with a kind"):
        embedding_of(foreign(circuit), pyramid, kinds={"exc": EXC})
    with pytest.raises(InvalidValue, match="target: 'inh' is the name of a presynaptic population"):
        circuit_of(embedding, target="inh")
    with pytest.raises(MissingFile):
        embedding_from_sonata(tmp_path / "none.json", pyramid)
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(FileFormatError):
        embedding_from_sonata(tmp_path / "bad.json", pyramid)


def test_files_are_kept_unless_they_may_be_replaced(embedding, tmp_path):
    embedding_to_sonata(embedding, tmp_path)
    with pytest.raises(OutputExists):
        embedding_to_sonata(embedding, tmp_path, overwrite=False)
