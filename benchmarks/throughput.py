"""Documents per second of four arrangements, measured in turn in one run.

    python benchmarks/throughput.py [--texts FILE] [--documents N] [--rounds R]

(a) critech over HTTP at concurrency 8, one document a request; (b) critech in process; (c) bare
onnxruntime on the same model file, token ids prepared beforehand, on as many threads; (d)
sentence-transformers (torch, fp32) on the same architecture and tokenizer. Rounds alternate
between them, so that a noisy machine disturbs all alike; the best round of each counts, and what
to look at are the ratios. FILE holds JSON lines with ``text`` (and ``title``), plain or gzipped; by
default the training corpus serves.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

from critech import Classifier, Document
from critech.text import compose_document
from harness.processes import answers, running

CONCURRENCY = 8


def read_texts(path: Path | None, n: int) -> list[str]:
    """Return n texts, title included, spread over the file."""
    if path is None:
        from critech_training.corpus import default_corpus_dir

        files = sorted(default_corpus_dir().glob("*.jsonl"))
        lines = [line for file in files for line in file.read_text("utf-8").splitlines()]
    else:
        data = path.read_bytes()
        text = gzip.decompress(data) if path.suffix == ".gz" else data
        lines = text.decode().splitlines()
    rows = [json.loads(line) for line in lines[:: max(1, len(lines) // n)][:n]]
    return [compose_document(row.get("title"), row["text"]) for row in rows]


def over_http(texts: Sequence[str], address: tuple[str, int]) -> None:
    """Send every text in a request of its own, eight at a time, on kept connections."""
    connections = threading.local()

    def send(text: str) -> None:
        if not hasattr(connections, "own"):
            connections.own = http.client.HTTPConnection(*address, timeout=60)
        body = json.dumps({"documents": [{"text": text}]})
        headers = {"Content-Type": "application/json"}
        connections.own.request("POST", "/v1/classify", body, headers)
        answer = connections.own.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise RuntimeError(data.decode())

    with ThreadPoolExecutor(CONCURRENCY) as clients:
        list(clients.map(send, texts))


def sentence_transformer(classifier: Classifier) -> object | None:
    """Return the base in fp32 behind sentence-transformers, or None without the training extra."""
    try:
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import (
            Normalize,
            Pooling,
            Transformer,
        )
        from transformers import PreTrainedTokenizerFast

        from critech_training.torch_encoder import PACKED_BASE, load_base
    except ImportError:
        return None
    base = load_base(PACKED_BASE)
    with tempfile.TemporaryDirectory() as folder:
        base.model.save_pretrained(folder)
        PreTrainedTokenizerFast(
            tokenizer_object=base.tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
        ).save_pretrained(folder)
        body = Transformer(folder, max_seq_length=classifier.scorer.encoder.config.chunk_tokens)
        pooling = Pooling(classifier.scorer.encoder.config.dimension)
        return SentenceTransformer(modules=[body, pooling, Normalize()], device="cpu")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--documents", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    texts = read_texts(args.texts, args.documents)
    classifier = Classifier.load(threads=args.threads)
    encoder = classifier.scorer.encoder
    prefix = encoder.token_ids(encoder.config.prefix.rstrip())
    room = encoder.config.chunk_tokens - 2 - len(prefix)
    token_rows = [encoder.token_ids(text)[:room] for text in texts]
    inputs = [encoder.framed(ids) for ids in token_rows]
    n_tokens = statistics.mean(len(ids) for ids in token_rows)
    baseline = sentence_transformer(classifier)
    pool = ThreadPoolExecutor(args.threads)
    documents = [Document(text) for text in texts]
    arrangements: dict[str, Callable[[], object]] = {
        "critech in process": lambda: classifier.classify(documents),
        "bare onnxruntime, same model": lambda: list(pool.map(encoder.run, inputs)),
    }
    if baseline is not None:
        arrangements["sentence-transformers, fp32"] = lambda: baseline.encode(  # type: ignore[attr-defined]
            texts, batch_size=16, show_progress_bar=False
        )
    serve = [sys.executable, "-m", "critech.cli", "serve", "--port", "{port}", "--threads"]
    with closing(classifier), running([*serve, str(args.threads)], answers("/readyz")) as server:
        over = partial(over_http, texts, ("127.0.0.1", server.port))
        arrangements = {f"critech over HTTP, concurrency {CONCURRENCY}": over, **arrangements}
        best = dict.fromkeys(arrangements, 0.0)
        for _ in range(args.rounds):
            for name, run in arrangements.items():
                started = time.perf_counter()
                run()
                best[name] = max(best[name], len(texts) / (time.perf_counter() - started))
    bare = best["bare onnxruntime, same model"]
    print(
        f"{len(texts)} documents, {n_tokens:.0f} tokens on average, {args.threads} threads, "
        f"best of {args.rounds} rounds\n"
    )
    print("| arrangement | documents/s | of bare onnxruntime |\n| --- | ---: | ---: |")
    for name, rate in best.items():
        print(f"| {name} | {rate:.1f} | {rate / bare:.2f} |")


if __name__ == "__main__":
    main()
