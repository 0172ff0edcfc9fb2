"""Text from a file or standard input, of a limited size."""

from __future__ import annotations

import sys
from pathlib import Path

from critech.errors import InputError

MAX_INPUT_BYTES = 20_000_000


def read_text(
    path: Path | None, where: str, max_bytes: int = MAX_INPUT_BYTES, option: str = "--file"
) -> str:
    """Return the UTF-8 text of a file, of standard input when ``path`` is None, without its byte
    order mark. Raise InputError about ``where`` for what is too large or of another encoding, and
    about ``option`` for what cannot be read."""
    try:
        if path is None:
            data = sys.stdin.buffer.read(max_bytes + 1)
        else:
            with path.open("rb") as file:
                data = file.read(max_bytes + 1)
    except OSError as error:
        raise InputError(option, f"cannot be read: {error.strerror}") from None
    if len(data) > max_bytes:
        raise InputError(where, f"is larger than {max_bytes} bytes", max_bytes)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(where, f"is not UTF-8 (byte {error.start})") from None
