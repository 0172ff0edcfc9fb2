"""Taxonomies and results in the shape of Annif's projects and suggestions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from critech import Classifier
from critech.results import NOTICE, DocumentResult, ModelRef
from critech.text import clean_text, detect_language
from critech_labels import Taxonomy
from critech_labels.export import SKOS_BASE
from critech_service.annif_schemas import LANGUAGES, LabelLanguage


@dataclass(frozen=True)
class Project:
    """One taxonomy with labels in one language, for texts in either: clients of Annif choose the
    language of labels by the project, and the text's own is detected."""

    taxonomy: Taxonomy
    language: LabelLanguage

    @property
    def id(self) -> str:
        """The project id, ``<taxonomy id>-<language>``."""
        return f"{self.taxonomy.id}-{self.language}"

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "project_id": self.id,
            "name": self.taxonomy.title.get(self.language),
            "language": self.language,
            "backend": {"backend_id": "critech"},
            "vocab": vocabulary(self.taxonomy),
            "vocab_language": self.language,
            "is_trained": True,
            "modification_time": None,
        }


def projects(classifier: Classifier) -> dict[str, Project]:
    """Return all projects by id, one for each taxonomy and language of labels."""
    found = [
        Project(taxonomy, language)
        for taxonomy in classifier.taxonomies.values()
        for language in LANGUAGES
    ]
    return {project.id: project for project in found}


def vocabulary(taxonomy: Taxonomy) -> dict[str, Any]:
    """Return a taxonomy as Annif describes a vocabulary."""
    languages, size = list(LANGUAGES), len(taxonomy.labels)
    return {"vocab_id": taxonomy.id, "languages": languages, "size": size, "loaded": True}


def suggestions(
    result: DocumentResult, model: ModelRef, language: LabelLanguage, limit: int
) -> dict[str, Any]:
    """Return the labels of a result for one taxonomy, highest score first and a category before
    its sub-items, and beside them what a reader of the scores must know."""
    (taxonomy,) = result.taxonomies
    ranked = sorted(taxonomy.all_labels(), key=lambda label: -label.score)
    return {
        "results": [
            {
                "uri": f"{SKOS_BASE}{taxonomy.id}:{label.code}",
                "label": label.title[language],
                "notation": label.code,
                "score": label.score,
            }
            for label in ranked[:limit]
        ],
        "critech": {
            "taxonomy": {"id": taxonomy.id, "version": taxonomy.version},
            "language": result.language,
            "tokens_seen": result.tokens_seen,
            "tokens_total": result.tokens_total,
            "warnings": [warning.as_dict() for warning in result.warnings],
            "model": model.as_dict(),
            "notice": dict(NOTICE),
        },
    }


def detected_languages(text: str, candidates: Sequence[LabelLanguage]) -> list[dict[str, Any]]:
    """Return each candidate and None, which stands for neither, with 1.0 for the one detected,
    first, and 0.0 for the others. Judged by script alone."""
    found = detect_language(clean_text(text))
    chosen = found if found in candidates else None
    names = sorted([*dict.fromkeys(candidates), None], key=lambda name: name != chosen)
    return [{"language": name, "score": float(name == chosen)} for name in names]
