"""An MLServer runtime: ONNX Runtime on the bundle's encoder, then the same heads."""

from __future__ import annotations

import numpy as np
from mlserver import MLModel
from mlserver.codecs import NumpyCodec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from critech.bundle import read_bundle
from critech.scorer import Scorer
from critech.text import compose_document


class HeadsRuntime(MLModel):
    """Texts in, scores float32 [n_texts, n_labels] out; loaded by each of MLServer's workers."""

    async def load(self) -> bool:
        """Read the bundle."""
        self.scorer = Scorer(read_bundle())
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Return the scores of all labels."""
        texts = StringCodec.decode_input(payload.inputs[0])
        scores = np.stack(
            [self.scorer.score(compose_document(None, text)).scores for text in texts]
        )
        return InferenceResponse(
            model_name=self.name, outputs=[NumpyCodec.encode_output("scores", scores)]
        )
