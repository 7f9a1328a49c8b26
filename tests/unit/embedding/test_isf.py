"""Files of the In Silico Framework, made here: places, presynaptic cells, rates."""

from __future__ import annotations

import numpy as np
import pytest

from hnnlib.base.errors import FileFormatError, HnnlibError, InvalidValue, MissingFile, OutputExists, UnknownName
from hnnlib.embedding.sources.rates import Lognormal, Uniform
from hnnlib.embedding.sources.recipes import PSTH, InhomogeneousPoisson, Ongoing
from hnnlib.embedding.synapses.isf import read_syn_con, write_syn_con
from hnnlib.embedding.synapses.isf_network import read_isf_network
from hnnlib.embedding.synapses.placement import random
from hnnlib.embedding.synapses.table import SynapseType
from hnnlib.spec.cells import SynapseSpec

AMPA = SynapseType(receptors={"ampa": SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 5.0})})
GABA = SynapseType(receptors={"gabaa": SynapseSpec(parameters={"e": -80.0, "tau1": 1.0, "tau2": 20.0})})

SYN = """# synapses
# of a cell
# population - section - x

VPM_C2\t2\t0.25
VPM_C2\t3\t1.0
VPM_C2\t2\t0.5
L6ct_C2\t7\t0.125
"""
CON = """# presynaptic cells, for
# cell.syn
# population - cell - synapse

L6ct_C2\t4\t0
VPM_C2\t0\t2
VPM_C2\t1\t1
VPM_C2\t0\t0
"""


@pytest.fixture
def write(tmp_path):
    """Return what writes the two files and returns their paths."""

    def written(syn=SYN, con=CON):
        (tmp_path / "cell.syn").write_text(syn, encoding="utf-8")
        (tmp_path / "cell.con").write_text(con, encoding="utf-8")
        return tmp_path / "cell.syn", tmp_path / "cell.con"

    return written


def test_rows_are_synapses_in_the_order_of_the_file(write, pyramid):
    emb = read_syn_con(
        *write(), pyramid, kinds=AMPA, weight=1e-3, delay=0.5, release_p={"VPM_C2": 0.6, "L6ct_C2": 0.25}
    )
    assert emb.populations == ("VPM_C2", "L6ct_C2")
    assert emb.section.tolist() == [2, 3, 2, 7]
    assert emb.x.tolist() == [0.25, 1.0, 0.5, 0.125]
    assert emb.source.tolist() == [0, 1, 0, 4]
    assert emb.release_p.tolist() == [0.6, 0.6, 0.6, 0.25]
    assert emb.n_sources == {"VPM_C2": 2, "L6ct_C2": 5}
    assert emb.cell_types == {"VPM_C2": "VPM", "L6ct_C2": "L6ct"}
    assert set(emb.delay_ms) == {0.5}


def test_kinds_weights_and_cells_by_population(write, pyramid):
    emb = read_syn_con(
        *write(),
        pyramid,
        kinds={"VPM_C2": AMPA, "L6ct_C2": GABA},
        weight={"VPM_C2": Uniform(low=1e-3, high=2e-3), "L6ct_C2": 5e-3},
        n_sources={"VPM_C2": 10},
    )
    assert np.array(list(emb.kinds))[emb.kind].tolist() == ["ampa"] * 3 + ["gabaa"]
    assert len(set(emb.weight_uS[:3])) == 3
    assert emb.weight_uS[3] == 5e-3
    assert emb.n_sources["VPM_C2"] == 10
    other = SynapseType(receptors={"ampa": SynapseSpec(parameters={"tau2": 2.0})})
    same_name = read_syn_con(*write(), pyramid, kinds={"VPM_C2": AMPA, "L6ct_C2": other}, weight=1.0)
    assert tuple(same_name.kinds) == ("ampa", "ampa of L6ct_C2")


def test_sections_may_be_numbered_otherwise(write, pyramid):
    order = ["soma", "apical_0", "apical_1", "basal_0", "basal_1", "apical_3", "apical_2", "axon_0"]
    emb = read_syn_con(*write(), pyramid, kinds=AMPA, weight=1e-3, sections=order)
    assert [pyramid.names[s] for s in emb.section] == ["apical_1", "basal_0", "apical_1", "axon_0"]


