import numpy as np
import pytest

from critech.cascade.student import MOST_TOKENS, Student
from critech.errors import BundleError

N_TOKENS, D, H, N_TAXONOMIES = 40, 6, 5, 3


def student(**changed: np.ndarray) -> Student:
    rng = np.random.default_rng(7)

    def some(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    arrays = {
        "table": rng.integers(-127, 128, (N_TOKENS, D)).astype(np.int8),
        "scale": np.abs(some(N_TOKENS)) / 127,
        "weight": np.abs(some(N_TOKENS)),
        "mean": some(2 * D),
        "spread": np.abs(some(2 * D)) + 1,
        "hidden": some(2 * D, H),
        "hidden_bias": some(H),
        "out": some(H, N_TAXONOMIES),
        "out_bias": some(N_TAXONOMIES),
    }
    return Student(**{**arrays, **changed})


def test_logits_are_those_of_the_plain_formula() -> None:
    one, ids = student(), [3, 1, 4, 1, 5]
    rows = one.table[ids] * one.scale[ids][:, None].astype(np.float64)
    weights = one.weight[ids].astype(np.float64)
    features = np.concatenate([rows.mean(axis=0), weights @ rows / (weights.sum() + 1e-6)])
    hidden = np.maximum((features - one.mean) / one.spread @ one.hidden + one.hidden_bias, 0)
    np.testing.assert_allclose(one.logits(ids), hidden @ one.out + one.out_bias, rtol=1e-4)


def test_word_order_does_not_count_and_length_is_bounded() -> None:
    one = student()
    np.testing.assert_allclose(one.logits([1, 2, 3]), one.logits([3, 1, 2]), rtol=1e-5)
    many = [7] * MOST_TOKENS
    assert np.array_equal(one.logits([*many, 9, 9]), one.logits(many))


def test_no_tokens_are_an_empty_bag() -> None:
    assert not student().features([]).any()
    assert np.isfinite(student().logits([])).all()


def test_arrays_survive_writing_and_reading() -> None:
    one = student()
    again = Student.from_bytes(one.to_bytes())
    assert all(np.array_equal(array, vars(again)[name]) for name, array in vars(one).items())
    again.check(N_TOKENS, N_TAXONOMIES)


@pytest.mark.parametrize(
    "name", ["table", "scale", "weight", "spread", "hidden", "out", "out_bias"]
)
def test_an_array_of_another_shape_is_named(name: str) -> None:
    wrong = student(**{name: getattr(student(), name)[:-1]})
    with pytest.raises(BundleError, match=f"student: {name} "):
        wrong.check(N_TOKENS, N_TAXONOMIES)


def test_a_weight_that_is_no_number_is_refused() -> None:
    wrong = student(out_bias=np.array([0, np.nan, 0], np.float32))
    with pytest.raises(ValueError, match="out_bias"):
        Student.from_bytes(wrong.to_bytes())
