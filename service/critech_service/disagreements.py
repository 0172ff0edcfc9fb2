"""How far two bundles disagree on the same documents, in counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from critech import Classifier
from critech.results import Decision
from critech.scorer import Scored


@dataclass(frozen=True)
class Outlook:
    """What a bundle says of one document in one taxonomy: the labels that are ``possible`` or
    ``assigned``, and the label with the highest score, sub-items aside."""

    flagged: Mapping[str, Decision]
    best: str


def outlooks(classifier: Classifier, scored: Scored) -> dict[str, Outlook]:
    """Return what a bundle says of one document, by taxonomy id."""
    position = classifier.scorer.position
    return {
        taxonomy.id: Outlook(
            {
                label.code: decision
                for label in taxonomy.labels
                if (decision := scored.decisions[position[label.id]]) != "not_assigned"
            },
            max(taxonomy.top_level(), key=lambda label: scored.scores[position[label.id]]).code,
        )
        for taxonomy in classifier.taxonomies.values()
    }


@dataclass
class Disagreements:
    """Counts for one pair of bundles. A taxonomy that only one of them has is not compared."""

    documents: int = 0
    decision_differs: Counter[str] = field(default_factory=Counter)
    top_1_differs: Counter[str] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    filings: int = 0
    verdicts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add_document(self, served: Mapping[str, Outlook], shadow: Mapping[str, Outlook]) -> None:
        """Count one document that both have classified."""
        self.documents += 1
        for name in served.keys() & shadow.keys():
            self.compared[name] += 1
            self.decision_differs[name] += served[name].flagged != shadow[name].flagged
            self.top_1_differs[name] += served[name].best != shadow[name].best

    def add_filing(self, served: str, shadow: str) -> None:
        """Count one filing that both have screened."""
        self.filings += 1
        self.verdicts[served, shadow] += 1

    @property
    def verdict_differs(self) -> int:
        """Number of filings with two verdicts."""
        return sum(n for (served, shadow), n in self.verdicts.items() if served != shadow)

    def as_dict(self) -> dict[str, object]:
        """Return the JSON form."""
        return {
            "documents": self.documents,
            "taxonomies": [
                {
                    "id": name,
                    "documents": self.compared[name],
                    "decision_differs": self.decision_differs[name],
                    "top_1_differs": self.top_1_differs[name],
                }
                for name in sorted(self.compared)
            ],
            "filings": self.filings,
            "verdict_differs": self.verdict_differs,
            "verdicts": [
                {"served": served, "shadow": shadow, "filings": n}
                for (served, shadow), n in sorted(self.verdicts.items())
            ],
        }