def test_what_is_written_comes_back(tmp_path, pyramid):
    cells = {"contacts": Uniform(low=1, high=4, integer=True), "kind": AMPA, "weight": 1e-3}
    emb = random(pyramid, "VPM_C2", count=3000, **cells) + random(pyramid, "L4_C2", count=500, **cells)
    syn, con = tmp_path / "a.syn", tmp_path / "a.con"
    write_syn_con(emb, syn, con)
    back = read_syn_con(syn, con, pyramid, kinds=AMPA, weight=1e-3)
    for name in ("population", "source", "section", "x", "weight_uS"):
        assert np.array_equal(getattr(back, name), getattr(emb, name)), name
    assert back.populations == emb.populations
    order = list(reversed(pyramid.names))
    write_syn_con(emb, syn, con, sections=order)
    assert "\t0\t" in syn.read_text()
    assert np.array_equal(read_syn_con(syn, con, pyramid, kinds=AMPA, weight=1.0, sections=order).section, emb.section)


def test_the_cut_of_the_cell_does_not_matter_but_the_cell_does(tmp_path, make_segments, pyramid):
    sections = {"soma": ("soma", (0, 0, -10), (0, 0, 10), 0), "basal_0": ("basal", (0, 0, -10), (0, 0, -160), 10)}
    coarse, fine = make_segments(sections, 50.0), make_segments(sections, 5.0)
    syn, con = tmp_path / "a.syn", tmp_path / "a.con"
    write_syn_con(random(coarse, "exc", kind=AMPA, weight=1e-3, count=50), syn, con)
    assert len(read_syn_con(syn, con, fine, kinds=AMPA, weight=1e-3)) == 50
    with pytest.raises(FileFormatError, match="line 2: was written for another cell, of 2 sections; this one has 8"):
        read_syn_con(syn, con, pyramid, kinds=AMPA, weight=1e-3)
    assert len(read_syn_con(syn, con, pyramid, kinds=AMPA, weight=1e-3, strict=False)) == 50


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("VPM_C2\t3\t1.0", "VPM_C2\t8\t1.0", r"cell.syn, line 6: section 8 is none of the cell, which has 0 to 7"),
        ("VPM_C2\t3\t1.0", "VPM_C2\t-1\t1.0", r"line 6: section -1 is none"),
        ("VPM_C2\t3\t1.0", "VPM_C2\t3\t1.5", r"line 6: x = 1.5 must be from 0 to 1"),
        ("VPM_C2\t3\t1.0", "VPM_C2\t3\tnan", r"line 6: x = nan must be from 0 to 1"),
        ("VPM_C2\t3\t1.0", "VPM_C2\t3.5\t1.0", r"line 6: '3.5' is no whole number"),
        ("VPM_C2\t3\t1.0", "VPM_C2\t3\thalf", r"line 6: 'half' is no number"),
        ("VPM_C2\t3\t1.0", "VPM_C2\t3", r"line 6: has 2 fields; must have three: population, section, x"),
        ("# of a cell\n", "", r"line 4: must have 4 lines of header"),
        ("L6ct_C2\t4\t0", "L6ct_C2\t4\t1", r"cell.con, line 5: L6ct_C2 has no synapse 1: cell.syn has 0 to 0"),
        ("L6ct_C2\t4\t0", "L6ct_C2\t-4\t0", r"line 5: cell -4 must be >= 0"),
        ("L6ct_C2\t4\t0", "L5_C2\t4\t0", r"line 5: population 'L5_C2' has no synapses in cell.syn"),
        ("VPM_C2\t1\t1", "VPM_C2\t1\t2", r"cell.con, line 7: synapse 2 of VPM_C2 is there twice"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("strict", [True, False])
def test_bad_rows_are_refused_by_line(write, pyramid, old, new, told, strict):
    files = write(SYN.replace(old, new), CON.replace(old, new))
    with pytest.raises(FileFormatError, match=told):
        read_syn_con(*files, pyramid, kinds=AMPA, weight=1e-3, strict=strict)


def test_a_header_that_names_other_synapses(write, pyramid):
    files = write(con=CON.replace("cell.syn", "other.syn"))
    with pytest.raises(
        FileFormatError, match=r"line 2: belongs to the synapses in 'other.syn', not to those in 'cell.syn'"
    ):
        read_syn_con(*files, pyramid, kinds=AMPA, weight=1e-3)
    assert len(read_syn_con(*files, pyramid, kinds=AMPA, weight=1e-3, strict=False)) == 4


def test_a_synapse_without_a_cell(write, pyramid, caplog):
    files = write(con=CON.replace("VPM_C2\t1\t1\n", ""))
    with pytest.raises(FileFormatError, match="synapse 1 of VPM_C2 has no presynaptic cell"):
        read_syn_con(*files, pyramid, kinds=AMPA, weight=1e-3)
    with caplog.at_level("INFO", logger="hnnlib"):
        emb = read_syn_con(*files, pyramid, kinds=AMPA, weight=1e-3, strict=False)
    assert emb.section.tolist() == [2, 2, 7]
    assert "1 of 4 synapses have no presynaptic cell" in caplog.text


def test_what_else_is_refused(write, pyramid, tmp_path):
    files = write()
    with pytest.raises(UnknownName, match="kinds: 'L6ct_C2' is no population that it is given for"):
        read_syn_con(*files, pyramid, kinds={"VPM_C2": AMPA}, weight=1e-3)
    with pytest.raises(UnknownName, match="release_p: 'VPM_C2'"):
        read_syn_con(*files, pyramid, kinds=AMPA, weight=1e-3, release_p={"L6ct_C2": 0.5})
    with pytest.raises(UnknownName, match=r"sections\[1\]: 'apical' is no section"):
        read_syn_con(*files, pyramid, kinds=AMPA, weight=1e-3, sections=["soma", "apical"])
    with pytest.raises(InvalidValue, match=r"sections\[1\]: 'soma' is there twice"):
        read_syn_con(*files, pyramid, kinds=AMPA, weight=1e-3, sections=[0, "soma"])
    with pytest.raises(MissingFile):
        read_syn_con(tmp_path / "no.syn", files[1], pyramid, kinds=AMPA, weight=1e-3)
    short = tmp_path / "short.syn"
    short.write_text("# one\n")
    with pytest.raises(FileFormatError, match="has 1 lines, fewer than the 4 of the header"):
        read_syn_con(short, files[1], pyramid, kinds=AMPA, weight=1e-3)
    short.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileFormatError, match="is not text in UTF-8"):
        read_syn_con(short, files[1], pyramid, kinds=AMPA, weight=1e-3)


