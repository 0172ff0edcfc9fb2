"""The training run end to end, on the tiny bundle, and its parts."""

import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from critech import Classifier
from critech.bundle import default_path, read_bundle
from critech_training.base_weights import packed_path, read_packed
from critech_training.corpus import CORPUS_VERSION
from critech_training.model_card import model_card
from critech_training.vocabulary import build_tokenizer, keeps, kept_ids


def test_the_tiny_run_gives_a_whole_bundle(tiny_bundle: Path) -> None:
    bundle = read_bundle(tiny_bundle)
    training = bundle.manifest["training"]
    assert training["n_texts"]["fit"] + training["n_texts"]["held_out"] == 160
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", training["corpus_digest"])
    assert training["packages"]["onnxruntime"]
    assert training["encoder"]["config"]["bfloat16"] in (True, False)
    assert bundle.metrics["n_texts"] == training["n_texts"]["held_out"]
    card = (tiny_bundle / "MODEL_CARD.md").read_text()
    assert "| jp-critical-20 |" in card
    assert training["corpus_version"] is None
    assert "It is not the corpus of the project" in card
    assert "token embeddings in half precision" in card
    with Classifier(bundle, threads=1) as classifier:
        result = classifier.classify(["A battery with a solid electrolyte."]).results[0]
    assert len(result.taxonomies) == 4


def test_the_card_of_the_default_bundle_names_corpus_and_base() -> None:
    bundle = read_bundle(default_path())
    card = model_card(bundle.manifest["training"], bundle.metrics)
    assert f"Version {CORPUS_VERSION} of the corpus that was written for this project" in card
    assert "4-bit token embeddings" in card


@pytest.mark.slow
def test_training_again_gives_the_same_bytes(
    tiny_bundle: Path, train_tiny: Callable[[Path], None], tmp_path: Path
) -> None:
    train_tiny(tmp_path / "again")
    for path in sorted(tiny_bundle.iterdir()):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name


def test_tuning_in_bfloat16_ends_close_to_tuning_in_full_precision(tiny_base: Path) -> None:
    from critech_training.finetune import FinetuneConfig, FinetuneData, finetune
    from critech_training.torch_encoder import embed, load_base

    texts = ["A battery cell", "A radar antenna", "電池", "レーダ装置"] * 4
    data = FinetuneData(
        texts,
        texts,
        np.array([[2, 0], [0, 2], [2, 0], [0, 2]] * 4, dtype=np.int8),
        np.full(16, -1, dtype=np.int64),
        np.zeros((16, 4), dtype=np.float32),
    )
    vectors = {}
    for half in (None, False, True):
        encoder = load_base(str(tiny_base))
        if half is not None:
            config = FinetuneConfig(epochs=3, batch_size=8, n_frozen_layers=0, bfloat16=half)
            finetune(encoder, data, config)
        vectors[half] = embed(encoder, texts)
    moved = np.linalg.norm(vectors[False] - vectors[None], axis=1).mean()
    apart = np.linalg.norm(vectors[False] - vectors[True], axis=1).mean()
    assert 0 < apart < 0.2 * moved


def test_the_exported_encoder_gives_what_torch_gives(tiny_base: Path) -> None:
    from critech.encoder import EncoderConfig, OnnxEncoder
    from critech_training.export import export_onnx
    from critech_training.torch_encoder import embed, load_base

    encoder = load_base(str(tiny_base))
    texts = ["A battery", "固体電池の装置", "x " * 40]
    expected = embed(encoder, texts)
    special = encoder.special
    config = EncoderConfig(encoder.prefix, special["bos"], special["eos"], 512, 4, 32)
    for quantize, tolerance in ((False, 5e-4), (True, 0.1)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = export_onnx(encoder, quantize=quantize)
        onnx_encoder = OnnxEncoder(model, encoder.tokenizer.to_str().encode(), config)
        found = np.stack([onnx_encoder.embed(text).vector for text in texts])
        assert np.abs(found - expected).max() < tolerance


def test_the_packed_base_is_exported_without_loss() -> None:
    """4-bit token embeddings, prefix and frame: served vectors are those that training sees."""
    from critech.encoder import EncoderConfig, OnnxEncoder
    from critech_training.export import export_onnx
    from critech_training.torch_encoder import PACKED_BASE, embed, load_base

    encoder = load_base(PACKED_BASE)
    texts = ["A scramjet engine with an isolator duct.", "「量子鍵配送」装置であって、", "(12) x"]
    expected = embed(encoder, texts)
    special = encoder.special
    config = EncoderConfig(encoder.prefix, special["bos"], special["eos"], 512, 4, 384)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = export_onnx(encoder, quantize=False)
    served = OnnxEncoder(model, encoder.tokenizer.to_str().encode(), config)
    for text, vector in zip(texts, expected, strict=True):
        assert list(served.framed(served.token_ids(text))[0]) == encoder.token_ids(text, 512)
        assert np.abs(served.embed(text).vector - vector).max() < 1e-5


def test_reduced_vocabulary_segments_as_before() -> None:
    packed = read_packed(packed_path())
    kept = kept_ids(packed.pieces)
    assert 100_000 < len(kept) < 120_000
    whole = build_tokenizer(list(packed.pieces), packed.piece_scores.tolist())
    reduced = build_tokenizer(
        [packed.pieces[i] for i in kept], [float(packed.piece_scores[i]) for i in kept]
    )
    for text in (
        "A scramjet engine comprises an isolator duct; p ≤ 0.05 µm, 25 °C.",
        "【課題】超音速燃焼を安定に維持できるスクラムジェットエンジンを提供する。",
        "α-Al2O3 粒子（平均粒径1.5μm）",
    ):
        before = list(whole.encode(text).tokens)
        assert reduced.encode(text).tokens == before


@pytest.mark.parametrize(
    ("piece", "kept"),
    [("▁engine", True), ("電池", True), ("エンジン", True), ("Ω", True), ("≤", True),
     ("é", False), ("дви", False), ("배터", False), ("ß", False)],
)  # fmt: skip
def test_which_pieces_are_kept(piece: str, kept: bool) -> None:
    assert keeps(piece) is kept


def test_special_pieces_in_a_text_are_ordinary_text() -> None:
    packed = read_packed(packed_path())
    kept = kept_ids(packed.pieces)
    tokenizer = build_tokenizer(
        [packed.pieces[i] for i in kept], [float(packed.piece_scores[i]) for i in kept]
    )
    ids = tokenizer.encode("an </s> in the text <s> <pad> <mask>").ids
    pieces = [tokenizer.id_to_token(i) for i in ids]
    assert not {"<s>", "</s>", "<pad>", "<mask>"} & set(pieces)
