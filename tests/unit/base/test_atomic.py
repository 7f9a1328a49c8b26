"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat

import pytest

from hnnlib.base.atomic import atomic_write_text, check_writable, remove_leftovers, replacing
from hnnlib.base.errors import InvalidType, OutputError


def test_text_is_written_as_it_is_and_replaces_what_was_there(tmp_path):
    file = tmp_path / "a.txt"
    atomic_write_text(file, "one\r\ntwo µ\n")
    assert file.read_bytes() == "one\r\ntwo µ\n".encode()
    atomic_write_text(str(file), "three")
    assert file.read_text() == "three"
    assert os.listdir(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    file = tmp_path / "a.npz"
    file.write_text("old")

    def break_off():
        with replacing(file) as temporary:
            temporary.write_text("half of the ne")
            assert sorted(os.listdir(tmp_path)) == sorted(["a.npz", temporary.name])
            assert temporary.suffix == ".npz"
            raise error

    with pytest.raises(error):
        break_off()
    assert file.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.npz"]


def test_what_a_killed_process_left_can_be_removed(tmp_path):
    others = ["a.h5", "b.h5", ".a-0123456789ab.txt", ".b-0123456789ab.h5", ".a-notes.h5", ".aa-0123456789ab.h5"]
    with replacing(tmp_path / "a.h5") as temporary:
        left = temporary.name
    for name in (left, *others):
        (tmp_path / name).write_text("")
    remove_leftovers(tmp_path / "a.h5")
    assert sorted(os.listdir(tmp_path)) == sorted(others)


def test_a_full_disk_is_an_output_error_that_names_the_target(tmp_path):
    file = tmp_path / "a.txt"
    with pytest.raises(OutputError, match="No space left") as caught, replacing(file):
        raise OSError(28, "No space left on device")
    assert caught.value.file == str(file)
    assert os.listdir(tmp_path) == []


def test_existing_files_are_kept_unless_overwriting_is_allowed(tmp_path):
    file = tmp_path / "a.txt"
    atomic_write_text(file, "first", overwrite=False)
    with pytest.raises(OutputError, match="exists already"):
        atomic_write_text(file, "second", overwrite=False)
    with pytest.raises(OutputError, match="exists already"), replacing(tmp_path / "b.txt", overwrite=False):
        (tmp_path / "b.txt").write_text("another process was faster")
    assert file.read_text() == "first"
    assert (tmp_path / "b.txt").read_text() == "another process was faster"
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.txt"]


def test_places_that_can_not_be_written_to(tmp_path):
    for wrong, reason in [
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "a.txt", "does not exist"),
        (os.devnull, "is no regular file"),
        ("a\0b", "NUL"),
    ]:
        with pytest.raises(OutputError, match=reason):
            check_writable(wrong)
        with pytest.raises(OutputError, match=reason):
            atomic_write_text(wrong, "text")
    with pytest.raises(InvalidType):
        check_writable(3)
    assert check_writable(tmp_path / "a.txt") == tmp_path / "a.txt"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_folders_without_permission_to_write(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(OutputError, match="can't be written to"):
            check_writable(tmp_path / "a.txt")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(os.name != "posix", reason="permissions and links as POSIX has them")
def test_permissions_and_links_survive(tmp_path):
    plain, file, link = tmp_path / "plain", tmp_path / "a.txt", tmp_path / "link.txt"
    plain.write_text("")
    atomic_write_text(file, "new")
    assert stat.S_IMODE(file.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    file.chmod(0o640)
    link.symlink_to(file)
    atomic_write_text(link, "newer")
    assert link.is_symlink()
    assert file.read_text() == "newer"
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
