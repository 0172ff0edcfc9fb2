"""Same text, same bits: the scores of a document depend on nothing but the document."""

import dataclasses
import random
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from critech import Classifier, Document
from critech.bundle import ENCODER, default_path, read_bundle
from critech.classifier import Options
from critech.errors import InputError, UnknownTaxonomyError

TEXTS = [
    "A scramjet engine comprises an isolator duct and a combustor with strut injectors.",
    "量子鍵配送装置であって、単一光子検出器と基底選択部とを備える。",
    "A drawer hinge with a damper that closes softly.",
    "固体電解質層と負極とを積層した全固体電池。" * 4,
    "A method of selective laser melting in which a powder layer is scanned by two beams. " * 6,
    "魚群探知機の表示部に魚影を色分けして表示する。",
]


@pytest.fixture(scope="module")
def alone(classifier: Classifier) -> list[dict[str, object]]:
    options = Options(top_k=None)
    return [classifier.classify([text], options).results[0].as_dict() for text in TEXTS]


@pytest.fixture(scope="module")
def pools() -> dict[int, Classifier]:
    bundle = read_bundle()
    return {threads: Classifier(bundle, threads) for threads in (1, 4)}


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    order=st.lists(st.integers(0, len(TEXTS) - 1), min_size=1, max_size=8),
    threads=st.sampled_from([1, 4]),
)
def test_batch_order_and_threads_change_no_bit(
    order: list[int],
    threads: int,
    pools: dict[int, Classifier],
    alone: list[dict[str, object]],
) -> None:
    found = pools[threads].classify([TEXTS[i] for i in order], Options(top_k=None))
    assert [result.as_dict() for result in found.results] == [alone[i] for i in order]


def test_raw_scores_are_equal_bit_for_bit(pools: dict[int, Classifier]) -> None:
    shuffled = random.Random(1).choices(TEXTS, k=12)
    one = {text: pools[1].scorer.score(text).scores.tobytes() for text in TEXTS}
    many = pools[4].score_all(shuffled, [None] * len(shuffled))
    assert [scored.scores.tobytes() for scored in many] == [one[text] for text in shuffled]


def test_what_is_loaded_is_not_kept_twice(classifier: Classifier) -> None:
    assert classifier.bundle.encoder_bytes == classifier.bundle.tokenizer_bytes == b""


def test_pieces_done_elsewhere_in_any_order_change_no_bit(classifier: Classifier) -> None:
    """Each piece is one call of the encoder at most, so that requests can take turns."""
    calls_by_piece = []
    encoder = classifier.scorer.encoder

    class Counting:
        calls = 0

        def run(self, *args: object) -> object:
            self.calls += 1
            return session.run(*args)

    def backwards(function, items):  # type: ignore[no-untyped-def]
        done = []
        for item in reversed(list(items)):
            before = counting.calls
            done.append(function(item))
            calls_by_piece.append(counting.calls - before)
        return reversed(done)

    documents = [*TEXTS, " ".join(TEXTS) * 12]
    expected = classifier.classify(documents, Options(top_k=None))
    session, counting = encoder._session, Counting()
    encoder._session = counting
    try:
        found = classifier.on(backwards).classify(documents, Options(top_k=None))
    finally:
        encoder._session = session
    assert found == expected
    assert set(calls_by_piece) == {0, 1}
    assert counting.calls > len(documents) + 3


def test_what_stops_the_work_comes_out(classifier: Classifier) -> None:
    class Stopped(Exception):
        pass

    def stop(*_: object) -> list[object]:
        raise Stopped

    with pytest.raises(Stopped):
        classifier.on(stop).classify(TEXTS)
    assert len(classifier.classify(TEXTS[:1]).results) == 1


def test_batching_would_change_bits(classifier: Classifier) -> None:
    """Why one document per call: two texts of equal length in one call disturb each other. Should
    this fail, quantisation no longer depends on the batch and the rule can be looked at anew."""
    model = onnx.load(default_path() / ENCODER)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].ClearField("dim_value")
    del model.graph.value_info[:]
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    rows = [classifier.scorer.encoder.token_ids(text)[:16] for text in TEXTS]
    batch = np.array([row for row in rows if len(row) == 16], dtype=np.int64)
    together = session.run(None, {"input_ids": batch})[0]
    single = np.stack([classifier.scorer.encoder.run(row[None]) for row in batch])
    assert len(batch) >= 3
    assert np.abs(together - single).max() > 1e-5


