"""What schemathesis is told: an NDJSON body is one line, and so is an answer; and which letters it
does not know."""

from __future__ import annotations

import json
import re
from typing import Any

import schemathesis

from critech.text import is_readable

LINES = "application/x-ndjson"
READABLE = ("text", "title", "abstract")
# schemathesis reads \p{L} and \p{N} as these, and takes a text of other letters for one of none
KNOWN = re.compile(r"[0-9A-Za-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u024F]")


@schemathesis.serializer(LINES)
def line(_: Any, value: Any) -> bytes:
    """Return a body of one line. Bytes are what generation made of a line that is no JSON."""
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"


@schemathesis.deserializer(LINES)
def first_line(_: Any, response: Any) -> Any:
    """Return the answer to the first line that was sent. There is none to blank ones."""
    lines = response.content.splitlines()
    return json.loads(lines[0]) if lines else {}


@schemathesis.hook
def filter_body(_: Any, body: Any) -> bool:
    """Return whether a body has no text that is readable by Unicode and not by schemathesis."""
    if isinstance(body, list):
        return all(filter_body(_, one) for one in body)
    if not isinstance(body, dict):
        return True
    return all(
        filter_body(_, one) and not (name in READABLE and _is_mistaken(one))
        for name, one in body.items()
    )


def _is_mistaken(value: Any) -> bool:
    return isinstance(value, str) and is_readable(value) and KNOWN.search(value) is None
