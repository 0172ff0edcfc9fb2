import re
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from critech.text import clean_text, compose_document, detect_language


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("ＡＢＣ　１２３", "ABC 123"),
        ("ｽｸﾗﾑｼﾞｪｯﾄ", "スクラムジェット"),
        ("  two\n\n lines\t", "two lines"),
        ("zero\u200bwidth", "zerowidth"),
        ("bell\x07here", "bell here"),
        ("half\ud800pair", "half\ufffdpair"),
        ("e\u200b\u0301", "é"),
        ("㌔㍍", "キロメートル"),
        ("", ""),
    ],
)
def test_cleaning(raw: str, cleaned: str) -> None:
    assert clean_text(raw) == cleaned


@given(st.text() | st.text(st.characters(max_codepoint=0x7F)))
@example("a\u200b\x00\x7f\x85b\u00ad\ufeff\ud800\uffff\uff71\uff9e")
def test_hidden_characters_go_one_by_one(text: str) -> None:
    visible = "".join(
        " " if unicodedata.category(char) == "Cc" else char
        for char in re.sub("[\ud800-\udfff\ufffe\uffff]", "\ufffd", text)
        if unicodedata.category(char) != "Cf"
    )
    assert clean_text(text) == " ".join(unicodedata.normalize("NFKC", visible).split())


@given(st.text(st.characters(), max_size=200))
def test_cleaning_is_stable_and_encodable(text: str) -> None:
    cleaned = clean_text(text)
    assert clean_text(cleaned) == cleaned
    cleaned.encode()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("A scramjet engine comprises an inlet.", "en"),
        ("固体電解質を有する電池", "ja"),
        ("量子鍵配送装置", "ja"),
        ("GPSを用いたAUVのINS/DVL航法", "ja"),
        ("A device for 鍵 distribution over optical fibre networks, called QKD", "en"),
        ("Устройство для дистанционного управления", "und"),
        ("양자 암호 키 분배 장치", "und"),
        ("本发明公开了一种用于水下航行器的自主控制方法，该方法包括以下步骤，获取传感器数据，建立模型，"
         "根据模型计算控制量，并将控制量发送至执行机构。", "und"),
        ("12345 ?!", "und"),
        ("", "und"),
    ],
)  # fmt: skip
def test_language_by_script(text: str, language: str) -> None:
    assert detect_language(text) == language


def test_title_and_text_are_read_together() -> None:
    assert compose_document("Ｔitle ", " a  text") == "Title a text"
    assert compose_document(None, "text") == compose_document("", "text") == "text"
