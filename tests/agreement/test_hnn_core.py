"""HNN-core's published numbers by the ways that its users take."""

from __future__ import annotations

from collections import Counter

import hnnlib


def test_spikes_of_the_default_column_in_legacy_mode():
    # HNN-core 0.6.1, NEURON 8.2.7: default.json, legacy mode, 170 ms
    net = hnnlib.neymotin_2020_model(None, add_drives_from_params=True, legacy_mode=True)
    types = hnnlib.simulate(net, tstop=170.0).cell_response.spike_types[0]
    counts = Counter(types.tolist())
    drives = {"evprox1": 270, "evdist1": 270, "evprox2": 270}
    assert counts == {**drives, "L2_basket": 55, "L2_pyramidal": 114, "L5_basket": 86, "L5_pyramidal": 396}
