import csv
import io

import pytest

from critech_labels import load_crosswalk, load_taxonomies, load_taxonomy
from critech_labels.export import CSV_COLUMNS, to_csv, to_skos


def test_csv_has_a_row_for_every_label() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(load_taxonomies().values()))))
    assert len(rows) == 20 + 50 + 25 + 14 + 46
    assert tuple(rows[0]) == CSV_COLUMNS
    by_id = {row["id"]: row for row in rows}
    assert by_id["us-ecra-14:02.iv"]["parent"] == "02"
    assert by_id["jp-secret-patent-25:22"]["title_ja"] == "重水に関する技術"


def test_skos_parses_back() -> None:
    rdflib = pytest.importorskip("rdflib")
    skos = rdflib.SKOS
    graph = rdflib.Graph().parse(data=to_skos(load_taxonomies().values()), format="turtle")
    assert len(set(graph.subjects(rdflib.RDF.type, skos.Concept))) == 155
    assert len(set(graph.subjects(rdflib.RDF.type, skos.ConceptScheme))) == 4
    child = rdflib.URIRef("urn:critech:us-ecra-14:07.ii")
    parent = rdflib.URIRef("urn:critech:us-ecra-14:07")
    assert graph.value(child, skos.broader) == parent
    assert (parent, skos.narrower, child) in graph
    scheme = rdflib.URIRef("urn:critech:us-ecra-14")
    scope = {note.language: str(note) for note in graph.objects(scheme, skos.scopeNote)}
    assert "no ECCN determination" in scope["en"] and "該非判定ではない" in scope["ja"]
    titles = {str(t.language): str(t) for t in graph.objects(child, skos.prefLabel)}
    for concept in graph.subjects(rdflib.RDF.type, skos.Concept):
        kinds = [set(graph.objects(concept, p)) for p in (skos.prefLabel, skos.altLabel)]
        hidden = set(graph.objects(concept, skos.hiddenLabel))
        assert not kinds[0] & kinds[1]
        assert not hidden & (kinds[0] | kinds[1])
    assert titles["en"] == "Quantum encryption"
    assert titles["ja"]


def test_skos_maps_labels_of_different_taxonomies() -> None:
    rdflib = pytest.importorskip("rdflib")
    skos = rdflib.SKOS
    mappings = [skos.exactMatch, skos.broadMatch, skos.narrowMatch, skos.relatedMatch]
    graph = rdflib.Graph().parse(data=to_skos(load_taxonomies().values()), format="turtle")
    scramjets, propulsion, hypersonics = (
        rdflib.URIRef(f"urn:critech:{label_id}")
        for label_id in ("jp-secret-patent-25:10", "us-ecra-14:12.ii", "jp-critical-20:18")
    )
    assert (scramjets, skos.broadMatch, propulsion) in graph
    assert (propulsion, skos.narrowMatch, scramjets) in graph
    category = rdflib.URIRef("urn:critech:us-ecra-14:12")
    assert (hypersonics, skos.exactMatch, category) in graph
    assert (category, skos.exactMatch, hypersonics) in graph
    found = {(s, o) for mapping in mappings for s, o in graph.subject_objects(mapping)}
    assert len(found) == 2 * len(load_crosswalk())
    concepts = set(graph.subjects(rdflib.RDF.type, skos.Concept))
    assert all(end in concepts for pair in found for end in pair)

    one = rdflib.Graph().parse(data=to_skos([load_taxonomy("us-ecra-14")]), format="turtle")
    assert not [s for mapping in mappings for s in one.subjects(mapping)]
    two = [load_taxonomy("us-ecra-14"), load_taxonomy("jp-secret-patent-25")]
    graph = rdflib.Graph().parse(data=to_skos(two), format="turtle")
    assert (scramjets, skos.broadMatch, propulsion) in graph
    assert (None, None, hypersonics) not in graph
