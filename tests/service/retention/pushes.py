"""Canaries pushed through every route of the OpenAPI document, in every way that goes wrong.

A route of GET is covered by what the document says of its parameters. A route with a body needs an
entry in ``BODIES``, a path parameter one in ``VALID``: without it the walk fails, so no route can
be added and forgotten here.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from canary import Canary

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
LINES = "application/x-ndjson"
VALID = {
    "taxonomy_id": "jp-secret-patent-25",
    "code": "10",
    "project_id": "jp-secret-patent-25-en",
    "name": "critech",
    "version": "0.3.0",
}
BODILESS = {"/v1/admin/reload"}  # of the routes of POST
FIELDS = ("id", "title", "text", "abstract", "claims", "description", "ipc", "query", "header",
          "path", "field", "key", "metadata")  # fmt: skip


def canaries() -> dict[str, Canary]:
    """Return a fresh canary for each place that a caller writes to."""
    return {name: Canary(name) for name in FIELDS}


Made = dict[str, Canary]


def _tensors(made: Made) -> dict[str, Any]:
    def tensor(name: str, value: str) -> dict[str, Any]:
        return {"name": name, "shape": [1], "datatype": "BYTES", "data": [value]}

    return {
        "id": made["id"].text,
        "parameters": {made["field"].word: made["metadata"].text},
        "inputs": [tensor("text", made["text"].text), tensor("title", made["title"].text)],
    }


BODIES: dict[str, Callable[[Made], dict[str, Any]]] = {
    "/v1/classify": lambda made: {
        "documents": [
            {
                "id": made["id"].text,
                "title": made["title"].text,
                "text": made["text"].text,
                "ipc": [made["ipc"].word, "F02K 9/08"],
            }
        ],
        "explain": True,
        "top_k": 1,
    },
    "/v1/classify/stream": lambda made: {
        "id": made["id"].text,
        "title": made["title"].text,
        "text": made["text"].text,
        "ipc": [made["ipc"].word],
    },
    "/v1/screen": lambda made: {
        "filings": [
            {
                **{name: made[name].text for name in ("id", "title", "abstract")},
                **{name: made[name].text for name in ("claims", "description")},
                "ipc": [made["ipc"].word, "F02K 9/08"],
                "filing_date": "2026-01-31",
            }
        ]
    },
    "/v1/screen/review": lambda made: {
        "record": 1,
        "verdict": "review",
        "reason_code": made["field"].word,
        "reviewer": made["key"].word,
    },
    "/annif/v1/projects/{project_id}/suggest": lambda made: {
        "text": made["text"].text,
        "metadata_title": made["title"].text,
        "limit": "3",
    },
    "/annif/v1/projects/{project_id}/suggest-batch": lambda made: {
        "documents": [
            {
                "text": made["text"].text,
                "document_id": made["id"].text,
                "metadata": {"title": made["title"].text},
            }
        ]
    },
    "/annif/v1/projects/{project_id}/learn": lambda made: [{"text": made["text"].text}],  # type: ignore[dict-item,return-value]
    "/annif/v1/detect-language": lambda made: {
        "text": made["text"].text,
        "languages": ["en", "ja"],
    },
    "/v2/models/{name}/infer": _tensors,
    "/v2/models/{name}/versions/{version}/infer": _tensors,
}


@dataclass(frozen=True)
class Push:
    """One request: what is wrong with it, and its parts."""

    what: str
    method: str
    path: str
    body: bytes | None
    headers: dict[str, str | bytes]


def pushes(document: dict[str, Any], made: Made, max_bytes: int) -> Iterator[Push]:
    """Yield the requests for every operation of an OpenAPI document."""
    for template, operations in document["paths"].items():
        parameters = {name: VALID[name] for name in _names(template)}
        path = template.format(**parameters) + "?" + _query(operations, made)
        for method, operation in operations.items():
            one = _Operation(template, path, method.upper(), operation, made)
            yield from one.wrong_paths()
            has_body = method == "post" and template not in BODILESS
            yield from one.bodies(max_bytes) if has_body else one.plain()
        yield Push("another method", "DELETE", path, None, _headers(made))
        yield Push("HEAD", "HEAD", path, None, _headers(made))
    unknown = quote(made["path"].text)
    for path in (
        f"/{unknown}",
        f"/v1/{unknown}",
        f"/v1/classify/{unknown}",
        f"//{unknown}?{unknown}",
    ):
        yield Push("no such path", "GET", path, None, _headers(made))
        yield Push("no such path", "POST", path, made["text"].text.encode(), _headers(made))


def _names(template: str) -> list[str]:
    return [part[1:-1] for part in template.split("/") if part.startswith("{")]


def _query(operations: dict[str, Any], made: Made) -> str:
    names = [
        parameter["name"]
        for operation in operations.values()
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
    ]
    return urlencode({made["query"].word: made["query"].text, **dict.fromkeys(names, "")})


def _headers(made: Made) -> dict[str, str | bytes]:
    """Return headers that programs like to log or to send back."""
    raw = made["header"].text.encode()
    names = (
        "User-Agent", "Referer", "Cookie", "X-Request-Id", "X-Correlation-Id", "Traceparent",
        "Tracestate", "X-Forwarded-For", "Forwarded", "Origin", "Accept", "Accept-Language",
        "If-None-Match", "X-" + made["header"].word,
    )  # fmt: skip
    return dict.fromkeys(names, raw)


@dataclass(frozen=True)
class _Operation:
    template: str
    path: str
    method: str
    operation: dict[str, Any]
    made: Made

    def wrong_paths(self) -> Iterator[Push]:
        """Yield the path with a canary for each parameter of path and query."""
        for name in _names(self.template):
            values = {**VALID, name: quote(self.made["path"].text, safe="")}
            body = b"{}" if self.method == "POST" else None
            path = self.template.format(**values)
            yield Push(f"wrong {name}", self.method, path, body, _headers(self.made))
        for parameter in self.operation.get("parameters", ()):
            if parameter["in"] == "query":
                bare = self.path.partition("?")[0]
                path = f"{bare}?{urlencode({parameter['name']: self.made['query'].text})}"
                body = b"{}" if self.method == "POST" else None
                yield Push(f"wrong {parameter['name']}", self.method, path, body, self._typed(JSON))

    def plain(self) -> Iterator[Push]:
        yield Push("as it should be", self.method, self.path, None, _headers(self.made))
        body = self.made["text"].text.encode()
        yield Push("a body", self.method, self.path, body, self._typed(JSON))

    def bodies(self, max_bytes: int) -> Iterator[Push]:
        """Yield a body as it should be, and all that may be wrong with one."""
        whole = BODIES[self.template](self.made)
        content = self.operation.get("requestBody", {}).get("content", {JSON: {}})
        media_type = next(iter(content))
        encode = _form if media_type == FORM else _line if media_type == LINES else _json
        good = encode(whole)
        text, word = self.made["text"].text, self.made["field"].word
        yield self._push("as it should be", good, media_type)
        yield self._push("cut", good[:-3], media_type)
        yield self._push("text", text.encode(), media_type)
        yield self._push("a string", _json(text), media_type)
        yield self._push("no UTF-8", text.encode("cp932", "replace") + b"\xff", media_type)
        yield self._push("deep", b"[" * 3000 + _json(text), media_type)
        yield self._push("compressed", good, media_type, {"Content-Encoding": text.encode()})
        yield self._push("really compressed", gzip.compress(good), media_type)
        yield self._push("another type", good, "text/plain; charset=" + word)
        yield self._push("no type", good, None)
        yield self._push("too large", text.encode() * (max_bytes // 100), media_type)
        if isinstance(whole, dict):
            yield self._push("a field too many", encode({**whole, word: text}), media_type)
            for name in whole:
                yield self._push(
                    f"{name} of another type", encode({**whole, name: text}), media_type
                )
        if encode is _line:
            good_and_bad = [good, good[:-3], b"\n\n", text.encode(), b"\xff" + good, good]
            yield self._push("lines", b"\n".join(good_and_bad), media_type)
        if encode is not _form:
            for change in (lambda leaf: {leaf: leaf}, lambda leaf: [leaf], lambda leaf: leaf * 20):
                yield self._push("other leaves", _json(_changed(whole, change)), media_type)
            yield self._push("a long text", _json(_longer(whole, 500_001)), media_type)

    def _push(
        self,
        what: str,
        body: bytes,
        media_type: str | None,
        more: dict[str, str | bytes] | None = None,
    ) -> Push:
        headers = _headers(self.made) if media_type is None else self._typed(media_type)
        return Push(what, self.method, self._good_path(), body, {**headers, **(more or {})})

    def _good_path(self) -> str:
        """Return the path, without a query where the operation knows what may be in one and would
        refuse it before it reads the body."""
        known = [one for one in self.operation.get("parameters", ()) if one["in"] == "query"]
        return self.path.partition("?")[0] if known else self.path

    def _typed(self, media_type: str) -> dict[str, str | bytes]:
        return {**_headers(self.made), "Content-Type": media_type}


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


def _line(value: object) -> bytes:
    return _json(value) + b"\n"


def _form(value: dict[str, Any]) -> bytes:
    return urlencode(value).encode()


def _changed(value: Any, change: Callable[[str], Any]) -> Any:
    """Return a body with every string that holds a canary changed."""
    if isinstance(value, dict):
        return {key: _changed(item, change) for key, item in value.items()}
    if isinstance(value, list):
        return [_changed(item, change) for item in value]
    return change(value) if isinstance(value, str) and len(value) > 15 else value


def _longer(value: Any, length: int) -> Any:
    """Return a body whose text is too long, and only that one, so that it is not too large."""
    is_done = False

    def stretch(leaf: str) -> str:
        nonlocal is_done
        if is_done or len(leaf) < 60:
            return leaf
        is_done = True
        return (leaf * (length // len(leaf) + 1))[:length]

    return _changed(value, stretch)
