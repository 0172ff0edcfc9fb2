"""Export of a fine-tuned encoder to one ONNX file: token ids in, unit vector out, int8 inside.

Token embeddings that come in 4-bit blocks are stored as they are (``GatherBlockQuantized``), so
nothing is lost on them. Weight matrices become int8 per channel with 7-bit range: without it,
processors lacking VNNI saturate their 16-bit sums and give other results than those that have it.
Activations become uint8 by the range of all that stands in a layer, so units that stand far above
the others are scaled down first (see ``outliers``). Sums and layer norms stay apart, since ONNX
Runtime's operator for both at once is the slower one.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.fusion_options import FusionOptions
from onnxruntime.transformers.optimizer import optimize_model

from critech.cascade.student import METADATA
from critech_training.base_weights import BLOCK
from critech_training.outliers import Scales, outlier_scales, unit_peaks
from critech_training.student import StudentModule
from critech_training.torch_encoder import EmbeddingBlocks, TorchEncoder

OPSET = 17


class _Attention(torch.autograd.Function):  # type: ignore[misc]
    """Multi-head attention over q, k, v [1, n_tokens, hidden], unmasked; one node in ONNX."""

    @staticmethod
    def forward(
        _: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, n_heads: int
    ) -> torch.Tensor:
        shape = (1, q.shape[1], n_heads, -1)
        heads = (tensor.view(shape).transpose(1, 2) for tensor in (q, k, v))
        mixed = torch.nn.functional.scaled_dot_product_attention(*heads)
        return mixed.transpose(1, 2).reshape(q.shape)

    @staticmethod
    def symbolic(g: Any, q: Any, k: Any, v: Any, n_heads: int) -> Any:
        """Return the node of ONNX Runtime's own operator."""
        node = g.op("com.microsoft::MultiHeadAttention", q, k, v, num_heads_i=n_heads)
        return node.setType(q.type())


class _Layer(torch.nn.Module):  # type: ignore[misc]
    """A transformer layer with query, key and value in one product. With ``scales`` [inner] the
    units between the two products of its second half are divided by them, and what they are
    weighed by is multiplied."""

    def __init__(
        self, layer: torch.nn.Module, n_heads: int, scales: torch.Tensor | None = None
    ) -> None:
        super().__init__()
        self.layer = layer
        self.n_heads = n_heads
        self.shrink: torch.Tensor | None
        self.register_buffer("shrink", None if scales is None else 1.0 / scales)
        dense = layer.output.dense.weight
        self.outer = torch.nn.Parameter(dense if scales is None else dense * scales)
        own = layer.attention.self
        parts = (own.query, own.key, own.value)
        self.weight = torch.nn.Parameter(torch.cat([part.weight for part in parts]))
        self.bias = torch.nn.Parameter(torch.cat([part.bias for part in parts]))

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Return the hidden states behind the layer, shape as given."""
        projected = torch.nn.functional.linear(hidden, self.weight, self.bias)
        q, k, v = projected.split(hidden.shape[-1], dim=-1)
        mixed = _Attention.apply(q, k, v, self.n_heads)
        attended = self.layer.attention.output(mixed, hidden)
        inner = self.layer.intermediate(attended)
        if self.shrink is not None:
            inner = inner * self.shrink
        output = self.layer.output
        second = torch.nn.functional.linear(inner, self.outer, output.dense.bias)
        return output.LayerNorm(second + attended)


class _FromWordEmbeddings(torch.nn.Module):  # type: ignore[misc]
    """Word embeddings fp32 [1, n_tokens, hidden] to the unit vector [1, hidden], unmasked. A linear
    map of the states of tokens may stand behind the layers. ``scales`` are those of ``_Layer``, one
    for each layer."""

    def __init__(
        self,
        body: torch.nn.Module,
        scales: Scales,
        last: torch.nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.embeddings = body.embeddings
        self.last = last or torch.nn.Identity()
        n_heads = body.config.num_attention_heads
        self.layers = torch.nn.ModuleList(
            _Layer(layer, n_heads, own)
            for layer, own in zip(body.encoder.layer, scales, strict=True)
        )

    def forward(self, words: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Return the normalised mean over tokens."""
        hidden = words + self.embeddings.position_embeddings(positions)
        hidden = hidden + self.embeddings.token_type_embeddings.weight[0]
        hidden = self.embeddings.LayerNorm(hidden)
        for layer in self.layers:
            hidden = layer(hidden)
        return torch.nn.functional.normalize(self.last(hidden).mean(1), dim=-1)


