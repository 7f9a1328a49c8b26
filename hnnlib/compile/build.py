"""Spec to plan in one call."""

from __future__ import annotations

import numpy as np

from hnnlib.base.schema import within
from hnnlib.compile.connect import connect
from hnnlib.compile.discretise import make_template
from hnnlib.compile.place import place_cells
from hnnlib.compile.probe import make_probes
from hnnlib.compile.sample import sample_trial
from hnnlib.plan.check import check_plan
from hnnlib.plan.tables import Biases, Cells, Plan, Run, Template
from hnnlib.spec.network import NetworkSpec
from hnnlib.spec.run import RunSpec

__all__ = ["compile_plan"]


def compile_plan(network: NetworkSpec, run: RunSpec) -> Plan:
    """Return the plan of a run.

    Parameters
    ----------
    network : NetworkSpec
        What to simulate.
    run : RunSpec
        How long, how often, from which seed, what to keep.

    Returns
    -------
    plan : Plan
        The same for the same arguments, bit for bit.

    Raises
    ------
    InvalidValue
        For what only shows when all parts meet, e.g. an index beyond its population.
    """
    populations, cells = place_cells(network)
    templates = tuple(make_template(name, p.cell) for name, p in network.populations.items())
    edges, drive_cells = connect(network, populations, cells, templates, network.drive_origin, run.seed)
    plan = Plan(
        run=Run(tstop_ms=run.tstop, dt_ms=run.dt, n_trials=run.n_trials, celsius=network.celsius),
        populations=populations,
        templates=templates,
        cells=cells,
        edges=edges,
        drive_cells=drive_cells,
        events=tuple(sample_trial(network, populations, k, run.tstop, run.seed) for k in range(run.n_trials)),
        biases=_biases(network, cells, templates, run.tstop),
        probes=make_probes(network, cells, templates, run.record),
    )
    check_plan(plan)
    return plan


def _biases(network: NetworkSpec, cells: Cells, templates: tuple[Template, ...], tstop: float) -> Biases:
    names = list(network.populations)
    rows = []
    for bias_name, by_population in network.biases.items():
        for target, bias in by_population.items():
            with within(f"biases[{bias_name!r}][{target!r}]"):
                number = names.index(target)
                section = templates[number].sections.names.index(bias.section)
                end = tstop if bias.tstop is None else bias.tstop
                duration = max(0.0, end - bias.t0)
                gids = np.flatnonzero(cells.population == number)
                rows += [(gid, section, bias.amplitude, bias.t0, duration) for gid in gids]
    table = np.array(rows, float).reshape(-1, 5)
    return Biases(
        gid=table[:, 0].astype(np.int32),
        section=table[:, 1].astype(np.int32),
        amplitude_nA=table[:, 2],
        delay_ms=table[:, 3],
        duration_ms=table[:, 4],
    )
