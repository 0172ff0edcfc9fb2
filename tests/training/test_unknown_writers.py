"""Heads that know nothing of a text's writer: each writer tells the label by a word of its own."""

import numpy as np
import pytest

from critech_training.corpus import Record
from critech_training.embedding import FloatArray, Part
from critech_training.fit import HeadConfig, Strengths, fit_heads, margins
from critech_training.judged import JudgedTexts
from critech_training.unknown_writers import margins_of_unknown_writers

WRITERS = ("one", "two", "three")


def _part(n_texts: int, seed: int, writers: tuple[str, ...] = WRITERS) -> tuple[Part, Strengths]:
    """Texts of writers in turn, every second one positive: all positives share a token, and those
    of a writer another one."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n_texts, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    records, tokens = [], []
    y = (np.arange(n_texts) % 2 == 0).astype(np.int8)[:, None] * 2
    for i, (positive,) in enumerate(y):
        writer = writers[i % len(writers)]
        records.append(Record(f"{writer}-{i:03}", "en", "abstract", "pos", None, "x", {}))
        own = 20 + WRITERS.index(writer) + 10 * bool(positive)
        tokens.append((own, 7 if positive else 8, own, int(rng.integers(40, 60))))
    return Part(records, vectors, tokens), y


@pytest.fixture(scope="module")
def config() -> HeadConfig:
    return HeadConfig()


def _known(fit: Part, y: Strengths, held_out: Part, config: HeadConfig) -> FloatArray:
    heads = fit_heads(fit.vectors, fit.tokens, y, config, 1)
    return margins(heads, held_out.vectors, held_out.tokens)


def test_a_text_gets_the_margins_of_heads_without_its_writer(config: HeadConfig) -> None:
    (fit, y), (held_out, _) = _part(180, 1), _part(60, 2)
    known = _known(fit, y, held_out, config)
    found = margins_of_unknown_writers(fit, held_out, y, known, config, n_folds=3, n_jobs=1)
    for writer in WRITERS:
        others = np.flatnonzero([record.source != writer for record in fit.records])
        own = np.flatnonzero([record.source == writer for record in held_out.records])
        expected = _known(fit.take(others), y[others], held_out.take(own), config)
        assert np.array_equal(found[own], expected)
    positive = np.arange(60) % 2 == 0
    assert (found[positive] < known[positive]).all()
    assert (found[~positive] > known[~positive]).all()


def test_more_folds_than_writers_are_one_for_each_writer(config: HeadConfig) -> None:
    (fit, y), (held_out, _) = _part(90, 1), _part(30, 2)
    known = _known(fit, y, held_out, config)
    three, five = (
        margins_of_unknown_writers(fit, held_out, y, known, config, n_folds=n, n_jobs=1)
        for n in (3, 5)
    )
    assert np.array_equal(three, five)


def test_a_corpus_of_one_part_has_no_unknown_writer(config: HeadConfig) -> None:
    (fit, y), (held_out, _) = _part(60, 1, ("one",)), _part(20, 2, ("one",))
    known = _known(fit, y, held_out, config)
    found = margins_of_unknown_writers(fit, held_out, y, known, config, n_folds=5, n_jobs=1)
    assert np.array_equal(found, known)


def test_a_label_of_one_writer_keeps_the_margins_that_know_it(config: HeadConfig) -> None:
    """Without that writer there would be no label, which says nothing of its texts."""
    (fit, y), (held_out, _) = _part(180, 1), _part(60, 2)
    only = np.array([record.source == "one" for record in fit.records])
    y = np.hstack([y, np.where(only[:, None], y, 0)]).astype(np.int8)
    known = _known(fit, y, held_out, config)
    found = margins_of_unknown_writers(fit, held_out, y, known, config, n_folds=3, n_jobs=1)
    own = np.array([record.source == "one" for record in held_out.records])
    assert np.array_equal(found[own, 1], known[own, 1])
    assert not np.array_equal(found[~own, 1], known[~own, 1])
    assert not np.array_equal(found[own, 0], known[own, 0])


def test_a_label_of_all_but_one_writer_keeps_them_too(config: HeadConfig) -> None:
    """Without that writer every text would have it, and there would be nothing to tell apart."""
    (fit, y), (held_out, _) = _part(180, 1), _part(60, 2)
    others = np.array([record.source != "one" for record in fit.records])
    y = (others[:, None] * 2).astype(np.int8)
    known = _known(fit, y, held_out, config)
    found = margins_of_unknown_writers(fit, held_out, y, known, config, n_folds=3, n_jobs=1)
    own = np.array([record.source == "one" for record in held_out.records])
    assert np.array_equal(found[own], known[own])
    assert not np.array_equal(found[~own], known[~own])


def test_judged_texts_are_seen_by_all_heads(config: HeadConfig) -> None:
    (fit, y), (held_out, _) = _part(180, 1), _part(60, 2)
    known = _known(fit, y, held_out, config)
    texts, _ = _part(8, 3)
    judged = JudgedTexts(texts.vectors, texts.tokens, np.full((8, 1), 2, dtype=np.int8))
    alone, beside = (
        margins_of_unknown_writers(fit, held_out, y, known, config, n_folds=3, n_jobs=1, judged=one)
        for one in (None, judged)
    )
    assert not np.isclose(alone, beside).any()
    nobody = JudgedTexts(texts.vectors, texts.tokens, np.ones((8, 1), dtype=np.int8))
    unjudged = margins_of_unknown_writers(
        fit, held_out, y, known, config, n_folds=3, n_jobs=1, judged=nobody
    )
    assert np.allclose(alone, unjudged, atol=1e-4)
