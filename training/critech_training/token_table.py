"""The token embeddings of an encoder that was exported here, multiplied out."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper

FloatArray = npt.NDArray[np.float32]


def token_table(model: bytes) -> FloatArray:
    """Return the token vectors of an encoder that was exported here, float32 [n_tokens, hidden]."""
    graph = onnx.load_from_string(model).graph
    held = {one.name: one for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "GatherBlockQuantized":
            return unpacked(held[node.input[0]], numpy_helper.to_array(held[node.input[2]]))
        if node.op_type == "Gather" and node.input[0] in held:
            table = numpy_helper.to_array(held[node.input[0]])
            if table.ndim == 2 and table.shape[0] > table.shape[1]:
                return np.asarray(table, dtype=np.float32)
    raise ValueError("no token table in the encoder")


def unpacked(blocks: onnx.TensorProto, scales: npt.NDArray[Any]) -> FloatArray:
    """Return signed 4-bit values, the lower half of a byte first, times the scales of their blocks,
    float32 [n_tokens, hidden]."""
    packed = np.frombuffer(blocks.raw_data, dtype=np.uint8)
    halves = np.stack([packed & 15, packed >> 4], axis=-1).astype(np.int8)
    values = np.where(halves > 7, halves - 16, halves).reshape(tuple(blocks.dims))
    return np.asarray(
        values * np.repeat(scales, values.shape[1] // scales.shape[1], axis=1), np.float32
    )