def test_what_can_not_be_written(tmp_path, pyramid):
    emb = random(pyramid, "a b", kind=AMPA, weight=1e-3, count=5)
    syn, con = tmp_path / "a.syn", tmp_path / "a.con"
    with pytest.raises(InvalidValue, match="must be a name without spaces"):
        write_syn_con(emb, syn, con)
    emb = random(pyramid, "a", kind=AMPA, weight=1e-3, count=5, domain="basal")
    with pytest.raises(InvalidValue, match="must hold 'basal_"):
        write_syn_con(emb, syn, con, sections=["soma"])
    assert not syn.exists()
    write_syn_con(emb, syn, con)
    with pytest.raises(OutputExists):
        write_syn_con(emb, syn, con, overwrite=False)


def test_an_empty_table_goes_there_and_back(tmp_path, pyramid):
    emb = random(pyramid, "a", kind=AMPA, weight=Lognormal(mean=1.0, sd=1.0), count=0)
    write_syn_con(emb, tmp_path / "a.syn", tmp_path / "a.con")
    assert len(read_syn_con(tmp_path / "a.syn", tmp_path / "a.con", pyramid, kinds=AMPA, weight=1e-3)) == 0


# ------------------------------------------------------------------------------------------------- rates

NETWORK = """
{   # a comment
    'info': {'name': 'made for a test',},
    'network': {
        'VPM_C2': {
            'cellNr': 311,
            'celltype': {
                'spiketrain': {'interval': 4762.0, 'noise': 1.0},
                'pointcell': {
                    'distribution': 'PSTH',
                    'intervals': [(0.0, 1.0), (1.0, 2.0), (5.0, 6.0)],
                    'probabilities': [0.1, -0.02, 0.3],
                    'offset': 245.0,
                },
            },
            'synapses': {
                'releaseProb': 0.6,
                'distributionFile': 'cell.syn',
                'connectionFile': 'cell.con',
                'receptors': {'glutamate_syn': {'weight': [1.5, 1.5], 'delay': 0.0, 'parameter': {'tau1': 26.0}}},
            },
        },
        'L1_C2': {'cellNr': 4, 'celltype': 'spiketrain', 'interval': 142.9, 'synapses': {'releaseProb': 'dynamic'}},
        'L4_C2': {
            'cellNr': 20,
            'celltype': 'pointcell',
            'distribution': 'PSTH_poissontrain',
            'intervals': [(0.0, 10.0), (20.0, 30.0)],
            'rates': [5.0, 7.0],
        },
        'silent': {'cellNr': 0, 'celltype': 'pointcell'},
    },
}
"""


