"""Drives whose cells are the nodes of spikes from elsewhere."""

from __future__ import annotations

import json

import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, UnknownName
from hnnlib.base.schema import from_plain, to_plain
from hnnlib.editor.network import Network
from hnnlib.results.spike_data import SpikeData
from hnnlib.sources.files import SpikesFromCSV
from hnnlib.sources.function import SpikesFromFunction
from hnnlib.sources.poisson import PoissonGenerator
from hnnlib.spec.network import NetworkSpec

SPIKES = SpikeData.from_trains({"LGN": {7: [5.0, 1.0], 2: []}, "V1": {0: [3.0]}}, origin={"seed": 3, "map": [[7, "a"]]})


@pytest.fixture
def net(tiny_network) -> Network:
    return Network.from_spec(tiny_network)


@pytest.fixture
def drive(net):
    """Return a function that adds a drive and returns its spec."""

    def add(spike_data, **options):
        net.add_spike_train_drive("d", spike_data=spike_data, location="both", weights_ampa={"left": 0.1}, **options)
        return net.spec.drives["d"]

    return add


def test_nodes_become_cells(net, drive):
    made = drive(SPIKES, population="LGN")
    assert made.sources == (2, 7)
    assert made.trains == ((), (1.0, 5.0))
    assert len(net.gid_ranges["d"]) == 2
    assert net.external_drives["d"]["dynamics"]["times"] == [1.0, 5.0]


def test_where_spikes_come_from_stands_in_the_network(net, drive):
    assert to_plain(drive(SPIKES, population="V1").origin) == {"seed": 3, "map": [[7, "a"]]}
    plain = json.loads(json.dumps(to_plain(net.spec)))
    assert from_plain(NetworkSpec, plain) == net.spec
    assert plain["drives"]["d"]["origin"]["seed"] == 3


def test_some_nodes(drive):
    assert drive(SPIKES, population="LGN", nodes=[7]).sources == (7,)


def test_a_source(drive, tmp_path):
    (tmp_path / "s.csv").write_text("timestamps population node_ids\n2 LGN 1\n1 V1 0\n")
    made = drive(SpikesFromCSV(file=tmp_path / "s.csv"), population="LGN", nodes=range(3))
    assert (made.sources, made.trains) == ((0, 1, 2), ((), (2.0,), ()))
    assert made.origin["source"] == "SpikesFromCSV"


def test_a_function_with_what_it_needs_to_know(drive):
    source = SpikesFromFunction(lambda node, sim: [node["t"]], tstop=10.0)
    assert drive(source, population="p", nodes={"node_id": [1, 0], "t": [4.0, 5.0]}).trains == ((5.0,), (4.0,))


def test_a_generator_needs_no_names(drive):
    generator = PoissonGenerator(seed=1)
    generator.add(range(4), 100.0)
    made = drive(generator)
    assert made.sources == (0, 1, 2, 3)
    assert made.origin["seed"] == 1


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"spike_data": SPIKES}, InvalidValue, "population: None must be one of LGN, V1"),
        ({"spike_data": SPIKES, "population": "LNG"}, UnknownName, "did you mean 'LGN'"),
        ({"spike_data": SPIKES, "population": "LGN", "nodes": [3]}, InvalidValue, "none of the 2 nodes of 'LGN'"),
        ({"spike_data": {"a": [1.0]}, "population": "LGN"}, InvalidType, "only a source or SpikeData has populations"),
        ({"spike_data": {"a": [1.0]}, "nodes": [0]}, InvalidType, "only a source or SpikeData has nodes"),
        (
            {"spike_data": SpikeData.from_arrays([1.0, 2.0], [0, 0], trials=[0, 1])},
            InvalidValue,
            "trial: None must be one of the 2 trials",
        ),
        ({"spike_data": SpikesFromFunction(lambda n, s: [], tstop=1.0)}, InvalidType, "nodes: None must be given"),
        ({"spike_data": SpikeData.from_trains({"a": {}})}, InvalidValue, "0 must be an integer >= 1"),
    ],
)
def test_what_can_be_no_drive(net, drive, options, error, told):
    before = net.spec
    with pytest.raises(error) as caught:
        drive(**options)
    assert told in str(caught.value)
    assert net.spec == before


def test_origin_is_plain_data(drive):
    made = drive(SPIKES, population="LGN")
    with pytest.raises(InvalidType, match="must be plain data"):
        type(made)(location="both", weights={"left": {"ampa": 1}}, trains=[()], origin={"a": object()})
    with pytest.raises(InvalidType, match="must be a mapping"):
        type(made)(location="both", weights={"left": {"ampa": 1}}, trains=[()], origin=[1])
