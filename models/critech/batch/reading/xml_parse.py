"""One XML document to an element tree, with nothing fetched and nothing expanded."""

from __future__ import annotations

import codecs
import html.entities
import re
from typing import TYPE_CHECKING, Any

from critech.batch.reading.fields import BadRecordError
from critech.batch.reading.streams import needed

if TYPE_CHECKING:
    from lxml.etree import _Element

# Encodings that offices publish in. Others (UTF-7, EBCDIC) could hide markup from the check below.
_CODECS = {
    **dict.fromkeys(("utf-8", "utf8", "us-ascii", "ascii"), "utf-8"),
    **dict.fromkeys(("iso-8859-1", "latin1", "windows-1252"), "cp1252"),
    **dict.fromkeys(("shift_jis", "shift-jis", "sjis", "x-sjis", "windows-31j", "cp932"), "cp932"),
    **dict.fromkeys(("euc-jp", "eucjp", "x-euc-jp"), "euc_jis_2004"),
    "iso-2022-jp": "iso2022_jp_3",
    "utf-16": "utf-16",
}
_DECLARATION = re.compile(r"\s*<\?xml\s[^>]*?\?>")
_DECLARED = re.compile(rb"\s*<\?xml\s[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_ENTITY = re.compile(r"<!ENTITY")
# A figure that stands outside of the document: named, never read.
_UNPARSED = re.compile(
    r"<!ENTITY\s+[\w.:-]+\s+(?:SYSTEM\s+(?:\"[^\"]*\"|'[^']*')"
    r"|PUBLIC\s+(?:\"[^\"]*\"|'[^']*')\s+(?:\"[^\"]*\"|'[^']*'))\s+NDATA\s+[\w.:-]+\s*>"
)


def parse_document(data: bytes) -> _Element:
    """Return the root element. Comments and processing instructions are left out; references to
    entities stay what they are. Raises BadRecordError for what is not well-formed, is not in its
    encoding, or declares entities with a replacement text."""
    etree = needed("lxml.etree", "patent XML")
    text = _decode(data)
    for match in _ENTITY.finditer(text):
        if not _UNPARSED.match(text, match.start()):
            raise BadRecordError("xml_entities", "document: declares entities of its own")
    declaration = _DECLARATION.match(text)
    body = text[declaration.end() :] if declaration else text
    try:
        root: Any = etree.fromstring(body.encode("utf-8", "replace"), _parser(etree))
    except etree.XMLSyntaxError as error:
        line = error.position[0] if error.position else 0
        at = f" at its line {line}" if line else ""
        raise BadRecordError("not_xml", f"document: not well-formed XML{at}") from None
    except ValueError:
        raise BadRecordError("not_xml", "document: not well-formed XML") from None
    if root is None:
        raise BadRecordError("not_xml", "document: not well-formed XML")
    return root  # type: ignore[no-any-return]


def _parser(etree: Any) -> Any:
    return etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        load_dtd=False,
        dtd_validation=False,
        attribute_defaults=False,
        no_network=True,
        huge_tree=False,
        recover=False,
        remove_comments=True,
        remove_pis=True,
    )


def _decode(data: bytes) -> str:
    try:
        return data.decode(_codec(data))
    except UnicodeDecodeError:
        raise BadRecordError("bad_encoding", "document: not in the encoding it declares") from None


def _codec(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if data.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    declared = _DECLARED.match(data)
    name = declared[1].decode("ascii").lower() if declared else "utf-8"
    if name not in _CODECS:
        raise BadRecordError("bad_encoding", "document: declares an encoding that is not read")
    return _CODECS[name]


def entity_text(name: str) -> str:
    """Return the character that a standard entity name stands for (``&eacute;``), else a blank."""
    return html.entities.html5.get(f"{name};", " ")
