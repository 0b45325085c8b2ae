"""What `shoal check` says of texts that were read in another encoding than they were written in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from shoal.data.canonical import CanonicalTable, is_numeric
from shoal.data.central_europe import ENCODINGS as CENTRAL
from shoal.data.central_europe import central_european
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

# The encodings that are thought of, what people call them, and what reads them: the larger one of
# two, where one has all characters of the other.
_ENCODINGS = {
    "cp1251": ("Windows-1251", "cp1251"),
    "koi8_r": ("KOI8-R", "koi8-r"),
    "cp1253": ("Windows-1253", "cp1253"),
    "cp1255": ("Windows-1255", "cp1255"),
    "cp1256": ("Windows-1256", "cp1256"),
    "gb18030": ("GB 18030", "gb18030"),
    "big5": ("Big5", "cp950"),
    "shift_jis": ("Shift-JIS", "cp932"),
    "euc_jp": ("EUC-JP", "euc_jp"),
    "euc_kr": ("EUC-KR", "cp949"),
}
# In what a file may have been read whose letters are those of Windows-1252.
_READ_AS_WESTERN = ("cp1252", "iso8859-1", "iso8859-15")
_LOOKED_AT = 4_000

# What UTF-8 begins most letters of Europe with, and its quotes and dashes, read as Windows-1252.
_USUAL_BEGINNINGS = ("Ã", "Â", "â€", "â‚")
# Letters of phonetics and accents without letters, which no table has.
_UNUSUAL = re.compile("[\x80-\x9f\u0180-\u036f]")


class _Text(NamedTuple):
    text: str
    place: str


def misread_texts(examination: Examination) -> Iterator[Finding]:
    """Find texts that were encoded twice, and those that were read in another encoding."""
    table = examination.table
    named = examination.options.get("file_encoding")
    if named is not None:
        utf8 = _first_of_utf8(table, examination.sample, table.file_encoding or str(named))
        if utf8 is not None:
            own, meant = utf8
            yield Finding(
                "look",
                f"{quoted(own.text)}, {own.place}, looks like {quoted(meant)} in UTF-8 that was "
                f"read as {named}, as are all texts with letters beyond ASCII.",
                "leave the file's encoding (--file-encoding) out",
            )
            return

    texts = [*_texts_beyond_ascii(table, examination.sample, _is_western)]
    twice = {}
    for own in texts:
        meant_once = meant_by(own.text)
        if meant_once is not None:
            twice[own] = meant_once
    if twice:
        first, meant = next(iter(twice.items()))
        yield Finding(
            "look",
            f"{quoted(first.text)}, {first.place}, looks like {quoted(meant)} that was encoded "
            f"twice ({count_of(len(twice), 'such text')}).",
            "open the file that the table comes from as UTF-8, and save it as UTF-8",
        )
        return

    central = central_european([(own.text, _bytes_of(own.text)) for own in texts])
    if central is not None:
        changed = [
            own for own in texts if _bytes_of(own.text).decode(central, "replace") != own.text
        ]
        yield _misread(table, changed, CENTRAL[central], central)
        return
    strange = [own for own in texts if _has_strange_word(own.text)]
    if not strange or 2 * len(strange) < len(texts):
        return
    encoding = likely_encoding([own.text for own in strange])
    name, codec = ("", "") if encoding is None else _ENCODINGS[encoding]
    yield _misread(table, strange, name, codec)


def _misread(table: CanonicalTable, texts: list[_Text], name: str, codec: str) -> Finding:
    """The finding of texts that were read as Windows-1252.

    ``name`` and ``codec`` are of their encoding; empty if nobody knows it.
    """
    first = texts[0]
    what = "is in no language that Windows-1252 is for, as which it was read"
    if codec:
        meant = _bytes_of(first.text).decode(codec, "replace")
        what = f"looks like {quoted(meant)} in {name} that was read as Windows-1252"

    remedy = "open the file that the table comes from in its encoding, and save it as UTF-8"
    option = ""
    if table.file_encoding in _READ_AS_WESTERN:
        remedy = "say which encoding the file has, or save it as UTF-8"
        option = codec if codec and _can_decode(texts, codec) else ""
    return Finding(
        "look",
        f"{quoted(first.text)}, {first.place}, {what} ({count_of(len(texts), 'such text')}).",
        remedy,
        file_encoding=option,
    )


def _can_decode(texts: list[_Text], codec: str) -> bool:
    try:
        for own in texts:
            _bytes_of(own.text).decode(codec)
    except UnicodeDecodeError:
        return False
    return True


def _first_of_utf8(
    table: CanonicalTable, sample: CanonicalTable, encoding: str
) -> tuple[_Text, str] | None:
    """A text of a file of UTF-8 that was read in another encoding, and what it means.

    None if not all texts are such.
    """
    first = None
    try:
        for own in _texts_beyond_ascii(table, sample, lambda text: True):
            meant = own.text.encode(encoding).decode()
            if meant == own.text or meant.isascii():
                return None
            first = first or (own, meant)
    # They are none, or characters of several bytes of that encoding.
    except UnicodeError:
        return None
    return first


def _texts_beyond_ascii(
    table: CanonicalTable, sample: CanonicalTable, is_wanted: Callable[[str], bool]
) -> Iterator[_Text]:
    """The different names and cells with letters beyond ASCII that are wanted."""
    for name in table.columns:
        if not name.isascii() and is_wanted(name):
            yield _Text(name, "the name of a column")
    for name in table.columns:
        column = sample[name]
        if is_numeric(column):
            continue
        for cell in column.dropna().unique():
            if not cell.isascii() and is_wanted(cell):
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