def test_every_score_is_a_probability_and_best_first(classifier: Classifier) -> None:
    for result in classifier.classify(TEXTS, Options(top_k=None)).results:
        for taxonomy in result.taxonomies:
            scores = [label.score for label in taxonomy.labels]
            assert all(0.0 <= score <= 1.0 for score in scores)
            assert scores == sorted(scores, reverse=True)
            for label in taxonomy.labels:
                assert all(child.score <= label.score for child in label.children)


def test_options(classifier: Classifier) -> None:
    text = TEXTS[0]
    every = classifier.classify([text], Options(top_k=None)).results[0].taxonomies
    assert [len(t.labels) for t in every] == [20, 50, 25, 14]
    assert [len(t.labels) for t in classifier.classify([text]).results[0].taxonomies] == [5] * 4
    chosen = classifier.classify([text], Options(taxonomies=("us-ecra-14",), min_score=0.5))
    (only,) = chosen.results[0].taxonomies
    assert only.id == "us-ecra-14"
    assert only.labels
    assert all(label.score >= 0.5 for label in only.labels)


def test_all_labels_put_each_sub_item_after_its_category(classifier: Classifier) -> None:
    (result,) = classifier.classify([TEXTS[0]], Options(("us-ecra-14",), top_k=None)).results
    codes = [label.code for label in result.taxonomies[0].all_labels()]
    assert sorted(codes) == sorted(classifier.taxonomies["us-ecra-14"].codes())
    categories = [code.partition(".")[0] for code in codes]
    assert [code for code in codes if "." not in code] == list(dict.fromkeys(categories))
    assert len(categories) == 60


def test_a_long_text_is_chunked_and_reported(classifier: Classifier) -> None:
    result = classifier.classify([" ".join(TEXTS) * 12]).results[0]
    assert result.tokens_seen == result.tokens_total > 2 * 512
    assert result.warnings == ()
    huge = classifier.classify(["torpedo tube door " * 20_000]).results[0]
    assert 0 < huge.tokens_seen < huge.tokens_total
    assert [warning.code for warning in huge.warnings] == ["truncated"]
    assert str(huge.tokens_total) in huge.warnings[0].message


def test_warnings(classifier: Classifier) -> None:
    found = classifier.classify(
        ["Устройство для управления ракетой в полёте на расстоянии", "fish"]
    )
    assert found.results[0].language == "und"
    assert [w.code for w in found.results[0].warnings] == [
        "language_unsupported", "distribution_unknown",
    ]  # fmt: skip
    assert [w.code for w in found.results[1].warnings] == ["short_text"]


def test_a_text_too_short_to_tell_whether_it_is_like_the_corpus_says_so() -> None:
    """Whatever its words: with a floor of 1 every text that can be told is out of distribution."""
    bundle = dataclasses.replace(read_bundle(), coverage_floor=np.ones(2, dtype=np.float32))
    text = "Rumlo keft dival norba tisk pelu wand horst mika zubel canto rifle"
    words = text.split()
    found = {}
    with Classifier(bundle, 1) as classifier:
        for n in range(1, len(words) + 1):
            (result,) = classifier.classify([" ".join(words[:n])]).results
            found[result.tokens_total] = [warning.code for warning in result.warnings]
            if result.tokens_total < 20:
                assert str(result.tokens_total) in result.warnings[0].message
    assert min(found) < 8 <= 19 < max(found)
    for n_tokens, codes in found.items():
        expected = "out_of_distribution" if n_tokens >= 20 else "distribution_unknown"
        assert codes == [expected if n_tokens >= 8 else "short_text"]


def test_a_text_too_short_to_tell_keeps_what_is_assigned(classifier: Classifier) -> None:
    (result,) = classifier.classify(["A torpedo tube door with a seal and a hinge."]).results
    assert [warning.code for warning in result.warnings] == ["distribution_unknown"]
    labels = [label for taxonomy in result.taxonomies for label in taxonomy.labels]
    assert any(label.decision == "assigned" and label.calibrated for label in labels)


def test_ids_come_back_and_symbols_are_reported(classifier: Classifier) -> None:
    documents = [
        Document(TEXTS[0], id="x\u3000 1", ipc=("F02K 7/14", "?")),
        Document(TEXTS[1]),
    ]
    first, second = classifier.classify(documents).results
    assert first.id == "x\u3000 1"
    assert first.ipc is not None
    assert first.ipc["malformed"] == ["?"]
    assert second.id is None
    assert "ipc" not in second.as_dict()


