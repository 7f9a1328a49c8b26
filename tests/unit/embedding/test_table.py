"""The table of synapses: what it keeps, what it refuses, how tables join and change."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import from_plain, to_plain
from hnnlib.embedding.synapses.placement import random
from hnnlib.embedding.synapses.table import Embedding, ShortTermPlasticity, SynapseType
from hnnlib.spec.cells import SynapseSpec

AMPA = SynapseType(receptors={"ampa": SynapseSpec(parameters={"e": 0.0, "tau1": 0.5, "tau2": 5.0})})
GABA = SynapseType(receptors={"gabaa": SynapseSpec(parameters={"e": -80.0, "tau1": 1.0, "tau2": 20.0})})


def table(segments, **columns):
    """Return four synapses of two populations, out of order."""
    given = {
        "population": [1, 0, 1, 0],
        "source": [0, 3, 1, 1],
        "kind": [1, 0, 1, 0],
        "section": [0, 2, 4, 7],
        "x": [0.5, 0.1, 0.2, 1.0],
        "weight_uS": [1e-3, 2e-3, 3e-3, 4e-3],
        "delay_ms": [0.0, 1.0, 2.0, 3.0],
        "release_p": [1.0, 0.5, 0.0, 0.25],
        "group": [-1, 0, -1, 1],
        "cluster": [-1, 4, -1, 2],
        **columns,
    }
    names = {"n_sources", "cell_types", "populations", "kinds"}
    arrays = {k: v if k in names else np.array(v) for k, v in given.items()}
    defaults = {"populations": ("exc", "inh"), "kinds": {"ampa": AMPA, "gabaa": GABA}}
    return Embedding(segments=segments, **{**defaults, **arrays})


def test_rows_stand_by_population_and_keep_their_order_within(pyramid):
    emb = table(pyramid)
    assert emb.population.tolist() == [0, 0, 1, 1]
    assert emb.source.tolist() == [3, 1, 0, 1]
    assert emb.weight_uS.tolist() == [2e-3, 4e-3, 1e-3, 3e-3]
    assert emb.rows == {"exc": slice(0, 2), "inh": slice(2, 4)}
    assert emb.n_sources == {"exc": 4, "inh": 2}
    assert emb.cell_types == {"exc": "exc", "inh": "inh"}
    assert repr(emb) == f"<Embedding | 4 synapses (exc 2, inh 2) on {len(pyramid)} segments>"


def test_places_are_looked_up(pyramid):
    emb = table(pyramid)
    assert emb.domain.tolist() == ["basal", "apical_tuft", "soma", "apical_trunk"]
    assert emb.segment.tolist() == pyramid.at([2, 7, 0, 4], [0.1, 1.0, 0.5, 0.2]).tolist()
    assert emb.distance_um[2] == 0
    assert np.array_equal(emb.position_um, pyramid.position_um[emb.segment])


def test_no_column_can_be_written_to(pyramid):
    weight = np.full(4, 1e-3)
    emb = table(pyramid, weight_uS=weight)
    with pytest.raises(ValueError, match="read-only"):
        emb.weight_uS[0] = 1.0
    weight[0] = 7.0
    assert emb.weight_uS.max() == 1e-3
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        emb.source = weight


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"x": [0.5, 0.5, 0.5]}, r"x: \(3,\) must be a column of 4 rows"),
        ({"x": [0.5, 1.1, 0.5, 0.5]}, r"x\[1\]: 1.1 must be from 0 to 1"),
        ({"x": [0.5, np.nan, 0.5, 0.5]}, r"x\[1\]: nan must be from 0 to 1"),
        ({"section": [0, 1, 8, 2]}, r"section\[2\]: 8 is no section of the cell \(from 0 to 7\)"),
        ({"section": [0, -1, 3, 2]}, r"section\[1\]: -1 is no section of the cell"),
        ({"population": [0, 0, 2, 0]}, r"population\[2\]: 2 must be from 0 to 1"),
        ({"kind": [0, 0, 2, 0]}, r"kind\[2\]: 2 must be from 0 to 1"),
        ({"source": [0, -1, 2, 0]}, r"source\[1\]: -1 must be >= 0"),
        ({"weight_uS": [0, 0, np.inf, 0]}, r"weight_uS\[2\]: inf must be >= 0 and finite"),
        ({"weight_uS": [0, -1e-3, 0, 0]}, r"weight_uS\[1\]: -0.001 must be >= 0"),
        ({"delay_ms": [0, 0, 0, -0.5]}, r"delay_ms\[3\]: -0.5 must be >= 0"),
        ({"release_p": [0, 1.5, 0, 0]}, r"release_p\[1\]: 1.5 must be from 0 to 1"),
        ({"n_sources": {"exc": 3}}, r"n_sources\['exc'\]: 3 must be at least 4: source says so"),
    ],
)
def test_values_that_are_not_allowed(pyramid, columns, told):
    with pytest.raises(InvalidValue, match=told):
        table(pyramid, **columns)


def test_synapses_are_chosen_by_what_they_are(pyramid):
    emb = table(pyramid)
    assert emb.where(population="exc").tolist() == [True, True, False, False]
    assert emb.where(kind=["gabaa"], domain="soma").tolist() == [False, False, True, False]
    assert emb.where(domain="apical").tolist() == [False, True, False, True]
    assert emb.where(min_distance=1.0, max_distance=200.0).tolist() == [True, False, False, True]
    assert emb.where().all()
    near = emb.filter(max_distance=200.0)
    assert near.source.tolist() == [3, 0, 1]
    assert near.n_sources == emb.n_sources  # cells stay, even where their synapses are gone
    assert near.populations == emb.populations
    assert len(emb.filter(population="exc", domain="soma")) == 0
    for condition, name in (("population", "ex"), ("kind", "gaba"), ("domain", "tuft")):
        with pytest.raises(UnknownName, match=f"'{name}' is no {condition}"):
            emb.where(**{condition: name})


def test_weights_are_scaled_and_silenced_by_place(pyramid):
    emb = table(pyramid)
    twice = emb.scale_weight(2.0, population="inh")
    assert twice.weight_uS.tolist() == [2e-3, 4e-3, 2e-3, 6e-3]
    assert emb.weight_uS.tolist() == [2e-3, 4e-3, 1e-3, 3e-3]
    assert emb.silence(domain="apical_tuft").weight_uS.tolist() == [2e-3, 0, 1e-3, 3e-3]
    assert not emb.silence().weight_uS.any()
    with pytest.raises(InvalidValue, match="weight_uS"):
        emb.scale_weight(-1.0)


def test_tables_join_by_name(pyramid):
    emb = table(pyramid)
    more = random(pyramid, "inh", kind=GABA, weight=1e-3, n_cells=5) + random(
        pyramid, "som", kind=GABA, weight=1e-3, n_cells=2
    )
    both = emb + more
    assert both.populations == ("exc", "inh", "som")
    assert tuple(both.kinds) == ("ampa", "gabaa")
    assert both.n_sources == {"exc": 4, "inh": 5, "som": 2}
    assert len(both) == 11
    assert both.rows["inh"] == slice(2, 9)
    assert (both.kind[2:] == 1).all()
    assert both.take(both.where(population="exc")).source.tolist() == [3, 1]
    other = attrs.evolve(GABA, receptors={"gabaa": SynapseSpec(parameters={"e": -70.0})})
    with pytest.raises(InvalidValue, match=r"kinds\['gabaa'\].* another kind of synapse of the same name"):
        emb + random(pyramid, "inh", kind=other, weight=1e-3, n_cells=1)


def test_a_table_of_another_cell_or_another_cut_is_refused(pyramid, bush, make_segments):
    sections = {"soma": ("soma", (0, 0, -10), (0, 0, 10), 0), "basal_0": ("basal", (0, 0, -10), (0, 0, -160), 10)}
    cuts = [make_segments(sections, size) for size in (50.0, 5.0)]
    for a, b in ((pyramid, bush), cuts):
        first, second = (random(s, "exc", kind=AMPA, weight=1e-3, count=3) for s in (a, b))
        with pytest.raises(InvalidValue, match="is on another morphology, or one cut into other segments"):
            first + second
    assert cuts[0].sections_digest == cuts[1].sections_digest != pyramid.sections_digest


def test_the_digest_tells_any_two_tables_apart(pyramid):
    emb = table(pyramid)
    assert emb.digest == table(pyramid).digest
    changes = {
        "source": [0, 3, 1, 2],
        "section": [0, 2, 4, 6],
        "x": [0.5, 0.1, 0.2, 0.9],
        "weight_uS": [1e-3, 2e-3, 3e-3, 5e-3],
        "delay_ms": [0.0, 1.0, 2.0, 4.0],
        "release_p": [1.0] * 4,
        "group": [-1] * 4,
        "cluster": [-1] * 4,
        "n_sources": {"exc": 9},
        "cell_types": {"exc": "pyramidal"},
        "kinds": {"ampa": AMPA, "gaba": GABA},
    }
    digests = {table(pyramid, **{name: value}).digest for name, value in changes.items()}
    assert len(digests | {emb.digest}) == len(changes) + 1


def test_an_empty_table(pyramid):
    none = table(pyramid).take(np.zeros(4, bool))
    assert len(none) == 0
    assert none.segment.shape == (0,)
    assert len(none + table(pyramid)) == 4
    assert none.where(domain="soma").shape == (0,)


def test_what_a_synapse_opens():
    with pytest.raises(InvalidValue, match="must name at least one receptor"):
        SynapseType(receptors={})
    with pytest.raises(UnknownName, match="ratio: 'nmda' is no receptor of this synapse"):
        SynapseType(receptors=AMPA.receptors, ratio={"nmda": 1.0})
    with pytest.raises(InvalidValue, match=r"ratio\['ampa'\]: -1.0 must be >= 0"):
        SynapseType(receptors=AMPA.receptors, ratio={"ampa": -1.0})
    with pytest.raises(InvalidType, match="plasticity"):
        SynapseType(receptors=AMPA.receptors, plasticity=0.5)
    for bad in ({"depression": 0.0}, {"depression": 1.1}, {"tau_depression": 0.0}, {"facilitation": -0.1}):
        with pytest.raises(InvalidValue, match=next(iter(bad))):
            ShortTermPlasticity(**bad)
    full = SynapseType(
        receptors={**AMPA.receptors, "nmda": SynapseSpec(mechanism="NMDA")},
        ratio={"nmda": 0.5},
        plasticity=ShortTermPlasticity(depression=0.8, facilitation=0.1),
    )
    assert from_plain(SynapseType, to_plain(full)) == full
    assert from_plain(SynapseType, to_plain(AMPA)) == AMPA
