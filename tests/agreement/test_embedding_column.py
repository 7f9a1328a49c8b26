"""A column's spikes at a detailed cell: every event of the simple cell arrives, at its time and with its weight."""

from __future__ import annotations

import numpy as np
import pytest

import hnnlib as hn
from hnnlib.compile.build import compile_plan
from hnnlib.embedding.membrane.cell import DetailedCell
from hnnlib.embedding.sources.draw import draw_sources
from hnnlib.embedding.sources.recorded import Replay
from hnnlib.embedding.sources.release import draw_events
from hnnlib.embedding.synapses.column import from_network
from hnnlib.spec.run import RunSpec

pytestmark = pytest.mark.neuron

TSTOP = 60.0


def test_every_event_of_the_simple_cell_arrives(tmp_path):
    net = hn.jones_2009_model(mesh_shape=(3, 3))
    for name, location, weight in (("evprox1", "proximal", 0.02), ("evdist1", "distal", 0.01)):
        net.add_evoked_drive(
            name, mu=10.0, sigma=3.0, numspikes=2, location=location, synaptic_delays=0.1,
            weights_ampa={"L2_pyramidal": weight, "L5_pyramidal": weight}, event_seed=4,
        )  # fmt: skip
    result = hn.simulate(net, tstop=TSTOP, n_trials=2, seed=5)
    cell = DetailedCell("synthetic-l5", "l5_detailed")
    emb = from_network(net, ("L5_pyramidal", 4), cell, contacts=3, network_seed=5)
    plan = compile_plan(net.spec, RunSpec(tstop=TSTOP, n_trials=2, seed=5))
    gid = plan.populations.gid_ranges["L5_pyramidal"][4]
    edges = plan.edges.take(plan.edges.target_gid == gid)
    sites = plan.templates[plan.cells.template[gid]].sites
    for trial in range(2):
        times = np.array(result.cell_response.spike_times[trial])
        gids = np.array(result.cell_response.spike_gids[trial])
        heard = zip(edges.source_gid, edges.site, edges.weight, edges.delay_ms, strict=True)
        expected = sorted(
            (sites.receptors[site], t + delay, weight)
            for source, site, weight, delay in heard
            for t in times[gids == source]
            if weight and t + delay <= TSTOP
        )
        sources = {name: Replay(spikes=result) for name in emb.populations}
        spikes = draw_sources(sources, emb, seed=0, trial=trial, tstop=TSTOP)
        events = draw_events(emb, spikes, seed=0, trial=trial, tstop=TSTOP)
        receptor = np.array(list(emb.kinds))[emb.kind[events.synapse]]
        found = sorted(
            zip(receptor.tolist(), events.time_ms.tolist(), emb.weight_uS[events.synapse].tolist(), strict=True)
        )
        assert len(expected) > 100
        assert len(found) == 3 * len(expected)
        assert [r for r, *_ in found[::3]] == [r for r, *_ in expected]
        np.testing.assert_allclose([t for _, t, _ in found[::3]], [t for _, t, _ in expected], atol=1e-9)
        for name in emb.kinds:
            total = sum(w for r, _, w in found if r == name)
            assert total == pytest.approx(sum(w for r, _, w in expected if r == name))
