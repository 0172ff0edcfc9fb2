"""What is sent: documents, filings and options as requests, without any network."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict

from critech.given import several, wrong_type

if TYPE_CHECKING:
    from critech.results import Document
    from critech.screening.filing import Filing

    DocumentLike = str | Document | Mapping[str, Any]
    FilingLike = Filing | Mapping[str, Any]

NDJSON = "application/x-ndjson"
DOCUMENTS = "texts, Documents or mappings"


@dataclass(frozen=True)
class Call:
    """One request. ``repeatable`` says that sending it twice does no harm, even where the first
    may have arrived; a screening may stand in the audit log."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    body: bytes | None = dataclasses.field(default=None, repr=False)
    content_type: str = "application/json"
    repeatable: bool = True


class WantedKeywords(TypedDict, total=False):
    """The members of ``Wanted``, all of them optional."""

    taxonomies: Sequence[str] | None
    top_k: int | None
    min_score: float
    explain: bool
    as_of: dt.date | None


@dataclass(frozen=True)
class Wanted:
    """What of a classification to return, as in ``critech.classifier.Options``."""

    taxonomies: Sequence[str] | None = None
    top_k: int | None = 5
    min_score: float = 0.0
    explain: bool = False
    as_of: dt.date | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the members of a body."""
        names = None if self.taxonomies is None else list(self.taxonomies)
        date = None if self.as_of is None else self.as_of.isoformat()
        return {
            "taxonomies": names,
            "top_k": self.top_k,
            "min_score": self.min_score,
            "explain": self.explain,
            "as_of": date,
        }

    def as_query(self) -> tuple[tuple[str, str], ...]:
        """Return the parameters of a stream."""
        names = [("taxonomies", name) for name in self.taxonomies or ()]
        date = [] if self.as_of is None else [("as_of", self.as_of.isoformat())]
        rest = {"top_k": self.top_k, "min_score": self.min_score, "explain": self.explain}
        return (*names, *((key, json.dumps(value)) for key, value in rest.items()), *date)


def classify_call(documents: Iterable[DocumentLike], wanted: Wanted) -> Call:
    """Return the request that classifies documents. Raise TypeError for a single one, and for one
    of another type by its place."""
    given = enumerate(several(documents, "documents", DOCUMENTS))
    found = [plain(document, f"documents[{i}]") for i, document in given]
    return Call("POST", "/v1/classify", body=as_json({"documents": found, **wanted.as_json()}))


def screen_call(filings: Iterable[FilingLike], explain: bool, as_of: dt.date | None) -> Call:
    """Return the request that screens filings. Raises what ``classify_call`` raises."""
    given = enumerate(several(filings, "filings", "Filings or mappings"))
    found = [plain(filing, f"filings[{i}]") for i, filing in given]
    body: dict[str, Any] = {"filings": found, "explain": explain}
    if as_of is not None:
        body["as_of"] = as_of.isoformat()
    return Call("POST", "/v1/screen", body=as_json(body), repeatable=False)


def taxonomies_call(as_of: dt.date | None, taxonomy: str | None = None) -> Call:
    """Return the request for all taxonomies, or for one."""
    params = () if as_of is None else (("as_of", as_of.isoformat()),)
    return Call("GET", "/v1/taxonomies" + (f"/{_segment(taxonomy)}" if taxonomy else ""), params)


def plain(item: DocumentLike | FilingLike, where: str) -> dict[str, Any]:
    """Return a document or filing as JSON has it. What is None or empty is left out of
    dataclasses; mappings go as they are, so that the service can judge them. Raise TypeError that
    names ``where`` for anything else."""
    if isinstance(item, str):
        return {"text": item}
    if isinstance(item, Mapping):
        return dict(item)
    if not dataclasses.is_dataclass(item) or isinstance(item, type):
        raise wrong_type(where, "a text, a mapping, a Document or a Filing", item)
    members = dataclasses.asdict(item)
    return {key: value for key, value in members.items() if value not in (None, ())}


def as_json(value: object) -> bytes:
    """Return a value as JSON in UTF-8; lone surrogates are escaped. Raise TypeError or ValueError
    for what JSON cannot hold."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_date).encode()
    except UnicodeEncodeError:
        return json.dumps(value, allow_nan=False, default=_date).encode()


def _date(value: object) -> str:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    raise TypeError("only JSON's types and dates can be sent")


def _segment(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")
