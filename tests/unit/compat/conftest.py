"""HNN-core's names, played by hnnlib."""

from __future__ import annotations

import sys

import pytest

from hnnlib.compat.install import install_as_hnn_core


@pytest.fixture(scope="package", autouse=True)
def hnn_core():
    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "hnn_core"}
    install_as_hnn_core()
    import hnn_core

    yield hnn_core
    for name in [name for name in sys.modules if name.split(".")[0] == "hnn_core"]:
        del sys.modules[name]
    sys.modules.update(before)
