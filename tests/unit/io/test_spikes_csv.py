"""Spikes as a table of text."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hnnlib.base.errors import FileFormatError, InvalidValue, MissingFile, OutputExists, UnknownName
from hnnlib.io import spikes_csv
from hnnlib.io.spikes_csv import read_spikes_csv
from hnnlib.results.spike_data import SpikeData

EXPECTED = SpikeData.from_arrays([10.5, 3.0, 12.25], [2, 0, 2], ["LGN", "LGN", "VISl"])


@pytest.fixture
def table(tmp_path):
    """Return a function that writes a file and returns its path."""

    def write(text: str, encoding: str = "utf-8"):
        path = tmp_path / "spikes.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


@pytest.mark.parametrize("separator", [" ", ",", "\t", "   ", ", ", " \t"])
@pytest.mark.parametrize("columns", list(itertools.permutations(("timestamps", "population", "node_ids"))))
def test_columns_in_any_order_by_any_separator(table, separator, columns):
    rows = [("10.5", "LGN", "2"), ("3", "LGN", "0"), ("12.25", "VISl", "2")]
    index = [("timestamps", "population", "node_ids").index(name) for name in columns]
    lines = [columns, *([row[i] for i in index] for row in rows)]
    assert read_spikes_csv(table("\n".join(separator.join(line) for line in lines))) == EXPECTED


def test_without_a_header(table):
    assert read_spikes_csv(table("10.5 LGN 2\n3 LGN 0\n12.25 VISl 2\n")) == EXPECTED
    assert read_spikes_csv(table("1.5,7\n2.5,8"), "LGN") == SpikeData.from_arrays([1.5, 2.5], [7, 8], "LGN")


def test_without_a_population(table):
    path = table("timestamps node_ids\n1.5 7\n")
    assert read_spikes_csv(path) == SpikeData.from_arrays([1.5], [7], "default")
    assert read_spikes_csv(path, "LGN").populations == ("LGN",)


def test_seconds(table):
    path = table("timestamps node_ids\n0.0015 7\n")
    assert read_spikes_csv(path, unit="s").times.tolist() == [1.5]
    with pytest.raises(UnknownName, match="has ms, s"):
        read_spikes_csv(path, unit="us")


def test_what_is_no_row_is_left_out(table):
    head = '\ufeff# from a model\n\n  \ntimestamps node_ids "population"\r\n'
    path = table(head + '# more\r\n1 2 "L G N" \r\n\r\n3 4 V1 # late\r\n')
    assert read_spikes_csv(path) == SpikeData.from_arrays([1.0, 3.0], [2, 4], ["L G N", "V1"])


def test_columns_that_nobody_asked_for(table):
    path = table("amps,node_ids,timestamps,cell\nx,2,1.0,p\ny,4,3.0,p\n")
    assert read_spikes_csv(path, "p") == SpikeData.from_arrays([1.0, 3.0], [2, 4], "p")


def test_no_spikes(table):
    for text in ("", "\n\n", "timestamps population node_ids\n", "timestamps node_ids\n\n \n"):
        assert len(read_spikes_csv(table(text))) == 0


def test_trials(table):
    spikes = read_spikes_csv(table("timestamps node_ids trial\n1 0 2\n3 0 0\n"))
    assert (spikes.n_trials, spikes.trials.tolist()) == (3, [2, 0])


HEADER = "timestamps population node_ids\n"


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        (HEADER + "1 a 0\nsoon a 1\n", 3, "column 1 (timestamps): 'soon' is no number"),
        (HEADER + "\n# x\n1 a 0.5\n", 4, "column 3 (node_ids): '0.5' is no integer"),
        (HEADER + "1 a x\n", 2, "column 3 (node_ids): 'x' is no integer"),
        (HEADER + "1 a 0\n-1 a 0\n", 3, "column 1 (timestamps): '-1' must be finite and >= 0"),
        (HEADER + "nan a 0\n", 2, "column 1 (timestamps): 'nan' must be finite"),
        (HEADER + "1e999 a 0\n", 2, "column 1 (timestamps): '1e999' must be finite"),
        (HEADER + "1 a -4\n", 2, "column 3 (node_ids): '-4' must be >= 0"),
        (HEADER + "1 a 99999999999999999999\n", 2, "must be >= 0 and < 2**63"),
        (HEADER + "1 a 0\n1 a\n", 3, "has 2 columns, the first line 3"),
        (HEADER + "1 a 0 7\n", 2, "has 4 columns, the first line 3"),
        (HEADER + '1 "" 0\n', 2, "column 2 (population): '' is no name"),
        ("timestamps node_ids trial\n1 0 -1\n", 2, "column 3 (trial): '-1' must be >= 0"),
        ("time population\n1 a\n", 1, "has no column 'node_ids' (has time, population)"),
        ("node_ids node_id timestamps\n", 1, "columns 1 and 2 are both node_ids"),
        ("\n1 2 3 4\n", 2, "is neither a header"),
        ("a b\n", 1, "is neither a header"),
        ("1\n", 1, "is neither a header"),
    ],
)
def test_line_and_column_of_what_is_wrong(table, text, line, told):
    path = table(text)
    with pytest.raises(FileFormatError) as caught:
        read_spikes_csv(path)
    assert caught.value.line == line
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_fault_far_down_is_found(table, monkeypatch):
    monkeypatch.setattr(spikes_csv, "BLOCK", 7)
    lines = [f"{i} {'ab'[i % 2]} {i}" for i in range(40)]
    spikes = read_spikes_csv(table(HEADER + "\n".join(lines)))
    assert spikes.node_ids.tolist() == list(range(40))
    assert spikes.population_of_spikes().tolist() == ["a", "b"] * 20
    lines[33] = "33 a late"
    with pytest.raises(FileFormatError, match="'late' is no integer") as caught:
        read_spikes_csv(table(HEADER + "\n".join(lines)))
    assert caught.value.line == 35


def test_files_that_are_none(tmp_path, table):
    with pytest.raises(MissingFile):
        read_spikes_csv(tmp_path / "none.csv")
    with pytest.raises(FileFormatError, match="can't be read"):
        read_spikes_csv(tmp_path)
    with pytest.raises(FileFormatError, match="not text in UTF-8"):
        read_spikes_csv(table(HEADER + "1 é 2\n", "latin-1"))
    with pytest.raises(UnknownName, match="separator"):
        read_spikes_csv(table(HEADER), separator=";")


names = st.text(st.characters(codec="utf-8", exclude_characters='"#', exclude_categories=("C", "Z")), min_size=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(st.floats(0, 1e300), st.integers(0, 2**62), names, st.integers(0, 3)), max_size=20),
    separator=st.sampled_from([" ", "\t"]),
    with_trials=st.booleans(),
)
def test_round_trip_is_exact(tmp_path, rows, separator, with_trials):
    times, ids, populations, trials = zip(*rows, strict=True) if rows else ([], [], [], [])
    spikes = SpikeData.from_arrays(
        list(times), list(ids), list(populations), trials=list(trials) if with_trials else None
    )
    spikes.to_csv(tmp_path / "spikes.csv", separator=separator)
    assert SpikeData.from_csv(tmp_path / "spikes.csv") == spikes


def test_what_is_written(tmp_path):
    EXPECTED.to_csv(tmp_path / "spikes.csv")
    assert (tmp_path / "spikes.csv").read_text() == (
        "timestamps population node_ids\n10.5 LGN 2\n3.0 LGN 0\n12.25 VISl 2\n"
    )
    EXPECTED.to_csv(tmp_path / "spikes.csv", separator=",", unit="s")
    assert (tmp_path / "spikes.csv").read_text().splitlines()[1] == "0.0105,LGN,2"
    with pytest.raises(OutputExists):
        EXPECTED.to_csv(tmp_path / "spikes.csv", overwrite=False)


@pytest.mark.parametrize("name", ["L G N", 'a"b', "a#b", " a", "a\nb"])
def test_names_that_a_table_cannot_hold(tmp_path, name):
    spikes = SpikeData.from_arrays([1.0], [0], name)
    with pytest.raises(InvalidValue, match="population"):
        spikes.to_csv(tmp_path / "spikes.csv")
    assert list(tmp_path.iterdir()) == []


def test_names_with_spaces_between_commas(tmp_path):
    spikes = SpikeData.from_arrays([1.0], [0], "layer 5")
    spikes.to_csv(tmp_path / "spikes.csv", separator=",")
    assert SpikeData.from_csv(tmp_path / "spikes.csv") == spikes


def test_every_bit_of_a_time_survives(tmp_path):
    times = np.nextafter(np.random.default_rng(1).uniform(0, 1e4, 500), np.inf)
    SpikeData.from_arrays(times, np.arange(500)).to_csv(tmp_path / "spikes.csv")
    assert np.array_equal(SpikeData.from_csv(tmp_path / "spikes.csv").times, times)
