import numpy as np

from critech.lexical import LexicalVocabulary, count_features


def test_single_tokens_and_pairs_have_keys_of_their_own() -> None:
    keys, counts = count_features([7, 7, 9])
    found = dict(zip(keys.tolist(), counts.tolist(), strict=True))
    assert found == {7 << 32: 2, (7 << 32) + 8: 1, (7 << 32) + 10: 1, 9 << 32: 1}


def test_transform_gives_unit_rows_of_known_features() -> None:
    keys = np.array([7 << 32, (7 << 32) + 10], dtype=np.uint64)
    vocabulary = LexicalVocabulary(keys, np.array([1.0, 3.0], dtype=np.float32))
    index, weights = vocabulary.transform([7, 7, 9])
    assert index.tolist() == [0, 1]
    assert np.isclose(np.sum(weights**2), 1.0)
    np.testing.assert_allclose(weights[1] / weights[0], 3 / (1 + np.log(2)), rtol=1e-6)


def test_nothing_known_gives_nothing() -> None:
    vocabulary = LexicalVocabulary(np.array([5], dtype=np.uint64), np.ones(1, dtype=np.float32))
    for tokens in ([], [1, 2, 3]):
        index, weights = vocabulary.transform(tokens)
        assert len(index) == len(weights) == 0
    empty = LexicalVocabulary(np.empty(0, np.uint64), np.empty(0, np.float32))
    assert len(empty.transform([1])[0]) == 0


def test_coverage_is_the_share_of_occurrences_that_are_known() -> None:
    keys = np.array([7 << 32, (7 << 32) + 8], dtype=np.uint64)
    vocabulary = LexicalVocabulary(keys, np.ones(2, dtype=np.float32))
    assert vocabulary.coverage([7, 7, 7]) == 1.0
    assert vocabulary.coverage([7, 7, 9]) == 3 / 5  # 7 twice and 7-7, of three and two
    assert vocabulary.coverage([1, 2]) == 0.0
    assert vocabulary.coverage([]) == 1.0
