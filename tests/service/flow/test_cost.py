import pytest

from critech import Classifier, Document
from critech.screening.filing import Filing
from critech_service.flow.cost import documents_cost, filings_cost, n_tokens
from critech_service.schemas import EXAMPLE_EN, EXAMPLE_JA

EN, JA = EXAMPLE_EN["text"], EXAMPLE_JA["text"]


@pytest.mark.parametrize("text", [EN, JA, EN + JA, EN * 40, JA * 40])
def test_the_estimate_is_near_the_tokenizer(classifier: Classifier, text: str) -> None:
    counted = len(classifier.scorer.encoder.token_ids(text))
    assert 0.7 * counted < n_tokens(text) < 1.4 * counted


@pytest.mark.parametrize("text", ["", "x", "\ud800" * 9, "\U0001f680" * 9, "é" * 9])
def test_any_text_has_a_cost(text: str) -> None:
    assert n_tokens(text) >= bool(text)


def test_no_more_than_is_read_counts(classifier: Classifier) -> None:
    config = classifier.bundle.encoder_config
    most = config.chunk_tokens * config.max_chunks
    assert documents_cost([Document("x" * 500_000)], config, explain=False) == most
    assert documents_cost([Document("x" * 500_000)] * 3, config, explain=False) == 3 * most


def test_evidence_counts_each_reading(classifier: Classifier) -> None:
    config = classifier.bundle.encoder_config
    plain = documents_cost([Document(EN)], config, explain=False)
    one = documents_cost([Document("Sentence one.")], config, explain=True)
    assert documents_cost([Document(EN)], config, explain=True) > 3 * plain
    many = Document("A short one. " * 200)
    assert documents_cost([many], config, True) > 8 * documents_cost([many], config, False)
    assert one < 5 * documents_cost([Document("Sentence one.")], config, explain=False)


def test_every_part_of_a_filing_counts(classifier: Classifier) -> None:
    config = classifier.bundle.encoder_config
    alone = filings_cost([Filing("T", EN)], config, explain=False)
    whole = filings_cost([Filing("T", EN, claims=EN, description=EN)], config, explain=False)
    assert whole == 3 * alone
