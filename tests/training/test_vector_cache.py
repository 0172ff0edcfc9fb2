"""The cache: what was computed once comes back, and nothing else."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from critech.bundle import read_bundle
from critech.encoder import OnnxEncoder
from critech.errors import InputError
from critech_training.corpus import Record
from critech_training.embedding import embed_records
from critech_training.vector_cache import cache_file, embed_cached


@pytest.fixture(scope="module")
def encoder(tiny_bundle: Path) -> OnnxEncoder:
    bundle = read_bundle(tiny_bundle)
    return OnnxEncoder(bundle.encoder_bytes, bundle.tokenizer_bytes, bundle.encoder_config)


def test_the_second_time_gives_what_the_first_gave(
    encoder: OnnxEncoder,
    marked_corpus: list[Record],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records = [
        *marked_corpus[:5],
        dataclasses.replace(marked_corpus[0], id="long", text="ab " * 3000),
    ]
    expected, tokens = embed_records(encoder, records, 2)
    first = embed_cached(encoder, "e", records, tmp_path / "new" / "folder", 2)
    monkeypatch.setattr(OnnxEncoder, "embed", None)  # no text is embedded again
    second = embed_cached(encoder, "e", records, tmp_path / "new" / "folder", 2)
    for vectors, found in (first, second):
        assert np.array_equal(vectors, expected)
        assert found == tokens
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 1


def test_another_encoder_text_or_order_is_another_file(marked_corpus: list[Record]) -> None:
    records = marked_corpus[:3]
    other = dataclasses.replace(records[0], text=records[0].text + ".")
    names = {
        cache_file(Path(), "e", records),
        cache_file(Path(), "f", records),
        cache_file(Path(), "e", records[::-1]),
        cache_file(Path(), "e", [other, *records[1:]]),
    }
    assert len(names) == 4


@pytest.mark.parametrize(
    "damage", ["cut", "empty", "other shape", "not unit", "not a file of numpy"]
)
def test_a_damaged_file_is_made_anew(
    damage: str, encoder: OnnxEncoder, marked_corpus: list[Record], tmp_path: Path
) -> None:
    records = marked_corpus[:4]
    expected, _ = embed_cached(encoder, "e", records, tmp_path, 2)
    path = cache_file(tmp_path, "e", records)
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-5])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "not a file of numpy":
        path.write_bytes(b"x" * 500)
    else:
        np.save(path, expected[:2] if damage == "other shape" else expected * 2)
    found, _ = embed_cached(encoder, "e", records, tmp_path, 2)
    assert np.array_equal(found, expected)
    assert np.array_equal(np.load(path), expected)


def test_a_folder_that_cannot_be_written_to_is_an_error(
    encoder: OnnxEncoder, marked_corpus: list[Record], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--cache: cannot be written"):
        embed_cached(encoder, "e", marked_corpus[:2], tmp_path / "file", 2)
