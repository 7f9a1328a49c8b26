"""Spec to plan in one call."""

from __future__ import annotations

from hnnlib.compile.connect import connect
from hnnlib.compile.currents import make_biases
from hnnlib.compile.discretise import make_template
from hnnlib.compile.place import place_cells
from hnnlib.compile.probe import make_probes
from hnnlib.compile.sample import sample_trial
from hnnlib.plan.check import check_plan
from hnnlib.plan.tables import Plan, Run
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
        run=Run(tstop_ms=run.tstop, dt_ms=run.dt, n_trials=run.n_trials, celsius=network.celsius, seed=run.seed),
        populations=populations,
        templates=templates,
        cells=cells,
        edges=edges,
        drive_cells=drive_cells,
        events=tuple(sample_trial(network, populations, k, run.tstop, run.seed) for k in range(run.n_trials)),
        biases=make_biases(network, populations, templates, run.tstop),
        probes=make_probes(network, cells, templates, run.record),
    )
    check_plan(plan)
    return plan
