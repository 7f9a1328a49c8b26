"""The papers that results rest on."""

from __future__ import annotations

import re

import attrs
import pytest

from hnnlib.base.errors import UnknownName
from hnnlib.base.schema import to_plain
from hnnlib.mechanisms.catalogue import lookup
from hnnlib.models.cells.basket import basket
from hnnlib.models.columns import WEIGHT_KEYS, calcium, column, law_2021
from hnnlib.results import references
from hnnlib.results.cell_response import CellResponse
from hnnlib.results.cite import as_text, citations, papers
from hnnlib.results.references import REFERENCES
from hnnlib.results.result import Result
from hnnlib.spec.drives import SpikeTrainDrive
from hnnlib.spec.network import Electrodes, NetworkSpec, Population
from hnnlib.spec.points import PointCellSpec

WEIGHTS = dict.fromkeys(WEIGHT_KEYS, 0.001)


def provenance(network, **more):
    return {"hnnlib": "1.2.3", "engine": "neuron", "network": to_plain(network), **more}


def test_the_standard_column_on_neuron():
    found = papers(provenance(column((2, 2))))
    assert found["Model"] == ["jones2009", "neymotin2020", "bush1993"]
    assert found["Simulator"] == ["hines1997", "awile2022"]
    assert {"hodgkin1952", "mainen1996", "reuveni1993", "destexhe1998", "huguenard1992"} <= set(found["Ion channels"])
    assert set(found) == {"Model", "Ion channels", "Simulator"}


@pytest.mark.parametrize(("model", "paper"), [(law_2021, "law2022"), (calcium, "kohl2022")])
def test_variants_add_their_paper(model, paper):
    found = papers(provenance(model(WEIGHTS, (2, 2))))["Model"]
    assert paper in found
    assert "jones2009" in found
    assert len({"law2022", "kohl2022"} & set(found)) == 1


def test_channels_are_those_of_the_cells():
    cells = {"mine": Population(cell=basket(distal=True))}
    found = papers(provenance(NetworkSpec(populations=cells), engine="nest"))
    assert found == {"Ion channels": ["hodgkin1952"], "Simulator": ["gewaltig2007"]}


def test_point_cells_have_no_channels():
    cells = {"lif": Population(cell=PointCellSpec(model="iaf_psc_alpha"))}
    assert papers(provenance(NetworkSpec(populations=cells), engine="nest")) == {"Simulator": ["gewaltig2007"]}


def test_a_reference_of_the_user_stands_as_it_is():
    mine = "Me & You 2026, J Own Cells 1:1"
    cells = {
        "a": Population(cell=basket(distal=True), reference=mine),
        "b": Population(cell=basket(distal=True), reference=f"https://doi.org/10.1152/JN.00535.2009; {mine}"),
    }
    spec = NetworkSpec(populations=cells)
    assert papers(provenance(spec))["Model"] == [mine, "jones2009"]
    assert f"\n  {mine}\n" in citations(provenance(spec))
    assert r"note = {Me \& You 2026, J Own Cells 1:1}" in citations(provenance(spec), "bibtex")


def test_electrodes_and_files():
    spec = attrs.evolve(
        column((2, 2)),
        electrodes={
            "near": Electrodes(positions=[(0.0, 0.0, 0.0)], method="lsa"),
            "sum": Electrodes(positions=[(0.0, 0.0, 0.0)], method=None),
        },
        drives={
            "recorded": SpikeTrainDrive(
                location="proximal",
                weights={"L2_basket": {"ampa": 0.01}},
                trains=((1.0,),),
                n_drive_cells=1,
                origin={"source": "SpikesFromNWB", "file": "session.nwb"},
            )
        },
    )
    found = papers(provenance(spec, files={"config": "config.json"}))
    assert found["Electrodes"] == ["holt1999", "linden2014"]
    assert found["Files"] == ["dai2020", "rubel2022"]


def test_every_key_is_a_reference_and_every_reference_is_used():
    tables = (references.CHANNELS, references.ENGINES, references.ELECTRODES, references.INPUTS)
    used = {key for table in tables for keys in table.values() for key in keys}
    used |= set(references.MODELS) | set(references.OTHERS)
    assert used == set(REFERENCES)
    assert all(lookup(name, "mechanisms") for name in references.CHANNELS)


@pytest.mark.parametrize("key", REFERENCES)
def test_references_are_whole(key):
    reference = REFERENCES[key]
    assert re.fullmatch(r"[a-z]+" + str(reference.year), key)
    assert re.fullmatch(r"\d+:[e\d][\d-]*", reference.where)
    assert all("," in author or author == "others" for author in reference.authors.split(" and "))
    if reference.doi is None:  # none could be confirmed for these
        assert key in {"law2022", "destexhe1998"}
    else:
        assert re.fullmatch(r"10\.\d{4,}/\S+", reference.doi)
        assert as_text(reference).endswith(f" https://doi.org/{reference.doi}")


def test_bibtex_has_an_entry_for_each_paper():
    facts = provenance(column((2, 2)))
    text = citations(facts, "bibtex")
    keys = re.findall(r"^@\w+\{(\w+),$", text, re.MULTILINE)
    assert keys == ["hnnlib", *dict.fromkeys(key for keys in papers(facts).values() for key in keys)]
    assert text.count("{") == text.count("}")
    assert text.isascii()
    assert r"H{\"a}m{\"a}l{\"a}inen, M." in text
    assert "  pages = {3554--3572},\n" in text


def test_a_result_cites():
    result = Result(dipoles=[], cell_response=CellResponse(["a"], [[]], [[]], [[]]), provenance={"hnnlib": "1.2.3"})
    assert result.cite() == "Program\n  hnnlib 1.2.3 (the hnnlib developers)"
    with pytest.raises(UnknownName, match="bibtex"):
        result.cite(style="bibtxt")
