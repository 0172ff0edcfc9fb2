import numpy as np

from critech.heads import Calibration, Heads, sigmoid
from critech.lexical import LexicalVocabulary


def heads() -> Heads:
    rng = np.random.default_rng(0)
    vocabulary = LexicalVocabulary(
        np.array([1 << 32, 2 << 32], dtype=np.uint64), np.ones(2, dtype=np.float32)
    )
    return Heads(
        center=rng.normal(size=8).astype(np.float32),
        scale=8.0,
        dense=rng.normal(size=(3, 8)).astype(np.float32),
        lexical=np.array([[1, 0, 0], [0, 2, 0]], dtype=np.float32),
        intercept=np.zeros(3, dtype=np.float32),
        vocabulary=vocabulary,
    )


def test_margins_are_the_linear_model() -> None:
    model = heads()
    vector = np.ones(8, dtype=np.float32)
    dense_only = model.dense @ ((vector - model.center) * 8)
    np.testing.assert_allclose(model.margins(vector, ()), dense_only, rtol=1e-5)
    with_token = model.margins(vector, (2,))
    np.testing.assert_allclose(with_token - model.margins(vector, ()), [0, 2, 0], atol=1e-5)


def test_calibration_is_per_language() -> None:
    calibration = Calibration(
        slope=np.array([[1, 1], [2, 2]], dtype=np.float32),
        offset=np.array([[0, 0], [0, 1]], dtype=np.float32),
        fitted=np.ones((2, 2), dtype=bool),
    )
    margins = np.array([0.5, -0.5], dtype=np.float32)
    np.testing.assert_allclose(calibration.scores(margins, "en"), sigmoid(margins))
    np.testing.assert_allclose(
        calibration.scores(margins, "ja"), sigmoid(np.array([1.0, 0.0], dtype=np.float32))
    )
    np.testing.assert_array_equal(
        calibration.scores(margins, "und"), calibration.scores(margins, "en")
    )


def test_the_logistic_function_does_not_overflow() -> None:
    out = sigmoid(np.array([-1e4, 0, 1e4], dtype=np.float32))
    assert out.tolist() == [0.0, 0.5, 1.0]
