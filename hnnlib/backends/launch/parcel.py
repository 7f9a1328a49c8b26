"""A value in a file from which workers of one machine share its arrays."""

from __future__ import annotations

import functools
import mmap
import pickle
from typing import Any

__all__ = ["read_parcel", "write_parcel"]

_ALIGNED = 64  # bytes: what vector units and caches like, and more than any array asks for


def write_parcel(value: Any, path: str) -> str:
    """Write a value so that `read_parcel` gets all of its arrays by one mapping.

    (As joblib.dump writes them, each array has a mapping and a file handle of its own, and a plan has two arrays per
    trial: a process may have about a thousand handles.)

    Parameters
    ----------
    value : object
        What to write; functions and classes that another process could not import go along.
    path : str
        The file.

    Returns
    -------
    path : str
        The same path.

    Raises
    ------
    OSError
        If the file can't be written, as the system says it.
    """
    import cloudpickle

    arrays: list[pickle.PickleBuffer] = []
    rest = cloudpickle.dumps(value, protocol=5, buffer_callback=arrays.append)
    places, end = [], 0
    for array in arrays:
        start = _aligned(end)
        end = start + array.raw().nbytes
        places.append((start, end))
    with open(path, "wb") as file:
        pickle.dump((rest, places), file)
        first = _aligned(file.tell())
        for array, (start, _) in zip(arrays, places, strict=True):
            file.seek(first + start)
            file.write(array.raw())
    return path


@functools.lru_cache(maxsize=2)  # an engine and a plan
def read_parcel(path: str) -> Any:
    """Return the value of a file; its arrays can't be written to.

    Parameters
    ----------
    path : str
        What `write_parcel` has written.
    """
    with open(path, "rb") as file:
        rest, places = pickle.load(file)
        first = _aligned(file.tell())
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    return pickle.loads(rest, buffers=[mapped[first + start : first + end] for start, end in places])


def _aligned(position: int) -> int:
    return -(-position // _ALIGNED) * _ALIGNED
