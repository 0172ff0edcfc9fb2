"""The screening desk: ``GET /`` and the static files under ``/page/``, for a browser.

They are read once, hold nothing of any filing and need no key; what they show comes from the other
routes, with the reader's key.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from critech import __version__
from critech_service.problems import UnicodeJSONResponse
from critech_service.security_headers import REVALIDATE

FOLDER = Path(__file__).parents[1] / "page"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_RANGE = re.compile(r"\s*(en|ja)(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*", re.I)

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True)
class StaticFile:
    """A file of the page, in memory, also packed by gzip; ``tag`` changes with its content."""

    content: bytes
    packed: bytes
    media_type: str
    tag: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Return the files of the page by their paths below ``/page/``."""
    return {
        path.relative_to(FOLDER).as_posix(): _static(path.read_bytes(), path.suffix)
        for path in sorted(FOLDER.rglob("*"))
        if path.is_file() and path.suffix in MEDIA_TYPES
    }


@router.api_route("/", methods=["GET", "HEAD"])
async def desk(request: Request) -> Response:
    """Return the page, in the language that the browser likes better."""
    language = preferred(request.headers.get("accept-language", ""))
    page = static_files()["index.html"].content.replace(
        b'<html lang="en">', f'<html lang="{language}">'.encode(), 1
    )
    answer = _answer(request, _static(page, ".html"))
    answer.headers["Content-Security-Policy"] = PAGE_POLICY
    answer.headers["Vary"] = "Accept-Language, Accept-Encoding"
    return answer


@router.get("/page/config.json")
async def config(request: Request) -> Response:
    """Return what the page has to know before it may ask for anything else."""
    return UnicodeJSONResponse({"keys": request.app.state.has_keys, "version": __version__})


@router.api_route("/page/{name:path}", methods=["GET", "HEAD"])
async def page_file(name: str, request: Request) -> Response:
    """Return a file of the page, or 304 where the browser has it."""
    found = static_files().get(name)
    if found is None:
        raise HTTPException(404, "The page has no such file.")
    return _answer(request, found)


def preferred(accept_language: str) -> str:
    """Return ``ja`` where a browser's header puts it above English, else ``en``."""
    weights = {"en": 0.0, "ja": 0.0}
    for part in accept_language[:1_000].split(","):
        if found := _RANGE.fullmatch(part):
            language = found[1].lower()
            weights[language] = max(weights[language], float(found[2] or 1))
    return "ja" if weights["ja"] > weights["en"] else "en"


def _static(content: bytes, suffix: str) -> StaticFile:
    tag = 'W/"' + hashlib.sha256(content).hexdigest()[:32] + '"'  # of the content, packed or not
    return StaticFile(content, gzip.compress(content, mtime=0), MEDIA_TYPES[suffix], tag)


def _answer(request: Request, file: StaticFile) -> Response:
    headers = {"ETag": file.tag, "Cache-Control": REVALIDATE, "Vary": "Accept-Encoding"}
    known = request.headers.get("if-none-match", "")
    if file.tag in (tag.strip() for tag in known.split(",")):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        packed = {**headers, "Content-Encoding": "gzip"}
        return Response(file.packed, media_type=file.media_type, headers=packed)
    return Response(file.content, media_type=file.media_type, headers=headers)
