"""The training corpus: records, checks, digest, and the hash split into fit and held-out parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

CORPUS_VERSION = "9"
CORPUS_DIGEST = "sha256:d882671a2c2b428c81c6d9cd790ba01635b888573ff68b388bbf01f951dd9a74"
HELD_OUT_PERCENT = 12
# Parts of this version that heads are fitted on and no encoder is tuned on: none, the encoder was
# tuned on all of them (docs/decisions/0022).
HEADS_ONLY: frozenset[str] = frozenset()
REGISTERS = (
    "abstract", "claim", "description", "datasheet", "shop", "email", "tender", "project", "paper",
)  # fmt: skip
PLAIN = "plain"
KINDS = ("pos", "hard", PLAIN)
POSITIVE = 2
ARGUABLE = 1
FIELD_TYPES: Mapping[str, Any] = {
    "id": str,
    "language": str,
    "register": str,
    "kind": str,
    "title": str | None,
    "text": str,
    "labels": dict,
    "pair_of": str | None,
    "subtopics": (list, tuple),
}
ALLOWED = {"language": ("en", "ja"), "register": REGISTERS, "kind": KINDS}
SUBTOPIC_FIELD = "jp-critical-20:{}"


class CorpusError(ValueError):
    """A record that breaks the format: file, line and field are named."""


@dataclass(frozen=True)
class Record:
    """One labelled text. ``labels`` maps label ids to strength 2 (clear) or 1 (arguable, masked in
    training and scoring); ``pair_of`` is the id of the text this one translates; ``subtopics`` are
    the editorial sub-topics of its clear critical fields, ``<code>.<number in the label's list>``;
    they are counted, not learned."""

    id: str
    language: Literal["en", "ja"]
    register: str
    kind: str
    title: str | None
    text: str
    labels: Mapping[str, int]
    pair_of: str | None = None
    subtopics: Sequence[str] = ()

    @property
    def group(self) -> str:
        """What must not be split: a text and its translation."""
        return self.pair_of or self.id

    @property
    def source(self) -> str:
        """The part of the corpus it belongs to: the work of one writer in one round."""
        return self.group.partition("-")[0]


def default_corpus_dir() -> Path:
    """Return the folder of the corpus that is part of the project."""
    return Path(str(resources.files("critech_training") / "corpus_data"))


def default_dev_dir() -> Path:
    """Return the folder of the texts that serve for measuring only: real-sounding patents in
    English and Japanese (``patents.jsonl``, in pairs) and product texts (``products.jsonl``)."""
    return Path(str(resources.files("critech_training") / "dev_data"))


def load_corpus(folder: Path, known_labels: Iterable[str]) -> list[Record]:
    """Return all records of the folder's ``*.jsonl`` files, by file name, then line.

    Raise CorpusError for a malformed record, an unknown label, a repeated id, a sub-item at
    strength 2 whose category is not, or a pair whose other half is missing.
    """
    known = frozenset(known_labels)
    records = [
        _parse(line, f"{path.name}:{number}", known)
        for path in sorted(folder.glob("*.jsonl"))
        for number, line in _lines(path)
    ]
    if not records:
        raise CorpusError(f"{folder}: no records in any *.jsonl file")
    by_id = {record.id: record for record in records}
    if len(by_id) != len(records):
        ids = [record.id for record in records]
        raise CorpusError(f"repeated ids: {sorted({i for i in ids if ids.count(i) > 1})[:5]}")
    for record in records:
        if record.pair_of is not None and record.pair_of not in by_id:
            raise CorpusError(f"{record.id}: pair_of {record.pair_of!r} does not exist")
    return records


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, line
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path.name}: is not UTF-8 (byte {error.start})") from None


def _parse(line: str, where: str, known: frozenset[str]) -> Record:
    try:
        raw: dict[str, Any] = json.loads(line)
        record = Record(**raw)
    except (ValueError, RecursionError):
        raise CorpusError(f"{where}: is not JSON") from None
    except TypeError:
        raise CorpusError(f"{where}: has not the fields of a record") from None
    for name, kind in FIELD_TYPES.items():
        if not isinstance(getattr(record, name), kind):
            raise CorpusError(f"{where}: {name} is of a wrong type")
    for name, allowed in ALLOWED.items():
        if getattr(record, name) not in allowed:
            raise CorpusError(f"{where}: {name} is none of {allowed}")
    if not record.text.strip():
        raise CorpusError(f"{where}: text is empty")
    _check_labels(record, where, known)
    return record


def _check_labels(record: Record, where: str, known: frozenset[str]) -> None:
    for label, strength in record.labels.items():
        if label not in known:
            raise CorpusError(f"{where}: unknown label")
        if strength not in (ARGUABLE, POSITIVE):
            raise CorpusError(f"{where}: the strength of {label} must be 1 or 2")
        category = label.rpartition(".")[0]
        if category and strength > record.labels.get(category, 0):
            raise CorpusError(f"{where}: {label} is stronger than its category")
    for subtopic in record.subtopics:
        if not isinstance(subtopic, str):
            raise CorpusError(f"{where}: subtopics is of a wrong type")
        field = SUBTOPIC_FIELD.format(subtopic.rpartition(".")[0])
        if record.labels.get(field) != POSITIVE:
            raise CorpusError(f"{where}: sub-topic {subtopic} without {field} at {POSITIVE}")


def strengths(labels: Sequence[Mapping[str, int]], order: Sequence[str]) -> npt.NDArray[np.int8]:
    """Return strengths int8 [n_texts, n_labels] in label order; labels outside it are left out."""
    position = {label: i for i, label in enumerate(order)}
    out = np.zeros((len(labels), len(order)), dtype=np.int8)
    for row, found in enumerate(labels):
        for label, strength in found.items():
            if label in position:
                out[row, position[label]] = strength
    return out


def is_held_out(record: Record, percent: int = HELD_OUT_PERCENT) -> bool:
    """Return True for the part that no model is fitted on. A translation follows its source."""
    bucket = int(hashlib.sha256(f"split:{record.group}".encode()).hexdigest(), 16) % 100
    return bucket < percent


def split(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """Return the part to fit on and the held-out part, both in the order given."""
    parts: tuple[list[Record], list[Record]] = ([], [])
    for record in records:
        parts[is_held_out(record)].append(record)
    return parts


def tuning_part(records: Sequence[Record]) -> list[Record]:
    """Return the records that an encoder may be tuned on, in the order given: all of them, but in
    this version of the project's own corpus those outside ``HEADS_ONLY``."""
    if corpus_digest(records) != CORPUS_DIGEST:
        return list(records)
    return [record for record in records if record.source not in HEADS_ONLY]


def corpus_digest(records: Iterable[Record]) -> str:
    """Return the digest of a corpus, in whatever order its records are given."""
    return digest(sorted(records, key=lambda record: record.id))


def digest(records: Iterable[Record]) -> str:
    """Return the SHA-256 over all records in order, as ``sha256:<hex>``."""
    total = hashlib.sha256()
    for record in records:
        row = {**vars(record), "labels": dict(sorted(record.labels.items()))}
        total.update(json.dumps(row, ensure_ascii=False, sort_keys=True).encode() + b"\n")
    return "sha256:" + total.hexdigest()


def pair_rows(records: Sequence[Record]) -> npt.NDArray[np.int64]:
    """Return for each record the row of its translation, or -1. A text has one partner at most."""
    position = {record.id: i for i, record in enumerate(records)}
    rows = np.full(len(records), -1, dtype=np.int64)
    for i, record in enumerate(records):
        partner = position.get(record.pair_of or "")
        if partner is not None and rows[partner] < 0:
            rows[i], rows[partner] = partner, i
    return rows
