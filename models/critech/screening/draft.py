"""One filing on its way to a result: rule, text and topic of every field, then the verdict."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from critech.classifier import Classifier
from critech.decision import RANK
from critech.explain import Evidence, Request
from critech.heads import LANGUAGE_ROW
from critech.lexical import COVERAGE_TOKENS
from critech.passages import Passage
from critech.results import Decision
from critech.scorer import Scored
from critech.screening.filing import Filing
from critech.screening.model import log_odds
from critech.screening.reasons import describe
from critech.screening.results import FieldResult, FilingResult, RuleResult, TextResult
from critech.screening.verdict import (
    FieldSignals,
    FieldStanding,
    Rule,
    Topic,
    Verdict,
    conclude,
    weigh,
)
from critech_labels import (
    IpcMatch,
    Label,
    Taxonomy,
    load_taxonomy,
    match_fields,
    parse_symbols,
    versions,
)
from critech_labels.law import deadlines, non_disclosure_law
from critech_labels.matcher import SECRET_PATENTS, FieldMatch, too_coarse
from critech_labels.texts import Bilingual

UNREADABLE = (
    "truncated",
    "out_of_distribution",
    "language_unsupported",
    "language_mismatch",
    "short_text",
)
UNRELIABLE = frozenset(UNREADABLE) - {"truncated"}


@dataclass(frozen=True)
class Reading:
    """One passage of a filing and what the model makes of it."""

    passage: Passage
    scored: Scored

    @property
    def section(self) -> str:
        """The section that is read together with the title."""
        return self.passage.sections[-1].name

    @property
    def cutoff_language(self) -> str:
        """The language whose cut-offs apply: English where the text is in neither."""
        return "ja" if self.scored.language == "ja" else "en"

    @cached_property
    def reliable(self) -> bool:
        """False when the text could not be read well enough to confirm anything."""
        return not any(warning.code in UNRELIABLE for warning in self.scored.warnings())


class Draft:
    """One filing with the readings of its passages, held against one edition of the fields."""

    def __init__(
        self, classifier: Classifier, filing: Filing, readings: list[Reading], as_of: dt.date | None
    ) -> None:
        self.scorer = classifier.scorer
        self.model = classifier.bundle.screening
        self.filing = filing
        self.readings = readings
        self.as_of = as_of
        self.taxonomy: Taxonomy = classifier.taxonomies_as_of(as_of)[SECRET_PATENTS]
        symbols = parse_symbols(filing.ipc)
        self.has_symbols = any(not symbol.is_cpc_only for symbol in symbols.symbols)
        self.ipc: IpcMatch = match_fields(symbols, taxonomy=self.taxonomy)
        self.coarse = too_coarse(symbols, self.taxonomy)
        self.other_editions = [
            match_fields(symbols, taxonomy=other)
            for other in _editions()
            if other.version != self.taxonomy.version
        ]
        self._tokens_total = sum(reading.scored.tokens_total for reading in readings)
        self.warnings = tuple(dict.fromkeys(w for r in readings for w in r.scored.warnings()))
        found = {label.code: self._text(label) for label in self.taxonomy.labels}
        self.best = {code: reading for code, (reading, _) in found.items()}
        self.texts = {code: text for code, (_, text) in found.items()}
        self.rules = {label.code: self._rule(label) for label in self.taxonomy.labels}
        signals = [self._signals(label) for label in self.taxonomy.labels]
        self.standings = {s.code: s for s in weigh(signals, filing.conditions.answers())}

    def _text(self, label: Label) -> tuple[Reading, TextResult]:
        """Return what the passage that says most of a field says: one that speaks for it, rather
        one that could be read well, then the best decision, then the farthest above its cut-off."""
        found = [(reading, self._text_of(reading, label)) for reading in self.readings]

        def weight(pair: tuple[Reading, TextResult]) -> tuple[bool, bool, int, float]:
            reading, text = pair
            speaks = text.decision != "not_assigned"
            return speaks, reading.reliable, RANK[text.decision], _margin(text)

        return max(found, key=weight)

    def _text_of(self, reading: Reading, label: Label) -> TextResult:
        at = self.scorer.position[label.id]
        language = reading.cutoff_language
        cutoff = float(self.scorer.bundle.thresholds.possible[LANGUAGE_ROW[language], at])
        entry = None
        if self.model is not None:
            cutoff = self.model.cutoffs.get(language, {}).get(label.code, cutoff)
            if self.model.certificate is not None and reading.scored.language != "und":
                entry = self.model.certificate.entry(label.id, language)
        score = float(reading.scored.scores[at])
        decision: Decision = reading.scored.decisions[at]
        if decision != "assigned":
            # each field for itself: none because it is near another one
            row = LANGUAGE_ROW[reading.scored.language]
            least = min(cutoff, float(self.scorer.bundle.thresholds.possible[row, at]))
            decision = "possible" if score >= least else "not_assigned"
        return TextResult(
            score=score,
            decision=decision,
            calibrated=self.scorer.is_calibrated(reading.scored, at),
            cutoff=cutoff,
            section=reading.section,
            certificate=entry,
        )

    def _rule(self, label: Label) -> RuleResult:
        """Return how the symbols meet a field: in the edition that counts, else in another one,
        else perhaps, by a symbol that is too coarse to tell."""
        edition = self.ipc.edition
        found = _field(self.ipc, label.code)
        if found is not None:
            return self._rule_of(found, found.match, edition)
        for other in self.other_editions:
            elsewhere = _field(other, label.code)
            if elsewhere is not None:
                return self._rule_of(elsewhere, "other_edition", other.edition)
        if label.code in self.coarse:
            topic, words = self._topic(self.coarse[label.code])
            return RuleResult("coarse", (), (), edition, topic, words)
        met: Rule = "none" if self.has_symbols else "not_given"
        return RuleResult(met, (), (), edition, "not_limited", None)

    def _rule_of(self, found: FieldMatch, met: Rule, edition: str) -> RuleResult:
        topic, words = self._topic(found.topic_limit)
        return RuleResult(met, found.items, found.symbols, edition, topic, words)

    def _topic(self, limit: Bilingual | None) -> tuple[Topic, Mapping[str, str] | None]:
        """Return whether the text is about the topic that a rule is limited to."""
        if limit is None:
            return "not_limited", None
        topic = non_disclosure_law().topic(limit)
        if any(topic.is_in(reading.passage.text()) for reading in self.readings):
            return "met", limit.as_dict()
        readable = all(reading.reliable for reading in self.readings)
        return ("unmet" if readable else "unsettled"), limit.as_dict()

    def _signals(self, label: Label) -> FieldSignals:
        rule, text = self.rules[label.code], self.texts[label.code]
        return FieldSignals(
            code=label.code,
            conditional=bool(label.additional_condition),
            rule=rule.met,
            topic=rule.topic,
            text=text.decision,
            calibrated=self.scorer.is_fitted(
                self.best[label.code].scored, self.scorer.position[label.id]
            ),
            reliable=self.best[label.code].reliable,
        )

    def shown(self) -> list[Label]:
        """Return the fields for which rule or text speaks, in code order."""
        return [
            label
            for label in self.taxonomy.labels
            if self.standings[label.code].standing != "not_met"
            or self.rules[label.code].met not in ("none", "not_given")
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
        near = self._near()
        standings = list(self.standings.values())
        filed = self.filing.filing_date
        started = non_disclosure_law().in_force_from
        day = filed or self.as_of
        before = day is not None and day < started
        verdict = conclude(standings, [*unsettled, *near], before)
        general = [*unsettled, "filed_before_system"] if before else unsettled
        if self.filing.already_public == "yes" and verdict != "no_indication":
            general = [*general, "already_public"]
        reasons = [describe(code, None) for code in general]
        reasons += [describe("near_the_fields", code) for code in near]
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
            tokens_total=self._tokens_total,
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
            out_of_distribution=first.out_of_distribution,
            uncalibrated=tuple(
                label.code
                for label in self.taxonomy.labels
                if not self.scorer.is_calibrated(first, self.scorer.position[label.id])
            ),
            edition=self.taxonomy,
        )

    def _near(self) -> list[str]:
        """Return the code of the nearest field where a passage is like those in the fields
        together, and no field is shown by its text; else nothing."""
        any_field = self.scorer.bundle.any_field
        if any_field is None or any(t.decision != "not_assigned" for t in self.texts.values()):
            return []
        positions = [self.scorer.position[label.id] for label in self.taxonomy.labels]
        for reading in self.readings:
            scored = reading.scored
            cutoff = any_field.near(reading.cutoff_language)
            scores = scored.scores[positions]
            if self.scorer.near_fields(scores, scored.vector, scored.token_ids) >= cutoff:
                return [self.taxonomy.labels[int(scores.argmax())].code]
        return []

    def _unsettled(self) -> list[str]:
        """Return the reasons for which the filing as a whole cannot be settled."""
        codes = {warning.code for warning in self.warnings}
        found: list[str] = [code for code in UNREADABLE if code in codes]
        if self._tokens_total < COVERAGE_TOKENS and "short_text" not in found:
            found.append("short_text")
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
            if standing.waiver == "met"
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
            "ends_by": [release.as_dict() for release in non_disclosure_law().releases],
        }


def _field(match: IpcMatch, code: str) -> FieldMatch | None:
    return next((field for field in match.fields if field.code == code), None)


def _margin(text: TextResult) -> float:
    """Return how far a score is above its cut-off, as a difference of log-odds."""
    return log_odds(text.score) - log_odds(text.cutoff)


@lru_cache(maxsize=1)
def _editions() -> tuple[Taxonomy, ...]:
    dates = (dt.date.fromisoformat(version) for version in versions(SECRET_PATENTS))
    return tuple(load_taxonomy(SECRET_PATENTS, date) for date in dates)
