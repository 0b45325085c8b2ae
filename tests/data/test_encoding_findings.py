"""Texts that were read in another encoding than they were written in."""

from __future__ import annotations

import sys
from random import Random

import pytest

from shoal.cli.tables import findings_table
from shoal.data import encoding_findings, from_parquet, table_from_bytes, to_parquet
from shoal.data.central_europe import central_european
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
POLISH = ["żółty", "książka", "źródło", "mały", "Łódź", "śliwka", "większy", "ćma", "koń"]
CZECH = ["příliš", "červená", "bílá", "žlutý", "kůň", "Děčín", "Příbram", "Plzeň", "měsíc"]
SLOVENE = ["žrebiček", "češnja", "rdeč", "šolčič", "Črnomelj", "žličnik", "močvirje", "ščuka"]

FINNISH = ["šekki", "Zürich", "äiti", "pöytä", "žukki", "Åbo", "yö", "hyvä"]
SIGNS = ["12 m³", "3 m² é", "2º", "£5", "¿qué?", "1ª", "±5", "5 µm", "½"]


def finding_of(content: bytes, file_encoding: str | None = None) -> list[Finding]:
    """What is found about the encoding of a file."""
    table = table_from_bytes("t.csv", content, file_encoding=file_encoding)
    checked = check_table("t", table, "y", file_encoding=file_encoding)
    return [one for one in checked.findings if "UTF-8" in one.remedy or "encoding" in one.remedy]


def misread(words: list[str], encoding: str, name: str = "town") -> list[Finding]:
    """What is found about the encoding of a table that has these words."""
    return finding_of(content_of(words, name).encode(encoding))


def content_of(words: list[str], name: str = "town") -> str:
    lines = [f"{name},size,y"]
    for row in range(120):
        lines.append(f"{words[row % len(words)]},{row % 7},{row * 13 % 50}")
    return "\n".join([*lines, ""])


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
    assert found.remedy == "say which encoding the file has, or save it as UTF-8"
    # The option reads what was meant, and then nothing is found.
    assert found.file_encoding == encoding
    content = content_of(words).encode(encoding)
    assert not finding_of(content, found.file_encoding)


@pytest.mark.parametrize("words", [POLISH, CZECH, SLOVENE])
@pytest.mark.parametrize(
    ("encoding", "name"), [("cp1250", "Windows-1250"), ("iso8859-2", "ISO 8859-2")]
)
def test_central_europe_is_noticed(words: list[str], encoding: str, name: str) -> None:
    (found,) = misread(words, encoding)
    assert f"in {name} that was read as Windows-1252" in found.what
    assert any(f"looks like {word!r}" in found.what for word in words)
    assert found.file_encoding == encoding
    assert not finding_of(content_of(words).encode(encoding), encoding)


WESTERN = (
    *("da", "de", "fr", "es", "it", "pt", "pt_PT", "nl", "sv", "nb", "nn", "fi", "is", "fo", "ga"),
    *("gd", "ca", "gl", "eu", "et", "sq", "af", "lb", "rm", "fur", "sc", "oc", "cy", "br", "en"),
    *("sw", "id", "ms", "fil"),
)


def names_in(language: str) -> list[str]:
    """What a language calls countries, languages and currencies."""
    locale = pytest.importorskip("babel").Locale.parse(language)
    return [*locale.territories.values(), *locale.languages.values(), *locale.currencies.values()]


def recognised(names: list[str], encoding: str) -> str | None:
    """Of what Windows-1250 or ISO 8859-2 these names are, which were read as Windows-1252."""
    texts = []
    for name in names:
        data = name.encode(encoding, "ignore")
        read = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in data)
        if not read.isascii():
            texts.append((read, data))
    return central_european(texts)


def test_western_languages_are_not_taken_for_others() -> None:
    everything: list[str] = []
    random = Random(1)
    for language in WESTERN:
        names = names_in(language)
        everything += names
        for count in (10, 10, 20, 40, 100, 300):
            assert recognised(random.sample(names, count), "cp1252") is None, language
        assert recognised(names, "cp1252") is None, language
    assert len(everything) > 15_000
    for count in (20, 100, 500, 2_000) * 5:
        assert recognised(random.sample(everything, count), "cp1252") is None