@pytest.fixture
def network(tmp_path):
    """Return what writes a network file."""

    def written(text=NETWORK):
        (tmp_path / "network.param").write_text(text)
        return tmp_path / "network.param"

    return written


def test_populations_of_a_network_file(network):
    found = read_isf_network(network())
    assert list(found) == ["VPM_C2", "L1_C2", "L4_C2", "silent"]
    vpm = found["VPM_C2"]
    assert vpm.n_cells == 311
    assert vpm.release_p == 0.6
    assert (vpm.synapses, vpm.connections) == ("cell.syn", "cell.con")
    assert vpm.receptors["glutamate_syn"]["weight"] == [1.5, 1.5]
    psth = PSTH(edges=[(0, 1), (1, 2), (5, 6)], probability=[0.1, -0.02, 0.3], offset=245.0)
    assert vpm.source == Ongoing(interval=4762.0, noise=1.0) + psth
    assert found["L1_C2"].source == Ongoing(interval=142.9)
    assert found["L1_C2"].release_p == 1.0
    assert found["L4_C2"].source == InhomogeneousPoisson(edges=[0, 10, 20, 30], rates=[5, 0, 7])
    assert found["silent"].source is None


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("'cellNr': 311", "'cellNr': -1", r"network\['VPM_C2'\].cellNr: -1 must be a whole number >= 0"),
        ("'cellNr': 311,", "", r"network\['VPM_C2'\]: has no key 'cellNr'"),
        ("'releaseProb': 0.6", "'releaseProb': 1.6", "synapses.releaseProb: 1.6 must be from 0 to 1"),
        ("'interval': 142.9", "'interval': '?'", r"network\['L1_C2'\].interval: '\?' must be a number"),
        ("'intervals': [(0.0, 10.0), (20.0, 30.0)]", "'intervals': [1.0, 2.0]", r"network\['L4_C2'\]: "),
        ("'rates': [5.0, 7.0]", "'rates': [5.0]", r"network\['L4_C2'\]: "),
        ("-0.02, 0.3]", "0.3]", "one value for each of the 3 bins"),
        ("'distribution': 'PSTH',", "'distribution': 'normal',", "rule that has a counterpart here"),
        ("'celltype': 'spiketrain'", "'celltype': 'spiketrains'", "did you mean 'spiketrain'"),
        ("'network'", "'networks'", "must be a dictionary with the key 'network'"),
        ("4762.0", "__import__('os').getcwd()", "must hold nothing but literals"),
        ("'info': {", "'info': {{", r"line \d+: is no Python literal|must hold nothing but literals"),
    ],
)
def test_what_a_network_file_may_not_hold(network, old, new, told):
    with pytest.raises(HnnlibError, match=told):
        read_isf_network(network(NETWORK.replace(old, new)))


def test_there_is_no_such_network_file(tmp_path):
    with pytest.raises(MissingFile):
        read_isf_network(tmp_path / "none.param")
