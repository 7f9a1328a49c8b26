"""Synapses of a detailed cell in SONATA files, read by libsonata."""

from __future__ import annotations

import libsonata
import numpy as np
import pytest

from hnnlib.embedding.membrane.cell import DetailedCell
from hnnlib.embedding.synapses.in_vivo import l5_in_vivo
from hnnlib.embedding.synapses.sonata import embedding_from_sonata, embedding_to_sonata


@pytest.fixture(scope="module")
def cell():
    return DetailedCell("synthetic-l5", "l5_detailed")


@pytest.fixture(scope="module")
def embedding(cell):
    return l5_in_vivo(cell)


@pytest.fixture(scope="module")
def folder(embedding, tmp_path_factory):
    folder = tmp_path_factory.mktemp("synapses")
    embedding_to_sonata(embedding, folder)
    return folder


def test_libsonata_reads_every_edge(embedding, folder):
    for name, rows in embedding.rows.items():
        between = f"{name}_cell"
        edges = libsonata.EdgeStorage(str(folder / "network" / f"{between}_edges.h5")).open_population(between)
        everything = libsonata.Selection([(0, edges.size)])
        assert edges.size == rows.stop - rows.start
        assert (edges.source, edges.target) == (name, "cell")
        order = rows.start + np.argsort(embedding.source[rows], kind="stable")
        assert np.array_equal(edges.source_nodes(everything), embedding.source[order])
        assert not edges.target_nodes(everything).any()
        for attribute, column in (
            ("afferent_section_id", embedding.section),
            ("afferent_section_pos", embedding.x),
            ("syn_weight", embedding.weight_uS),
            ("delay", embedding.delay_ms),
            ("release_probability", embedding.release_p),
            ("functional_group", embedding.group),
            ("cluster", embedding.cluster),
        ):
            assert np.array_equal(edges.get_attribute(attribute, everything), column[order]), attribute
        # the indices: what one cell contacts, and what contacts the cell
        one = int(embedding.source[rows].max())
        assert edges.efferent_edges([one]).flat_size == (embedding.source[rows] == one).sum()
        assert edges.afferent_edges([0]).flat_size == edges.size
        nodes = libsonata.NodeStorage(str(folder / "network" / f"{name}_nodes.h5")).open_population(name)
        assert nodes.size == embedding.n_sources[name]


def test_hnnlib_reads_them_back(embedding, cell, folder):
    assert embedding_from_sonata(folder, cell).digest == embedding.digest
