"""Texts that were read in another encoding than they were written in."""

from __future__ import annotations

import sys

import pytest

from shoal.data import table_from_bytes
from shoal.data.diagnostics import check_table
from shoal.data.encoding_findings import meant_by
from shoal.data.findings import Finding

RUSSIAN = ["Москва", "Киев", "Санкт-Петербург", "красный"]
CHINESE = ["北京", "上海", "广州", "红色", "绿色"]
GREEK = ["Αθήνα", "κόκκινο", "πράσινο"]
KOREAN = ["서울특별시", "부산광역시", "빨강", "노랑"]
GERMAN = ["größe", "für", "über", "Straße"]
FRENCH = ["été", "«\xa0où\xa0»", "créée", "«É»", "naïve", "œuvre"]
ICELANDIC = ["Þór", "Íþróttir", "ýmislegt", "Æðey"]
PORTUGUESE = ["AÇÃO", "CORAÇÕES", "NÃO", "pão"]


def misread(words: list[str], encoding: str, name: str = "town") -> list[Finding]:
    """What is found about the encoding of a table that has these words."""
    lines = [f"{name},size,y"]
    for row in range(120):
        lines.append(f"{words[row % len(words)]},{row % 7},{row * 13 % 50}")
    table = table_from_bytes("t.csv", "\n".join([*lines, ""]).encode(encoding))
    checked = check_table("t", table, "y")
    return [one for one in checked.findings if one.remedy and "UTF-8" in one.remedy]


@pytest.mark.parametrize(
    ("words", "encoding", "said"),
    [
        (RUSSIAN, "cp1251", "'Москва' in Windows-1251 that was read as Windows-1252"),
        (CHINESE, "gb18030", "in GB 18030 that"),
        (GREEK, "cp1253", "in Windows-1253 that"),
        (KOREAN, "cp949", "in EUC-KR that"),
    ],
)
def test_a_legacy_encoding_is_named(words: list[str], encoding: str, said: str) -> None:
    pytest.importorskip("charset_normalizer")
    (found,) = misread(words, encoding)
    assert found.status == "look" and said in found.what and "in 'town'" in found.what
    assert any(word in found.what for word in words)
    assert found.remedy == "save the file as UTF-8"


def test_a_name_of_a_column_is_looked_at() -> None:
    (found,) = misread(["a", "b"], "cp1251", "город")
    assert "'ãîðîä', the name of a column, " in found.what


def test_without_the_library_the_encoding_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "charset_normalizer", None)
    (found,) = misread(RUSSIAN, "cp1251")
    assert found.what == (
        "'Ìîñêâà', in 'town', is in no language that Windows-1252 is for, as which it was read "
        "(4 such texts)."
    )


@pytest.mark.parametrize("words", [GERMAN, FRENCH, ICELANDIC, PORTUGUESE, ["Łódź", "Kraków"]])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_texts_of_europe_are_not_strange(words: list[str], encoding: str) -> None:
    if encoding == "cp1252" and "Łódź" in words:
        pytest.skip("Windows-1252 has no such letters")
    assert not misread(words, encoding)


@pytest.mark.parametrize("words", [RUSSIAN, CHINESE, GREEK, KOREAN])
def test_utf8_is_not_strange(words: list[str]) -> None:
    assert not misread(words, "utf-8", name=words[0])


@pytest.mark.parametrize("words", [GERMAN, ["AÇÃO", "pão"], RUSSIAN, GREEK, ["5 €", "a – b"]])
def test_texts_that_were_encoded_twice_are_found(words: list[str]) -> None:
    twice = [word.encode().decode("cp1252", "surrogateescape") for word in words]
    twice = [word for word in twice if not any(letter >= "\ud800" for letter in word)]
    assert twice
    (found,) = misread(["plain", *twice], "utf-8")
    meant = twice[0].encode("cp1252").decode()
    assert f"{twice[0]!r}, in 'town', looks like {meant!r} that was encoded twice" in found.what
    assert found.status == "look"


def test_a_name_that_was_encoded_twice_is_found() -> None:
    (found,) = misread(["a", "b"], "utf-8", "grÃ¶ÃŸe")
    assert found.what == (
        "'grÃ¶ÃŸe', the name of a column, looks like 'größe' that was encoded twice (1 such text)."
    )


@pytest.mark.parametrize("text", [*GERMAN, *FRENCH, *PORTUGUESE, "CAFÉ®", "É»", "Ã", "", "plain"])
def test_what_was_encoded_once_means_itself(text: str) -> None:
    assert meant_by(text) is None


def test_letters_that_windows_1252_lacks_are_kept_as_controls() -> None:
    # 0x81 is the second byte of Á, 0x9D of the closing quotation mark.
    for text in ("Á", "“Ab”"):
        twice = "".join(
            bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in text.encode()
        )
        assert meant_by(twice) == text
