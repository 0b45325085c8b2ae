"""What `shoal check` says of texts that were read in another encoding than they were written in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from shoal.data.canonical import CanonicalTable, is_numeric
from shoal.data.findings import Examination, Finding, quoted
from shoal.data.messages import count_of

# What a byte beyond ASCII becomes where it is read as Windows-1252.
_WESTERN = {bytes([byte]).decode("cp1252", "ignore"): byte for byte in range(0x80, 0x100)}
_WESTERN.pop("", None)
# The five bytes that have no letter there. Some programs keep them as these control characters.
_WESTERN.update({chr(byte): byte for byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)})

# Characters beyond ASCII in a row. No word of Western Europe has three different ones, besides what
# stands around words.
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
_FEWEST = 3
_AROUND_WORDS = frozenset("\u00a0«»‹›“”„‘’‚–—…•·¿¡")

# The encodings that are thought of, and what people call them.
_ENCODINGS = {
    "cp1251": "Windows-1251",
    "koi8_r": "KOI8-R",
    "cp1253": "Windows-1253",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
    "gb18030": "GB 18030",
    "big5": "Big5",
    "shift_jis": "Shift-JIS",
    "euc_jp": "EUC-JP",
    "euc_kr": "EUC-KR",
}
_LOOKED_AT = 4_000

# What UTF-8 begins most letters of Europe with, and its quotes and dashes, read as Windows-1252.
_USUAL_BEGINNINGS = ("Ã", "Â", "â€", "â‚")
# Letters of phonetics and accents without letters, which no table has.
_UNUSUAL = re.compile("[\x80-\x9f\u0180-\u036f]")


class _Text(NamedTuple):
    text: str
    place: str


def misread_texts(examination: Examination) -> Iterator[Finding]:
    """Find texts that were encoded twice, and those of encodings that Windows-1252 is taken for."""
    texts = [*_texts_beyond_ascii(examination.table, examination.sample)]
    twice = {}
    for own in texts:
        meant = meant_by(own.text)
        if meant is not None:
            twice[own] = meant
    if twice:
        first, meant = next(iter(twice.items()))
        yield Finding(
            "look",
            f"{quoted(first.text)}, {first.place}, looks like {quoted(meant)} that was encoded "
            f"twice ({count_of(len(twice), 'such text')}).",
            "open the file that the table comes from as UTF-8, and save it as UTF-8",
        )
        return

    strange = [own for own in texts if _has_strange_word(own.text)]
    if not strange or 2 * len(strange) < len(texts):
        return
    encoding = likely_encoding([own.text for own in strange])
    first = strange[0]
    what = "is in no language that Windows-1252 is for, as which it was read"
    if encoding is not None:
        name = _ENCODINGS[encoding]
        meant = _bytes_of(first.text).decode(encoding, "replace")
        what = f"looks like {quoted(meant)} in {name} that was read as Windows-1252"
    yield Finding(
        "look",
        f"{quoted(first.text)}, {first.place}, {what} ({count_of(len(strange), 'such text')}).",
        "save the file as UTF-8",
    )


def _texts_beyond_ascii(table: CanonicalTable, sample: CanonicalTable) -> Iterator[_Text]:
    """The different names and cells that may be bytes of a file read as Windows-1252."""
    for name in table.columns:
        if not name.isascii() and _is_western(name):
            yield _Text(name, "the name of a column")
    for name in table.columns:
        column = sample[name]
        if is_numeric(column):
            continue
        for cell in column.dropna().unique():
            if not cell.isascii() and _is_western(cell):
                yield _Text(cell, f"in {quoted(name)}")


def _is_western(text: str) -> bool:
    return all(letter.isascii() or letter in _WESTERN for letter in text)


def _bytes_of(text: str) -> bytes:
    """The bytes that became a text as they were read as Windows-1252."""
    return bytes(_WESTERN.get(letter, ord(letter) & 0x7F) for letter in text)


def meant_by(text: str) -> str | None:
    """What a text was before it was encoded twice; None if it was not.

    Examples
    --------
    >>> meant_by("grÃ¶ÃŸe"), meant_by("größe")
    ('größe', None)
    """
    if text.isascii() or not _is_western(text):
        return None
    try:
        meant = _bytes_of(text).decode()
    except UnicodeDecodeError:
        return None
    if _UNUSUAL.search(meant):
        return None
    # Two letters of another language may be one of UTF-8 by chance.
    is_usual = any(beginning in text for beginning in _USUAL_BEGINNINGS)
    letters = sum(map(len, _BEYOND_ASCII.findall(meant)))
    return meant if is_usual or letters > 1 else None


def _has_strange_word(text: str) -> bool:
    """Whether as many characters beyond ASCII follow each other as in no word of Western Europe."""
    for run in _BEYOND_ASCII.findall(text):
        characters = set(run.lower()) - _AROUND_WORDS
        if len(characters) >= _FEWEST and any(map(str.isalpha, characters)):
            return True
    return False


def likely_encoding(texts: list[str]) -> str | None:
    """The encoding of texts that were read as Windows-1252; None if it is unknown.

    Examples
    --------
    >>> likely_encoding(["Ìîñêâà", "Êèåâ", "Ñàíêò-Ïåòåðáóðã", "êðàñíûé"])
    'cp1251'
    """
    try:
        from charset_normalizer import from_bytes
    # It comes with the dashboard.
    except ImportError:
        return None

    content = b"\n".join(map(_bytes_of, texts))[:_LOOKED_AT]
    best = from_bytes(content, cp_isolation=[*_ENCODINGS]).best()
    if best is None or best.encoding not in _ENCODINGS:
        return None
    return str(best.encoding)
