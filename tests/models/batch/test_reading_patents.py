"""Patent documents in XML. The replicas beside hold invented texts in the offices' layouts."""

from __future__ import annotations

import datetime as dt
import io
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from critech.batch.reading import FieldMapping, Limits, read
from critech.batch.reading.fields import BadRecordError
from critech.batch.reading.ipc import symbol_of_text
from critech.batch.reading.limits import DEFAULT_LIMITS
from critech.batch.reading.patent_xml import read_patents
from critech.batch.reading.xml_parse import parse_document
from critech.batch.records import Record, Rejected

REPLICAS = Path(__file__).parent / "replicas"
EXPECTED: dict[str, dict[str, Any]] = yaml.safe_load((REPLICAS / "expected.yaml").read_text())
GRANT = (REPLICAS / "us_grant.xml").read_bytes()


def items(data: bytes, limits: Limits = DEFAULT_LIMITS) -> list[Record | Rejected]:
    return list(read_patents(io.BufferedReader(io.BytesIO(data)), "x.xml", limits))


def only(data: bytes) -> Record:
    (found,) = items(data)
    assert isinstance(found, Record), found
    return found


def rejected(data: bytes, limits: Limits = DEFAULT_LIMITS) -> str:
    (found,) = items(data, limits)
    assert isinstance(found, Rejected)
    return found.reason


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_layout_gives_its_fields(name: str) -> None:
    record = asdict(only((REPLICAS / name).read_bytes()))
    del record["position"]
    assert record == {**EXPECTED[name], "ipc": tuple(EXPECTED[name]["ipc"])}


def test_every_replica_has_an_expectation() -> None:
    names = {path.name for path in REPLICAS.glob("*.xml")} - {"us_sequence.xml"}
    assert names == set(EXPECTED)


def test_documents_behind_each_other_keep_their_places() -> None:
    parts = ["us_grant.xml", "us_sequence.xml", "us_application.xml", "ep_a1.xml"]
    data = b"".join((REPLICAS / part).read_bytes() for part in parts)
    found = items(data)
    assert [item.id for item in found] == ["US99000001B2", "US20990000002A1", "EP9900003A1"]
    assert [item.position.record for item in found] == [0, 2, 3]  # 1 is a sequence listing
    lines = data.split(b"\n")
    for item in found:
        assert item.position.line is not None
        assert lines[item.position.line - 1].startswith(b"<?xml")


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_documents_are_split_wherever_the_chunks_end(chunk: int) -> None:
    class Slow(io.BytesIO):
        def read1(self, size: int | None = -1) -> bytes:
            return super().read1(chunk)

    application = (REPLICAS / "us_application.xml").read_bytes()
    stream = Slow(application + application)
    found = list(read_patents(stream, "x", Limits()))  # type: ignore[arg-type]
    assert [item.id for item in found] == ["US20990000002A1"] * 2


def test_a_bad_document_costs_one_rejection() -> None:
    bad = GRANT.replace(b"</claims>", b"", 1)
    found = items(GRANT + bad + GRANT)
    assert [type(item) for item in found] == [Record, Rejected, Record]
    assert isinstance(found[1], Rejected)
    assert found[1].reason == "not_xml"
    assert found[1].position.record == 1


def test_a_document_beyond_the_limit_is_passed_over_in_bounded_memory() -> None:
    large = GRANT.replace(b"pore former", b"pore " * 400_000)
    found = items(GRANT + large + GRANT, Limits(document_bytes=100_000))
    assert [getattr(item, "reason", None) for item in found] == [None, "too_large", None]
    assert found[2].position.line == (GRANT + large).count(b"\n") + 1


BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE us-patent-grant [
<!ENTITY a "CANARY"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">
]>
<us-patent-grant><us-bibliographic-data-grant/><abstract>&c;</abstract></us-patent-grant>"""


@pytest.mark.parametrize(
    "declaration",
    [
        b'<!ENTITY x SYSTEM "file:///etc/hostname">',
        b'<!ENTITY x SYSTEM "http://127.0.0.1:9/x">',
        b'<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;',
        b'<!ENTITY x "CANARY NDATA y">',
    ],
)
def test_documents_with_entities_of_their_own_are_refused(declaration: bytes) -> None:
    head = b'<?xml version="1.0"?><!DOCTYPE us-patent-grant [' + declaration + b"]>"
    body = b"<us-patent-grant><us-bibliographic-data-grant/><abstract>&x;</abstract>"
    assert rejected(head + body + b"</us-patent-grant>") == "xml_entities"


def test_an_expanding_document_is_refused_in_every_encoding() -> None:
    assert rejected(BOMB) == "xml_entities"
    text = BOMB.decode().replace('"1.0"', '"1.0" encoding="UTF-16"')
    assert rejected(text.encode("utf-16")) == "xml_entities"
    utf7 = BOMB.decode().replace('"1.0"', '"1.0" encoding="UTF-7"')
    assert rejected(utf7.encode("utf-7")) in ("bad_encoding", "not_xml")
    hidden = '<?xml version="1.0" encoding="UTF-7"?>' + BOMB.decode()[21:]
    assert rejected(hidden.replace("<!", "+ADwAIQ-").encode()) == "bad_encoding"


def test_only_a_declaration_at_the_start_is_taken_off() -> None:
    root = b"<us-patent-grant/>"
    assert parse_document(b' \n<?xml version="1.0"?>\n' + root).tag == "us-patent-grant"
    with pytest.raises(BadRecordError, match="not well-formed"):
        parse_document(b'<us-patent-grant><?xml version="1.0"?></us-patent-grant>')


def test_documents_of_a_million_blanks_or_of_many_pieces_are_read() -> None:
    """Work that grows with the square of these sizes takes minutes or an hour."""
    start, end = b"<us-patent-grant><us-bibliographic-data-grant/>", b"</us-patent-grant>"
    blank = start + b"<abstract>a" + b" " * 1_000_000 + b"b</abstract>" + end
    assert only(blank).text == "a b"
    piece = b"<b>a</b>" + b" " * 150
    many = start + b"<abstract>" + piece * 100_000 + b"</abstract>" + end
    assert only(many).text == " ".join("a" * 100_000)


def test_a_deeply_nested_document_is_refused() -> None:
    deep = b"<p>" * 5000 + b"</p>" * 5000
    assert rejected(GRANT.replace(b"pore former", deep)) == "not_xml"


def test_the_dtd_is_neither_fetched_nor_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    url = b'SYSTEM "http://127.0.0.1:9/us-patent-grant-v45.dtd"'
    data = GRANT.replace(b'SYSTEM "us-patent-grant-v45-2014-04-03.dtd"', url)
    assert only(data).id == "US99000001B2"


@pytest.mark.parametrize("encoding", ["utf-16", "shift_jis", "utf-8-sig"])
def test_documents_are_read_in_the_encoding_they_declare(encoding: str) -> None:
    text = (REPLICAS / "jpo_st96.xml").read_text()
    name = {"utf-8-sig": "UTF-8"}.get(encoding, encoding.upper())
    data = text.replace("UTF-8", name, 1).encode(encoding)
    assert only(data).title == "量子鍵配送装置"


def test_a_document_not_in_its_encoding_is_rejected() -> None:
    assert rejected(GRANT.replace(b"Annular", b"Annul\xff\xfer")) == "bad_encoding"


def test_other_xml_is_rejected_and_not_quoted() -> None:
    (found,) = items(b"<?xml version='1.0'?><CANARY><b/></CANARY>")
    assert isinstance(found, Rejected)
    assert found.reason == "unknown_layout"
    assert "CANARY" not in found.message


def test_a_syntax_error_is_told_by_its_line_alone() -> None:
    (found,) = items(GRANT.replace(b"</abstract>", b"</CANARY>"))
    assert isinstance(found, Rejected)
    assert "CANARY" not in found.message
    end = GRANT.index(b"</abstract>")
    assert found.message.endswith(f"line {GRANT.count(bytes([10]), 0, end) + 1}")


def test_a_document_without_abstract_and_claims_has_no_text() -> None:
    data = b"<us-patent-grant><us-bibliographic-data-grant/></us-patent-grant>"
    assert rejected(data) == "no_text"


def test_french_and_german_documents_have_no_language() -> None:
    data = (REPLICAS / "ep_b1.xml").read_bytes()
    start, end = data.index(b'<claims id="claims02"'), data.index(b"</ep-patent-document>")
    record = only(data[:start] + data[end:])
    assert record.language is None
    assert record.title == "Ionentriebwerk"
    assert record.filing_date == dt.date(1999, 2, 17)


@pytest.mark.parametrize(
    ("text", "symbol"),
    [
        ("G21C   3/00        20060101AFI20090814BHEP", "G21C 3/00"),
        (" 7G 21C   3/00   A", "G21C 3/00"),
        ("H04L   9/12     (2006.01)", "H04L 9/12"),
        ("Ｈ０４Ｌ　９／１２", "H04L 9/12"),
        ("A01B001/00", "A01B 1/00"),
        ("F41H 11/136", "F41H 11/136"),
        ("376/409", None),
        ("", None),
    ],
)
def test_symbols_are_read_from_every_way_of_writing(text: str, symbol: str | None) -> None:
    assert symbol_of_text(text) == symbol


def test_fields_that_are_not_wanted_are_not_read() -> None:
    for name in ("us_grant.xml", "ep_b1.xml"):
        mapping = FieldMapping(claims="", description="", ipc="")
        (record,) = read([str(REPLICAS / name)], mapping)
        assert isinstance(record, Record)
        assert (record.claims, record.description, record.ipc) == (None, None, ())
        assert (record.text, record.title) == (EXPECTED[name]["text"], EXPECTED[name]["title"])
