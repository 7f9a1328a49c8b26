"""Tables in the shape of the In Silico Framework, on a study small enough to be written down."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hnnlib.base.errors import UnknownName
from hnnlib.embedding.sources.spikes import SourceSpikes, TrialEvents
from hnnlib.embedding.study.store import StudyWriter
from hnnlib.embedding.study.trial import CellTrial

NAN = np.nan


@pytest.fixture(scope="module")
def inputs(make_study_inputs):
    return make_study_inputs()


@pytest.fixture(scope="module")
def vpm(inputs):
    """Row of the first synapse of the second population."""
    return inputs.embedding.rows["VPM_C2"].start


@pytest.fixture(scope="module", params=["memory", "hdf5", "parquet"])
def study(request, inputs, vpm, tmp_path_factory):
    folder = None if request.param == "memory" else tmp_path_factory.mktemp("study") / "study"
    writer = StudyWriter(folder, inputs, 3, tables="parquet" if request.param == "parquet" else "hdf5")
    given = (
        ([2, 2, vpm + 1], [7.0, 3.0, 1.0], {"L4ss_C2": ([1, 1], [2.0, 6.0]), "VPM_C2": ([4], [0.5])}, [10.0, 40.0]),
        ([], [], {}, []),
        ([vpm + 1, vpm + 1, vpm + 1], [5.0, 6.0, 9.0], {"VPM_C2": ([4, 4, 0], [4.5, 8.5, 1.0])}, [20.0]),
    )
    for k, (synapse, time, spikes, soma) in enumerate(given):
        writer.add(
            CellTrial(
                trial=k,
                spikes={p: SourceSpikes(source=np.array(s), time_ms=np.array(t)) for p, (s, t) in spikes.items()},
                events=TrialEvents(synapse=np.array(synapse, int), time_ms=np.array(time, float)),
                soma_spikes=soma,
                site_spikes={"tuft": [12.0, 13.0]} if k == 2 else {},
                recordings={"v": np.array([[-65.0, -64.0 + k], [-70.0, -69.0]], np.float32)},
                labels={"v": {"site": ("soma", "tuft")}},
                times=np.array([0.0, 0.025]),
            )
        )
    return writer.finish()


def test_synapse_activation(study, inputs, vpm):
    embedding = inputs.embedding
    rows = np.array([2, vpm + 1, vpm + 1])
    expected = pd.DataFrame(
        {
            "synapse_type": pd.Categorical(["L4ss_C2", "VPM_C2", "VPM_C2"], ["L4ss_C2", "VPM_C2", "silent"]),
            "synapse_ID": [2, 1, 1],
            "soma_distance": embedding.distance_um[rows],
            "section_ID": embedding.section[rows].astype(np.int64),
            "section_pt_ID": embedding.segment[rows] - np.array([0, 1])[embedding.section[rows]],
            "dendrite_label": pd.Categorical(embedding.domain[rows], study.labels["domain"]),
            0: [3.0, 1.0, 5.0],
            1: [7.0, NAN, 6.0],
            2: [NAN, NAN, 9.0],
        },
        index=pd.Index([0, 0, 2], name="trial"),
    )
    pd.testing.assert_frame_equal(study.synapse_activation(), expected, check_index_type=False)


def test_synapse_activation_with_a_row_for_each_release(study):
    found = study.synapse_activation(wide=False, trial=[2, 0])
    assert found.index.tolist() == [0, 0, 0, 2, 2, 2]
    assert found["time"].tolist() == [3.0, 7.0, 1.0, 5.0, 6.0, 9.0]
    assert found["synapse_ID"].tolist() == [2, 2, 1, 1, 1, 1]


def test_cell_activation(study):
    expected = pd.DataFrame(
        {
            "presynaptic_cell_type": pd.Categorical(
                ["L4ss_C2", "VPM_C2", "VPM_C2", "VPM_C2"], ["L4ss_C2", "VPM_C2", "silent"]
            ),
            "cell_ID": [1, 4, 0, 4],
            0: [2.0, 0.5, 1.0, 4.5],
            1: [6.0, NAN, NAN, 8.5],
        },
        index=pd.Index([0, 0, 2, 2], name="trial"),
    )
    pd.testing.assert_frame_equal(study.cell_activation(), expected, check_index_type=False)
    assert study.cell_activation(wide=False, trial=2)["time"].tolist() == [1.0, 4.5, 8.5]


def test_voltage_traces(study):
    expected = pd.DataFrame(
        np.array([[-65.0, -64.0], [-65.0, -63.0], [-65.0, -62.0]], np.float32),
        index=pd.Index([0, 1, 2], name="trial"),
        columns=[0.0, 0.025],
    )
    pd.testing.assert_frame_equal(study.voltage_traces(), expected)
    assert study.voltage_traces("tuft", trial=[2, 1]).index.tolist() == [2, 1]
    with pytest.raises(UnknownName, match="has soma, tuft"):
        study.voltage_traces("apical")
    with pytest.raises(UnknownName, match="recording of the study"):
        study.voltage_traces(name="ica")


def test_spike_times(study):
    expected = pd.DataFrame(
        [[10.0, 40.0], [NAN, NAN], [20.0, NAN]], index=pd.Index([0, 1, 2], name="trial"), columns=range(2)
    )
    pd.testing.assert_frame_equal(study.spike_times(), expected)
    assert study.spike_times("tuft", trial=[1, 2]).to_numpy(na_value=-1).tolist() == [[-1, -1], [12.0, 13.0]]
    with pytest.raises(UnknownName, match="place that was watched"):
        study.spike_times("soma")
