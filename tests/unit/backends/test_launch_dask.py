"""What the launcher for Dask refuses before anything runs."""

from __future__ import annotations

import socket
import sys
import time

import pytest

import hnnlib as hn
from hnnlib.backends.launch.dask import DaskLauncher


def first(launcher):
    """Start a run; nothing of it is looked at before there is a cluster."""
    return next(launcher.run(None, None, range(2)))


def test_what_is_no_client_is_refused():
    pytest.importorskip("distributed")
    for client in ("nonsense", "", "nosuch://host:8786", "tcp://host:port"):
        with pytest.raises(
            hn.InvalidValue, match=r"client: .* is no address of a Dask scheduler such as 'tcp://host:8786'"
        ):
            DaskLauncher(client)
    with pytest.raises(
        hn.InvalidValue, match=r"client: 8786 must be a distributed.Client, the address of a scheduler, or"
    ):
        hn.DaskBackend(8786)
    for timeout in (0, -1.0, True, "10", float("nan")):
        with pytest.raises(hn.InvalidValue, match=r"timeout: .* must be a number of seconds > 0"):
            DaskLauncher(timeout=timeout)


def test_addresses_in_their_common_forms_are_taken():
    pytest.importorskip("distributed")
    for address in ("tcp://10.1.2.3:8786", "tls://scheduler.example.org:8786", "localhost:8786"):
        assert DaskLauncher(address).client == address
    assert hn.DaskBackend("localhost:8786", engine="fast").launcher.client == "localhost:8786"


def test_without_a_client():
    pytest.importorskip("distributed")
    with pytest.raises(
        hn.SimulationError, match=r"there is no Dask client: make one \(distributed.Client\(...\)\), or give"
    ):
        first(DaskLauncher())


def test_without_a_scheduler():
    pytest.importorskip("distributed")
    with socket.socket() as nobody:  # bound, and deaf: no other process gets this port meanwhile
        nobody.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{nobody.getsockname()[1]}"
        begin = time.monotonic()
        with pytest.raises(hn.SimulationError, match=f"no Dask scheduler answers at {address}: Timed out"):
            first(DaskLauncher(address, timeout=1.0))
        assert time.monotonic() - begin < 10.0


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(hn.SimulationError, match=r"Dask's scheduler can't be loaded .*: pip install 'hnnlib\[dask\]'"):
        DaskLauncher()
