"""The bundle's encoder as a sentence-transformers folder, for servers that read such folders.

Nothing is downloaded: the int8 weights and 4-bit token embeddings of ``encoder.onnx`` are
multiplied out to fp32, so that the bundle's own heads fit the vectors (cosine with those of the
bundle above 0.99).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.processors import TemplateProcessing

from critech.bundle import Bundle

Arrays = dict[str, npt.NDArray[Any]]
N_HEADS = 12
NORM_EPS = 1e-12
MAX_TOKENS = 512
# the matrices of a layer in the order of the graph
MATRICES = ("qkv", "attention.output.dense", "intermediate.dense", "output.dense")


def write_folder(bundle: Bundle, folder: Path) -> None:
    """Write weights, tokenizer and configuration of the bundle's encoder."""
    state = _state(onnx.load_model_from_string(bundle.encoder_bytes))
    vocabulary, hidden = state["embeddings.word_embeddings.weight"].shape
    n_layers = sum(name.endswith("intermediate.dense.bias") for name in state)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "tokenizer.json").write_text(_framing_tokenizer(bundle), encoding="utf-8")
    files: dict[str, object] = {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "vocab_size": vocabulary,
            "hidden_size": hidden,
            "num_hidden_layers": n_layers,
            "num_attention_heads": N_HEADS,
            "intermediate_size": len(state["encoder.layer.0.intermediate.dense.bias"]),
            "max_position_embeddings": len(state["embeddings.position_embeddings.weight"]),
            "type_vocab_size": 2,
            "layer_norm_eps": NORM_EPS,
            "hidden_act": "gelu",
            "pad_token_id": 1,
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": MAX_TOKENS,
            "bos_token": "<s>",
            "eos_token": "</s>",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
        },
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {
                "idx": 1,
                "name": "1",
                "path": "1_Pooling",
                "type": "sentence_transformers.models.Pooling",
            },
            {
                "idx": 2,
                "name": "2",
                "path": "2_Normalize",
                "type": "sentence_transformers.models.Normalize",
            },
        ],
        "sentence_bert_config.json": {"max_seq_length": MAX_TOKENS, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": {"query": bundle.encoder_config.prefix}},
        "1_Pooling/config.json": {
            "word_embedding_dimension": hidden,
            "pooling_mode_mean_tokens": True,
        },
    }
    (folder / "2_Normalize").mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=1) + "\n")


def _framing_tokenizer(bundle: Bundle) -> str:
    """Return the tokenizer as JSON; it frames texts itself, which the bundle's leaves to its
    caller."""
    tokenizer = Tokenizer.from_buffer(bundle.tokenizer_bytes)
    ids = (bundle.encoder_config.bos, bundle.encoder_config.eos)
    bos, eos = (tokenizer.id_to_token(i) for i in ids)
    tokenizer.post_processor = TemplateProcessing(
        single=f"{bos} $A {eos}", special_tokens=[(bos, ids[0]), (eos, ids[1])]
    )
    return str(tokenizer.to_str())


def _state(model: onnx.ModelProto) -> Arrays:
    """Return the weights under the names that BERT has in transformers, fp32."""
    found = {t.name: t for t in model.graph.initializer}
    arrays = {n: numpy_helper.to_array(t) for n, t in found.items() if n != "word_blocks"}
    matrices = [
        _multiplied_out(arrays, node.input[1].removesuffix("_quantized"))
        for node in model.graph.node
        if node.op_type == "MatMulInteger"
    ]
    state = {
        "embeddings.word_embeddings.weight": _unpacked(found["word_blocks"], arrays["word_scales"]),
        "embeddings.position_embeddings.weight": arrays["embeddings.position_embeddings.weight"],
        "embeddings.token_type_embeddings.weight": _token_types(model, arrays),
        "embeddings.LayerNorm.weight": arrays["embeddings.LayerNorm.weight"],
        "embeddings.LayerNorm.bias": arrays["embeddings.LayerNorm.bias"],
    }
    for i in range(len(matrices) // len(MATRICES)):
        layer = dict(zip(MATRICES, matrices[i * len(MATRICES) :], strict=False))
        state |= _attention(f"encoder.layer.{i}", layer.pop("qkv"), arrays[f"layers.{i}.bias"])
        state |= {f"encoder.layer.{i}.{name}.weight": matrix for name, matrix in layer.items()}
        old = f"layers.{i}.layer."
        state |= {
            f"encoder.layer.{i}.{name.removeprefix(old)}": array
            for name, array in arrays.items()
            if name.startswith(old)
        }
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in state.items()}


def _unpacked(blocks: onnx.TensorProto, scales: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """Return signed 4-bit values, the lower half of a byte first, times the scales of their blocks,
    float32 [n_tokens, hidden]."""
    packed = np.frombuffer(blocks.raw_data, dtype=np.uint8)
    halves = np.stack([packed & 15, packed >> 4], axis=-1).astype(np.int8)
    values = np.where(halves > 7, halves - 16, halves).reshape(tuple(blocks.dims))
    return np.asarray(
        values * np.repeat(scales, values.shape[1] // scales.shape[1], axis=1), np.float32
    )


def _multiplied_out(arrays: Arrays, name: str) -> npt.NDArray[np.float32]:
    """Return a quantised matrix [n_in, n_out] as torch keeps it, fp32 [n_out, n_in]."""
    whole = arrays[f"{name}_quantized"].astype(np.float32)
    zero = arrays[f"{name}_zero_point"].astype(np.float32)
    return np.asarray(((whole - zero) * arrays[f"{name}_scale"]).T, dtype=np.float32)


def _attention(name: str, matrix: npt.NDArray[Any], bias: npt.NDArray[Any]) -> Arrays:
    """Return query, key and value from the one product that they are in."""
    out: Arrays = {}
    for i, part in enumerate(("query", "key", "value")):
        out[f"{name}.attention.self.{part}.weight"] = np.split(matrix, 3)[i]
        out[f"{name}.attention.self.{part}.bias"] = np.split(bias, 3)[i]
    return out


def _token_types(model: onnx.ModelProto, arrays: Arrays) -> npt.NDArray[Any]:
    """Return the embeddings of both token types; only the first is ever used."""
    norm = next(n for n in model.graph.node if n.op_type == "LayerNormalization")
    adding = next(n for n in model.graph.node if n.output[0] == norm.input[0])
    first = arrays[adding.input[1]]
    return np.stack([first, np.zeros_like(first)])
