"""The files that come with the package are found."""

from __future__ import annotations

from pathlib import Path

import pytest

import hnnlib
from hnnlib.base import resources
from hnnlib.base.errors import FileFormatError, UnknownName


def test_folders_hold_what_they_should():
    assert (resources.mod_dir() / "hh2.mod").is_file()
    assert (resources.param_dir() / "default.json").is_file()


@pytest.mark.parametrize("name", ["default", "default.json"])
def test_a_parameter_file_is_found_by_its_name(name):
    assert resources.param_file(name) == resources.param_dir() / "default.json"


@pytest.mark.parametrize("name", ["defualt.json", "../mod/hh2.mod", ""])
def test_another_name_is_refused_with_those_that_exist(name):
    with pytest.raises(UnknownName, match=r"default\.json"):
        resources.param_file(name)


def test_an_installation_without_the_folder_says_so(monkeypatch, tmp_path):
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "a" / "hnnlib" / "base" / "resources.py"))
    with pytest.raises(FileFormatError, match="install hnnlib again"):
        resources.mod_dir()


def test_a_wheel_carries_the_folders_inside_the_package(monkeypatch, tmp_path):
    (tmp_path / "hnnlib" / "mod").mkdir(parents=True)
    (tmp_path / "mod").mkdir()
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "hnnlib" / "base" / "resources.py"))
    assert resources.mod_dir() == tmp_path / "hnnlib" / "mod"


def test_scripts_find_parameter_files_in_the_packages_own_folder(tmp_path):
    package = Path(hnnlib.__file__).parent
    assert resources.located(package / "param" / "default.json").samefile(resources.param_file("default"))
    for other in (package / "param" / "no_such.json", tmp_path / "param" / "default.json", Path("default.json")):
        assert resources.located(other) == other
