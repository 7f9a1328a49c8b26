"""What is installed, and what `hnnlib` offers."""

from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest

import hnnlib


@pytest.fixture(scope="module")
def wheel(repository, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_the_wheel_is_pure(wheel):
    assert wheel.name == f"hnnlib-{hnnlib.__version__}-py3-none-any.whl"


@pytest.mark.parametrize(("folder", "ending"), [("mod", ".mod"), ("param", ".json"), ("param/morphology", ".swc")])
def test_the_wheel_holds_mechanisms_and_parameters(repository, wheel, folder, ending):
    sources = {path.name for path in (repository / folder).glob(f"*{ending}")}
    with zipfile.ZipFile(wheel) as archive:
        inside = {name.removeprefix(f"hnnlib/{folder}/") for name in archive.namelist() if name.endswith(ending)}
    assert sources
    assert inside == sources


def test_the_wheel_holds_code_licence_and_types_only(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert "hnnlib/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert {name.split("/")[0] for name in names} == {"hnnlib", f"hnnlib-{hnnlib.__version__}.dist-info"}
    assert not [name for name in names if "__pycache__" in name or name.endswith((".so", ".o", ".c", ".cpp"))]


def test_every_public_name_resolves():
    assert hnnlib.__all__
    assert [name for name in hnnlib.__all__ if getattr(hnnlib, name, None) is None] == []
    assert set(hnnlib.__all__) <= set(dir(hnnlib))


def test_public_names_are_unique():
    assert len(set(hnnlib.__all__)) == len(hnnlib.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        hnnlib.no_such_name  # noqa: B018
