"""A stream of any length as windows, each a request of its own to ``/v1/classify/stream``.

One long request would need sending and reading at once, which HTTP libraries do not do, and would
start over when it is cut. A window is small enough to lie in the buffers between client and
server, so that sending it never waits for reading, and it can be sent again.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from critech.client.calls import DOCUMENTS, NDJSON, Call, Wanted, as_json, plain
from critech.client.errors import AnswerError, ClientError, InvalidRequestError, ProblemError
from critech.client.exchange import Outcome, Step, exchange, line_error, retry_wait
from critech.client.retry import Retry
from critech.client.shapes import DocumentAnswer, Model
from critech.given import several

if TYPE_CHECKING:
    from critech.client.calls import DocumentLike

PATH = "/v1/classify/stream"
WINDOW_BYTES = 60_000
_UNSENT = {
    "type": "urn:critech:problem:malformed-request",
    "title": "The request cannot be read",
    "detail": "the document cannot be written as JSON; it was not sent",
}


@dataclass(frozen=True)
class StreamItem:
    """What became of one document of a stream: its place in the input, from 0, and either a
    ``result`` with the ``model`` that made it, or an ``error``."""

    index: int
    result: DocumentAnswer | None = None
    model: Model | None = None
    error: ProblemError | None = None


@dataclass(frozen=True)
class Window:
    """Lines to send, by their place in the input, and items that are known without sending."""

    lines: Mapping[int, bytes] = field(repr=False)
    known: tuple[StreamItem, ...] = ()


class Windowing:
    """Gather documents into windows of at most ``n_lines`` and, but for a single longer document,
    ``WINDOW_BYTES``."""

    def __init__(self, n_lines: int) -> None:
        if n_lines < 1:
            raise ValueError("window must be 1 or more")
        self._n_lines = n_lines
        self._next = 0
        self._lines: dict[int, bytes] = {}
        self._known: list[StreamItem] = []

    def add(self, document: DocumentLike) -> Window | None:
        """Take a document; return a window that is full without it, if there is one."""
        index, self._next = self._next, self._next + 1
        try:
            line = as_json(plain(document, f"documents[{index}]")) + b"\n"
        except (TypeError, ValueError):
            line = b""
        full = self.rest() if self._is_full(len(line)) else None
        if line:
            self._lines[index] = line
        else:
            error = InvalidRequestError(400, _UNSENT, None, None)
            self._known.append(StreamItem(index, error=error))
        return full

    def rest(self) -> Window | None:
        """Return the window that is begun, if there is one."""
        window = Window(self._lines, tuple(self._known))
        self._lines, self._known = {}, []
        return window if window.lines or window.known else None

    def _is_full(self, n_more: int) -> bool:
        n_bytes = sum(map(len, self._lines.values()))
        n_items = len(self._lines) + len(self._known)
        return n_items >= self._n_lines or (n_items > 0 and n_bytes + n_more > WINDOW_BYTES)


def windows_of(documents: Iterable[DocumentLike], n_lines: int) -> Iterator[Window]:
    """Yield the windows of all documents, in order. Raise TypeError for a single document."""
    windowing = Windowing(n_lines)
    for document in several(documents, "documents", DOCUMENTS):
        if (full := windowing.add(document)) is not None:
            yield full
    if (last := windowing.rest()) is not None:
        yield last


def answer_window(
    window: Window, wanted: Wanted, retry: Retry
) -> Generator[Step, Outcome, list[StreamItem]]:
    """Return one item for each document of a window, in order. Lines that the service had no time
    for are sent again; what is still open when no retry is left keeps its last error."""
    found: dict[int, StreamItem] = {item.index: item for item in window.known}
    left = dict(window.lines)
    n_sent = 0
    while left:
        body = b"".join(left.values())
        call = Call("POST", PATH, wanted.as_query(), body, NDJSON)
        reply = yield from exchange(call, retry)
        n_sent += 1
        unanswered: ClientError = AnswerError(reply.status, "the stream ended early")
        for item in _items(reply.content, list(left)):
            found[item.index] = item
        waits = []
        for index in list(left):
            error = found[index].error if index in found else unanswered
            wait = _wait(error, n_sent, retry)
            if wait is None and index not in found:
                raise unanswered
            if wait is None:
                del left[index]
            else:
                waits.append(wait)
        if left:
            yield max(waits)
    return [found[index] for index in sorted(found)]


def _wait(error: ClientError | None, n_sent: int, retry: Retry) -> float | None:
    if isinstance(error, AnswerError):
        return retry.wait(n_sent, None, 0.0)
    return None if error is None else retry_wait(error, n_sent, True, retry)


def _items(content: bytes, indexes: list[int]) -> Iterator[StreamItem]:
    """Yield the items of an answer; line n is that of the n-th index. A line that is cut or is
    about the stream as a whole is passed over."""
    for raw in content.splitlines():
        try:
            body: dict[str, Any] = json.loads(raw)
            index = indexes[body["line"] - 1] if body["line"] > 0 else None
        except (ValueError, TypeError, KeyError, IndexError):
            continue
        if index is None:
            continue
        if "result" in body:
            yield StreamItem(index, body["result"], body["model"])
        elif "status" in body:
            yield StreamItem(index, error=line_error(body))