def export_onnx(
    encoder: TorchEncoder, rows: Sequence[Sequence[int]] = (), quantize: bool = True
) -> bytes:
    """Return the encoder as ONNX: input ``input_ids`` int64 [1, n_tokens], output ``embedding``
    fp32 [1, hidden]. ``rows`` are the framed token ids of texts, by which units are scaled down.
    Only BERT-shaped bodies can be exported."""
    body = encoder.model.eval()
    if not hasattr(body, "encoder") or not hasattr(body, "embeddings"):
        raise TypeError(f"only BERT-shaped encoders can be exported, not {type(body).__name__}")
    scales = outlier_scales(unit_peaks(body, rows))
    model = _exported(_FromWordEmbeddings(body, scales), body.config, quantize)
    _prepend_lookup(model, encoder)
    onnx.checker.check_model(model)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def _exported(module: torch.nn.Module, shape: Any, quantize: bool) -> onnx.ModelProto:
    """Return a module as ONNX with the inputs ``words`` and ``positions``; ``shape`` is the
    configuration of its body."""
    hidden_size = shape.hidden_size
    with tempfile.TemporaryDirectory() as folder:
        plain, fused, final = (str(Path(folder) / f"{n}.onnx") for n in ("plain", "fused", "final"))
        torch.onnx.export(
            module,
            (torch.zeros(1, 7, hidden_size), torch.arange(7)[None]),
            plain,
            input_names=["words", "positions"],
            output_names=["embedding"],
            dynamic_axes={"words": {1: "n_tokens"}, "positions": {1: "n_tokens"}},
            opset_version=OPSET,
            dynamo=False,
        )
        options = FusionOptions("bert")
        options.enable_skip_layer_norm = False
        optimize_model(
            plain,
            "bert",
            num_heads=shape.num_attention_heads,
            hidden_size=hidden_size,
            optimization_options=options,
            opt_level=0,
        ).save_model_to_file(fused)
        if quantize:
            quantize_dynamic(
                fused,
                final,
                per_channel=True,
                reduce_range=True,
                weight_type=QuantType.QInt8,
                op_types_to_quantize=["MatMul"],
                extra_options={"DefaultTensorType": TensorProto.FLOAT},
            )
        return onnx.load(final if quantize else fused)


def export_student(
    student: StudentModule,
    encoder_bytes: bytes,
    base: TorchEncoder,
    max_tokens: int,
    rows: Sequence[Sequence[int]] = (),
) -> bytes:
    """Return a student as ONNX: input ``words``, token embeddings fp32 [1, n_tokens, hidden],
    output ``embedding`` fp32 [1, hidden]. ``rows`` are as in ``export_onnx``, of at most
    ``max_tokens``. Its metadata say where in the file of the encoder, whose
    base is given, the token embeddings stand, and how many tokens it reads at most. Raise
    ValueError when that file has other token embeddings."""
    body = student.body.eval()
    scales = outlier_scales(unit_peaks(body, rows))
    positions = body.embeddings.position_embeddings
    body.embeddings.position_embeddings = torch.nn.Embedding.from_pretrained(
        positions.weight[:max_tokens]
    )
    module = _FromWordEmbeddings(body, scales, student.map)
    model = _exported(module, body.config, quantize=True)
    _prepend(model, *_positions_of("words"))
    del model.graph.input[:]
    shape = [1, "n", body.config.hidden_size]
    model.graph.input.append(helper.make_tensor_value_info("words", TensorProto.FLOAT, shape))
    onnx.checker.check_model(model)
    helper.set_model_props(
        model,
        {
            METADATA: json.dumps(
                {"table": token_table(base, encoder_bytes), "max_tokens": max_tokens}
            )
        },
    )
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def with_slack(student: bytes, slack: Mapping[str, float]) -> bytes:
    """Return a student that tells its slack, by taxonomy, in its metadata."""
    model = onnx.load_from_string(student)
    told = json.loads(next(one.value for one in model.metadata_props if one.key == METADATA))
    helper.set_model_props(model, {METADATA: json.dumps({**told, "slack": dict(slack)})})
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def token_table(base: TorchEncoder, encoder_bytes: bytes) -> dict[str, int]:
    """Return where the token embeddings of a base stand in an exported encoder's file, in bytes,
    and their shape. Raise ValueError when they do not."""
    if base.blocks is None:
        weight = _half(base)
        n_tokens, hidden = weight.shape
        return {
            "n_tokens": n_tokens,
            "hidden": hidden,
            "block": 0,
            "values": _place(weight.tobytes(), encoder_bytes),
        }
    values, scales = _block_tensors(base.blocks)
    n_tokens, hidden = base.blocks.values.shape
    return {
        "n_tokens": n_tokens,
        "hidden": hidden,
        "block": BLOCK,
        "values": _place(values.raw_data, encoder_bytes),
        "scales": _place(scales.raw_data, encoder_bytes),
    }


