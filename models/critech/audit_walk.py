"""The walk along an audit log: every line held against the furthest record before it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from critech.audit import ORIGIN, Link, link_of
from critech.audit_report import MAX_FINDINGS, Report, What

Record = Mapping[str, Any]


class Walk:
    """A verification under way. ``named`` is the record that the head beside the log names,
    ``head`` the hash of a record kept elsewhere. Tell it every line, in order, then ``end``."""

    def __init__(self, named: Link | None, head: str | None) -> None:
        self.report = Report()
        self._named, self._named_hash = named, ""
        self._head, self._head_seq = head, 0
        self._file, self._number = "", 0
        self._is_first = True  # no record of this file has come yet
        self._bad = _Run()
        self._replaced = 0  # lines since the last record that seem to stand in a record's place
        self._gaps: list[range] = []

    def begin_file(self, name: str) -> None:
        """Go on in a file."""
        self._file, self._number, self._is_first = name, 0, True

    def line(self, line: bytes, is_new: bool, record: Record | None) -> None:
        """Take a line, or a further piece of one, and the record that it holds if it is intact."""
        self._number += is_new
        if record is None:
            self._bad.add(self._number, line)
            return
        if record["kind"] == "recovered":
            self._recovered(record)
        last, link = self.report.last, link_of(record)
        follows = last is not None and (link.seq, record["prev"]) == (last.seq + 1, last.hash)
        self._judge_bad("inserted" if follows else "changed")
        if last is None:
            self._open(record)
        elif not follows:
            self._break(link, last)
        if self._is_first and record["kind"] != "start" and not self._replaced:
            self._add("cut", "the file does not begin with its first record")
        self._take(link)

    def end_file(self) -> None:
        """End a file: what is open at its end cannot be explained any more."""
        if self._bad and not self._bad.is_ended:
            self._judge_bad("torn")
        self._judge_bad("changed")
        if self._number == 0:
            self.report.add(self._file, 1, "cut", "the file is empty")

    def end(self) -> None:
        """End the log: hold its end against what is known of it."""
        last = self.report.last or ORIGIN
        if self._named is not None:
            named = self._named.seq
            if named > last.seq + self._replaced:
                self._add("cut", f"ends at record {last.seq}; its head names record {named}")
            elif named <= last.seq and self._named_hash != self._named.hash:
                self._add("changed", f"record {named} is not the one that the head names")
            elif named < last.seq:
                past = last.seq - named
                self.report.notes.append(f"{past} records past the head, as a crash leaves them")
        if self._head is not None:
            if not self._head_seq:
                self._add("cut", "no record has the hash that was given as head")
            elif self._head_seq < last.seq:
                self.report.notes.append(f"the head that was given is record {self._head_seq}")

    def _take(self, link: Link) -> None:
        """Note a record; the furthest one is what the next must follow."""
        self.report.records += 1
        self._is_first = False
        if self._named is not None and link.seq == self._named.seq:
            self._named_hash = link.hash
        if link.hash == self._head:
            self._head_seq = link.seq
        self.report.first = self.report.first or link
        if self.report.last is None or link.seq > self.report.last.seq:
            self.report.last, self._replaced = link, 0

    def _open(self, record: Record) -> None:
        """Judge the first record of all."""
        if self._replaced:
            return
        seq = record["seq"]
        if seq == 1:
            if record["prev"] != ORIGIN.hash:
                self._add("changed", "the first record names one before it")
        elif record["kind"] == "start" and record["continues"] is None:
            self._add("missing", f"records 1 to {seq - 1} are missing before this line")
        else:
            self.report.notes.append(f"begins at record {seq}: what is before it was not given")

    def _break(self, link: Link, last: Link) -> None:
        """Judge a record that does not follow the furthest one."""
        expected = last.seq + 1 + self._replaced
        if link.seq > expected:
            if len(self._gaps) < MAX_FINDINGS:
                self._gaps.append(range(expected, link.seq))
            self._add("missing", f"records {expected} to {link.seq - 1} are missing before this")
        elif link.seq <= last.seq:
            is_moved = any(link.seq in gap for gap in self._gaps)
            what: What = "moved" if is_moved else "inserted"
            self._add(what, f"record {link.seq} stands after record {last.seq}")
        elif not self._replaced:
            message = f"record {link.seq} names another record before it than the line before"
            self._add("changed", message)

    def _recovered(self, record: Record) -> None:
        """Let a `recovered` record explain the torn bytes before it, if they are those it names."""
        torn = record["torn"]
        if torn is not None:
            if torn != self._bad.as_dict():
                self._add("changed", "the torn bytes before this line are not those it names")
            else:
                self._bad = _Run()
        told = "a torn line before it" if torn is not None else "nothing torn"
        self.report.notes.append(
            f"{self._file}:{self._number}: recovered: {told}, {record['lost']} records lost, "
            f"head {record['head']}"
        )

    def _judge_bad(self, what: What) -> None:
        """Report the lines since the last record that hold none."""
        if not self._bad:
            return
        first, last = self._bad.first, self._bad.last
        message = "the file ends within this line" if what == "torn" else "holds no intact record"
        if last > first:
            message = f"lines {first} to {last}: " + message
        self.report.add(self._file, first, what, message)
        if what == "changed":
            self._replaced += last - first + 1
        self._bad = _Run()

    def _add(self, what: What, message: str) -> None:
        self.report.add(self._file, max(1, self._number), what, message)


class _Run:
    """Lines on end without an intact record: which, and their length and digest."""

    def __init__(self) -> None:
        self.first = self.last = 0
        self.is_ended = False
        self._bytes = 0
        self._digest = hashlib.sha256()

    def __bool__(self) -> bool:
        return self.first > 0

    def add(self, number: int, line: bytes) -> None:
        """Add a line or a piece of one. The last newline is not counted: the writer put it there
        to go on."""
        self.first = self.first or number
        self.last = number
        body = line.removesuffix(b"\n")
        piece = b"\n" + body if self.is_ended else body
        self._bytes += len(piece)
        self._digest.update(piece)
        self.is_ended = line.endswith(b"\n")

    def as_dict(self) -> dict[str, object] | None:
        """Return length and digest as a `recovered` record names them, None for no line."""
        if not self:
            return None
        return {"bytes": self._bytes, "digest": "sha256:" + self._digest.hexdigest()}
