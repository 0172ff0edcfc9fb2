import json
import sys
from unittest.mock import Mock

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import Unigram
from tokenizers.pre_tokenizers import Metaspace

from critech.bundle import read_bundle
from critech.encoder import OnnxEncoder, _cut_at_blanks, split_evenly
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


@pytest.fixture(scope="module")
def whole_and_cut() -> tuple[Tokenizer, OnnxEncoder]:
    """The default bundle's tokenizer as its file says, and in the encoder, which cuts at blanks."""
    bundle = read_bundle()
    encoder = OnnxEncoder(bundle.encoder_bytes, bundle.tokenizer_bytes, bundle.encoder_config)
    assert encoder._tokenizer.pre_tokenizer.split
    whole = Tokenizer.from_buffer(bundle.tokenizer_bytes)
    assert not whole.pre_tokenizer.split
    return whole, encoder


@given(
    st.text()
    | st.text("ab \u2581\u00a8\u0301\u3099\u3000がか漢한½</s>\U0001f600\t")
    | st.lists(st.sampled_from(["rocket", "motors,", "推進剤を", "N2O4", "-180°C", "▁"])).map(
        " ".join
    )
)
@example("  two  blanks ")
@example("a \u2581b\u2581\u2581 \u2581")
@example("<s> は </s>")
def test_cutting_at_blanks_gives_the_same_tokens(
    whole_and_cut: tuple[Tokenizer, OnnxEncoder], text: str
) -> None:
    whole, encoder = whole_and_cut
    assert encoder.token_ids(text) == whole.encode(text, add_special_tokens=False).ids


@pytest.mark.parametrize("inner", ["▁a▁b", "a▁b", '"▁b', "\\▁b", "▁▁", "漢▁"])
@pytest.mark.parametrize("as_it_is", [True, False])
def test_a_tokenizer_with_blanks_inside_of_pieces_is_left_as_it_is(
    inner: str, as_it_is: bool
) -> None:
    def tokenizer_of(*more: str) -> tuple[Tokenizer, bytes]:
        pieces = ["<unk>", "▁a", "▁b", "▁", '"', "\\", *more]
        tokenizer = Tokenizer(Unigram([(piece, -1.0) for piece in pieces], 0))
        tokenizer.pre_tokenizer = Metaspace("▁", "always", False)
        told = json.loads(tokenizer.to_str())
        return tokenizer, json.dumps(told, ensure_ascii=not as_it_is).encode()

    tokenizer, data = tokenizer_of()
    _cut_at_blanks(tokenizer, data)
    assert tokenizer.pre_tokenizer.split == as_it_is
    tokenizer, data = tokenizer_of(inner)
    _cut_at_blanks(tokenizer, data)
    assert not tokenizer.pre_tokenizer.split


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
