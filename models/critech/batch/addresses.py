"""Folders by path or address."""

from __future__ import annotations

from typing import Any

from critech.errors import InputError


def opened(what: str, address: str) -> tuple[Any, str]:
    """Return the file system of a path or address, and the path in it. Raise InputError that names
    ``what`` for an address of a kind that fsspec does not know or has no package for."""
    from fsspec.core import url_to_fs

    try:
        found: tuple[Any, str] = url_to_fs(address)
    except (ImportError, ValueError):
        raise InputError(
            what, "fsspec cannot read this kind of address; is the storage's package installed?"
        ) from None
    return found
