"""Invariants of the crosswalk, checked against the newest taxonomies."""

from __future__ import annotations

from collections.abc import Iterator

from critech_labels.crosswalk import Crosswalk
from critech_labels.taxonomy import TAXONOMY_IDS, load_taxonomies

Broader = dict[str, set[str]]


def check_crosswalk(crosswalk: Crosswalk) -> list[str]:
    """Return the problems of a crosswalk, each as a sentence that names the labels."""
    return [
        problem
        for check in (_header, _entries, _complete, _coherent)
        for problem in check(crosswalk)
    ]


def _header(crosswalk: Crosswalk) -> Iterator[str]:
    if crosswalk.status != "editorial":
        yield f"crosswalk: status {crosswalk.status!r}, expected 'editorial'"
    newest = {key: taxonomy.version for key, taxonomy in load_taxonomies().items()}
    if dict(crosswalk.versions) != newest:
        yield f"crosswalk: written from {dict(crosswalk.versions)}, the newest are {newest}"


def _entries(crosswalk: Crosswalk) -> Iterator[str]:
    known = {label.id for taxonomy in load_taxonomies().values() for label in taxonomy.labels}
    order = {taxonomy_id: at for at, taxonomy_id in enumerate(TAXONOMY_IDS)}
    seen: set[frozenset[str]] = set()
    for entry in crosswalk.entries:
        where = f"crosswalk: {entry.source} to {entry.target}"
        for label_id in (entry.source, entry.target):
            if label_id not in known:
                yield f"{where}: {label_id!r} does not exist"
        first, second = entry.source.partition(":")[0], entry.target.partition(":")[0]
        if first == second:
            yield f"{where}: both ends are in one taxonomy"
        elif order.get(first, 0) > order.get(second, len(order)):
            yield f"{where}: turn it round, {second} comes first"
        pair = frozenset((entry.source, entry.target))
        if pair in seen:
            yield f"{where}: the pair occurs more than once"
        seen.add(pair)
        if not 0 < entry.confidence <= 1:
            yield f"{where}: confidence {entry.confidence}, expected 0 to 1"
        if not entry.why.en.isascii() or entry.why.ja.isascii():
            yield f"{where}: a reason is not in its language"


def _complete(crosswalk: Crosswalk) -> Iterator[str]:
    matched = {end for entry in crosswalk.entries for end in (entry.source, entry.target)}
    top_level = [lb.id for taxonomy in load_taxonomies().values() for lb in taxonomy.top_level()]
    for label_id in top_level:
        if label_id not in matched and label_id not in crosswalk.unmatched:
            yield f"crosswalk: {label_id} is neither matched nor listed unmatched"
    for label_id in crosswalk.unmatched:
        if label_id in matched:
            yield f"crosswalk: {label_id} is matched and listed unmatched"
        if label_id not in top_level:
            yield f"crosswalk: {label_id!r}, listed unmatched, is no top-level label"


def _coherent(crosswalk: Crosswalk) -> Iterator[str]:
    """SKOS keeps related apart from broader at any distance, and nothing is broader than itself.

    Labels joined by ``exact`` count as one; a sub-item's category is broader than it.
    """
    leaders = _exact_leaders(crosswalk)
    for label_id, leader in leaders.items():
        if label_id != leader and label_id.partition(":")[0] == leader.partition(":")[0]:
            yield f"crosswalk: {leader} and {label_id} of one taxonomy share an exact match"
    broader = _broader(crosswalk, leaders)
    for entry in crosswalk.entries:
        where = f"crosswalk: {entry.source} to {entry.target}"
        source = leaders.get(entry.source, entry.source)
        target = leaders.get(entry.target, entry.target)
        above, below = _ancestors(source, broader), _ancestors(target, broader)
        if entry.relation == "related" and (target in above or source in below or source == target):
            yield f"{where}: related, but other links make one broader than the other"
        if entry.relation in ("broad", "narrow") and (source in above or target in below):
            yield f"{where}: other links make a label broader than itself"


def _exact_leaders(crosswalk: Crosswalk) -> dict[str, str]:
    """Return for each label with an exact match the one label that stands for all of its group."""
    groups: dict[str, set[str]] = {}
    for entry in crosswalk.entries:
        if entry.relation == "exact":
            joined = groups.get(entry.source, {entry.source})
            joined |= groups.get(entry.target, {entry.target})
            groups.update(dict.fromkeys(joined, joined))
    return {label_id: min(group) for label_id, group in groups.items()}


def _broader(crosswalk: Crosswalk, leaders: dict[str, str]) -> Broader:
    """Return for each label those directly broader than it, by category or by link."""
    pairs = [
        (label.id, f"{taxonomy.id}:{label.parent}")
        for taxonomy in load_taxonomies().values()
        for label in taxonomy.labels
        if label.parent is not None
    ]
    for entry in crosswalk.entries:
        if entry.relation == "broad":
            pairs.append((entry.source, entry.target))
        elif entry.relation == "narrow":
            pairs.append((entry.target, entry.source))
    found: Broader = {}
    for label_id, above in pairs:
        found.setdefault(leaders.get(label_id, label_id), set()).add(leaders.get(above, above))
    return found


def _ancestors(label_id: str, broader: Broader) -> set[str]:
    found: set[str] = set()
    left = list(broader.get(label_id, ()))
    while left:
        current = left.pop()
        if current not in found:
            found.add(current)
            left.extend(broader.get(current, ()))
    return found
