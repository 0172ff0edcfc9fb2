"""JSON and arrays from a bundle that may not be what it says: plain values only, in bounded memory.

Checksums show that a bundle is the one that was meant, not that whoever made it meant well. Nothing
here unpickles, and what would take more memory than any sound bundle is refused before it is read.
"""

from __future__ import annotations

import io
import json
import math
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from critech.zip_directory import DirectoryTooLargeError, TooManyEntriesError, open_zip

MAX_ARRAYS = 64
MAX_DIRECTORY = 1 << 16
MAX_BYTES = 1 << 29
MAX_MAGNITUDE = 1e6


def read_json(data: bytes | str) -> Any:
    """Return the value. Raise ValueError or RecursionError for what is no JSON: ``NaN`` and numbers
    like ``1e999``, which Python reads, could not be written again."""
    return json.loads(data, parse_constant=_refuse, parse_float=_finite)


def read_npz(data: bytes) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of an archive by name. Raise ValueError, or what the libraries raise, for
    other data, for more than ``MAX_BYTES`` of it and for what is neither number nor text."""
    try:
        with open_zip(io.BytesIO(data), MAX_DIRECTORY, MAX_ARRAYS) as archive:
            n_bytes = sum(member.file_size for member in archive.infolist())
    except (DirectoryTooLargeError, TooManyEntriesError):
        n_bytes = MAX_BYTES + 1
    if n_bytes > MAX_BYTES:
        raise ValueError(f"more than {MAX_ARRAYS} arrays or {MAX_BYTES} bytes")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    for name, array in found.items():
        _check(name, array)
    return found


def _check(name: str, array: npt.NDArray[Any]) -> None:
    if array.dtype.kind not in "biufU" or (array.size and not array.nbytes):
        raise ValueError(f"{name} holds neither numbers nor text")
    if array.dtype.kind == "f" and array.size:
        low, high = float(array.min()), float(array.max())  # NaN if there is one
        if not (low >= -MAX_MAGNITUDE and high <= MAX_MAGNITUDE):
            raise ValueError(f"{name} holds a number beyond {MAX_MAGNITUDE:g}")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError("a number out of range")
    return number


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
