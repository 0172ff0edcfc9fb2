"""Fixtures.

Strategy: what concerns the product runs on the committed default bundle (``classifier``, loaded
once). What concerns the machinery runs on a tiny bundle (``tiny_bundle``) that a real training run
makes within seconds from a random two-layer encoder and a slice of the corpus; it knows nothing,
but every file and array of it is real. No test uses the network.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from critech import Classifier

os.environ.setdefault("CRITECH_HOST_NAMES", "testserver,x")  # as test clients call a server
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# no example has to be fast: machines are not alike, and are busy at times
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")

TINY_VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="session")
def classifier() -> Iterator[Classifier]:
    """The default bundle on two threads."""
    with Classifier.load(threads=2) as loaded:
        yield loaded


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers model with a random two-layer BERT, as an operator might name one."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-base")
    letters = [chr(c) for c in range(33, 127)] + list("のをにはがとるする置方法装電池水")
    pieces = TINY_VOCABULARY + list(dict.fromkeys(letters + ["##" + letter for letter in letters]))
    (folder / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=512,
    )
    BertModel(config).save_pretrained(folder / "body")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(folder / "body")
    body = Transformer(str(folder / "body"), max_seq_length=512)
    SentenceTransformer(modules=[body, Pooling(32)]).save(str(folder / "model"))
    return folder / "model"


@pytest.fixture(scope="session")
def tiny_records() -> list[Any]:
    """160 texts of the corpus, none a translation of another."""
    from critech_labels import load_taxonomies
    from critech_labels.taxonomy import label_order
    from critech_training.corpus import default_corpus_dir, load_corpus

    records = load_corpus(default_corpus_dir(), label_order(list(load_taxonomies().values())))
    return [
        dataclasses.replace(record, pair_of=None) for record in records[:: len(records) // 160]
    ][:160]


@pytest.fixture(scope="session")
def train_tiny(tiny_base: Path, tiny_records: list[Any]) -> Callable[..., None]:
    """Make a bundle in a folder by a whole training run on 160 texts of the corpus, or from the
    encoder in a folder."""
    from critech_training.finetune import FinetuneConfig
    from critech_training.teacher import SMALL
    from critech_training.train import TrainConfig, train

    config = TrainConfig(
        name="tiny",
        base=str(tiny_base),
        teacher=SMALL,
        finetune=FinetuneConfig(epochs=1, n_frozen_layers=1, max_tokens=64),
    )

    def run(out: Path, encoder: Path | None = None) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporters warn of their own future
            train(tiny_records, out, config, encoder)

    return run


@pytest.fixture(scope="session")
def tiny_bundle(train_tiny: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle from a whole training run on 160 texts of the corpus."""
    out = tmp_path_factory.mktemp("bundles") / "tiny"
    train_tiny(out)
    return out


@pytest.fixture(scope="session")
def distil_tiny(tiny_base: Path, tiny_records: list[Any]) -> Callable[..., dict[str, Any]]:
    """Give the tiny bundle in a folder a student of one layer; what its manifest says of it."""
    from critech_training.distil import Run, distil
    from critech_training.student import StudentConfig

    def run(bundle: Path, epochs: int = 1, **how: Any) -> dict[str, Any]:
        config = StudentConfig(layers=(1,), inner=24, max_tokens=48, epochs=epochs, batch_size=16)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporters warn of their own future
            return distil(bundle, tiny_records, config, Run(**{"base": str(tiny_base), **how}))

    return run


@pytest.fixture(scope="session")
def student_bundle(
    tiny_bundle: Path,
    distil_tiny: Callable[..., dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The tiny bundle with a student."""
    out = tmp_path_factory.mktemp("bundles") / "with-student"
    shutil.copytree(tiny_bundle, out)
    distil_tiny(out)
    return out
