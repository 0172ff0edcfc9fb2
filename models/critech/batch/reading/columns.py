"""Column names under which the fields of a record are usually found, in English and Japanese."""

from __future__ import annotations

import unicodedata

FIELDS = ("id", "title", "text", "claims", "description", "language", "ipc", "filing_date")

# Of the names of ``text``, two in one table are an ambiguity; of the others the first found counts.
USUAL: dict[str, tuple[str, ...]] = {
    "id": (
        *("id", "documentid", "docid", "publicationnumber", "publicationno", "publicationid"),
        *("pubnumber", "pubno", "patentnumber", "patentno", "patentid", "ucid", "docnumber"),
        *("documentnumber", "applicationnumber", "filingnumber", "公開番号", "公報番号"),
        *("文献番号", "特許番号", "登録番号", "公表番号", "出願番号", "番号"),
    ),
    "title": (
        *("title", "inventiontitle", "titleofinvention", "patenttitle", "titleen", "titleja"),
        *("発明の名称", "発明等の名称", "考案の名称", "名称", "タイトル", "題名"),
    ),
    "text": (
        *("text", "abstract", "abstracttext", "patentabstract", "summary", "abstracten"),
        *("abstractja", "要約", "要約書", "要約文", "抄録", "概要", "本文"),
    ),
    "claims": (
        *("claims", "claimstext", "claim", "claimtext", "claimsen", "claimsja"),
        *("請求項", "特許請求の範囲", "請求の範囲", "クレーム"),
    ),
    "description": (
        *("description", "descriptiontext", "detaileddescription", "fulltext", "specification"),
        *("明細書", "発明の詳細な説明", "詳細な説明", "全文"),
    ),
    "language": ("language", "lang", "languagecode", "言語", "言語コード"),
    "ipc": (
        *("ipc", "ipcs", "ipcr", "ipccodes", "ipccode", "ipcsymbols", "ipcclassification"),
        *("ipcclassifications", "internationalpatentclassification", "ipc分類", "国際特許分類"),
    ),
    "filing_date": (
        *(
            "filingdate",
            "applicationdate",
            "datefiled",
            "filedate",
            "filed",
            "出願日",
            "出願年月日",
        ),
    ),
}
# Read as the text where no column has one of the names above.
SECOND_CHOICE = (
    *("productdescription", "description", "content", "body", "document", "製品説明", "説明"),
    "明細書",
)


def plain_name(column: str) -> str:
    """Return a column name without case, width, blanks, hyphens or underscores."""
    folded = unicodedata.normalize("NFKC", column).casefold()
    return "".join(char for char in folded if char not in " \t_-.・\ufeff\u3000")
