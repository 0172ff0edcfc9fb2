"""What Annif needs in a folder: projects, sentence tables, texts. Annif is no dependency."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from critech.text import compose_document
from critech_labels import Taxonomy
from critech_labels.export import SKOS_BASE, to_skos
from critech_training.corpus import POSITIVE, Record

VOCABULARY = "critech"
PROJECTS_FILE, VOCABULARY_FILE, NLTK_FOLDER = "projects.cfg", "vocabulary.ttl", "nltk"
_BACKENDS = {
    "tfidf": ("TF-IDF", "analyzer=simplemma(en)"),
    "mllm": ("MLLM", "analyzer=simplemma(en)"),
    "ensemble": ("Ensemble", "sources=tfidf,mllm"),
}
# Annif cuts sentences with NLTK's Punkt; with empty tables it cuts at every full stop.
_PUNKT = "tokenizers/punkt_tab/english"
_PUNKT_TABLES = ("collocations.tab", "sent_starters.txt", "abbrev_types.txt", "ortho_context.tab")


def write_projects(folder: Path, taxonomies: Sequence[Taxonomy], limit: int) -> None:
    """Write the configuration of the projects ``tfidf``, ``mllm`` and ``ensemble``, which give at
    most ``limit`` labels, their vocabulary in SKOS, and the tables for NLTK."""
    (folder / NLTK_FOLDER / _PUNKT).mkdir(parents=True)
    for name in _PUNKT_TABLES:
        (folder / NLTK_FOLDER / _PUNKT / name).touch()
    parts = [
        f"[{backend}]\nname={name}\nlanguage=en\nbackend={backend}\n{more}\n"
        f"vocab={VOCABULARY}\nlimit={limit}\n"
        for backend, (name, more) in _BACKENDS.items()
    ]
    (folder / PROJECTS_FILE).write_text("\n".join(parts), encoding="utf-8")
    (folder / VOCABULARY_FILE).write_text(to_skos(taxonomies), encoding="utf-8")


def annif_rows(records: Iterable[Record], labels: Iterable[str]) -> list[str]:
    """Return the English texts that have one of the labels, as lines of Annif's corpus format."""
    wanted, rows = frozenset(labels), []
    for record in records:
        uris = [
            f"<{SKOS_BASE}{label}>"
            for label, strength in record.labels.items()
            if strength == POSITIVE and label in wanted
        ]
        if record.language == "en" and uris:
            text = _one_line(compose_document(record.title, record.text))
            rows.append(f"{text}\t{' '.join(uris)}\n")
    return rows


def _one_line(text: str) -> str:
    return " ".join(text.split())
