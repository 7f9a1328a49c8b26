"""The code of the documentation's pages runs as it stands, block after block, and says nothing that it shouldn't."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"
# these show pieces of scripts, with clusters, files and recordings that are not here; other tests have what they tell
ELSEWHERE = {"sonata.md", "where-to-run.md", "fitting.md", "uncertainty.md"}


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


PAGES = [page for page in sorted([*DOCS.glob("*.md"), *DOCS.glob("guide/*.md")]) if blocks(page)]


def test_pages_have_code():
    assert {page.name for page in PAGES} >= {"start.md", "extend.md", "networks.md", "figures.md"} | ELSEWHERE


@pytest.mark.neuron
@pytest.mark.parametrize("page", [p for p in PAGES if p.name not in ELSEWHERE], ids=lambda p: p.stem)
def test_code_runs(page, tmp_path):
    script = tmp_path / "page.py"
    script.write_text("import matplotlib\nmatplotlib.use('Agg')\n" + "\n".join(blocks(page)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONWARNINGS": "error::DeprecationWarning:__main__"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
