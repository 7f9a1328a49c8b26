"""The report of a fit: one HTML page with everything in it."""

from __future__ import annotations

import base64
import html
import io
import os
from collections.abc import Iterable, Sequence
from typing import Any

from hnnlib.base.atomic import atomic_write_text
from hnnlib.optimization.outcome import Fit
from hnnlib.viz.fits import plot_convergence, plot_fit
from hnnlib.viz.style import STYLE

__all__ = ["write_report"]

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #202020; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: 0.2rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 0.9rem; display: block;
  overflow-x: auto; }
th, td { padding: 0.2rem 0.9rem 0.2rem 0; text-align: right; border-bottom: 1px solid #e0e0e0; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; font-family: ui-monospace, monospace; font-size: 0.85rem; }
th { font-weight: 600; border-bottom-color: #808080; } .note { color: #606060; } svg, img { max-width: 100%; }
.left td { text-align: left; } .left td + td { white-space: normal; overflow-wrap: anywhere; }
td.wall { color: #b04000; } summary { cursor: pointer; }
"""


def write_report(
    fit: Fit, path: str | os.PathLike[str], *, intervals: Any = None, title: str = "Fit", overwrite: bool = True
) -> None:
    """Write a fit as a page to read: target against fit, parameters, convergence, what was held fixed, provenance.

    Parameters
    ----------
    fit : Fit
        The fit.
    path : path-like
        The HTML file; it needs no other file.
    intervals : Intervals, optional
        How sure the parameters are, as `hnnlib.optimization.intervals` gives it.
    title : str
        Headline.
    overwrite : bool
        Whether the file may be replaced.

    Raises
    ------
    OutputError
        If the file can't be written.
    """
    shown = html.escape(title)
    parts = [
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{shown}</title>',
        f"<style>{_STYLE}</style></head><body><h1>{shown}</h1>",
        f'<p class="note">{html.escape(_headline(fit))}</p>',
        *(f"<h2>{_heading(name)}</h2>{_figure(fit, name)}" for name in fit.traces),
        "<h2>Parameters</h2>",
        _parameters(fit, intervals),
        "<h2>Loss</h2>",
        _losses(fit),
        _svg(plot_convergence(fit, show=False)),
        "<h2>Held fixed</h2>",
        '<p class="note">Everything that is not among the parameters above. Of the drives, that is:</p>',
        _folded(f"{len(fit.held_fixed)} numbers", _table(("path", "value"), _numbers(fit.held_fixed))),
        "<h2>How it came about</h2>",
        _table(("", ""), _provenance(fit), left=True),
        "</body></html>",
    ]
    atomic_write_text(path, "\n".join(parts), overwrite)


def _headline(fit: Fit) -> str:
    first = fit.evaluations[0].loss
    ended = fit.ending.get("why", "") if fit.finished else "the fit has not come to its end"
    return (
        f"{len(fit.names)} free parameters, {fit.n_trials} simulated trials, search: {fit.header['search']['name']}; "
        f"the loss fell from {first:.4g} to {fit.loss:.4g}; {ended}."
    )


def _heading(name: str) -> str:
    return f"Target and fit: {html.escape(name)}"


def _figure(fit: Fit, name: str) -> str:
    return _svg(plot_fit(fit, name, show=False))


def _svg(figure: Any) -> str:
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    settings: Any = {**STYLE, "svg.fonttype": "path", "svg.hashsalt": "hnnlib"}
    written = io.BytesIO()
    with mpl.rc_context(settings):
        figure.savefig(written, format="svg", metadata={"Date": None})
    plt.close(figure)
    # as an image: two figures on a page may have the same names inside
    return f'<img alt="figure" src="data:image/svg+xml;base64,{base64.b64encode(written.getvalue()).decode()}">'


def _parameters(fit: Fit, intervals: Any) -> str:
    start, best = fit.start, fit.best
    head = ["parameter", "start", "fit", "bounds", "scale"]
    if intervals is not None:
        head.insert(3, f"{100 * intervals.level:.0f} % interval")
    rows = []
    for k, one in enumerate(fit.free):
        at = one.to_unit(best[one.path])
        wall = " (at its bound)" if at < 1e-3 or at > 1 - 1e-3 else ""
        row = [one.path, f"{start[one.path]:.4g}", f"{best[one.path]:.4g}{wall}"]
        row += [f"{one.low:.4g} to {one.high:.4g}", one.scale]
        if intervals is not None:
            row.insert(3, f"{intervals.low[k]:.4g} to {intervals.high[k]:.4g}")
        rows.append(row)
    note = "" if intervals is not None else '<p class="note">No intervals were asked for.</p>'
    return _table(head, rows) + note


def _losses(fit: Fit) -> str:
    first, best = fit.evaluations[0].parts, fit.parts
    return _table(
        ("part", "start", "fit"),
        [[name, f"{first.get(name, float('nan')):.5g}", f"{best[name]:.5g}"] for name in best],
    )


def _numbers(values: dict[str, float]) -> list[list[str]]:
    return [[name, f"{value:g}"] for name, value in values.items()]


def _provenance(fit: Fit) -> list[list[str]]:
    problem = fit.header["problem"]
    rows = [[name, str(value)] for name, value in fit.header["search"].items() if name != "name"]
    found = [
        ["search", fit.header["search"]["name"]],
        *(["search: " + name, value] for name, value in rows),
        ["seed of the search", str(fit.header["seed"])],
        ["seed of the simulations", str(problem["seed"])],
        ["trials of an evaluation", str(problem["n_trials"])],
        ["duration", f"{problem['tstop']:g} ms, dt {problem['dt']:g} ms"],
        ["engine", problem["engine"]],
        ["network", problem["network digest"]],
        ["objective", _in_words(problem["objective"])],
    ]
    found += [[name, str(value)] for name, value in fit.provenance.items()]
    if fit.finished:
        found += [
            ["launcher", str(fit.ending["launcher"])],
            [
                "seconds",
                f"{fit.ending['seconds']:.1f}, of which evaluations {fit.ending['seconds of evaluations']:.1f}",
            ],
        ]
    return found


def _in_words(objective: dict[str, Any]) -> str:
    if objective["objective"] == "sum":
        return " + ".join(f"{weight:g} * ({_in_words(one)})" for weight, one in objective["terms"])
    rest = ", ".join(f"{k} {v}" for k, v in objective.items() if k not in ("objective", "name") and v is not None)
    return f"{objective['objective']}: {rest}" if rest else str(objective["objective"])


def _folded(summary: str, inner: str) -> str:
    return f"<details><summary>{html.escape(summary)}</summary>{inner}</details>"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], left: bool = False) -> str:
    lines = ['<table class="left">' if left else "<table>"]
    if any(head):
        lines.append("<tr>" + "".join(f"<th>{html.escape(cell)}</th>" for cell in head) + "</tr>")
    for row in rows:
        kinds = (' class="wall"' if "at its bound" in cell else "" for cell in row)
        cells = zip(row, kinds, strict=True)
        lines.append("<tr>" + "".join(f"<td{kind}>{html.escape(cell)}</td>" for cell, kind in cells) + "</tr>")
    return "\n".join([*lines, "</table>"])
