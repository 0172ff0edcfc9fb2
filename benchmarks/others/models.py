"""What the servers need on disk, made once for a bundle: encoder folders and Annif's projects."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from critech.bundle import Bundle
from critech_labels.taxonomy import label_order
from critech_training.annif_projects import (
    NLTK_FOLDER,
    PROJECTS_FILE,
    VOCABULARY,
    VOCABULARY_FILE,
    annif_rows,
    write_projects,
)
from critech_training.corpus import default_corpus_dir, load_corpus
from others.encoder_folder import write_folder

TAXONOMY = "jp-critical-20"
# MLLM learns from some hundred documents and grows slow on more; TF-IDF takes them all.
MLLM_DOCUMENTS = 400
ANNIF_LABELS = 20
QUANTIZE = """
import sys
from onnxruntime.quantization import QuantType, quantize_dynamic
quantize_dynamic(sys.argv[1], sys.argv[2], per_channel=True, reduce_range=True,
                 weight_type=QuantType.QInt8)
"""


class ModelError(Exception):
    """A model could not be made; the message says by which step."""


@dataclass(frozen=True)
class Models:
    """Models of one bundle below a folder, each made when it is first asked for."""

    bundle: Bundle
    folder: Path

    def encoder(self) -> Path:
        """Return the encoder in fp32 as a sentence-transformers folder."""
        place = self.folder / "encoder"
        if not (place / "model.safetensors").is_file():
            write_folder(self.bundle, place)
        return place

    def onnx_encoder(self, programs: Path) -> Path:
        """Return the encoder for Optimum, exported by its own command line and quantised to int8
        as the bundle's is, with a free batch size."""
        place = self.folder / "encoder-onnx"
        final = place / "model_quantized.onnx"
        if not final.is_file():
            plain = self.folder / "encoder-onnx-fp32"
            task = ["--task", "feature-extraction", "--library", "transformers"]
            _run([programs / "optimum-cli", "export", "onnx", "--model", self.encoder(), *task,
                  plain])  # fmt: skip
            shutil.copytree(plain, place, ignore=shutil.ignore_patterns("*.onnx"))
            _run([programs / "python", "-c", QUANTIZE, plain / "model.onnx", final])
            shutil.rmtree(plain)
        return place

    def annif(self, programs: Path) -> tuple[Path, dict[str, str]]:
        """Return the folder of Annif's projects, trained on the English corpus for one taxonomy,
        and the environment that Annif needs there."""
        place = self.folder / "annif"
        environment = {
            "ANNIF_PROJECTS": str(place / PROJECTS_FILE),
            "ANNIF_DATADIR": str(place / "data"),
            "NLTK_DATA": str(place / NLTK_FOLDER),
        }
        if not (place / "trained").is_file():
            shutil.rmtree(place, ignore_errors=True)
            taxonomies = [t for t in self.bundle.taxonomies if t.id == TAXONOMY]
            write_projects(place, taxonomies, ANNIF_LABELS)
            corpus = load_corpus(default_corpus_dir(), self.bundle.labels)
            rows = annif_rows(corpus, label_order(taxonomies))
            (place / "all.tsv").write_text("".join(rows), encoding="utf-8")
            some = rows[:: max(1, len(rows) // MLLM_DOCUMENTS)]
            (place / "some.tsv").write_text("".join(some), encoding="utf-8")
            for step in (
                ("load-vocab", VOCABULARY, VOCABULARY_FILE),
                ("train", "tfidf", "all.tsv"),
                ("train", "mllm", "some.tsv"),
            ):
                _run([programs / "annif", *step], environment, place)
            (place / "trained").touch()
        return place, environment


def _run(
    command: Sequence[object],
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    """Run a step in another environment, without network; raise ModelError when it fails."""
    own = {**os.environ, "PYTHONPATH": "", "HF_HUB_OFFLINE": "1", **(environment or {})}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=folder, env=own, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise ModelError(f"{Path(words[0]).name} {words[1]}: {lines[-1][:200]}")
