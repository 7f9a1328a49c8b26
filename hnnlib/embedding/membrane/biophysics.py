"""The membrane of a detailed cell: what is true of all of it, and what of single domains."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from immutabledict import immutabledict

from hnnlib.base.atomic import atomic_write_text
from hnnlib.base.errors import FileFormatError, HnnlibError, InvalidType, InvalidValue, MissingFile, UnknownName
from hnnlib.base.resources import param_file
from hnnlib.base.schema import choice, documented, from_plain, mapping, quantity, text, to_plain, within
from hnnlib.embedding.form.morphology import DOMAINS
from hnnlib.embedding.membrane.spatial import Rule, evaluate_rule, parameter
from hnnlib.mechanisms.catalogue import lookup

__all__ = ["GROUPS", "Biophysics", "Membrane", "read_biophysics", "write_biophysics"]

_FORMAT = "hnnlib biophysics 1"
GROUPS = ("all", "soma", "axon", "basal", "apical", "apical_trunk", "apical_oblique", "apical_tuft")
"""What membrane can be given for, from the general to the particular: ``apical`` stands for all parts of that tree."""
_DENSITIES = ("S/cm2", "pS/um2")


def _parameters(value: Any, path: str) -> Mapping[str, float | Rule]:
    if not isinstance(value, Mapping):
        raise InvalidType(path, value, "must be a mapping of parameter names")
    return immutabledict({name: parameter(item, f"{path}[{name!r}]") for name, item in value.items()})


@documented
@attrs.frozen(kw_only=True)
class Membrane:
    """The membrane of a group of sections; what is None or left out is as in the more general groups."""

    mechanisms: Mapping[str, Mapping[str, float | Rule]] = mapping(
        {}, of=_parameters, doc="mechanism -> its parameters, each a number or a rule of distance"
    )
    Ra: float | None = quantity(None, unit="Ω·cm", gt=0, optional=True, doc="axial resistivity")
    cm: float | None = quantity(None, unit="µF/cm²", gt=0, optional=True, doc="specific membrane capacitance")
    v0: float | None = quantity(None, unit="mV", optional=True, doc="membrane potential at the start")

    def __attrs_post_init__(self) -> None:
        for name, values in self.mechanisms.items():
            mechanism = lookup(name, "mechanisms")
            if mechanism.kind != "density":
                raise InvalidValue("mechanisms", name, "is no density mechanism")
            for item in values:
                mechanism.parameter(item, f"mechanisms[{name!r}]")


@documented
@attrs.frozen(kw_only=True)
class Biophysics:
    """What the membrane of a detailed cell is made of, as plain data.

    ``domains`` names groups of sections: ``all``, a domain as in `Morphology`, or ``apical`` for the whole apical tree.
    What is given for a particular group replaces what a more general one says, parameter by parameter.
    """

    domains: Mapping[str, Membrane] = mapping(of=Membrane, doc="group of sections -> its membrane")
    Ra: float = quantity(100.0, unit="Ω·cm", gt=0, doc="axial resistivity")
    cm: float = quantity(1.0, unit="µF/cm²", gt=0, doc="specific membrane capacitance")
    v0: float = quantity(-70.0, unit="mV", doc="membrane potential at the start")
    celsius: float = quantity(37.0, unit="°C", doc="temperature that the parameters are for")
    axon: str = choice(
        ("keep", "stub", "none"), "stub", doc="the axon: as traced, two pieces of 30 µm in its place, or left out"
    )
    notes: str | None = text(None, optional=True, doc="where the numbers come from, and what they give")

    def __attrs_post_init__(self) -> None:
        for name in self.domains:
            if name not in GROUPS:
                raise UnknownName("domains", name, "domain", GROUPS)

    def groups_of(self, domain: str) -> list[str]:
        """Return the groups of ``domains`` that a section belongs to, from the general to the particular.

        Parameters
        ----------
        domain : str
            As in `Morphology`.

        Raises
        ------
        UnknownName
            If there is no such domain.
        """
        if domain not in DOMAINS:
            raise UnknownName("domain", domain, "domain", DOMAINS)
        return [g for g in GROUPS if g in self.domains and g in ("all", domain, domain.split("_")[0])]

    def plain(self, domain: str) -> dict[str, float]:
        """Return axial resistivity ``Ra`` (Ω·cm), capacitance ``cm`` (µF/cm²) and initial potential ``v0`` (mV).

        Parameters
        ----------
        domain : str
            Domain of a section.
        """
        values: dict[str, float] = {name: getattr(self, name) for name in ("Ra", "cm", "v0")}
        for group in self.groups_of(domain):
            given = {name: getattr(self.domains[group], name) for name in values}
            values |= {name: value for name, value in given.items() if value is not None}
        return values

    def mechanisms(
        self, domain: str, distance_um: np.ndarray, reach_um: Mapping[str, float]
    ) -> dict[str, dict[str, float | np.ndarray]]:
        """Return the mechanisms of one section.

        Parameters
        ----------
        domain : str
            Domain of the section.
        distance_um : array, shape (n_segments,)
            Path distances of its segments' middles from the middle of the soma (µm).
        reach_um : dict of str to float
            Domain, ``apical`` or ``all`` -> the largest distance that it reaches (µm).

        Returns
        -------
        mechanisms : dict
            Mechanism -> parameter -> a number, or where a rule is given an array of shape (n_segments,).

        Raises
        ------
        InvalidValue
            If a conductance is negative somewhere, or a rule can't be used with this morphology.
        """
        found: dict[str, dict[str, float | np.ndarray]] = {}
        for group in self.groups_of(domain):
            for mechanism, given in self.domains[group].mechanisms.items():
                known = lookup(mechanism).parameters
                kept = found.setdefault(mechanism, {})
                for name, value in given.items():
                    path = f"domains[{group!r}].mechanisms[{mechanism!r}][{name!r}]"
                    with within(path):
                        values = evaluate_rule(value, distance_um, group, reach_um)
                    if known[name].unit in _DENSITIES and values.min() < 0:
                        raise InvalidValue(path, float(values.min()), f"must be >= 0 {known[name].unit} everywhere")
                    kept[name] = values if isinstance(value, Rule) else float(value)
        return found


def read_biophysics(path: str | os.PathLike[str]) -> Biophysics:
    """Read the membrane of a cell from a JSON file.

    Parameters
    ----------
    path : str or path
        A file, or the name of one that comes with the package: ``"l5_detailed"``, ``"l23_detailed"``.

    Returns
    -------
    biophysics : Biophysics

    Raises
    ------
    MissingFile, UnknownName
        If there is no such file.
    FileFormatError
        If it holds no membrane, or something that is not allowed; says where.
    """
    file = Path(path)
    if not file.is_file():
        if file.suffix == ".json" and file.parent != Path():
            raise MissingFile(file)
        file = param_file(str(path))
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileFormatError(file, str(error)) from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise FileFormatError(file, f"is no file of a cell's membrane (its 'format' is not {_FORMAT!r})")
    plain = {key: value for key, value in content.items() if key != "format"}
    if isinstance(plain.get("notes"), list):  # line by line, to be readable
        plain["notes"] = "\n".join(map(str, plain["notes"])) or None
    try:
        read: Biophysics = from_plain(Biophysics, plain)
    except HnnlibError as error:
        raise FileFormatError(file, str(error)) from error
    return read


def write_biophysics(path: str | os.PathLike[str], biophysics: Biophysics) -> None:
    """Write the membrane of a cell as JSON.

    Parameters
    ----------
    path : str or path
        Where to; what was there is replaced.
    biophysics : Biophysics
        What to write.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    plain = to_plain(biophysics)
    content = {"format": _FORMAT, **plain, "notes": (biophysics.notes or "").splitlines()}
    atomic_write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
