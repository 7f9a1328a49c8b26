"""A dipole handed over to MNE-Python."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from hnnlib.base.errors import InvalidType, InvalidValue, MissingPackage, UnknownName
from hnnlib.results.dipole import Dipole

TIMES = np.arange(0.0, 50.0, 0.5)
# goes below zero: MNE warns of a source that never does
WAVE = np.sin(TIMES / 8) * np.exp(-TIMES / 20)


@pytest.fixture(scope="module")
def dipole() -> Dipole:
    return Dipole(TIMES, np.column_stack([WAVE, 0.3 * WAVE, 0.7 * WAVE])).scale(1000.0)


@pytest.fixture(scope="module")
def head() -> tuple[Any, Any, Any]:
    """MNE, sensors of an EEG cap on a sphere, and the forward solution of 30 sources."""
    mne = pytest.importorskip("mne")
    mne.set_log_level("ERROR")
    rng = np.random.default_rng(0)
    places = rng.normal(size=(30, 3))
    places *= (rng.uniform(0.02, 0.06, 30) / np.linalg.norm(places, axis=1))[:, None]
    normals = rng.normal(size=(30, 3))
    normals /= np.linalg.norm(normals, axis=1)[:, None]
    around = rng.normal(size=(24, 3))
    around *= 0.09 / np.linalg.norm(around, axis=1)[:, None]
    names = [f"E{k + 1}" for k in range(24)]
    info = mne.create_info(names, 1000.0, "eeg")
    info.set_montage(mne.channels.make_dig_montage(dict(zip(names, around, strict=True)), coord_frame="head"))
    sphere = mne.make_sphere_model(r0=(0.0, 0.0, 0.0), head_radius=0.09)
    sources = mne.setup_volume_source_space(pos={"rr": places, "nn": normals}, sphere=sphere)
    forward = mne.make_forward_solution(info, None, sources, sphere, meg=False, eeg=True)
    assert forward["nsource"] == 30
    return mne, info, forward


def test_along_the_normal(head, dipole):
    mne, info, forward = head
    place = forward["source_rr"][17]
    estimate = dipole.to_mne(forward, place)
    assert isinstance(estimate, mne.VolSourceEstimate)
    np.testing.assert_allclose(estimate.times, TIMES / 1000, rtol=0, atol=1e-12)
    np.testing.assert_allclose(estimate.data, 1e-9 * dipole.data["agg"][None], rtol=1e-15)
    # an independent way: MNE's own dipole, with a forward solution made for its place and direction
    k = int(np.argmax(dipole.data["agg"]))
    normal = forward["src"][0]["nn"][forward["src"][0]["vertno"][17]]
    alone = mne.Dipole([0.0], [place], [1e-9 * dipole.data["agg"][k]], [normal], [100.0])
    own, source = mne.make_forward_dipole(alone, mne.make_sphere_model(r0=(0.0, 0.0, 0.0), head_radius=0.09), info)
    expected = own["sol"]["data"] @ source.data
    seen = mne.apply_forward(forward, estimate, info)
    np.testing.assert_allclose(seen.data[:, [k]], expected, rtol=1e-6, atol=1e-9 * np.abs(expected).max())
    assert 1e-7 < np.abs(seen.data).max() < 1e-3  # volts, of some 500 nAm


def test_along_a_direction(head, dipole):
    mne, info, forward = head
    near = forward["source_rr"][5] + [0.0005, 0.0, -0.0005]
    estimate = dipole.to_mne(forward, near, orientation=(3.0, 0.0, -4.0), layer="L5")
    seen = mne.apply_forward(forward, estimate, info)
    gain = forward["sol"]["data"].reshape(24, 30, 3)[:, 5] @ [0.6, 0.0, -0.8]
    np.testing.assert_allclose(seen.data, 1e-9 * np.outer(gain, dipole.data["L5"]), rtol=1e-9)
    assert estimate.vertices[0].tolist() == [forward["src"][0]["vertno"][5]]


def test_of_several_source_spaces_one_is_active(head, dipole):
    mne, _, forward = head
    both = forward.copy()
    both["src"] = mne.SourceSpaces([forward["src"][0].copy(), forward["src"][0].copy()])
    both["source_rr"] = np.concatenate([forward["source_rr"] + 1.0, forward["source_rr"]])
    estimate = dipole.to_mne(both, forward["source_rr"][3])
    assert [v.tolist() for v in estimate.vertices] == [[], [forward["src"][0]["vertno"][3]]]


def test_what_is_no_place_in_this_head(head, dipole):
    _, _, forward = head
    with pytest.raises(InvalidValue, match=r"nearest source, more than 0\.01 m \(positions are in m\)"):
        dipole.to_mne(forward, 1000 * forward["source_rr"][0])
    with pytest.raises(InvalidValue, match=r"position: .* must be three finite numbers"):
        dipole.to_mne(forward, (0.0, np.nan, 0.0))
    with pytest.raises(InvalidValue, match=r"orientation: .* must not be zero"):
        dipole.to_mne(forward, forward["source_rr"][0], (0, 0, 0))
    with pytest.raises(UnknownName, match="'L7' is no layer of this dipole"):
        dipole.to_mne(forward, forward["source_rr"][0], layer="L7")
    with pytest.raises(InvalidType, match=r"must be an mne\.Forward"):
        dipole.to_mne({}, (0, 0, 0))


def test_without_mne_the_extra_is_named(monkeypatch, dipole):
    monkeypatch.setitem(sys.modules, "mne", None)
    with pytest.raises(MissingPackage, match=r"mne is not installed: pip install 'hnnlib\[mne\]'"):
        dipole.to_mne(None, (0, 0, 0))
