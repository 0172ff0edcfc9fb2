"""What a finished run says in the end."""

from __future__ import annotations

from collections.abc import Iterator

from critech.batch.columns import Titles
from critech.batch.progress import duration
from critech.batch.tally import Tally
from critech.cascade.words import STUDENT, WORDS
from critech.results import NOTICE

N_LABELS = 15
N_SLOWEST = 3


def summary(tally: Tally, titles: Titles, seconds: float, done_now: int) -> str:
    """Return the summary, several lines: records, flag rate, labels, out of distribution, slowest.
    ``done_now`` records took ``seconds`` in this run, earlier runs not counted."""
    return "\n".join([*_counts(tally, seconds, done_now), *_labels(tally, titles), NOTICE["en"]])


def _counts(tally: Tally, seconds: float, done_now: int) -> Iterator[str]:
    rate = f", {done_now / seconds:.1f}/s" if done_now and seconds > 0 else ""
    yield (
        f"{tally.records} records: {tally.rows} classified, {tally.n_rejected} rejected, "
        f"{tally.repeated} repeated; {done_now} in {duration(seconds)}{rate}"
    )
    if tally.rejected:
        yield "rejected: " + _list(tally.rejected.most_common())
    flagged = f"{tally.flagged} ({share(tally.flagged, tally.rows)})"
    yield f"flagged, a label possible or better: {flagged}"
    for tier, name in ((WORDS, "words alone"), (STUDENT, "the student")):
        if spared := tally.tiers[tier]:
            yield f"decided by {name}: {spared} ({share(spared, tally.rows)})"
    yield "languages: " + _list(tally.languages.most_common())
    if tally.verdicts:
        found = _list(tally.verdicts.most_common())
        yield f"verdicts, which go by rules and lower scores, too: {found}"
    far = tally.warnings["out_of_distribution"]
    yield f"out of distribution: {far} ({share(far, tally.rows)})"
    slowest = [f"{s[0]:.2f} s {s[1]} record {s[2]} ({s[3]} tokens)" for s in tally.slowest]
    yield "slowest: " + ("; ".join(slowest[:N_SLOWEST]) or "none")


def _labels(tally: Tally, titles: Titles) -> Iterator[str]:
    found = flags(tally)
    for label, assigned, possible in found[:N_LABELS]:
        title = titles.get(label, ("", ""))[0]
        yield f"  {label:<26} {assigned:>8} assigned {possible:>8} possible  {title}"
    if len(found) > N_LABELS:
        yield f"  and {len(found) - N_LABELS} more labels"


def flags(tally: Tally) -> list[tuple[str, int, int]]:
    """Return label id, how often it is assigned and how often possible, the most frequent first."""
    found = [
        (label, tally.assigned[label], tally.possible[label])
        for label in {*tally.assigned, *tally.possible}
    ]
    return sorted(found, key=lambda one: (-one[1] - one[2], one[0]))


def share(part: int, whole: int) -> str:
    """Return a share in per cent; of nothing, ``none``."""
    return f"{part / whole:.1%}" if whole else "none"


def _list(pairs: list[tuple[str, int]]) -> str:
    return ", ".join(f"{name} {count}" for name, count in pairs) or "none"
