"""Write files whole or not at all: into a temporary file beside the target, which then takes its name."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hnnlib.base.errors import InvalidType, OutputError, OutputExists

__all__ = ["atomic_write_text", "check_writable", "remove_leftovers", "replacing", "replacing_folder"]


def check_writable(path: str | os.PathLike[str], overwrite: bool = True) -> Path:
    """Check that a file can be written at ``path``, before hours of work depend on it.

    Parameters
    ----------
    path : path-like
        The file to be written.
    overwrite : bool
        Whether an existing file may be replaced.

    Returns
    -------
    path : pathlib.Path
        The same path.

    Raises
    ------
    InvalidType
        If ``path`` is no path.
    OutputError
        If ``path`` is a folder or a device, its folder is missing or can't be written to, or the file exists and
        ``overwrite`` is False.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise InvalidType("path", path, "must be the path of a file")
    target = Path(path)
    folder = target.parent
    if "\0" in str(target):
        raise OutputError(repr(str(target)), "has a NUL character in its name")
    # os.path's questions answer False where pathlib's raise (no permission, NUL in the name).
    if os.path.isdir(target):
        raise OutputError(target, "is a folder, not a file")
    if not os.path.isdir(folder):
        raise OutputError(target, f"its folder {str(folder)!r} does not exist")
    if os.path.exists(target):
        if not os.path.isfile(target):
            raise OutputError(target, "is no regular file and would be replaced by one")
        if not overwrite:
            raise OutputExists(target, "exists already; allow overwriting or choose another name")
    try:
        # Done, not asked: os.access tells nothing of quotas, of some network file systems, or of root's own limits.
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = f"its folder {str(folder)!r} can't be written to ({error.strerror or error})"
        raise OutputError(target, reason) from error
    return target


@contextmanager
def replacing(path: str | os.PathLike[str], overwrite: bool = True) -> Iterator[Path]:
    """Yield a temporary file in the folder of ``path`` that replaces ``path`` if the block succeeds.

    Parameters
    ----------
    path : path-like
        The file to be written. A symbolic link is followed: the link stays and its file changes.
    overwrite : bool
        Whether an existing file may be replaced.

    Yields
    ------
    temporary : pathlib.Path
        An existing, empty file with the suffix of ``path``; write it inside the block.

    Raises
    ------
    OutputError
        If ``path`` can't be written (see `check_writable`), or an `OSError` such as a full disk happens in the block.
        ``path`` is then as it was before, and the temporary file is gone.
    """
    check_writable(path, overwrite)
    target = check_writable(os.path.realpath(path), overwrite)
    temporary = target.with_name(f".{target.stem[:64]}-{uuid.uuid4().hex[:12]}{target.suffix}")
    try:
        # Created here, not by tempfile, whose files can be read by their owner alone: results are shared.
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o777)
        yield temporary
        _flush(temporary)
        _put_in_place(temporary, target, overwrite)
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(path, f"could not be written ({error.strerror or error})") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Remove temporary files that `replacing` left beside ``path`` in processes that were killed.

    Parameters
    ----------
    path : path-like
        A file that no other process is writing.

    Raises
    ------
    OSError
        If one can't be removed.
    """
    target = Path(os.path.realpath(path))
    name = re.compile(re.escape(f".{target.stem[:64]}-") + "[0-9a-f]{12}" + re.escape(target.suffix))
    for file in target.parent.iterdir():
        if name.fullmatch(file.name):
            file.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: str | os.PathLike[str], marker: str, overwrite: bool = True) -> Iterator[Path]:
    """Yield a temporary folder beside ``path`` that takes its name if the block succeeds.

    Parameters
    ----------
    path : path-like
        The folder to be written.
    marker : str
        A file by which an earlier folder of the same kind is known: one that holds other things is never replaced.
    overwrite : bool
        Whether an earlier folder may be replaced.

    Yields
    ------
    temporary : pathlib.Path
        An existing, empty folder; fill it inside the block.

    Raises
    ------
    OutputError
        If ``path`` can't be written, or an `OSError` happens in the block. What was there is then as it was before.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_dir():
        raise OutputError(path, "is a file, not a folder")
    if not target.parent.is_dir():
        raise OutputError(path, f"its folder {str(target.parent)!r} does not exist")
    if target.is_dir() and any(target.iterdir()):
        if not (target / marker).is_file():
            raise OutputError(path, f"is a folder that holds other things (no {marker}); it is not replaced")
        if not overwrite:
            raise OutputExists(path, "exists already; allow overwriting or choose another name")
    temporary = target.with_name(f".{target.name[:64]}-{uuid.uuid4().hex[:12]}")
    old = temporary.with_name(f"{temporary.name}-old")
    try:
        temporary.mkdir()
        yield temporary
        if target.exists():
            os.rename(target, old)
        os.rename(temporary, target)
    except OutputError:
        raise
    except OSError as error:
        if old.exists() and not target.exists():
            os.rename(old, target)
        raise OutputError(path, f"could not be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def atomic_write_text(path: str | os.PathLike[str], text: str, overwrite: bool = True) -> None:
    """Write ``text`` as UTF-8 to ``path``, whole or not at all.

    Parameters
    ----------
    path : path-like
        The file to be written.
    text : str
        Its contents; line ends are kept as they are.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If the file can't be written; an older file at ``path`` is then untouched.
    """
    data = text.encode("utf-8")
    with replacing(path, overwrite) as temporary:
        temporary.write_bytes(data)


def _flush(file: Path) -> None:
    # Without it a power cut soon after the rename can leave an empty file under the final name.
    handle = os.open(file, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _put_in_place(temporary: Path, target: Path, overwrite: bool) -> None:
    if overwrite:
        os.replace(temporary, target)
        return
    try:
        # Another process may have made the file meanwhile: link() refuses where replace() would overwrite.
        os.link(temporary, target)
    except FileExistsError:
        raise OutputExists(target, "exists already; allow overwriting or choose another name") from None
    except OSError:  # a file system without hard links
        os.replace(temporary, target)
