"""What the mechanisms are called and which parameters they have, read from the NMODL files; needs no simulator."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, NamedTuple

import attrs
from immutabledict import immutabledict

from hnnlib.base.errors import FileFormatError, InvalidValue, UnknownName
from hnnlib.base.resources import mod_files

__all__ = ["Mechanism", "Parameter", "catalogue", "lookup", "read_mechanism"]

Kind = Literal["density", "point", "artificial"]


class Parameter(NamedTuple):
    """Default value and unit of a mechanism's parameter; ``unit`` is empty for a pure number."""

    default: float
    unit: str


@attrs.frozen(kw_only=True)
class Mechanism:
    """What a mechanism offers.

    Attributes
    ----------
    name : str
        As it is inserted or made in NEURON.
    kind : {"density", "point", "artificial"}
        ``density``: per membrane area; ``point``: at a point (synapses); ``artificial``: a cell without membrane.
    parameters : mapping of str to Parameter
        What may be set per segment or per instance.
    reads, writes : tuple of str
        Ion variables, e.g. ``ek``, ``cai``, ``ica``.
    file : Path or None
        Where it was read; None for what is built into NEURON.
    """

    name: str
    kind: Kind
    parameters: Mapping[str, Parameter]
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    file: Path | None = attrs.field(default=None, eq=False)

    def parameter(self, name: str, path: str = "parameter") -> Parameter:
        """Return one parameter.

        Parameters
        ----------
        name : str
            Its name.
        path : str
            Where the name stands, for the error.

        Returns
        -------
        Parameter
            Its default and unit.

        Raises
        ------
        UnknownName
            If the mechanism has no such parameter.
        """
        if name not in self.parameters:
            raise UnknownName(path, name, f"parameter of {self.name}", self.parameters)
        return self.parameters[name]


def catalogue() -> Mapping[str, Mechanism]:
    """Return the mechanisms that a model may use: of ``mod/``, of ``HNNLIB_MOD_PATH``, and some that NEURON always has.

    Returns
    -------
    mapping of str to Mechanism
        By name; read-only.
    """
    return _catalogue(os.environ.get("HNNLIB_MOD_PATH", ""))


@functools.cache
def _catalogue(_folders: str) -> Mapping[str, Mechanism]:
    # one for each value of HNNLIB_MOD_PATH, so that a script or notebook may set it where it needs it
    own = [read_mechanism(file) for file in mod_files()]
    names = [m.name for m in own]
    for mechanism in own:
        if names.count(mechanism.name) > 1:
            raise InvalidValue("HNNLIB_MOD_PATH", str(mechanism.file), f"is another mechanism called {mechanism.name}")
    # The probe is an instrument of the NEURON engine, no part of any model.
    mechanisms = {m.name: m for m in (*_builtin(), *own) if m.name != "LinearProbe"}
    return immutabledict(mechanisms)


def lookup(name: str, path: str = "mechanism") -> Mechanism:
    """Return the mechanism of that name.

    Parameters
    ----------
    name : str
        Its name.
    path : str
        Where the name stands, for the error.

    Returns
    -------
    Mechanism
        What it offers.

    Raises
    ------
    UnknownName
        If there is none of that name.
    """
    known = catalogue()
    if name not in known:
        raise UnknownName(path, name, "mechanism", known)
    return known[name]


def read_mechanism(file: Path) -> Mechanism:
    """Read what an NMODL file offers.

    Parameters
    ----------
    file : Path
        An NMODL file.

    Returns
    -------
    Mechanism
        Its name, kind, ions and the parameters that are declared both PARAMETER and RANGE.

    Raises
    ------
    FileFormatError
        If the file has no NEURON block or names no mechanism.
    """
    text = _strip(file.read_text(encoding="utf-8"))
    neuron = _block(text, "NEURON")
    if neuron is None:
        raise FileFormatError(file, "has no NEURON block, so it is no NMODL file")
    naming = re.search(r"\b(SUFFIX|POINT_PROCESS|ARTIFICIAL_CELL)\s+(\w+)", neuron)
    if naming is None:
        raise FileFormatError(file, "names no SUFFIX, POINT_PROCESS or ARTIFICIAL_CELL")
    ranged = set(re.findall(r"\w+", " ".join(_statements(neuron, "RANGE"))))
    declared = {
        name: Parameter(float(value), unit)
        for name, value, unit in re.findall(
            r"^\s*(\w+)\s*=\s*([-+\d.eE]+)[ \t]*(?:\(([^)]*)\))?", _block(text, "PARAMETER") or "", re.MULTILINE
        )
    }
    kinds: dict[str, Kind] = {"SUFFIX": "density", "POINT_PROCESS": "point", "ARTIFICIAL_CELL": "artificial"}
    ions = _statements(neuron, "USEION")
    return Mechanism(
        name=naming[2],
        kind=kinds[naming[1]],
        parameters=immutabledict({name: p for name, p in declared.items() if name in ranged}),
        reads=_ion_variables(ions, "READ"),
        writes=_ion_variables(ions, "WRITE"),
        file=file,
    )


def _builtin() -> tuple[Mechanism, ...]:
    # Compiled into NEURON, so there is no file to read; defaults as in its passive.mod, expsyn.mod and exp2syn.mod.
    reversal = Parameter(0.0, "mV")
    parameters: dict[str, tuple[Kind, dict[str, Parameter]]] = {
        "pas": ("density", {"g": Parameter(0.001, "S/cm2"), "e": Parameter(-70.0, "mV")}),
        "ExpSyn": ("point", {"tau": Parameter(0.1, "ms"), "e": reversal}),
        "Exp2Syn": ("point", {"tau1": Parameter(0.1, "ms"), "tau2": Parameter(10.0, "ms"), "e": reversal}),
    }
    return tuple(Mechanism(name=name, kind=kind, parameters=immutabledict(p)) for name, (kind, p) in parameters.items())


def _strip(text: str) -> str:
    """Drop comments and embedded C++."""
    for word in ("COMMENT", "VERBATIM"):
        text = re.sub(rf"^\s*{word}\b.*?\bEND{word}\b", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"[:?].*$", "", text, flags=re.MULTILINE)


def _block(text: str, name: str) -> str | None:
    match = re.search(rf"^\s*{name}\s*\{{(.*?)\}}", text, re.MULTILINE | re.DOTALL)
    return match[1] if match else None


def _statements(neuron: str, keyword: str) -> list[str]:
    """Return what follows each ``keyword``: lists may go on after a comma at the end of a line."""
    joined = re.sub(r",\s*\n\s*", ", ", neuron)
    return re.findall(rf"^\s*{keyword}\s+(.*)$", joined, re.MULTILINE)


def _ion_variables(ions: list[str], access: str) -> tuple[str, ...]:
    names: list[str] = []
    for ion in ions:
        if match := re.search(rf"\b{access}\s+(\w+(?:\s*,\s*\w+)*)", ion):
            names += re.findall(r"\w+", match[1])
    return tuple(names)
