"""Screening: filings in, verdicts with rule, text, conditions, evidence and dates out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence

from critech.bundle import Bundle
from critech.classifier import Classifier
from critech.given import several, wrong_type
from critech.observing import observer
from critech.screening.draft import Draft, Reading
from critech.screening.filing import Filing
from critech.screening.model import OVERALL
from critech.screening.results import FilingResult, Screening
from critech_labels.law import non_disclosure_law
from critech_labels.matcher import SECRET_PATENTS


class Screener:
    """Screen filings with a classifier, which stays the caller's to close."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier
        self.model = classifier.bundle.screening

    def screen(
        self, filings: Iterable[Filing], explain: bool = True, as_of: dt.date | None = None
    ) -> Screening:
        """Return one result per filing, in input order.

        ``as_of`` picks the edition of the order in force on that date for all filings; by default
        it is each filing's own date, and the newest edition for one without a date. All inputs are
        checked before any work is done; InputError names filing and field, TypeError a filing of
        another type.
        """
        filings = list(several(filings, "filings", "Filings"))
        for i, filing in enumerate(filings):
            if not isinstance(filing, Filing):
                raise wrong_type(f"filings[{i}]", "a Filing", filing)
            filing.check(f"filings[{i}]")
        readings = self._read(filings)
        drafts = [
            Draft(self.classifier, filing, found, as_of or filing.filing_date)
            for filing, found in zip(filings, readings, strict=True)
        ]
        requests = [draft.requests() if explain else [] for draft in drafts]
        evidence = iter(
            self.classifier.explain_all([request for found in requests for request in found])
        )
        results = tuple(
            draft.result([next(evidence) for _ in found] if explain else None)
            for draft, found in zip(drafts, requests, strict=True)
        )
        if (told := observer()) is not None:
            told.screened(results)
        return Screening(
            results, self._certificate(results), self._provenance(as_of), self.classifier.model
        )

    def _read(self, filings: Sequence[Filing]) -> Iterator[list[Reading]]:
        passages = [filing.passages() for filing in filings]
        flat = [(filing, p) for filing, found in zip(filings, passages, strict=True) for p in found]
        scored = iter(
            self.classifier.score_passages(
                [passage for _, passage in flat], [filing.language for filing, _ in flat]
            )
        )
        for found in passages:
            yield [Reading(passage, next(scored)) for passage in found]

    def _certificate(self, results: Sequence[FilingResult]) -> dict[str, object]:
        """Return the certificate that a batch falls under, void where it cannot be relied on."""
        found = certificate_summary(self.classifier.bundle)
        certificate = None if self.model is None else self.model.certificate
        if certificate is None or found["status"] == "void":
            return found
        n_far = sum(result.out_of_distribution for result in results)
        drift = {"n_filings": len(results), "n_out_of_distribution": n_far}
        if certificate.void_by_drift(len(results), n_far):
            reason = "the batch holds significantly more out-of-distribution text than the set"
            return {**found, "status": "void", "reason": reason, **drift}
        return {**found, **drift}

    def _provenance(self, as_of: dt.date | None) -> dict[str, object]:
        law = non_disclosure_law()
        return {
            "taxonomy": SECRET_PATENTS,
            "order_consolidated_to": law.consolidated_to.isoformat(),
            "law_as_of": law.as_of.isoformat(),
            "bundle_digest": self.classifier.model.digest,
            "as_of": None if as_of is None else as_of.isoformat(),
        }


def certificate_summary(bundle: Bundle) -> dict[str, object]:
    """Return a bundle's certificate in short: what it says of the 25 fields as a whole, and on
    what. Its status is ``void`` when it was made for other files than the bundle's."""
    certificate = None if bundle.screening is None else bundle.screening.certificate
    if certificate is None:
        return {"status": "no_certificate", "reason": "none was made for this bundle"}
    if certificate.model_digest != bundle.model_digest:
        return {"status": "void", "reason": "it was made for another model"}
    overall = certificate.entry(OVERALL, "all")
    if overall is None:
        return {"status": "no_certificate", "reason": "it lacks the fields as a whole"}
    return {
        "status": overall.status,
        "target_recall": certificate.target_recall,
        "confidence": certificate.confidence,
        "positives": overall.positives,
        "misses": overall.misses,
        "lower_bound": overall.lower_bound,
        "needed": overall.needed,
        "calibration_set": certificate.calibration_name,
        "population": certificate.population,
        "calibration_digest": certificate.calibration_digest,
        "date": certificate.date,
    }
