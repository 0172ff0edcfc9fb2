"""The real service over a classifier that skips the one slow step, the encoder's network.

Tokenizer, heads, calibration, thresholds, evidence and screening are those of the default bundle;
the vector of a text is drawn from its tokens, so the same text still gives the same bits. The
bundle is given a screening model and training examples, so that every part of an answer occurs.
"""

from __future__ import annotations

import copy
import dataclasses
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import uvicorn
from fastapi import FastAPI

from critech import Classifier
from critech.bundle import Bundle, read_bundle
from critech.encoder import OnnxEncoder
from critech.examples import Example, build_examples
from critech.screening.model import Certificate, CertificateEntry, Fusion, ScreeningModel
from critech_labels.matcher import SECRET_PATENTS
from critech_service.access.records import KeyFile, Scope, new_key
from critech_service.access.store import update_keys
from critech_service.app import create_app
from critech_service.serving import Serving
from critech_service.settings import Settings


class DrawnEncoder(OnnxEncoder):
    """Unit vectors drawn from the tokens, without the network."""

    def run(self, input_ids: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Return the unit vector float32 [dimension] of one framed chunk."""
        drawn = np.random.default_rng(input_ids[0]).standard_normal(self.config.dimension)
        return (drawn / np.linalg.norm(drawn)).astype(np.float32)


def fast_classifier(threads: int = 1) -> Classifier:
    """Return a classifier over the default bundle that does not run its network."""
    bundle = read_bundle()
    classifier = Classifier(_completed(bundle), threads)
    classifier.scorer.encoder = DrawnEncoder(
        bundle.encoder_bytes, bundle.tokenizer_bytes, bundle.encoder_config
    )
    return classifier


def _completed(bundle: Bundle) -> Bundle:
    """Return a bundle that lacks neither examples nor a screening model with its certificate."""
    n_labels, dimension = len(bundle.labels), bundle.encoder_config.dimension
    examples = [Example(f"made-{i}", "en", "A made-up example.") for i in range(4)]
    vectors = np.eye(4, dimension, dtype=np.float32)
    positive = np.ones((4, n_labels), dtype=np.bool_)
    (fields,) = [found for found in bundle.taxonomies if found.id == SECRET_PATENTS]
    codes = fields.codes()
    entries = [
        CertificateEntry(code, "en", 0.1, 60, 1, 0.92, "no_certificate", 33) for code in codes
    ]
    overall = CertificateEntry("any", "all", None, 59, 0, 0.9505, "certified", 0)
    screening = ScreeningModel(
        fusion=Fusion({"exact": 4.0, "subgroup": 2.0, "none": -1.0}),
        cutoffs={language: dict.fromkeys(codes, 0.1) for language in ("en", "ja")},
        cutoff_rule="made up",
        certificate=Certificate(
            model_digest=bundle.model_digest,
            calibration_digest="sha256:0",
            calibration_name="made up",
            population="made up",
            n_texts=1_000,
            n_out_of_distribution=10,
            date="2026-01-01",
            target_recall=0.95,
            confidence=0.95,
            entries=(overall, *entries),
        ),
    )
    return dataclasses.replace(
        bundle,
        examples=bundle.examples
        or build_examples(examples, vectors, bundle.heads.center, positive),
        screening=screening,
    )


def app_with_key(classifier: Classifier, folder: Path) -> tuple[FastAPI, str]:
    """Return an application that asks for a key and keeps an audit log, and a key that may do
    everything."""
    record, token = new_key("fuzz", tuple(Scope))
    update_keys(folder / "keys.json", lambda _: KeyFile(keys=(record,)))
    settings = Settings(
        keys_file=folder / "keys.json",
        rate_limit=0,
        concurrency_limit=0,
        audit_log=folder / "audit.jsonl",
        audit_hmac_key="made up, and longer than thirty-two bytes",
        audit_fsync="off",
        corrections_file=folder / "corrections.jsonl",
    )
    return fast_app(classifier, settings), token


def fast_app(classifier: Classifier, settings: Settings | None = None) -> FastAPI:
    """Return an application over such a classifier, which no self-test would pass. A reload gives
    another one of the same."""
    serving_one = Serving(classifier, owned=False)
    return create_app(settings, serving_one, load=lambda: _another(classifier))


def _another(classifier: Classifier) -> Classifier:
    other = copy.copy(classifier)
    other._pool = ThreadPoolExecutor(classifier.threads)
    other._run = other._pool.map
    return other


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Give the address of a server on a free loopback port, and stop it."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not server.started:
        if time.monotonic() > deadline:
            raise TimeoutError("the server did not start")
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)
