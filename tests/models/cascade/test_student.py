"""The student in use: its token embeddings, its place between words and the full model, and files
that are none."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from bundle_edits import replace_file
from critech import Classifier
from critech.bundle import STUDENT, read_bundle
from critech.cascade.student import METADATA, TokenTable
from critech.cascade.words import STUDENT as BY_STUDENT
from critech.cascade.words import WORDS as BY_WORDS
from critech.cascade.words import Words
from critech.errors import BundleError
from critech.plain_data import read_json
from critech.scorer import Scorer

ENGINE = (
    "An airbreathing scramjet engine has an isolator duct and a combustor with injectors, in which "
    "fuel burns in a supersonic flow of air behind the inlet of the vehicle."
)


def test_token_embeddings_are_what_onnx_runtime_reads_in_the_same_bytes() -> None:
    rng = np.random.default_rng(2)
    packed = rng.integers(0, 256, (9, 32), dtype=np.uint8)
    scales = rng.normal(size=(9, 2)).astype(np.float32)
    nodes = [
        helper.make_node(
            "GatherBlockQuantized", ["values", "ids", "scales"], ["rows"], domain="com.microsoft",
            block_size=32, gather_axis=0, quantize_axis=1,
        )
    ]  # fmt: skip
    values = TensorProto(
        data_type=TensorProto.INT4, dims=(9, 64), name="values", raw_data=packed.tobytes()
    )
    graph = helper.make_graph(
        nodes,
        "lookup",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])],
        [helper.make_tensor_value_info("rows", TensorProto.FLOAT, ["n", 64])],
        [values, numpy_helper.from_array(scales, "scales")],
    )
    domains = [helper.make_opsetid("", 21), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=domains, ir_version=10)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    ids = np.array([8, 0, 3, 3])
    table = TokenTable(packed, scales)
    assert table.hidden == 64
    assert np.array_equal(table.rows(ids), session.run(["rows"], {"ids": ids})[0])


def test_half_precision_embeddings_are_taken_as_they_are() -> None:
    values = np.arange(12, dtype=np.float16).reshape(4, 3)
    table = TokenTable(values, None)
    assert table.hidden == 3
    found = table.rows(np.array([2, 0]))
    assert found.dtype == np.float32
    assert found.tolist() == [[6, 7, 8], [0, 1, 2]]


@pytest.mark.parametrize(
    "text",
    [
        ENGINE,
        "ラムジェットエンジンの燃焼器において、超音速の気流に燃料を噴射する噴射器を備える推進装置。",
    ],
    ids=["English", "Japanese"],
)
def test_the_default_student_estimates_the_encoder(classifier: Classifier, text: str) -> None:
    words, encoder = Words(classifier.scorer), classifier.scorer.encoder
    assert words.student is not None
    found = encoder.embed(text)
    estimate = words.student.vector(found.token_ids)
    assert float((estimate**2).sum()) == pytest.approx(1, abs=1e-5)
    other = encoder.embed("A recipe for a cake with apples, butter and sugar.").vector
    assert float(estimate @ found.vector) > 0.8 > float(estimate @ other) + 0.2


def test_a_student_is_asked_only_where_words_reach_a_cutoff(student_bundle: Path) -> None:
    words = Words(Scorer(read_bundle(student_bundle)))
    assert words.student is not None
    ids = words.student._encoder.token_ids(ENGINE)
    by_words = words.excess(ids, "en") + words.student.slack
    estimated = words.excess(ids, "en", words.student.vector(ids))
    least = np.minimum(by_words, estimated)
    first = np.arange(len(by_words)) == 0
    just_reached = np.where(first, by_words, np.inf).astype(np.float32)
    for cutoffs, tier, expected in (
        (None, BY_STUDENT, least),
        (by_words + 1, BY_WORDS, by_words),
        (just_reached, BY_STUDENT, np.where(first, least, -np.inf)),
    ):
        reading = words.read(ENGINE, "en", cutoffs)
        assert reading is not None
        assert reading.tier == tier
        assert np.array_equal(reading.excess, expected)


def test_the_first_tokens_are_what_a_student_reads(student_bundle: Path) -> None:
    student = Words(Scorer(read_bundle(student_bundle))).student
    assert student is not None
    ids = student._encoder.token_ids(" ".join([ENGINE] * 3))
    assert len(ids) > 100
    assert np.array_equal(student.vector(ids), student.vector(ids[:60]))
    assert not np.array_equal(student.vector(ids), student.vector(ids[:30]))


def with_metadata(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """A student that tells other things of itself."""
    import json

    model = onnx.load_from_string(data)
    told = read_json(model.metadata_props[0].value.encode())
    change(told)
    helper.set_model_props(model, {METADATA: json.dumps(told)})
    changed: bytes = model.SerializeToString()
    return changed


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.pop("slack"),
        lambda told: told["slack"].pop("jp-kprogram-50"),
        lambda told: told["slack"].update({"jp-kprogram-50": "NaN"}),
        lambda told: told.pop("max_tokens"),
        lambda told: told.update(max_tokens=-5),
        lambda told: told["table"].update(n_tokens=5),
        lambda told: told["table"].update(n_tokens=10**9),
        lambda told: told["table"].update(n_tokens=-1),
        lambda told: told["table"].update(values=10**9),
        lambda told: told["table"].update(values=-1),
        lambda told: told["table"].update(hidden=16),
        lambda told: told["table"].update(hidden=10**7),
        lambda told: told["table"].update(block=7),
        lambda told: told["table"].update(block=-1),
    ],
)
def test_a_student_that_tells_nonsense_is_refused(
    student_bundle: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object]
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(student_bundle, bundle)
    replace_file(bundle, STUDENT, with_metadata((bundle / STUDENT).read_bytes(), change))
    scorer = Scorer(read_bundle(bundle))
    with pytest.raises(BundleError) as raised:
        Words(scorer)
    assert raised.value.part == STUDENT


def test_an_estimate_that_is_no_number_leaves_the_text_to_the_full_model(
    student_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = Words(Scorer(read_bundle(student_bundle)))
    assert words.student is not None
    assert words.read(ENGINE) is not None
    broken = np.full(32, np.nan, np.float32)
    monkeypatch.setattr(words.student, "vector", lambda token_ids: broken)
    assert words.read(ENGINE) is None


def test_files_that_are_none_and_files_that_change_are_refused(
    student_bundle: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(student_bundle, bundle)
    replace_file(bundle, STUDENT, b"no model")
    with pytest.raises(BundleError, match="cannot be run"):
        Words(Scorer(read_bundle(bundle)))
    scorer = Scorer(read_bundle(student_bundle := _copy(student_bundle, tmp_path / "other")))
    (student_bundle / STUDENT).write_bytes(b"another")
    with pytest.raises(BundleError, match="another SHA-256"):
        Words(scorer)


def _copy(bundle: Path, out: Path) -> Path:
    shutil.copytree(bundle, out)
    return out