def test_bad_input_is_named(classifier: Classifier) -> None:
    with pytest.raises(InputError, match=r"documents\[1\]\.text: is empty"):
        classifier.classify(["text", " \u3000\u200b\ufe0f!"])
    with pytest.raises(UnknownTaxonomyError, match=r"taxonomies\[0\]: unknown taxonomy"):
        classifier.classify(["text"], Options(taxonomies=("jp-critical-21",)))


@pytest.mark.parametrize(
    "single", ["laser", b"laser", {"text": "laser"}, Document("laser"), None], ids=repr
)
def test_a_single_text_is_not_taken_apart(classifier: Classifier, single: Any) -> None:
    kind = type(single).__name__
    message = f"documents: expected an iterable of texts or Documents, got {kind}; a single one"
    with pytest.raises(TypeError, match=message):
        classifier.classify(single)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (None, r"documents\[1\]: expected a text or a Document, got NoneType"),
        (1, r"documents\[1\]: expected a text or a Document, got int"),
        (b"laser", r"documents\[1\]: expected a text or a Document, got bytes"),
        ({"text": "laser"}, r"documents\[1\]: expected a text or a Document, got dict"),
        (Document(None), r"documents\[1\]\.text: expected a text, got NoneType"),  # type: ignore[arg-type]
        (Document("laser", title=3), r"documents\[1\]\.title: expected a text or None, got int"),  # type: ignore[arg-type]
    ],
)
def test_a_document_of_another_type_is_named(
    classifier: Classifier, wrong: Any, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        classifier.classify(["laser", wrong])


def test_texts_in_any_iterable_are_classified(classifier: Classifier) -> None:
    expected = classifier.classify(TEXTS[:2]).results
    for texts in (
        tuple(TEXTS[:2]),
        iter(TEXTS[:2]),
        np.array(TEXTS[:2]),
        dict.fromkeys(TEXTS[:2]).keys(),
    ):
        assert classifier.classify(texts).results == expected


def test_no_documents_give_no_results(classifier: Classifier) -> None:
    assert classifier.classify([]).results == ()


STRANGE = [
    "asdkj qweoiu zxmnc lkjsdf poiqwe mnzbxc alskdj qpwoei zmxncb vbnmq wertz uiopl kjhgf",
    "Die Vorrichtung umfasst ein Gehäuse, in dem eine Welle drehbar gelagert ist.",
    "ATGGCCATTGTAATGGGCCGCTGAAAGGGTGCCCGATAGTACCGGATTTACGCATCGGATCCAGTTTACG",
]


def test_text_unlike_the_training_texts_is_assigned_nothing_and_says_why() -> None:
    bundle = read_bundle()
    assert np.all((bundle.coverage_floor > 0.4) & (bundle.coverage_floor < 0.55))
    with Classifier(bundle, threads=1) as classifier:
        strange = classifier.classify(STRANGE, Options(top_k=None)).results
        usual = classifier.classify([text for text in TEXTS if len(text) > 90]).results
        short = classifier.classify(["zxmnc lkjsdf poiqwe"]).results[0]
    for result in strange:
        warning = next(w for w in result.warnings if w.code == "out_of_distribution")
        assert f"{bundle.coverage_floor[0]:.0%}" in warning.message
        labels = [label for taxonomy in result.taxonomies for label in taxonomy.labels]
        assert not any(label.decision == "assigned" or label.calibrated for label in labels)
    for result in (*usual, short):
        assert "out_of_distribution" not in [warning.code for warning in result.warnings]


def test_an_assigned_label_becomes_possible_when_the_text_is_out_of_distribution() -> None:
    bundle = read_bundle()
    high = np.ones(2, dtype=np.float32)
    text = TEXTS[0] * 2
    with (
        Classifier(bundle, 1) as plain,
        Classifier(dataclasses.replace(bundle, coverage_floor=high), 1) as strict,
    ):
        before, after = plain.scorer.score(text), strict.scorer.score(text)
    assert after.out_of_distribution
    assert "assigned" in before.decisions
    assert after.scores.tobytes() == before.scores.tobytes()
    for one, other in zip(before.decisions, after.decisions, strict=True):
        assert other == ("possible" if one == "assigned" else one)
