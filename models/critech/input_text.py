"""Text from a file or standard input, of a limited size."""

from __future__ import annotations

import sys
from pathlib import Path

from critech.errors import InputError

MAX_INPUT_BYTES = 20_000_000


def read_text(path: Path | None, where: str) -> str:
    """Return the UTF-8 text of a file, of standard input when ``path`` is None, without its byte
    order mark. Raise InputError about ``where`` for what is too large or of another encoding, and
    about ``--file`` for what cannot be read."""
    try:
        if path is None:
            data = sys.stdin.buffer.read(MAX_INPUT_BYTES + 1)
        else:
            with path.open("rb") as file:
                data = file.read(MAX_INPUT_BYTES + 1)
    except OSError as error:
        raise InputError("--file", f"cannot be read: {error.strerror}") from None
    if len(data) > MAX_INPUT_BYTES:
        raise InputError(where, f"is larger than {MAX_INPUT_BYTES} bytes", MAX_INPUT_BYTES)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(where, f"is not UTF-8 (byte {error.start})") from None
