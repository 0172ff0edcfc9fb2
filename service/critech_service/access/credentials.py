"""The key of a request, from its headers."""

from __future__ import annotations

from collections.abc import Iterable


def presented(headers: Iterable[tuple[bytes, bytes]]) -> set[str]:
    """Return the different keys that a request shows in ``Authorization: Bearer`` and
    ``X-API-Key``. None means it shows none; several cannot be told apart and are to be refused."""
    found = set()
    for name, value in headers:
        text = value.decode("latin-1").strip()
        if name == b"authorization":
            scheme, _, key = text.partition(" ")
            if scheme.lower() == "bearer":
                found.add(key.strip())
        elif name == b"x-api-key":
            found.add(text)
    return found
