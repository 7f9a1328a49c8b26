"""Fixtures shared by all tests."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


def find_shared() -> Path | None:
    """Return the folder with reference and recorded data, or None where it is not at hand."""
    for candidate in (os.environ.get("HNNLIB_SHARED"), ROOT.parent / "shared"):
        if candidate and (Path(candidate) / "reference").is_dir():
            return Path(candidate)
    return None


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """Folder with `reference/` and `data/`; the test is skipped where it is absent."""
    found = find_shared()
    if found is None:
        pytest.skip("reference data not found (set HNNLIB_SHARED to the folder that holds reference/ and data/)")
    return found


@pytest.fixture(scope="session")
def reference(shared_dir: Path):
    """Return a reader: name -> (arrays, meta) of one reference file."""

    def read(name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        meta = json.loads((shared_dir / "reference" / f"{name}.json").read_text())
        path = shared_dir / "reference" / f"{name}.npz"
        arrays = {}
        if path.exists():
            with np.load(path) as z:
                arrays = {k: z[k] for k in z.files if k != "meta_json"}
        return arrays, meta

    return read
