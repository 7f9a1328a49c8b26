"""No reference file is forgotten."""

from __future__ import annotations

from pathlib import Path


def test_every_reference_file_is_compared_by_a_test_here(shared_dir):
    files = {path.stem for path in (shared_dir / "reference").glob("*.json")}
    assert len(files) >= 23
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    assert [name for name in sorted(files) if f'"{name}"' not in tests] == []
