"""Where the parameter files of the project lie."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def param_dir() -> Path:
    """Folder of the project's own parameter files."""
    return Path(__file__).resolve().parents[3] / "param"
