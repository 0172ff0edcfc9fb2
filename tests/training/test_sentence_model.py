"""A base or teacher that a user names wrongly is refused in words."""

from pathlib import Path

import numpy as np
import pytest

from critech.errors import InputError
from critech_training.sentence_model import load_sentence_model
from critech_training.teacher import teacher_vectors
from critech_training.torch_encoder import load_base


@pytest.fixture(params=["empty", "no JSON", "no weights", "weights cut off"])
def no_model(request: pytest.FixtureRequest, tmp_path: Path, tiny_base: Path) -> Path:
    """A folder that holds no model, or a part of one."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in tiny_base.rglob("*"):
        target = folder / path.relative_to(tiny_base)
        if request.param == "empty" or path.is_dir():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        content = path.read_bytes()
        if path.suffix == ".safetensors":
            if request.param == "no weights":
                continue
            if request.param == "weights cut off":
                content = content[: len(content) // 2]
        if path.name == "config.json" and request.param == "no JSON":
            content = b"{"
        target.write_bytes(content)
    return folder


def test_a_folder_that_is_no_model_is_named_with_its_option(no_model: Path) -> None:
    with pytest.raises(InputError, match=r"--base.*model is no sentence-transformers model: \w"):
        load_base(str(no_model))
    english, alone = np.array([True]), np.array([-1])
    with pytest.raises(InputError, match=r"--teacher.*model is no sentence-transformers model: \w"):
        teacher_vectors(str(no_model), ["A chair."], english, alone, bfloat16=False)


def test_a_model_is_loaded(tiny_base: Path) -> None:
    assert load_sentence_model(str(tiny_base), "--base").encode(["A chair."]).shape[0] == 1
