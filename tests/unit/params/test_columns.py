"""Times and currents from text files: what is read, and errors with file, line and column."""

from __future__ import annotations

import pytest

from hnnlib.base.errors import FileFormatError, InvalidType, MissingFile
from hnnlib.params.columns import read_current, read_times


@pytest.fixture
def file(tmp_path):
    """Return a function: text or bytes -> path of a file with them."""

    def write(content):
        path = tmp_path / "given.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


# ------------------------------------------------------------------------------------------------ times


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("500.0\n1000\n1.5e3\n", (500.0, 1000.0, 1500.0)),
        ("3\n1", (3.0, 1.0)),
        ("\ufeff1\r\n2\r\n", (1.0, 2.0)),
        ("# pulses\n\n  10 \n20 # the second\n", (10.0, 20.0)),
    ],
)
def test_times(file, text, times):
    assert read_times(file(text)) == times
    assert read_times(str(file(text))) == times


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\n2 3\n", "line 2: '2 3' is no number"),
        ("1\nten\n", "line 2: 'ten' is no number"),
        ("1\n\n# x\nnan\n", "line 4: 'nan' must be a finite time >= 0 ms"),
        ("-1\n", "line 1: '-1' must be a finite time >= 0 ms"),
        ("# nothing\n", "holds no time"),
        (b"1\n2\n\xff\xfe", "line 3: is not text in UTF-8"),
    ],
)
def test_files_without_such_times(file, text, message):
    path = file(text)
    with pytest.raises(FileFormatError) as error:
        read_times(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)


@pytest.mark.parametrize("read", [read_times, read_current])
def test_files_that_can_not_be_read(tmp_path, read):
    with pytest.raises(MissingFile, match=r"gone\.txt: there is no such file"):
        read(tmp_path / "gone.txt")
    with pytest.raises(FileFormatError, match="is a folder"):
        read(tmp_path)
    with pytest.raises(FileFormatError, match="can't be read"):
        read("a\0b")
    with pytest.raises(InvalidType, match="path: 5 must be the path of a text file"):
        read(5)


# ------------------------------------------------------------------------------------------------ currents


@pytest.mark.parametrize(
    "text",
    [
        "timestamps amps\n0 0.5\n2.5 -1e-1\n",
        "timestamps,amps\n0,0.5\n2.5,-0.1\n",
        "timestamps, amps\n0, 0.5\n2.5, -0.1\n",
        "timestamps;amps\n0;0.5\n2.5;-0.1\n",
        "timestamps\tamps\n0\t0.5\n2.5\t-0.1\n",
        "0 0.5\n2.5 -0.1",
        "0,0.5\n2.5,-0.1",
        "  0    0.5  \n\n2.5   -0.1\n",
        '"amps","sweep","timestamps"\n0.5,one,0\n-0.1,one,2.5\n',
        "\ufeff# nA\ntimestamps amps\r\n0 0.5\r\n# here it falls\r\n2.5 -0.1\r\n",
    ],
)
def test_tables_of_a_current(file, text):
    assert read_current(file(text)) == ((0.0, 2.5), (0.5, -0.1))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("timestamps,amps\n0,1\n1,abc\n", "line 3: column 'amps': 'abc' is no number"),
        ("timestamps,amps\n0,1\nx,1\n", "line 3: column 'timestamps': 'x' is no number"),
        ("timestamps,amps\n0,1\n\n1,nan\n", "line 4: column 'amps': 'nan' must be a finite number"),
        ("0 1\n1 \n", "line 2: has 1 fields, the table 2 columns"),
        ("0,1\n1,\n", "line 2: column 'amps': '' is no number"),
        ("-1,1\n", "line 1: column 'timestamps': '-1' must be a finite time >= 0 ms"),
        ("0 1\n5 1\n5 2\n", "line 3: column 'timestamps': 5 ms comes after 5 ms; must rise"),
        ("0 1\n5 1\n4 2\n", "line 3: column 'timestamps': 4 ms comes after 5 ms; must rise"),
        ("timestamp amps\n0 1\n", "line 1: columns: 'timestamps' is no column of this table (has timestamp, amps)"),
        ("timestamp amps\n0 1\n", "did you mean 'timestamp'?"),
        ("timestamps amps amps\n0 1 2\n", "line 1: names the column 'amps' 2 times"),
        ("0 1 2\n", "line 1: has 3 columns and no line that names them"),
        ("timestamps amps\n", "has names of columns and no row"),
        ("\n", "holds no table"),
        ("timestamps,amps\n0,1\n0,1\n\xe4,2\n".encode("latin-1"), "line 4: is not text in UTF-8"),
    ],
)
def test_tables_that_are_none_of_a_current(file, text, message):
    path = file(text)
    with pytest.raises(FileFormatError) as error:
        read_current(path)
    assert str(error.value).startswith(str(path))
    assert message in str(error.value)
