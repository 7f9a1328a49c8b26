"""What NEURON makes of a morphology file, read in a process of its own: ``... KIND FILE RESULT``.

NEURON keeps what it reads: names, templates and sections of a file would stay in this process, and could take the
place of the user's own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]


def main(kind: str, file: str, result: str) -> None:
    """Read a file with NEURON and write its sections as JSON.

    Parameters
    ----------
    kind : {"asc", "hoc"}
        Neurolucida's text form, or a program that makes sections.
    file : str
        The file.
    result : str
        Where to write: a list of ``[name, index of the parent or -1, place on it, [[x, y, z, diameter], ...]]``.
    """
    from neuron import h

    if kind == "asc":
        h.load_file("stdlib.hoc")
        h.load_file("import3d.hoc")
        reader = h.Import3d_Neurolucida3()
        reader.quiet = 1
        reader.input(file)
        cell = _Cell()
        h.Import3d_GUI(reader, 0).instantiate(cell)
        sections = list(getattr(cell, "all", ()))
    else:
        h.xopen(file)
        sections = list(h.allsec())
    rows: list[Any] = []
    for section in sections:
        seat = section.parentseg()
        places = (section.x3d, section.y3d, section.z3d, section.diam3d)
        # NEURON keeps them in single precision: seven digits are what was typed
        points = [[float(f"{place(i):.7g}") for place in places] for i in range(section.n3d())]
        above = -1 if seat is None else sections.index(seat.sec)
        rows.append([section.name().rpartition(".")[2], above, -1.0 if seat is None else seat.x, points])
    Path(result).write_text(json.dumps(rows), encoding="utf-8")


class _Cell:
    """What Import3d makes sections in."""

    def __str__(self) -> str:
        return "cell"


if __name__ == "__main__":
    main(*sys.argv[1:])