def _place(part: bytes, whole: bytes) -> int:
    found = whole.find(part)
    if found < 0:
        raise ValueError("the encoder has other token embeddings than its base")
    return found


def _prepend_lookup(model: onnx.ModelProto, encoder: TorchEncoder) -> None:
    """Replace the inputs ``words`` and ``positions`` by ``input_ids`` and the nodes that derive
    them from it."""
    graph = model.graph
    nodes, tensors = _positions_of("input_ids")
    if encoder.blocks is not None:
        nodes.append(
            helper.make_node(
                "GatherBlockQuantized",
                ["word_blocks", "input_ids", "word_scales"],
                ["words"],
                domain="com.microsoft",
                block_size=BLOCK,
                gather_axis=0,
                quantize_axis=1,
            )
        )
        tensors += _block_tensors(encoder.blocks)
    else:
        nodes += [
            helper.make_node("Gather", ["word_table", "input_ids"], ["words_half"]),
            helper.make_node("Cast", ["words_half"], ["words"], to=TensorProto.FLOAT),
        ]
        tensors.append(numpy_helper.from_array(_half(encoder), "word_table"))
    _prepend(model, nodes, tensors)
    del graph.input[:]
    graph.input.append(helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "n"]))


def _positions_of(name: str) -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
    """Return nodes and tensors that give ``positions`` int64 [1, n_tokens], from an input whose
    second axis is that of tokens."""
    nodes = [
        helper.make_node("Shape", [name], ["ids_shape"], start=1, end=2),
        helper.make_node("Squeeze", ["ids_shape"], ["n_tokens"]),
        helper.make_node("Range", ["zero", "n_tokens", "one"], ["positions_flat"]),
        helper.make_node("Unsqueeze", ["positions_flat", "axis_zero"], ["positions"]),
    ]
    tensors = [
        numpy_helper.from_array(np.array(0, np.int64), "zero"),
        numpy_helper.from_array(np.array(1, np.int64), "one"),
        numpy_helper.from_array(np.array([0], np.int64), "axis_zero"),
    ]
    return nodes, tensors


def _prepend(
    model: onnx.ModelProto, nodes: list[onnx.NodeProto], tensors: list[onnx.TensorProto]
) -> None:
    """Set nodes before those of a model, and their tensors beside its own."""
    old_nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *old_nodes])
    model.graph.initializer.extend(tensors)


def _half(encoder: TorchEncoder) -> npt.NDArray[np.float16]:
    """Return the token embeddings of a base without blocks, as they are exported."""
    weight = encoder.model.embeddings.word_embeddings.weight.detach().numpy()
    return np.asarray(weight, dtype=np.float16)


def _block_tensors(blocks: EmbeddingBlocks) -> list[onnx.TensorProto]:
    """Return the 4-bit values (two to a byte, low nibble first) and their fp32 scales."""
    nibbles = (blocks.values.astype(np.uint8) & 0x0F).reshape(len(blocks.values), -1, 2)
    packed = nibbles[..., 0] | (nibbles[..., 1] << 4)
    values = TensorProto(
        data_type=TensorProto.INT4,
        dims=blocks.values.shape,
        name="word_blocks",
        raw_data=packed.tobytes(),
    )
    return [values, numpy_helper.from_array(blocks.scales, "word_scales")]
