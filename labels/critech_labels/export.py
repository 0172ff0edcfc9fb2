"""Taxonomies in other forms: plain dicts (JSON), CSV rows, SKOS in Turtle."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from typing import Any

from critech_labels.crosswalk import INVERSE, load_crosswalk
from critech_labels.taxonomy import Label, Taxonomy
from critech_labels.texts import LANGUAGES, Terms

SKOS_BASE = "urn:critech:"
CSV_COLUMNS = (
    "id", "taxonomy", "version", "code", "parent", "title_en", "title_ja", "title_status_en",
    "title_status_ja", "definition_en", "definition_ja", "aliases_en", "aliases_ja", "terms_en",
    "terms_ja", "effective_from", "source",
)  # fmt: skip


def to_dict(value: object) -> Any:
    """Return a taxonomy, label or part of one as JSON-ready data. Empty optional fields are left
    out."""
    if is_dataclass(value) and not isinstance(value, type):
        pairs = ((f.name, getattr(value, f.name)) for f in fields(value))
        return {
            name: to_dict(item)
            for name, item in pairs
            if name not in ("taxonomy_id", "_by_code") and item not in (None, ())
        }
    if isinstance(value, dict):
        return {key: to_dict(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_dict(item) for item in value]
    return value.isoformat() if isinstance(value, dt.date) else value


def snapshot(taxonomy: Taxonomy) -> dict[str, Any]:
    """Return a taxonomy as JSON-ready data that ``parse_taxonomy`` reads back: every rule names its
    item, unknown or not."""
    data: dict[str, Any] = to_dict(taxonomy)
    for raw, label in zip(data["labels"], taxonomy.labels, strict=True):
        for raw_rule, rule in zip(raw.get("ipc_rules", []), label.ipc_rules, strict=True):
            raw_rule["order_item"] = rule.order_item
    return data


def to_csv(taxonomies: Iterable[Taxonomy]) -> str:
    """Return all labels as CSV with a header; lists are joined by `` | ``."""
    out = io.StringIO()
    writer = csv.DictWriter(out, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for taxonomy in taxonomies:
        for label in taxonomy.labels:
            writer.writerow(_csv_row(taxonomy, label))
    return out.getvalue()


def _csv_row(taxonomy: Taxonomy, label: Label) -> dict[str, str]:
    row = {
        "id": label.id,
        "taxonomy": taxonomy.id,
        "version": taxonomy.version,
        "code": label.code,
        "parent": label.parent or "",
        "effective_from": label.effective_from.isoformat(),
        "source": label.source,
    }
    for language in LANGUAGES:
        row[f"title_{language}"] = label.title.get(language)
        row[f"title_status_{language}"] = label.title_status[language]
        row[f"definition_{language}"] = label.definition.get(language)
        row[f"aliases_{language}"] = " | ".join(getattr(label.aliases, language))
        row[f"terms_{language}"] = " | ".join(getattr(label.terms, language))
    return row


def _terms_only(label: Label) -> Terms:
    """Return the terms that are neither title nor alias: SKOS keeps the three apart (S13)."""
    kept = {
        language: tuple(
            term
            for term in getattr(label.terms, language)
            if term not in getattr(label.aliases, language) and term != label.title.get(language)
        )
        for language in LANGUAGES
    }
    return Terms(**kept)


def to_skos(taxonomies: Iterable[Taxonomy]) -> str:
    """Return the taxonomies as SKOS concept schemes in Turtle. Needs rdflib (extra ``skos``).

    Links of the crosswalk come along, in both directions, where both labels are in the export.
    """
    from rdflib import DCTERMS, RDF, SKOS, XSD, Graph, Literal, URIRef

    graph = Graph()
    graph.bind("skos", SKOS)
    graph.bind("dcterms", DCTERMS)

    def add_texts(subject: URIRef, predicate: URIRef, texts: object) -> None:
        for language in LANGUAGES:
            found = getattr(texts, language)
            for text in [found] if isinstance(found, str) else found:
                graph.add((subject, predicate, Literal(text, lang=language)))

    for taxonomy in taxonomies:
        scheme = URIRef(f"{SKOS_BASE}{taxonomy.id}")
        graph.add((scheme, RDF.type, SKOS.ConceptScheme))
        add_texts(scheme, SKOS.prefLabel, taxonomy.title)
        add_texts(scheme, DCTERMS.source, taxonomy.instrument)
        if taxonomy.coverage:
            add_texts(scheme, SKOS.scopeNote, taxonomy.coverage.text)
        graph.add((scheme, DCTERMS.hasVersion, Literal(taxonomy.version)))
        for label in taxonomy.labels:
            concept = URIRef(f"{scheme}:{label.code}")
            graph.add((concept, RDF.type, SKOS.Concept))
            graph.add((concept, SKOS.inScheme, scheme))
            graph.add((concept, SKOS.notation, Literal(label.code)))
            add_texts(concept, SKOS.prefLabel, label.title)
            add_texts(concept, SKOS.definition, label.definition)
            add_texts(concept, SKOS.altLabel, label.aliases)
            add_texts(concept, SKOS.hiddenLabel, _terms_only(label))
            started = Literal(label.effective_from.isoformat(), datatype=XSD.date)
            graph.add((concept, DCTERMS.issued, started))
            if label.parent is None:
                graph.add((concept, SKOS.topConceptOf, scheme))
                graph.add((scheme, SKOS.hasTopConcept, concept))
            else:
                parent = URIRef(f"{scheme}:{label.parent}")
                graph.add((concept, SKOS.broader, parent))
                graph.add((parent, SKOS.narrower, concept))
    for link in load_crosswalk():
        ends = [URIRef(f"{SKOS_BASE}{link.source}"), URIRef(f"{SKOS_BASE}{link.target}")]
        if all((end, RDF.type, SKOS.Concept) in graph for end in ends):
            forth, back = SKOS[f"{link.relation}Match"], SKOS[f"{INVERSE[link.relation]}Match"]
            graph.add((ends[0], forth, ends[1]))
            graph.add((ends[1], back, ends[0]))
    return str(graph.serialize(format="turtle"))
