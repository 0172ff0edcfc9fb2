"""The default bundle against ``expert_cases.yaml``."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from critech import Classifier, Document
from critech.classifier import Options

CASES = yaml.safe_load((Path(__file__).parent / "expert_cases.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_expert_case(
    case: dict[str, Any], language: str, classifier: Classifier, request: pytest.FixtureRequest
) -> None:
    if language in case.get("known_failure", {}):
        reason = case["known_failure"][language]
        request.applymarker(pytest.mark.xfail(reason=reason, raises=AssertionError, strict=True))
    document = Document(case["texts"][language]["text"], title=case["texts"][language]["title"])
    (result,) = classifier.classify([document], Options(top_k=None)).results
    assert result.language == language
    for taxonomy in result.taxonomies:
        decided = {
            label.code: (label.decision, label.score)
            for category in taxonomy.labels
            for label in (category, *category.children)
            if label.decision != "not_assigned"
        }
        assigned = {code for code, (decision, _) in decided.items() if decision == "assigned"}
        expected = case["expect"][taxonomy.id]
        where = f"{case['id']} {language} {taxonomy.id}: {decided}; {case['reason']}"
        if expected.get("nothing"):
            assert not decided, where
        required = set(expected.get("assigned", ()))
        assert required <= assigned, where
        if "any_of" in expected:
            assert assigned & set(expected["any_of"]), where
        assert assigned <= required | set(expected.get("allowed", ())), where


def test_the_cases_cover_every_taxonomy_and_language() -> None:
    assert len(CASES) >= 8
    for case in CASES:
        assert set(case["texts"]) == {"en", "ja"}
        assert len(case["expect"]) == 4
        assert case["reason"].strip()
