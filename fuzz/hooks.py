"""What schemathesis is told: an NDJSON body is one line, and so is an answer; and which letters it
does not know."""

from __future__ import annotations

import json
import re
from typing import Any

import schemathesis

LINES = "application/x-ndjson"
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
    if isinstance(body, dict):
        return all(filter_body(_, one) for one in body.values())
    if isinstance(body, list):
        return all(filter_body(_, one) for one in body)
    if not isinstance(body, str):
        return True
    return KNOWN.search(body) is not None or not any(char.isalnum() for char in body)
