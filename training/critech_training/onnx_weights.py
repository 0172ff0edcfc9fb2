"""Weights out of an exported network, so that it can be exported anew without being tuned again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import onnx
import torch
from onnx import numpy_helper

QKV = ("attention.self.query", "attention.self.key", "attention.self.value")
SECOND_HALF = ("attention.output", "intermediate", "output")
NORMS = ("attention.output", "output")
PRODUCTS_OF_A_LAYER = 1 + len(SECOND_HALF)

FloatArray = npt.NDArray[np.float32]


def restore_exported(
    body: torch.nn.Module, data: bytes, last: torch.nn.Linear | None = None
) -> None:
    """Load the layers of a network that ``export`` wrote with int8 weights into a body of its
    shape, and what stands behind them into ``last``. Each weight becomes the number that its eight
    bits stand for; embeddings, which are never tuned, stay those of the body.

    Raise ValueError for a network of another shape.
    """
    network = _Network(data)
    n_layers = len(body.encoder.layer)
    products, norms = network.products(), network.norms()
    if len(products) != PRODUCTS_OF_A_LAYER * n_layers + (last is not None):
        raise ValueError(f"the network has {len(products)} products of int8 matrices")
    state: dict[str, FloatArray] = {}
    for i in range(n_layers):
        own, at = f"encoder.layer.{i}.", PRODUCTS_OF_A_LAYER * i
        (first, biases), *rest = products[at : at + PRODUCTS_OF_A_LAYER]
        weights = np.split(first, len(QKV))
        for name, weight, bias in zip(QKV, weights, np.split(biases, len(QKV)), strict=True):
            state |= {f"{own}{name}.weight": weight, f"{own}{name}.bias": bias}
        for name, (weight, bias) in zip(SECOND_HALF, rest, strict=True):
            state |= {f"{own}{name}.dense.weight": weight, f"{own}{name}.dense.bias": bias}
        # the first norm is that of the embeddings
        for name, (weight, bias) in zip(NORMS, norms[1 + 2 * i : 3 + 2 * i], strict=True):
            state |= {f"{own}{name}.LayerNorm.weight": weight, f"{own}{name}.LayerNorm.bias": bias}
    _load(body, state)
    if last is not None:
        _load(last, dict(zip(("weight", "bias"), products[-1], strict=True)))


def _load(module: torch.nn.Module, state: Mapping[str, FloatArray]) -> None:
    own = module.state_dict()
    wrong = [name for name, value in state.items() if own[name].shape != value.shape]
    if wrong:
        raise ValueError(f"the network has another shape: {wrong[0]}")
    module.load_state_dict(
        {name: torch.tensor(value) for name, value in state.items()}, strict=False
    )


class _Network:
    """A network read by its nodes: its exporter names tensors as it likes, and joins like ones."""

    def __init__(self, data: bytes) -> None:
        self._graph = onnx.load_from_string(data).graph
        self._tensors = {one.name: numpy_helper.to_array(one) for one in self._graph.initializer}
        self._maker = {name: node for node in self._graph.node for name in node.output}
        self._user = {name: node for node in self._graph.node for name in node.input}

    def products(self) -> list[tuple[FloatArray, FloatArray]]:
        """Return weight [out, in] and bias [out] of each linear map, in their order."""
        return [self._product(one) for one in self._graph.node if one.op_type == "MatMulInteger"]

    def norms(self) -> list[tuple[FloatArray, FloatArray]]:
        """Return weight and bias of each layer norm, in their order."""
        before = {"LayerNormalization": 1, "SkipLayerNormalization": 2}
        return [
            (self._tensors[node.input[at]], self._tensors[node.input[at + 1]])
            for node in self._graph.node
            if (at := before.get(node.op_type))
        ]

    def _product(self, node: onnx.NodeProto) -> tuple[FloatArray, FloatArray]:
        name = node.input[1].removesuffix("_quantized")
        values = self._tensors[node.input[1]].astype(np.float32)
        weight = (values * self._tensors[f"{name}_scale"]).T
        quantised = self._maker[node.input[0]]
        before = self._maker.get(quantised.input[0])
        if before is not None and before.op_type == "Mul":  # units that were scaled down
            weight = weight * self._beside(before)
        cast = self._user[node.output[0]]
        scaled = self._user[cast.output[0]]
        return np.ascontiguousarray(weight), self._beside(self._user[scaled.output[0]])

    def _beside(self, node: onnx.NodeProto) -> FloatArray:
        """Return the last of a node's inputs that is a tensor of the file: what is added to a
        product, or it is multiplied by."""
        name = [one for one in node.input if one in self._tensors][-1]
        return np.asarray(self._tensors[name], np.float32)
