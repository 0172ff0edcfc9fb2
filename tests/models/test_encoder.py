import sys
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from critech.bundle import read_bundle
from critech.encoder import OnnxEncoder, split_evenly
from critech.errors import BundleError


def test_a_loaded_encoder_holds_no_reference_to_its_file() -> None:
    bundle = read_bundle()
    before = sys.getrefcount(bundle.encoder_bytes), sys.getrefcount(bundle.tokenizer_bytes)
    encoder = OnnxEncoder(bundle.encoder_bytes, bundle.tokenizer_bytes, bundle.encoder_config)
    assert encoder.embed("A rocket").vector.shape == (bundle.encoder_config.dimension,)
    after = sys.getrefcount(bundle.encoder_bytes), sys.getrefcount(bundle.tokenizer_bytes)
    assert after == before


@pytest.mark.parametrize(
    ("n", "capacity", "sizes"), [(0, 5, [0]), (5, 5, [5]), (6, 5, [3, 3]), (11, 5, [3, 4, 4])]
)
def test_sizes(n: int, capacity: int, sizes: list[int]) -> None:
    assert [len(chunk) for chunk in split_evenly(range(n), capacity)] == sizes


@given(st.integers(0, 3000), st.integers(1, 500))
def test_nothing_is_lost_and_no_chunk_is_too_long(n: int, capacity: int) -> None:
    chunks = split_evenly(range(n), capacity)
    assert [i for chunk in chunks for i in chunk] == list(range(n))
    assert max(map(len, chunks)) <= capacity
    assert max(map(len, chunks)) - min(map(len, chunks)) <= 1


class Panic(BaseException):
    """As compiled libraries raise: no Exception."""


@pytest.mark.parametrize("at", ["from_buffer", "encode"])
def test_a_panic_of_the_tokenizer_is_a_broken_bundle(
    at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = read_bundle()
    tokenizer = Mock()
    failing = tokenizer.from_buffer if at == "from_buffer" else tokenizer.from_buffer().encode
    failing.side_effect = Panic("a text")
    monkeypatch.setattr("critech.encoder.Tokenizer", tokenizer)
    with pytest.raises(BundleError, match="found Panic"):
        OnnxEncoder(bundle.encoder_bytes, bundle.tokenizer_bytes, bundle.encoder_config)
