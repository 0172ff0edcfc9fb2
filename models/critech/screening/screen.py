"""Screening: filings in, verdicts with rule, text, conditions, evidence and dates out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from critech.classifier import SECRET_PATENTS, Classifier
from critech.explain import Evidence, Request
from critech.passages import Passage
from critech.results import Decision
from critech.scorer import Scored
from critech.screening.filing import Filing
from critech.screening.model import OVERALL, Certificate
from critech.screening.reasons import describe
from critech.screening.results import (
    FieldResult,
    FilingResult,
    RuleResult,
    Screening,
    TextResult,
)
from critech.screening.verdict import (
    FieldSignals,
    FieldStanding,
    Rule,
    Topic,
    Verdict,
    conclude,
    weigh,
)
from critech_labels import IpcMatch, Label, Taxonomy, match_fields, parse_symbols
from critech_labels.law import deadlines, non_disclosure_law
from critech_labels.matcher import FieldMatch

UNREADABLE = (
    "truncated",
    "out_of_distribution",
    "language_unsupported",
    "language_mismatch",
    "short_text",
)
UNRELIABLE = frozenset(UNREADABLE) - {"truncated"}
LANGUAGE_NAME = {"en": "en", "ja": "ja", "und": "en"}


@dataclass(frozen=True)
class Reading:
    """One passage of a filing and what the model makes of it."""

    passage: Passage
    scored: Scored

    @property
    def section(self) -> str:
        """The section that is read together with the title."""
        return self.passage.sections[-1].name


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
        checked before any work is done; InputError names filing and field.
        """
        filings = list(filings)
        for i, filing in enumerate(filings):
            filing.check(f"filings[{i}]")
        readings = self._read(filings)
        drafts = [
            _Draft(self, filing, found, as_of or filing.filing_date)
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
        return Screening(
            results, self._certificate(results), self._provenance(as_of), self.classifier.model
        )

    def _read(self, filings: Sequence[Filing]) -> Iterator[list[Reading]]:
        passages = [filing.passages() for filing in filings]
        flat = [(filing, p) for filing, found in zip(filings, passages, strict=True) for p in found]
        scored = iter(
            self.classifier.score_all(
                [passage.text() for _, passage in flat], [filing.language for filing, _ in flat]
            )
        )
        for found in passages:
            yield [Reading(passage, next(scored)) for passage in found]

    def _certificate(self, results: Sequence[FilingResult]) -> dict[str, object]:
        """Return the certificate that a batch falls under, and whether the batch voids it."""
        certificate = None if self.model is None else self.model.certificate
        if certificate is None:
            return {"status": "no_certificate", "reason": "none was made for this bundle"}
        n_far = sum(result.out_of_distribution for result in results)
        return {
            **certificate_summary(certificate),
            "void": certificate.void_by_drift(len(results), n_far),
            "n_filings": len(results),
            "n_out_of_distribution": n_far,
        }

    def _provenance(self, as_of: dt.date | None) -> dict[str, object]:
        taxonomy = self.classifier.taxonomies_as_of(as_of)[SECRET_PATENTS]
        law = non_disclosure_law()
        return {
            "taxonomy": {
                "id": taxonomy.id,
                "version": taxonomy.version,
                "as_of": taxonomy.as_of.isoformat(),
            },
            "order_consolidated_to": law.consolidated_to.isoformat(),
            "law_as_of": law.as_of.isoformat(),
            "bundle_digest": self.classifier.model.digest,
            "as_of": None if as_of is None else as_of.isoformat(),
        }


def certificate_summary(certificate: Certificate) -> dict[str, object]:
    """Return a certificate in short: what it says of the 25 fields as a whole, and on what."""
    overall = certificate.entry(OVERALL, "all")
    return {
        "status": "no_certificate" if overall is None else overall.status,
        "target_recall": certificate.target_recall,
        "confidence": certificate.confidence,
        "positives": 0 if overall is None else overall.positives,
        "misses": 0 if overall is None else overall.misses,
        "lower_bound": 0.0 if overall is None else round(overall.lower_bound, 4),
        "needed": None if overall is None else overall.needed,
        "calibration_set": certificate.calibration_name,
        "calibration_digest": certificate.calibration_digest,
        "date": certificate.date,
    }


class _Draft:
    """One filing on its way to a result."""

    def __init__(
        self, screener: Screener, filing: Filing, readings: list[Reading], as_of: dt.date | None
    ) -> None:
        classifier = screener.classifier
        self.scorer = classifier.scorer
        self.model = screener.model
        self.filing = filing
        self.readings = readings
        self.as_of = as_of
        self.taxonomy: Taxonomy = classifier.taxonomies_as_of(as_of)[SECRET_PATENTS]
        symbols = parse_symbols(filing.ipc)
        self.has_symbols = any(not symbol.is_cpc_only for symbol in symbols.symbols)
        self.ipc: IpcMatch = match_fields(symbols, taxonomy=self.taxonomy)
        self.warnings = tuple(
            dict.fromkeys(warning for r in readings for warning in r.scored.warnings())
        )
        self.unreliable = any(warning.code in UNRELIABLE for warning in self.warnings)
        self.best = {label.code: self._best_reading(label) for label in self.taxonomy.labels}
        self.texts = {label.code: self._text(label) for label in self.taxonomy.labels}
        self.rules = {label.code: self._rule(label) for label in self.taxonomy.labels}
        signals = [self._signals(label) for label in self.taxonomy.labels]
        self.standings = {
            standing.code: standing
            for standing in weigh(signals, filing.conditions.answers(), self.unreliable)
        }

    def _best_reading(self, label: Label) -> Reading:
        at = self.scorer.position[label.id]
        return max(self.readings, key=lambda reading: float(reading.scored.logits[at]))

    def _text(self, label: Label) -> TextResult:
        """Return what the passage with the highest score says of a field."""
        at = self.scorer.position[label.id]
        reading = self.best[label.code]
        language = LANGUAGE_NAME[reading.scored.language]
        cutoff = float(self.scorer.bundle.thresholds.possible[0 if language == "en" else 1, at])
        entry = None
        if self.model is not None:
            cutoff = self.model.cutoffs.get(language, {}).get(label.code, cutoff)
            if self.model.certificate is not None:
                entry = self.model.certificate.entry(label.id, language)
        score = float(reading.scored.scores[at])
        decision: Decision = reading.scored.decisions[at]
        if decision == "not_assigned" and score >= cutoff:
            decision = "possible"
        return TextResult(
            score=score,
            decision=decision,
            calibrated=self.scorer.is_calibrated(reading.scored, at),
            cutoff=cutoff,
            section=reading.section,
            certificate=entry,
        )

    def _rule(self, label: Label) -> RuleResult:
        found = next((field for field in self.ipc.fields if field.code == label.code), None)
        if found is None:
            met: Rule = "none" if self.has_symbols else "not_given"
            return RuleResult(met, (), (), self.ipc.edition, "not_limited", None)
        topic, words = self._topic(found)
        return RuleResult(found.match, found.items, found.symbols, self.ipc.edition, topic, words)

    def _topic(self, found: FieldMatch) -> tuple[Topic, Mapping[str, str] | None]:
        """Return whether the text is about the topic that every item met is limited to."""
        limits = [rule.topic_limit for rule in found.rules if rule.match == found.match]
        limit = limits[0]
        if limit is None or not all(limits):
            return "not_limited", None
        topic = non_disclosure_law().topic(limit)
        if any(topic.is_in(reading.passage.text()) for reading in self.readings):
            return "met", limit.as_dict()
        return ("unsettled" if self.unreliable else "unmet"), limit.as_dict()

    def _signals(self, label: Label) -> FieldSignals:
        rule, text = self.rules[label.code], self.texts[label.code]
        return FieldSignals(
            code=label.code,
            conditional=bool(label.additional_condition),
            rule=rule.met,
            topic=rule.topic,
            text=text.decision,
            calibrated=text.calibrated,
        )

    def shown(self) -> list[Label]:
        """Return the fields for which rule or text speaks, in code order."""
        return [
            label
            for label in self.taxonomy.labels
            if self.standings[label.code].standing != "not_met"
            or self.rules[label.code].met in ("exact", "subgroup")
        ]

    def requests(self) -> list[Request]:
        """Return what evidence to look for: each passage with the fields it speaks for most."""
        return [
            Request(
                reading.passage,
                reading.scored,
                tuple(label for label in self.shown() if self.best[label.code] is reading),
            )
            for reading in self.readings
        ]

    def result(self, evidence: Sequence[Mapping[str, tuple[Evidence, ...]]] | None) -> FilingResult:
        """Return the result, with evidence per reading when it was looked for."""
        unsettled = self._unsettled()
        standings = list(self.standings.values())
        filed = self.filing.filing_date
        before = filed is not None and filed < non_disclosure_law().in_force_from
        verdict = conclude(standings, unsettled, before)
        general = [*unsettled, "filed_before_system"] if before else unsettled
        if self.filing.already_public == "yes" and verdict != "no_indication":
            general = [*general, "already_public"]
        reasons = [describe(code, None) for code in general]
        reasons += [
            describe(code, standing.code) for standing in standings for code in standing.reasons
        ]
        first = self.readings[0].scored
        return FilingResult(
            id=self.filing.id,
            language=first.language,
            verdict=verdict,
            reasons=tuple(reasons),
            tokens_seen=sum(reading.scored.tokens_seen for reading in self.readings),
            tokens_total=sum(reading.scored.tokens_total for reading in self.readings),
            warnings=self.warnings,
            fields=tuple(self._field(label, evidence) for label in self.shown()),
            ipc={
                "given": self.has_symbols,
                "edition": self.ipc.edition,
                "malformed": list(self.ipc.malformed),
                "cpc_only": list(self.ipc.cpc_only),
            },
            deadlines=None if filed is None or before else deadlines(filed),
            foreign_filing=self._foreign_filing(verdict),
            as_of=None if self.as_of is None else self.as_of.isoformat(),
            out_of_distribution=any(r.scored.out_of_distribution for r in self.readings),
        )

    def _unsettled(self) -> list[str]:
        """Return the reasons for which the filing as a whole cannot be settled."""
        codes = {warning.code for warning in self.warnings}
        found = [code for code in UNREADABLE if code in codes]
        if self.ipc.malformed:
            found.append("ipc_unreadable")
        return found

    def _field(
        self, label: Label, evidence: Sequence[Mapping[str, tuple[Evidence, ...]]] | None
    ) -> FieldResult:
        rule, text = self.rules[label.code], self.texts[label.code]
        fusion = None if self.model is None else self.model.fusion
        effective: Rule = "none" if rule.topic == "unmet" else rule.met
        found = None
        if evidence is not None:
            at = next(i for i, r in enumerate(self.readings) if r is self.best[label.code])
            found = evidence[at].get(label.id, ())
        standing: FieldStanding = self.standings[label.code]
        return FieldResult(
            label=label,
            rule=rule,
            text=text,
            fused=None if fusion is None else fusion.fuse(text.score, effective),
            fused_rule="no fusion model" if fusion is None else fusion.formula(effective),
            standing=standing,
            answered_yes=self.filing.conditions.answered("yes"),
            waived_by=tuple(
                other.code
                for other in self.taxonomy.labels
                if not other.additional_condition and self.standings[other.code].standing == "met"
            )
            if standing.waived
            else (),
            evidence=found,
        )

    def _foreign_filing(self, verdict: Verdict) -> dict[str, object]:
        """Return whether the ban on filing abroad is indicated (Act art. 78(1)): for an invention
        made in Japan, not yet public, in a field and under a condition where one is needed."""
        made, public = self.filing.invented_in_japan, self.filing.already_public
        if verdict == "no_indication" or made == "no" or public == "yes":
            state = "not_indicated"
        elif verdict == "refer" and made == "yes" and public == "no":
            state = "indicated"
        else:
            state = "unsettled"
        cited = non_disclosure_law().citations["foreign_filing"]
        return {
            "ban": state,
            "invented_in_japan": made,
            "already_public": public,
            "citations": [f"Act {cited['act']}", f"Order {cited['order']}"],
        }
