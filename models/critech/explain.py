"""Evidence: which spans of a text carry a label's score, and what they resemble.

The contribution of a span is what the score loses when the span is left out and the rest is read
again. Deterministic, like every score.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import numpy as np

from critech.encoder import Embedding, Run
from critech.examples import Example, centre
from critech.heads import FloatArray, sigmoid
from critech.passages import Passage, Span
from critech.scorer import Scored, Scorer
from critech.text import clean_text
from critech_labels import Label

SCORE_DECIMALS = 6
MAX_SPANS = 24
CALLS_PER_PASSAGE = 32
LEAST_SPANS = 3
SHOWN_SPANS = 3
SIMILAR = 2
_SENTENCE = re.compile(r"(?<=[.。])\s*")
_EXCLUSION = re.compile(
    r"\b(?:out|not|excluded|excluding|except|belongs?|goes? to)\b"
    r"|含まない|除く|属する|属し|対象外|ではない"
)
_PHRASE_END = re.compile(r"[.;:。；：]\s*|,\s+|、")
_MIN_PHRASE = {"en": 12, "ja": 6}


@dataclass(frozen=True)
class Evidence:
    """A span that carries a label's score: ``contribution`` is the score lost without it.
    ``definition_phrase`` is the phrase of the label's definition nearest to it, ``similar`` the
    nearest training examples with their cosine in -1..1."""

    span: Span
    quote: str
    contribution: float
    definition_phrase: str
    similar: tuple[tuple[Example, float], ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "section": self.span.section,
            "start": self.span.start,
            "end": self.span.end,
            "quote": self.quote,
            "contribution": round(self.contribution, SCORE_DECIMALS),
            "definition_phrase": self.definition_phrase,
            "similar_examples": [
                {
                    "id": example.id,
                    "language": example.language,
                    "excerpt": example.excerpt,
                    "similarity": round(cosine, 4),
                }
                for example, cosine in self.similar
            ],
        }


@dataclass(frozen=True)
class Request:
    """A passage that was scored, and the labels that its spans are to be found for."""

    passage: Passage
    scored: Scored
    labels: tuple[Label, ...]


class Explainer:
    """Find evidence with one bundle. Any number of threads may share an instance."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._examples = scorer.bundle.examples
        self._phrases = lru_cache(maxsize=1024)(self._read_phrases)

    def explain(
        self, requests: Sequence[Request], run: Run = map
    ) -> list[dict[str, tuple[Evidence, ...]]]:
        """Return for each request the evidence by label id, strongest first. ``run`` maps a
        function over tasks; a pool's ``map`` serves."""
        requests = self._readable(requests, run)
        spans = [self._candidates(request) for request in requests]
        tasks = [
            (request, span)
            for request, found in zip(requests, spans, strict=True)
            for span in found
        ]
        rests = self._scorer.score_all(
            [partial(request.passage.without, span) for request, span in tasks],
            [request.scored.language for request, _ in tasks],
            run,
        )
        left = iter(rest if rest.tokens_total else None for rest in rests)
        chosen = [
            self._strongest(request, [(span, next(left)) for span in found])
            for request, found in zip(requests, spans, strict=True)
        ]
        shown = [
            (request, label, span, drop)
            for request, by_label in zip(requests, chosen, strict=True)
            for label, found in by_label
            for span, drop in found
        ]
        quotes = [request.passage.quote(span) for request, _, span, _ in shown]
        vectors = self._scorer.encoder.embed_all([partial(clean_text, q) for q in quotes], run)
        items = list(zip(shown, vectors, strict=True))
        described = iter(list(run(lambda item: self._describe(*item[0], item[1]), items)))
        return [
            {label.id: tuple(next(described) for _ in found) for label, found in by_label}
            for by_label in chosen
        ]

    def _readable(self, requests: Sequence[Request], run: Run) -> list[Request]:
        """Return requests for what the encoder reads of their passages: of a text that was cut,
        the spans up to the cut, scored again by themselves. Else text behind the cut would move
        up when a span is left out."""
        cut = [one for one in requests if one.labels and one.scored.truncated]
        if not cut:
            return list(requests)
        shorter = list(run(self._up_to_the_cut, cut))
        again = [one for one in shorter if one.labels]
        languages = [one.scored.language for one in again]
        scored = iter(self._scorer.score_all([one.passage.text for one in again], languages, run))
        readable = iter(
            Request(one.passage, next(scored), one.labels) if one.labels else one for one in shorter
        )
        return [next(readable) if one.labels and one.scored.truncated else one for one in requests]

    def _up_to_the_cut(self, request: Request) -> Request:
        """Return the request for the spans up to the cut; without labels if not even one is."""
        count, last = 0, None
        for span in request.passage.spans():
            count += len(self._scorer.encoder.token_ids(clean_text(request.passage.quote(span))))
            if count > request.scored.tokens_seen:
                break
            last = span
        if last is None:
            return Request(request.passage, request.scored, ())
        return Request(request.passage.until(last), request.scored, request.labels)

    def _candidates(self, request: Request) -> list[Span]:
        """Return the spans to leave out: all, or, where that would cost too much, those with the
        greatest lexical weight for any of the labels, in text order."""
        spans = request.passage.spans() if request.labels else []
        capacity = self._scorer.encoder.config.chunk_tokens
        n_chunks = max(1, -(-request.scored.tokens_seen // capacity))
        limit = max(LEAST_SPANS, min(MAX_SPANS, CALLS_PER_PASSAGE // n_chunks))
        if len(spans) <= limit:
            return spans
        positions = [self._scorer.position[label.id] for label in request.labels]
        weights = [
            self._lexical_weight(clean_text(request.passage.quote(span)), positions)
            for span in spans
        ]
        order = np.argsort(-np.array(weights), kind="stable")[:limit]
        return [spans[i] for i in sorted(order.tolist())]

    def _lexical_weight(self, text: str, positions: Sequence[int]) -> float:
        heads = self._scorer.bundle.heads
        index, weights = heads.vocabulary.transform(self._scorer.encoder.token_ids(text))
        if not len(index):
            return -1e9
        return float(np.einsum("i,ij->j", weights, heads.lexical[index][:, positions]).max())

    def _strongest(
        self, request: Request, found: Sequence[tuple[Span, Scored | None]]
    ) -> list[tuple[Label, list[tuple[Span, float]]]]:
        """Return per label the spans whose absence costs most, with the loss of score. Ranked by
        the loss of log-odds, which a score near 1 hides."""
        chosen = []
        for label in request.labels:
            at = self._scorer.position[label.id]
            whole = request.scored.logits[at]
            drops = [
                (span, np.inf if rest is None else float(whole - rest.logits[at]), rest)
                for span, rest in found
            ]
            best = sorted((d for d in drops if d[1] > 0), key=lambda d: -d[1])[:SHOWN_SPANS]
            score = float(request.scored.scores[at])
            chosen.append(
                (
                    label,
                    [
                        (
                            span,
                            score - (0.0 if rest is None else _score_at(rest, at)),
                        )
                        for span, _, rest in best
                    ],
                )
            )
        return chosen

    def _describe(
        self, request: Request, label: Label, span: Span, drop: float, quoted: Embedding
    ) -> Evidence:
        quote = request.passage.quote(span)
        bundle = self._scorer.bundle
        vector = centre(quoted.vector, bundle.heads.center)
        language = "ja" if request.scored.language == "ja" else "en"
        phrases, vectors = self._phrases(label.definition.get(language), language)
        nearest = int(np.argmax(np.einsum("ij,j->i", vectors, vector)))
        similar: list[tuple[Example, float]] = []
        if self._examples is not None:
            position = self._scorer.position[label.id]
            similar = self._examples.nearest(vector, position, SIMILAR)
        return Evidence(span, quote, drop, phrases[nearest], tuple(similar))

    def _read_phrases(self, definition: str, language: str) -> tuple[tuple[str, ...], FloatArray]:
        """Return the phrases of a definition and their centred unit vectors. Sentences that say
        what the label leaves out are passed over."""
        sentences = _SENTENCE.split(definition)
        stated = [s for s in sentences if not _EXCLUSION.search(s)] or sentences[:1]
        parts = [part.strip() for s in stated for part in _PHRASE_END.split(s)]
        phrases = tuple(p for p in parts if len(p) >= _MIN_PHRASE[language]) or (definition,)
        center = self._scorer.bundle.heads.center
        vectors = [self._scorer.encoder.embed(clean_text(phrase)).vector for phrase in phrases]
        return phrases, centre(np.stack(vectors), center)


def _score_at(scored: Scored, position: int) -> float:
    return float(sigmoid(scored.logits[position : position + 1])[0])
