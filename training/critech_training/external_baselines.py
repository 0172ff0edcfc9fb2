"""Baselines that other projects publish: SetFit and Annif. Neither is a dependency.

SetFit (``pip install setfit``) is trained as its paper has it, but for at most ``SETFIT_STEPS``
steps: a few examples of each label, pairs drawn from them, a sentence encoder tuned to tell the
pairs apart, one logistic regression a label. The encoder is the smaller English teacher
(``teacher.py``), so Japanese texts are beyond it.

Annif (``pip install annif``, in an environment of its own since it pins older versions) is run as a
command found on the PATH, once with its TF-IDF backend and once with its ensemble of TF-IDF and
MLLM, on the English fit part, with the taxonomies as SKOS vocabulary. It has no Japanese analyser;
Japanese texts get a score of zero.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from critech.errors import InputError
from critech.text import compose_document, detect_language
from critech_labels import Taxonomy
from critech_labels.export import SKOS_BASE
from critech_labels.taxonomy import label_order
from critech_training.annif_projects import (
    NLTK_FOLDER,
    VOCABULARY,
    VOCABULARY_FILE,
    annif_rows,
    write_projects,
)
from critech_training.corpus import POSITIVE, Record, strengths
from critech_training.teacher import SMALL, teacher_folder

FloatArray = npt.NDArray[np.float32]
Texts = Sequence[str]

SETFIT_EXAMPLES = 8
SETFIT_ITERATIONS = 20
SETFIT_STEPS = 150
SETFIT_MAX_TOKENS = 192

ANNIF_LABELS = 1000


def setfit(
    taxonomies: Sequence[Taxonomy], fit_part: Sequence[Record], parts: Sequence[Texts]
) -> list[FloatArray]:
    """Return log-odds of SetFit, trained on ``SETFIT_EXAMPLES`` English texts of each label with
    ``SETFIT_ITERATIONS`` pairs of either kind for a text, at most ``SETFIT_STEPS`` steps."""
    try:
        from datasets import Dataset
        from setfit import SetFitModel, Trainer, TrainingArguments
    except ImportError as error:
        raise InputError("--baselines", f"setfit needs the package {error.name}") from None

    order = label_order(taxonomies)
    texts, y = _few_of_each(fit_part, order)
    used = np.flatnonzero(y.any(axis=0))
    with teacher_folder(SMALL) as base:
        model: Any = SetFitModel.from_pretrained(
            str(base), multi_target_strategy="one-vs-rest", device="cpu"
        )
    model.model_body.max_seq_length = SETFIT_MAX_TOKENS
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            batch_size=16,
            num_epochs=1,
            num_iterations=SETFIT_ITERATIONS,
            max_steps=SETFIT_STEPS,
            seed=0,
            report_to="none",
            logging_strategy="no",  # its log would go to standard output
            save_strategy="no",
        )
        dataset = Dataset.from_dict({"text": texts, "label": y[:, used].tolist()})
        Trainer(model=model, args=arguments, train_dataset=dataset).train()
    return [_log_odds(_spread(model, part, used, len(order))) for part in parts]


def _few_of_each(
    fit_part: Sequence[Record], order: Sequence[str]
) -> tuple[list[str], npt.NDArray[np.int_]]:
    """Return English texts, the first ones of each label, and their labels [n_texts, n_labels]."""
    english = [record for record in fit_part if record.language == "en"]
    chosen: set[int] = set()
    for label in order:
        found = [i for i, r in enumerate(english) if r.labels.get(label) == POSITIVE]
        chosen.update(found[:SETFIT_EXAMPLES])
    kept = [english[i] for i in sorted(chosen)]
    y = strengths([record.labels for record in kept], order) == POSITIVE
    return [compose_document(record.title, record.text) for record in kept], y.astype(int)


def _spread(model: Any, texts: Texts, used: npt.NDArray[np.intp], n_labels: int) -> FloatArray:
    out = np.zeros((len(texts), n_labels), dtype=np.float32)
    out[:, used] = np.asarray(model.predict_proba(list(texts), as_numpy=True))
    return out


def _log_odds(p: FloatArray) -> FloatArray:
    p = p.clip(1e-6, 1 - 1e-6)
    return np.asarray(np.log(p / (1 - p)), dtype=np.float32)


def annif_tfidf(
    taxonomies: Sequence[Taxonomy], fit_part: Sequence[Record], parts: Sequence[Texts]
) -> list[FloatArray]:
    """Return the scores of Annif's TF-IDF backend."""
    return _annif("tfidf", ("tfidf",), taxonomies, fit_part, parts)


def annif_ensemble(
    taxonomies: Sequence[Taxonomy], fit_part: Sequence[Record], parts: Sequence[Texts]
) -> list[FloatArray]:
    """Return the scores of Annif's ensemble of its TF-IDF and MLLM backends."""
    return _annif("ensemble", ("tfidf", "mllm"), taxonomies, fit_part, parts)


def _annif(
    project: str,
    trained: Sequence[str],
    taxonomies: Sequence[Taxonomy],
    fit_part: Sequence[Record],
    parts: Sequence[Texts],
) -> list[FloatArray]:
    command = shutil.which("annif")
    if command is None:
        raise InputError("--baselines", "annif is not on the PATH")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        order = label_order(taxonomies)
        write_projects(folder, taxonomies, ANNIF_LABELS)
        (folder / "fit.tsv").write_text("".join(annif_rows(fit_part, order)), encoding="utf-8")
        _annif_run(folder, command, "load-vocab", VOCABULARY, VOCABULARY_FILE)
        for backend in trained:
            _annif_run(folder, command, "train", backend, "fit.tsv")
        return [_annif_scores(folder, command, project, texts, order) for texts in parts]


def _annif_run(folder: Path, *arguments: str) -> None:
    environment = {**os.environ, "NLTK_DATA": str(folder / NLTK_FOLDER)}
    done = subprocess.run(
        arguments, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise InputError("--baselines", f"annif {arguments[1]} failed: {lines[-1]}")


def _annif_scores(
    folder: Path, command: str, project: str, texts: Texts, order: Sequence[str]
) -> FloatArray:
    position = {f"<{SKOS_BASE}{label}>": j for j, label in enumerate(order)}
    out = np.zeros((len(texts), len(order)), dtype=np.float32)
    english = [i for i, text in enumerate(texts) if detect_language(text) != "ja"]
    with tempfile.TemporaryDirectory(dir=folder) as name:
        documents = Path(name)
        for i in english:
            (documents / f"{i:06}.txt").write_text(texts[i], encoding="utf-8")
        limit = ("--limit", str(len(order)), "--threshold", "0")
        _annif_run(folder, command, "index", project, str(documents), *limit)
        for i in english:
            for line in (documents / f"{i:06}.annif").read_text(encoding="utf-8").splitlines():
                uri, *_, score = line.split("\t")  # label and notation stand between
                if uri in position:
                    out[i, position[uri]] = float(score)
    return out
