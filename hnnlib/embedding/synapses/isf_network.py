"""Presynaptic populations as the In Silico Framework's network files have them: numbers, rates, receptors."""

from __future__ import annotations

import ast
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
from immutabledict import immutabledict

from hnnlib.base.errors import FileFormatError, InvalidType, InvalidValue, MissingFile, UnknownName
from hnnlib.base.schema import within
from hnnlib.embedding.sources.recipes import PSTH, InhomogeneousPoisson, Ongoing, Source

__all__ = ["IsfPopulation", "read_isf_network"]

_TYPES = ("spiketrain", "pointcell")


@attrs.frozen(kw_only=True)
class IsfPopulation:
    """One presynaptic population of an ISF network file.

    Parameters
    ----------
    n_cells : int
        Number of presynaptic cells.
    source : Source or None
        What they fire: ongoing activity, what is locked to the stimulus, or both; None: nothing.
    release_p : float
        Probability that a spike releases at a synapse; 1 where the file leaves it to the mechanism.
    receptors : mapping
        Mechanism -> ``weight`` (a number or a list), ``delay`` (ms), ``parameter`` and others, as the file has them:
        the mechanisms and their units are the framework's own.
    synapses, connections : str or None
        Paths of the ``.syn`` and ``.con`` file, as the file has them.
    """

    n_cells: int
    source: Source | None
    release_p: float
    receptors: Mapping[str, Any]
    synapses: str | None
    connections: str | None


def read_isf_network(path: str | os.PathLike[str]) -> dict[str, IsfPopulation]:
    """Read the populations of a network file (``*.param``) of the In Silico Framework.

    The file holds one Python literal, which is parsed and never run. Times count from the begin of the simulation
    (ms).

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    populations : dict of str to IsfPopulation
        In the order of the file.

    Raises
    ------
    MissingFile
        If there is no such file.
    FileFormatError
        If it holds no such literal, or something in a population is missing or not allowed; names population and key.
    UnknownName
        If the spikes of a population follow a rule that has no counterpart here.
    """
    name = os.fspath(path)
    told = _literal(name)
    network = told.get("network") if isinstance(told, dict) else None
    if not isinstance(network, dict):
        raise FileFormatError(name, "must be a dictionary with the key 'network', a dictionary of populations")
    populations = {}
    for population, values in network.items():
        where = f"network[{population!r}]"
        if not isinstance(values, dict):
            raise FileFormatError(name, f"{where}: must be a dictionary")
        try:
            with within(where):
                populations[str(population)] = _population(values)
        except UnknownName:
            raise
        except InvalidValue as error:
            raise FileFormatError(name, str(error)) from None
        except KeyError as error:
            raise FileFormatError(name, f"{where}: has no key {error}") from None
        except (TypeError, ValueError, IndexError, AttributeError) as error:
            raise FileFormatError(name, f"{where}: {error}") from None  # a foreign file: anything may be there
    return populations


def _literal(name: str) -> Any:
    try:
        text = Path(name).read_text(encoding="utf-8-sig")
        return ast.literal_eval(text.strip())
    except FileNotFoundError:
        raise MissingFile(name) from None
    except UnicodeDecodeError:
        raise FileFormatError(name, "is not text in UTF-8") from None
    except OSError as error:
        raise FileFormatError(name, f"can't be read ({error.strerror or error})") from None
    except SyntaxError as error:
        raise FileFormatError(name, f"is no Python literal ({error.msg})", error.lineno) from None
    except (ValueError, TypeError, RecursionError):
        raise FileFormatError(name, "must hold nothing but literals: numbers, texts, lists, dictionaries") from None


def _population(values: Mapping[str, Any]) -> IsfPopulation:
    synapses = values.get("synapses", {})
    if not isinstance(synapses, dict):
        raise InvalidType("synapses", synapses, "must be a dictionary")
    released = synapses.get("releaseProb", 1.0)
    if released != "dynamic" and not (isinstance(released, int | float) and 0 <= released <= 1):
        raise InvalidValue("synapses.releaseProb", released, "must be from 0 to 1, or 'dynamic'")
    n_cells = values["cellNr"]
    if not isinstance(n_cells, int) or n_cells < 0:
        raise InvalidValue("cellNr", n_cells, "must be a whole number >= 0")
    return IsfPopulation(
        n_cells=n_cells,
        source=_source(values),
        release_p=1.0 if released == "dynamic" else float(released),
        receptors=immutabledict(synapses.get("receptors", {})),
        synapses=synapses.get("distributionFile"),
        connections=synapses.get("connectionFile"),
    )


def _source(values: Mapping[str, Any]) -> Source | None:
    kinds = values["celltype"]
    # the framework has both spellings: the type's name, its settings beside it; or the settings by type
    of = {kinds: values} if isinstance(kinds, str) else kinds
    if not isinstance(of, dict):
        raise InvalidType("celltype", kinds, "must be 'spiketrain', 'pointcell' or a dictionary of both")
    for kind in of:
        if kind not in _TYPES:
            raise UnknownName("celltype", kind, "type of presynaptic cells", _TYPES)
    found: list[Source] = []
    if "spiketrain" in of:
        train = of["spiketrain"]
        found.append(Ongoing(interval=train["interval"], noise=train.get("noise", 1.0), start=train.get("start", 0.0)))
    if "pointcell" in of and "distribution" in of["pointcell"]:
        found.append(_locked(of["pointcell"]))
    return found[0] + found[1] if len(found) > 1 else next(iter(found), None)


def _locked(cell: Mapping[str, Any]) -> Source:
    """Return what cells fire in time with the stimulus."""
    rules: dict[str, Callable[[Mapping[str, Any], float], Source]] = {
        "PSTH": _psth,
        "PSTH_absolute_number": _psth,
        "PSTH_poissontrain": _poisson,
        "PSTH_poissontrain_v2": _poisson,
    }
    rule = cell["distribution"]
    if rule not in rules:
        raise UnknownName("celltype.pointcell.distribution", rule, "rule that has a counterpart here", rules)
    return rules[rule](cell, cell.get("offset", 0.0))


def _psth(cell: Mapping[str, Any], offset: float) -> Source:
    bins = cell["intervals"]
    if "number_active_synapses" in cell:
        return PSTH(edges=bins, n_active=cell["number_active_synapses"], offset=offset)
    return PSTH(edges=bins, probability=cell["probabilities"], offset=offset)


def _poisson(cell: Mapping[str, Any], offset: float) -> Source:
    rates = cell["rates"]
    if "bins" in cell:
        return InhomogeneousPoisson(edges=cell["bins"], rates=rates, offset=offset)
    edges: list[float] = [cell["intervals"][0][0]]
    filled: list[float] = []
    for (start, stop), rate in zip(cell["intervals"], rates, strict=True):
        if start > edges[-1]:  # silent between bins
            edges.append(start)
            filled.append(0.0)
        edges.append(stop)
        filled.append(rate)
    return InhomogeneousPoisson(edges=tuple(edges), rates=tuple(filled), offset=offset)
