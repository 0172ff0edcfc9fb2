"""A bundle of a few kilobytes whose every file is real: two labels, four dimensions, five words."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from critech.bundle import BundleContent, write_bundle
from critech.cascade.student import METADATA
from critech.encoder import EncoderConfig
from critech.examples import Example, build_examples
from critech.screening.model import Fusion, ScreeningModel
from critech_labels import load_taxonomy
from critech_labels.export import snapshot

WORDS = ("[UNK]", "[CLS]", "[SEP]", "a", "pump")
DIMENSION = 4


def write_tiny_bundle(folder: Path) -> None:
    """Write the bundle; the same bytes every time, as far as the libraries allow."""
    data = snapshot(load_taxonomy("us-ecra-14"))
    data["labels"] = [label for label in data["labels"] if label["code"] in ("02", "02.i")]
    data["pointers"] = []
    labels = tuple(f"{data['id']}:{label['code']}" for label in data["labels"])
    table = np.linspace(-1, 1, len(WORDS) * DIMENSION, dtype=np.float16).reshape(-1, DIMENSION)
    encoder = _encoder(table)
    one = np.ones((2, len(labels)), np.float32)
    content = BundleContent(
        name="tiny",
        version="1",
        encoder_config=EncoderConfig("", 1, 2, 16, 2, DIMENSION),
        encoder_bytes=encoder,
        tokenizer_bytes=json.dumps(_tokenizer()).encode(),
        labels=labels,
        snapshot={"taxonomies": [data]},
        arrays={
            "center": np.zeros(DIMENSION, np.float32),
            "dense": np.ones((len(labels), DIMENSION), np.float32),
            "lexical": np.ones((2, len(labels)), np.float16),
            "intercept": np.zeros(len(labels), np.float32),
            "lexical_keys": np.array([3 << 32, 4 << 32], np.uint64),
            "lexical_idf": np.ones(2, np.float32),
            "slope": one,
            "offset": one,
            "fitted": one.astype(np.bool_),
            "assigned": one / 2,
            "possible": one / 4,
            "coverage_floor": np.zeros(2, np.float32),
            "companion_share": one / 8,
        },
        scale=1.0,
        metrics={"n_texts": 1},
        model_card="# tiny\n",
        training={"date": dt.date(2026, 1, 1).isoformat()},
        examples=build_examples(
            [Example("e-1", "en", "A pump.")],
            np.eye(1, DIMENSION, dtype=np.float32),
            np.zeros(DIMENSION, np.float32),
            np.ones((1, len(labels)), np.bool_),
        ),
        screening=ScreeningModel(Fusion({"exact": 4.0, "subgroup": 2.0, "none": -1.0}), {}, "none"),
        student=_student(table, encoder, data["id"]),
    )
    write_bundle(content, folder)


def _tokenizer() -> dict[str, object]:
    vocabulary = {word: number for number, word in enumerate(WORDS)}
    return {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": WORDS[0]},
    }


def _encoder(table: np.ndarray) -> bytes:
    """Return a network that looks the tokens up, averages them and scales to unit length."""
    graph = helper.make_graph(
        [
            helper.make_node("Gather", ["table", "input_ids"], ["half"], axis=0),
            helper.make_node("Cast", ["half"], ["found"], to=TensorProto.FLOAT),
            helper.make_node("ReduceMean", ["found"], ["mean"], axes=[1], keepdims=0),
            helper.make_node("LpNormalization", ["mean"], ["embedding"], axis=-1, p=2),
        ],
        "tiny",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "n"])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, DIMENSION])],
        [numpy_helper.from_array(table, "table")],
    )
    return _bytes(graph)


def _student(table: np.ndarray, encoder: bytes, taxonomy: str) -> bytes:
    """Return a network that does the same with embeddings that it is given."""
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["words"], ["mean"], axes=[1], keepdims=0),
            helper.make_node("LpNormalization", ["mean"], ["embedding"], axis=-1, p=2),
        ],
        "student",
        [helper.make_tensor_value_info("words", TensorProto.FLOAT, [1, "n", DIMENSION])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, DIMENSION])],
    )
    place = encoder.index(table.tobytes())
    told = {
        "table": {"n_tokens": len(WORDS), "hidden": DIMENSION, "block": 0, "values": place},
        "max_tokens": 8,
        "slack": {taxonomy: 0.5},
    }
    return _bytes(graph, {METADATA: json.dumps(told)})


def _bytes(graph: onnx.GraphProto, metadata: dict[str, str] | None = None) -> bytes:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, metadata or {})
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
