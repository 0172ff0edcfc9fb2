"""What changed between two versions of a taxonomy."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from critech_labels.export import to_dict
from critech_labels.taxonomy import IpcRule, Label, Taxonomy
from critech_labels.texts import TaxonomyError


@dataclass(frozen=True)
class FieldChange:
    """One field with its JSON-ready value before and after, None where it is not there.

    ``path`` leads through mappings, as ``title.ja``; lists are compared whole.
    """

    path: str
    old: Any
    new: Any


@dataclass(frozen=True)
class RuleChange:
    """One IPC rule before and after; ``old`` is None for a new rule, ``new`` for one dropped.

    ``added`` and ``removed`` are symbols. Both are empty where only the item's number, the grouping
    of the symbols or the topic limit changed.
    """

    old: IpcRule | None
    new: IpcRule | None
    added: tuple[str, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True)
class LabelDiff:
    """The changes of one label that stands in both versions; at least one."""

    code: str
    fields: tuple[FieldChange, ...]
    rules: tuple[RuleChange, ...]


@dataclass(frozen=True)
class TaxonomyDiff:
    """The changes from one version to another. ``added`` and ``retired`` are codes."""

    taxonomy_id: str
    old_version: str
    new_version: str
    header: tuple[FieldChange, ...]
    added: tuple[str, ...]
    retired: tuple[str, ...]
    changed: tuple[LabelDiff, ...]

    def __bool__(self) -> bool:
        """True when anything but the version's name differs."""
        return bool(self.header or self.added or self.retired or self.changed)

    def as_dict(self) -> dict[str, Any]:
        """Return the diff as JSON-ready data."""
        data: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return data


def diff(old: Taxonomy, new: Taxonomy) -> TaxonomyDiff:
    """Return what differs between two versions. Raise TaxonomyError for two different taxonomies.

    Labels follow the order of the newer version. A change in the order of labels that both have is
    the header field ``label_order``.
    """
    if old.id != new.id:
        raise TaxonomyError(f"cannot compare {old.id} with {new.id}: two different taxonomies")
    before = {label.code: label for label in old.labels}
    after = {label.code: label for label in new.labels}
    common = before.keys() & after.keys()
    pairs = [(before[code], label) for code, label in after.items() if code in common]
    return TaxonomyDiff(
        taxonomy_id=new.id,
        old_version=old.version,
        new_version=new.version,
        header=tuple(_changes(_header(old, common), _header(new, common))),
        added=tuple(code for code in after if code not in common),
        retired=tuple(code for code in before if code not in common),
        changed=tuple(_label_diff(one, other) for one, other in pairs if one != other),
    )


def _header(taxonomy: Taxonomy, common: set[str]) -> dict[str, Any]:
    head = {key: value for key, value in to_dict(taxonomy).items() if key != "labels"}
    del head["version"]
    return {**head, "label_order": [code for code in taxonomy.codes() if code in common]}


def _label_diff(old: Label, new: Label) -> LabelDiff:
    one, other = to_dict(old), to_dict(new)
    one.pop("ipc_rules", None)
    other.pop("ipc_rules", None)
    rules = tuple(_rule_changes(old.ipc_rules, new.ipc_rules))
    return LabelDiff(new.code, tuple(_changes(one, other)), rules)


def _changes(old: Any, new: Any, path: str = "") -> Iterator[FieldChange]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            yield from _changes(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif old != new:
        yield FieldChange(path, old, new)


def _rule_changes(old: tuple[IpcRule, ...], new: tuple[IpcRule, ...]) -> Iterator[RuleChange]:
    """Pair equal rules first, then those that differ only in number, then those of one number."""
    left, right = list(old), list(new)
    pairs: list[tuple[IpcRule | None, IpcRule | None]] = []
    for same in (_equal, _same_content, _same_item):
        for rule in tuple(left):
            other = next((found for found in right if same(rule, found)), None)
            if other is not None:
                pairs.append((rule, other))
                left.remove(rule)
                right.remove(other)
    pairs += [(rule, None) for rule in left] + [(None, rule) for rule in right]
    for one, two in pairs:
        if one != two:
            before, after = _symbols(one), _symbols(two)
            added = tuple(symbol for symbol in after if symbol not in before)
            removed = tuple(symbol for symbol in before if symbol not in after)
            yield RuleChange(one, two, added, removed)


def _equal(one: IpcRule, other: IpcRule) -> bool:
    return one == other


def _same_content(one: IpcRule, other: IpcRule) -> bool:
    return (one.all_of, one.topic_limit) == (other.all_of, other.topic_limit)


def _same_item(one: IpcRule, other: IpcRule) -> bool:
    return one.order_item is not None and one.order_item == other.order_item


def _symbols(rule: IpcRule | None) -> tuple[str, ...]:
    return tuple(symbol for group in rule.all_of for symbol in group) if rule else ()


def to_text(found: TaxonomyDiff) -> str:
    """Return a diff for people, a line for every change; it ends in a line break."""
    lines = [f"{found.taxonomy_id}: {found.old_version} -> {found.new_version}"]
    for change in found.header:
        lines += _change_lines(change)
    lines += [f"added {code}" for code in found.added]
    lines += [f"retired {code}" for code in found.retired]
    for label in found.changed:
        lines.append(label.code)
        lines += [f"  {line}" for change in label.fields for line in _change_lines(change)]
        lines += [f"  {line}" for rule in label.rules for line in _rule_lines(rule)]
    return "\n".join(lines if found else [*lines, "no difference"]) + "\n"


def _change_lines(change: FieldChange) -> Iterator[str]:
    yield change.path
    if isinstance(change.old, list) and isinstance(change.new, list):
        removed = [item for item in change.old if item not in change.new]
        added = [item for item in change.new if item not in change.old]
        if not removed and not added:
            yield "  the order changed"
    else:
        removed = [] if change.old is None else [change.old]
        added = [] if change.new is None else [change.new]
    yield from (f"  - {_plain(item)}" for item in removed)
    yield from (f"  + {_plain(item)}" for item in added)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _rule_lines(change: RuleChange) -> Iterator[str]:
    old, new = _item(change.old), _item(change.new)
    yield f"IPC rule, {old}" if old == new else f"IPC rule, {old} -> {new}"
    if change.removed:
        yield f"  - {', '.join(change.removed)}"
    if change.added:
        yield f"  + {', '.join(change.added)}"
    if change.old and change.new and not _same_content(change.old, change.new):
        if not change.added and not change.removed:
            yield "  the grouping of the symbols or the topic limit changed"
        elif change.old.topic_limit != change.new.topic_limit:
            yield "  the topic limit changed"


def _item(rule: IpcRule | None) -> str:
    return "none" if rule is None else f"item {rule.order_item or '?'}"
