"""A recorded session as NWB file, small and known by heart."""

from __future__ import annotations

import datetime
from functools import cache

import pytest

# unit id, spike times in s, firing rate, quality, peak channel
UNITS = (
    (10, (0.5, 1.25, 1.5, 2.75, 9.0), 5.0, "good", 100),
    (11, (1.0, 2.0, 3.0), 1.0, "good", 101),
    (12, (1.125,), 7.5, "noise", 102),
    (13, (2.0, 1.75), 8.0, "good", 999),  # a channel that the file does not have
)
ELECTRODES = {100: ("CA1", 20.0), 101: ("CA3", 45.0), 102: ("VISl", 60.0)}
# start, stop (s), orientation, temporal frequency
GRATINGS = ((1.0, 1.5, 90.0, "4.0"), (1.5, 2.0, 0.0, "4.0"), (2.0, 2.5, 90.0, "null"), (2.5, 3.0, 90.0, "4.0"))


@pytest.fixture(scope="session")
def session(tmp_path_factory):
    """Return a function that writes a session and returns its path; ``units`` takes the place of those above.

    Writing takes pynwb a while, so equal sessions are written once.
    """
    pynwb = pytest.importorskip("pynwb")

    @cache
    def write(name="session.nwb", units=UNITS, gratings=GRATINGS):
        start = datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
        file = pynwb.NWBFile(session_description="a session", identifier=name, session_start_time=start)
        group = file.create_electrode_group(
            name="probe", description="a probe", location="brain", device=file.create_device(name="device")
        )
        file.add_electrode_column("depth", "depth (µm)")
        for channel, (location, depth) in ELECTRODES.items():
            file.add_electrode(id=channel, group=group, location=location, depth=depth)
        for column in ("firing_rate", "quality", "peak_channel_id"):
            file.add_unit_column(column, column)
        for unit, times, rate, quality, channel in units:
            file.add_unit(id=unit, spike_times=times, firing_rate=rate, quality=quality, peak_channel_id=channel)
        table = pynwb.epoch.TimeIntervals(name="drifting_gratings_presentations", description="gratings")
        for column in ("orientation", "temporal_frequency"):
            table.add_column(column, column)
        for begin, end, orientation, frequency in gratings:
            table.add_row(start_time=begin, stop_time=end, orientation=orientation, temporal_frequency=frequency)
        file.add_time_intervals(table)
        path = tmp_path_factory.mktemp("nwb") / name
        with pynwb.NWBHDF5IO(str(path), "w") as writer:
            writer.write(file)
        return path

    return write
