"""What schemathesis is told of NDJSON: a body is one line, and so is an answer."""

from __future__ import annotations

import json
from typing import Any

import schemathesis

LINES = "application/x-ndjson"


@schemathesis.serializer(LINES)
def line(_: Any, value: Any) -> bytes:
    """Return a body of one line. Bytes are what generation made of a line that is no JSON."""
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"


@schemathesis.deserializer(LINES)
def first_line(_: Any, response: Any) -> Any:
    """Return the answer to the first line that was sent. There is none to blank ones."""
    lines = response.content.splitlines()
    return json.loads(lines[0]) if lines else {}
