"""Fixtures of what is made from corrections.

Strategy: a corpus in which made-up words tell two labels, and a base bundle fitted on it with the
encoder of the tiny bundle, so that there is something to lose. Fillers are random letters: no two
texts are near duplicates.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from marked_texts import LASER, ROBOT, ROCKET, correction, marked_text

from critech.bundle import STUDENT, read_bundle, write_bundle, write_student
from critech.encoder import OnnxEncoder
from critech_labels import load_taxonomies
from critech_labels.taxonomy import label_order
from critech_training.bundle_fit import FitConfig, Identity, fit_content, provenance
from critech_training.corpus import Record, split
from critech_training.embedding import Part, embed_records

WRITERS = "mnpqr"


@pytest.fixture(scope="session")
def marked_corpus() -> list[Record]:
    """400 texts by five writers: 100 for each of three labels, one of them calibrated as on unknown
    writers, and 100 plain."""
    rng = random.Random(5)
    records = []
    for i in range(400):
        label = (ROCKET, LASER, None)[i % 3] if i < 300 else ROBOT
        text, kind = marked_text(label, rng), "plain" if label is None else "pos"
        labels = {} if label is None else {label: 2}
        records.append(
            Record(f"{WRITERS[i % 5]}-{i:03}", "en", "abstract", kind, None, text, labels)
        )
    return records


@pytest.fixture(scope="session")
def corpus_folder(marked_corpus: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The corpus as a folder for ``--corpus``."""
    folder = tmp_path_factory.mktemp("corpus")
    lines = [json.dumps(vars(record), ensure_ascii=False) for record in marked_corpus]
    (folder / "marked.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def marked_base(
    tiny_bundle: Path,
    student_bundle: Path,
    marked_corpus: list[Record],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A bundle fitted on the marked corpus, with the student of the same encoder."""
    tiny = read_bundle(tiny_bundle)
    taxonomies = list(load_taxonomies().values())
    encoder = OnnxEncoder(tiny.encoder_bytes, tiny.tokenizer_bytes, tiny.encoder_config)
    parts, config = split(marked_corpus), FitConfig()
    tuning = tiny.manifest["training"]["encoder"]
    identity = Identity(
        name="marked",
        version="1.0.0",
        encoder_config=tiny.encoder_config,
        encoder_bytes=tiny.encoder_bytes,
        tokenizer_bytes=tiny.tokenizer_bytes,
        training=provenance("tiny", tuning, parts, label_order(taxonomies), config),
    )
    fit, held_out = (Part(part, *embed_records(encoder, part, 2)) for part in parts)
    out = tmp_path_factory.mktemp("bases") / "marked"
    write_bundle(fit_content(identity, fit, held_out, taxonomies, config), out)
    write_student(read_bundle(out), (student_bundle / STUDENT).read_bytes(), {"n_texts": 120})
    return out


@pytest.fixture
def corrected(tmp_path: Path) -> Callable[..., Path]:
    """Write corrections to a file; each is a dict that is completed."""

    def write(*rows: dict[str, object], name: str = "corrections.jsonl") -> Path:
        path = tmp_path / name
        path.write_text(
            "".join(correction(**row).as_line() + "\n" for row in rows), encoding="utf-8"
        )
        return path

    return write
