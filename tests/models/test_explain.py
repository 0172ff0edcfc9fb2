"""Evidence: exact offsets, contributions by leaving out, deterministic and alone."""

from __future__ import annotations

import numpy as np
import pytest

from critech import Classifier, Document
from critech.classifier import Options
from critech.examples import Example, ExampleIndex, build_examples, centre
from critech.explain import MAX_SPANS, Evidence, Request
from critech.passages import Passage, Section
from critech_labels import Label

RAILGUN = (
    "A launcher for projectiles has two parallel copper rails and a sliding armature between "
    "them. A pulse of several megaamperes drives the armature along the rails and out of the "
    "muzzle at 2,500 m/s. 🚀 The handle of the service hatch is painted red. "
    "A capacitor bank with ｆｕｌｌ　ｗｉｄｔｈ markings feeds the electromagnetic launcher."
)
TOP = "jp-secret-patent-25:05"


def explain(classifier: Classifier, *texts: str) -> list[tuple[Evidence, ...]]:
    label = classifier.taxonomies["jp-secret-patent-25"].label("05")
    requests = [request(classifier, text, label) for text in texts]
    return [found[TOP] for found in classifier.explain_all(requests)]


def request(classifier: Classifier, text: str, label: Label) -> Request:
    passage = Passage((Section("text", text),))
    return Request(passage, classifier.scorer.score(passage.text()), (label,))


def test_a_contribution_is_what_the_score_loses_without_the_span(classifier: Classifier) -> None:
    (found,) = explain(classifier, RAILGUN)
    passage = Passage((Section("text", RAILGUN),))
    at = classifier.scorer.position[TOP]
    whole = float(classifier.scorer.score(passage.text()).scores[at])
    for evidence in found:
        span = evidence.span
        assert RAILGUN[span.start : span.end] == evidence.quote
        rest = RAILGUN[: span.start] + " " + RAILGUN[span.end :]
        without = classifier.scorer.score(Passage((Section("text", rest),)).text())
        assert evidence.contribution == pytest.approx(whole - float(without.scores[at]), abs=1e-6)
    assert "red" not in found[0].quote
    assert found[0].definition_phrase


def test_evidence_depends_on_its_text_alone(classifier: Classifier) -> None:
    (alone,) = explain(classifier, RAILGUN)
    other = "A drawer hinge with a damper. It closes softly, and without noise."
    together = explain(classifier, other, RAILGUN, other)
    assert together[1] == alone
    assert explain(classifier, RAILGUN) == [alone]


def test_a_text_of_one_span_rests_on_it_wholly(classifier: Classifier) -> None:
    (found,) = explain(classifier, "A coil gun for shells")
    (only,) = found
    score = classifier.scorer.score("A coil gun for shells").scores[classifier.scorer.position[TOP]]
    assert only.contribution == pytest.approx(float(score))


def test_a_long_text_is_tried_at_its_most_telling_spans(classifier: Classifier) -> None:
    padding = "The housing is closed by a lid with four screws and a seal. " * (MAX_SPANS + 6)
    (found,) = explain(classifier, padding + RAILGUN)
    assert "rails" in found[0].quote or "launcher" in found[0].quote


@pytest.mark.slow
def test_evidence_of_a_text_that_was_cut_lies_in_what_was_read(classifier: Classifier) -> None:
    unread = "A railgun with an electromagnetic launcher fires. "
    text = RAILGUN + " " + "The housing is closed by a lid with four screws and a seal. " * 1200
    (found,) = explain(classifier, text + unread)
    assert all(evidence.span.end <= len(text) for evidence in found)
    assert any("rails" in evidence.quote for evidence in found)


def test_classify_gives_evidence_for_what_is_flagged_and_only_when_asked(
    classifier: Classifier,
) -> None:
    documents = [Document(text=RAILGUN, title="Railgun")]
    plain = classifier.classify(documents, Options(top_k=None)).as_dict()
    asked = classifier.classify(documents, Options(top_k=None, explain=True)).as_dict()
    for before, after in zip(
        plain["results"][0]["taxonomies"], asked["results"][0]["taxonomies"], strict=True
    ):
        for one, other in zip(before["labels"], after["labels"], strict=True):
            assert "evidence" not in one
            assert bool(other["evidence"]) <= (other["decision"] != "not_assigned")
            assert (one["score"], one["decision"]) == (other["score"], other["decision"])
    assert "evidence" not in str(plain)


def test_the_index_of_examples_finds_the_nearest_and_reads_back() -> None:
    center = np.array([0.1, 0.0, 0.0], dtype=np.float32)
    vectors = np.eye(3, dtype=np.float32)
    positive = np.array([[True, False], [True, True], [False, False]])
    examples = [Example(f"t{i}", "en", f"text {i}") for i in range(3)]
    index = build_examples(examples, vectors, center, positive)
    assert [e.id for e in index.examples] == ["t0", "t1"]  # the third is no label's positive
    query = centre(vectors[1], center)
    (first, cosine), (second, _) = index.nearest(query, 0, 2)
    assert (first.id, second.id) == ("t1", "t0")
    assert cosine == pytest.approx(1.0, abs=0.02)
    assert [e.id for e, _ in index.nearest(query, 1, 2)] == ["t1"]
    again = ExampleIndex.from_bytes(index.to_bytes())
    assert again.examples == index.examples
    assert np.array_equal(again.vectors, index.vectors)
    assert [rows.tolist() for rows in again.members] == [[0, 1], [1]]
    empty = build_examples(examples, vectors, center, np.zeros((3, 2), dtype=bool))
    assert ExampleIndex.from_bytes(empty.to_bytes()).nearest(query, 0, 2) == []