@pytest.mark.parametrize("encoding", ["cp1250", "iso8859-2"])
@pytest.mark.parametrize("language", ["pl", "cs", "sk", "sl"])
def test_languages_of_central_europe_are_recognised(language: str, encoding: str) -> None:
    assert recognised(names_in(language), encoding) == encoding


def test_two_strange_words_are_too_few() -> None:
    assert not misread(["mały", "biały", "a", "b"], "cp1250")
    assert misread(["mały", "biały", "miły", "b"], "cp1250")


STRANGE = ["pøíliš", "žlutì", "dìtský"]


def test_strange_words_among_many_western_ones_say_nothing() -> None:
    # All would be Czech words: è is its č.
    grave = [
        f"{start}è{end}" for start in ("p", "m", "fr", "gr") for end in ("re", "ne", "te", "s")
    ]
    assert len(grave) == 16 and misread([*grave, *STRANGE], "cp1252")
    grave += [f"{word}{end}" for word in grave for end in ("s", "nt")]
    assert not misread([*grave, *STRANGE], "cp1252")


def test_words_of_no_language_of_central_europe_speak_against_it() -> None:
    # They are the same letters in both encodings, and say nothing else.
    german = ["größe", "süß", "Straße", "Maß", "Fuß"]
    assert misread(STRANGE, "cp1252") and not misread([*STRANGE, *german], "cp1252")


def test_the_option_stands_behind_the_remedy() -> None:
    (found,) = misread(POLISH, "cp1250")
    from shoal.cli.terminal import Terminal

    terminal = Terminal()
    with terminal.capture() as shown:
        terminal.print(findings_table([], [found]))
    assert "--file-encoding cp1250" in " ".join(shown.get().split())


def test_an_upload_is_said_to_have_the_encoding_as_well() -> None:
    table = table_from_bytes("t.csv", content_of(POLISH).encode("cp1250"))
    again = from_parquet(to_parquet(table, with_messages=True))
    assert again.file_encoding == "cp1252"
    (found,) = [one for one in check_table("t", again, "y").findings if one.file_encoding]
    assert found.file_encoding == "cp1250"
    # A table of the store has no file any more.
    stored = from_parquet(to_parquet(table))
    (found,) = [one for one in check_table("t", stored, "y").findings if "UTF-8" in one.remedy]
    assert "open the file that the table comes from" in found.remedy and not found.file_encoding


def test_a_file_of_utf8_that_has_such_texts_has_no_encoding_to_name() -> None:
    words = [word.encode("cp1250").decode("cp1252") for word in POLISH if "ź" not in word.lower()]
    (found,) = misread([*words, "a"], "utf-8")
    assert "in Windows-1250 that was read as Windows-1252" in found.what
    assert "open the file that the table comes from in its encoding" in found.remedy
    assert not found.file_encoding


@pytest.mark.parametrize("encoding", ["cp1251", "cp1252", "koi8-r", "iso8859-1"])
def test_a_file_of_utf8_that_was_said_to_be_another(encoding: str) -> None:
    words = ["größe", "für"] if encoding in ("cp1252", "iso8859-1") else ["дом", "сад", "окно"]
    (found,) = finding_of(content_of(words).encode(), encoding)
    assert f"looks like {words[0]!r} in UTF-8 that was read as {encoding}" in found.what
    assert found.remedy == "leave the file's encoding (--file-encoding) out"
    # What is in that encoding is not UTF-8.
    assert not finding_of(content_of(words).encode(encoding), encoding)
    assert not finding_of(content_of(["plain"]).encode(), encoding)


def test_what_the_option_would_refuse_is_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding_findings, "likely_encoding", lambda texts: "shift_jis")
    (found,) = misread(RUSSIAN, "cp1251")
    assert "in Shift-JIS that" in found.what
    assert found.remedy == "say which encoding the file has, or save it as UTF-8"
    assert not found.file_encoding


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


@pytest.mark.parametrize("words", [GERMAN, FRENCH, ICELANDIC, PORTUGUESE, FINNISH, SIGNS, POLISH])
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_texts_of_europe_are_not_strange(words: list[str], encoding: str) -> None:
    if encoding == "cp1252" and words is POLISH:
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
