"""Judged texts count by a stated rule, and in nothing but the weights of their labels' heads."""

import numpy as np

from critech_training.fit import HeadConfig, fit_heads
from critech_training.judged import JudgedTexts, judged_weights


def test_weights_are_bounded_by_the_positives_of_the_corpus() -> None:
    corpus = np.zeros((50, 4), dtype=np.int8)
    corpus[:40, 0] = corpus[:6, 1] = corpus[:6, 2] = 2
    judged = np.ones((12, 4), dtype=np.int8)
    judged[:5, 0] = 2  # 5 of weight 4 are fewer than 40
    judged[:12, 1] = 0  # 12 share 6
    judged[:3, 2], judged[3:12, 2] = 2, 0  # 3 share 6, 9 share 6
    judged[:2, 3] = 2  # without a positive in the corpus, 2 share 1
    found = judged_weights(corpus, judged, 4.0)
    assert found[:5, 0].tolist() == [4.0] * 5
    assert found[5:, 0].tolist() == [0.0] * 7
    assert found[:, 1].tolist() == [0.5] * 12
    assert found[:3, 2].tolist() == [2.0] * 3
    assert np.allclose(found[3:, 2], 6 / 9)
    assert found[:2, 3].tolist() == [0.5] * 2


def made(n: int = 80) -> tuple[np.ndarray, list[tuple[int, ...]], np.ndarray]:
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(n, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    tokens = [tuple(rng.integers(5, 15, size=20).tolist()) for _ in range(n)]
    strengths = np.where(vectors[:, :3] > 0.3, 2, 0).astype(np.int8)
    return vectors, tokens, strengths


def test_nothing_but_the_heads_of_judged_labels_changes() -> None:
    vectors, tokens, strengths = made()
    rng = np.random.default_rng(2)
    judged = np.ones((6, 3), dtype=np.int8)
    judged[:, 1] = [2, 2, 2, 0, 0, 0]
    extra = JudgedTexts(
        vectors=rng.normal(size=(6, 8)).astype(np.float32),
        tokens=[(900 + i, 901 + i, 7, 8) for i in range(6)],
        strengths=judged,
    )
    config = HeadConfig(min_document_count=1)
    before = fit_heads(vectors, tokens, strengths, config)
    after = fit_heads(vectors, tokens, strengths, config, judged=extra)
    assert np.array_equal(before.center, after.center)
    assert np.array_equal(before.vocabulary.keys, after.vocabulary.keys)
    assert np.array_equal(before.vocabulary.idf, after.vocabulary.idf)
    assert not np.isin(900 << 32, after.vocabulary.keys)
    for label in (0, 2):
        assert np.array_equal(before.dense[label], after.dense[label])
        assert np.array_equal(before.lexical[:, label], after.lexical[:, label])
    assert not np.array_equal(before.dense[1], after.dense[1])
    again = fit_heads(vectors, tokens, strengths, config, n_jobs=1, judged=extra)
    spared = fit_heads(vectors, tokens, strengths, config, judged=extra, known=before)
    for other in (again, spared):
        assert np.array_equal(after.dense, other.dense)
        assert np.array_equal(after.lexical, other.lexical)
        assert np.array_equal(after.intercept, other.intercept)


def test_heads_over_other_features_are_not_kept() -> None:
    vectors, tokens, strengths = made()
    config = HeadConfig(min_document_count=1)
    judged = np.ones((1, 3), dtype=np.int8)
    judged[0, 0] = 2
    extra = JudgedTexts(vectors[:1], tokens[:1], judged)
    known = fit_heads(vectors[1:], tokens[1:], strengths[1:], config)
    found = fit_heads(vectors, tokens, strengths, config, judged=extra, known=known)
    expected = fit_heads(vectors, tokens, strengths, config, judged=extra)
    assert np.array_equal(found.dense, expected.dense)


def test_a_judgement_moves_its_text_to_its_side() -> None:
    vectors, tokens, strengths = made()
    text, ids = vectors[strengths[:, 0] == 0][0], (3, 4, 5, 6)
    config = HeadConfig(min_document_count=1)
    before = fit_heads(vectors, tokens, strengths, config).margins(text, ids)
    row = np.ones((1, 3), dtype=np.int8)
    row[0, 0] = 2
    extra = JudgedTexts(vectors=text[None], tokens=[ids], strengths=row)
    after = fit_heads(vectors, tokens, strengths, config, judged=extra).margins(text, ids)
    assert after[0] > before[0] + 0.5
    assert np.array_equal(after[1:], before[1:])
