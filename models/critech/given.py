"""Arguments of another type than is expected, told in words and never taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")
_SINGLE = (str, bytes, bytearray, Mapping)


def several(items: Iterable[T], where: str, expected: str) -> Iterable[T]:
    """Return the items as they are. Raise TypeError for a single one: iterating over a text gives
    its letters, over a mapping its keys, each of which would count as an item."""
    iterable = hasattr(items, "__iter__") or hasattr(items, "__getitem__")
    if isinstance(items, _SINGLE) or not iterable:
        found = type(items).__name__
        raise TypeError(
            f"{where}: expected an iterable of {expected}, got {found}; a single one goes in a list"
        )
    return items


def wrong_type(where: str, expected: str, found: object) -> TypeError:
    """Return the error about an argument of another type; the argument itself is not kept."""
    return TypeError(f"{where}: expected {expected}, got {type(found).__name__}")
