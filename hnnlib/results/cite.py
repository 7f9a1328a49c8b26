"""Which papers a result rests on, from its provenance."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from immutabledict import immutabledict

from hnnlib.base.errors import UnknownName
from hnnlib.results.references import CHANNELS, ELECTRODES, ENGINES, INPUTS, MODELS, REFERENCES, Reference

__all__ = ["citations", "papers"]

STYLES = ("text", "bibtex")
_ACCENTS: Mapping[str, str] = immutabledict({"ä": r"{\"a}", "é": r"{\'e}", "ü": r"{\"u}", "Ł": r"{\L}", "ę": r"{\k e}"})


def papers(provenance: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what a result rests on, by subject.

    Parameters
    ----------
    provenance : mapping
        Of a result.

    Returns
    -------
    found : dict of str to list of str
        Subject -> keys of `hnnlib.results.references.REFERENCES`; of a model also what a population's ``reference``
        says, as it stands there, where that is none of ours. A subject without any is left out.
    """
    network = provenance.get("network", {})
    populations = network.get("populations", {}).values()
    drives = network.get("drives", {}).values()
    used = [m for p in populations for s in p["cell"].get("sections", {}).values() for m in s.get("mechanisms", {})]
    methods = [electrodes.get("method") for electrodes in network.get("electrodes", {}).values()]
    sources = ["SpikesFromSonata"] if "files" in provenance else []
    sources += [drive.get("origin", {}).get("source") for drive in drives]
    found = {
        "Model": _of_models(p.get("reference") for p in populations),
        "Ion channels": _of(CHANNELS, used),
        "Simulator": _of(ENGINES, [provenance.get("engine")]),
        "Electrodes": _of(ELECTRODES, methods),
        "Files": _of(INPUTS, sources),
    }
    return {subject: keys for subject, keys in found.items() if keys}


def _of(known: Mapping[str, tuple[str, ...]], names: Iterable[Any]) -> list[str]:
    return list(dict.fromkeys(key for name in names for key in known.get(name, ())))


def _of_models(references: Iterable[str | None]) -> list[str]:
    found: list[str] = []
    for text in references:
        for part in re.split(r";\s*", text or ""):
            ours = [key for key in MODELS if _names(part, REFERENCES[key])]
            found += ours or ([part.strip()] if part.strip() else [])
    return list(dict.fromkeys(found))


def _names(text: str, reference: Reference) -> bool:
    """Whether a text names a paper: by its DOI, or by first author and year."""
    return (reference.doi is not None and reference.doi.lower() in text.lower()) or reference.short in text


def citations(provenance: Mapping[str, Any], style: str = "text") -> str:
    """Return the papers of `papers`, and the program, as text or for BibTeX.

    Parameters
    ----------
    provenance : mapping
        Of a result.
    style : str
        ``'text'`` or ``'bibtex'``.

    Raises
    ------
    UnknownName
        If there is no such style.
    """
    if style not in STYLES:
        raise UnknownName("style", style, "style", STYLES)
    found = papers(provenance)
    version = str(provenance.get("hnnlib", "of unknown version"))
    if style == "bibtex":
        known = dict.fromkeys(key for keys in found.values() for key in keys)
        return "\n\n".join([_program(version), *(_bibtex(key) for key in known)])
    lines = ["Program", f"  hnnlib {version} (the hnnlib developers)"]
    for subject, keys in found.items():
        lines += ["", subject, *(f"  {line}" for line in _lines(keys))]
    return "\n".join(lines)


def _lines(keys: Iterable[str]) -> Iterator[str]:
    for key in keys:
        yield as_text(REFERENCES[key]) if key in REFERENCES else key


def as_text(reference: Reference) -> str:
    """Return a paper as one line.

    Parameters
    ----------
    reference : Reference
        The paper.
    """
    r = reference
    *first, last = r.authors.split(" and ")
    if last == "others":
        who = f"{', '.join(first)}, et al."
    else:
        who = ", ".join(first) + " & " + last if first else last
    link = f" https://doi.org/{r.doi}" if r.doi else ""
    return f"{who} ({r.year}). {r.title}. {r.journal} {r.where}.{link}"


def _program(version: str) -> str:
    return (
        "@software{hnnlib,\n"
        "  author = {{The hnnlib developers}},\n"
        "  title = {hnnlib: a neocortical column and its current dipole},\n"
        f"  version = {{{version}}}\n}}"
    )


def _bibtex(key: str) -> str:
    if key not in REFERENCES:  # what a population says of itself, as it stands
        name = re.sub(r"\W+", "", key)[:20]
        return f"@misc{{{name},\n  note = {{{_latex(key)}}}\n}}"
    r = REFERENCES[key]
    volume, _, pages = r.where.partition(":")
    fields = {
        "author": _latex(r.authors),
        "title": f"{{{_latex(r.title)}}}",  # inner braces keep capitals
        "journal": r.journal,
        "year": str(r.year),
        "volume": volume,
        "pages": pages.replace("-", "--"),
    }
    if r.doi:
        fields["doi"] = r.doi
    return f"@article{{{key},\n" + ",\n".join(f"  {name} = {{{value}}}" for name, value in fields.items()) + "\n}"


def _latex(text: str) -> str:
    for letter, accent in _ACCENTS.items():
        text = text.replace(letter, accent)
    return text.replace("&", r"\&").replace("%", r"\%")
