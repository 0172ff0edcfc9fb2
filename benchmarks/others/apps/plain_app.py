"""Sentence-transformers behind plain FastAPI, as most people write it: one route, one encode.

The heads and calibration are those of the bundle, the encoder is the same in fp32. Run with
``ENCODER_FOLDER`` in the environment: uvicorn plain_app:app
"""

from __future__ import annotations

import os

from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer

from critech.bundle import read_bundle
from critech.text import compose_document, detect_language

TOP = 5

app = FastAPI()
bundle = read_bundle()
model = SentenceTransformer(os.environ["ENCODER_FOLDER"], device="cpu")
tokenizer = Tokenizer.from_buffer(bundle.tokenizer_bytes)


class Request(BaseModel):
    """The texts to classify."""

    texts: list[str]


@app.post("/classify")
def classify(request: Request) -> dict[str, object]:
    """Return the best labels of every text."""
    texts = [compose_document(None, text) for text in request.texts]
    vectors = model.encode([bundle.encoder_config.prefix + text for text in texts])
    return {"results": [_labels(text, vector) for text, vector in zip(texts, vectors, strict=True)]}


def _labels(text: str, vector) -> dict[str, list[dict[str, object]]]:  # type: ignore[no-untyped-def]
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    margins = bundle.heads.margins(vector, tuple(ids))
    scores = bundle.calibration.scores(margins, detect_language(text))
    found: dict[str, list[dict[str, object]]] = {}
    for at in scores.argsort()[::-1]:
        group = found.setdefault(bundle.labels[at].partition(":")[0], [])
        if len(group) < TOP:
            group.append({"label": bundle.labels[at], "score": float(scores[at])})
    return found
