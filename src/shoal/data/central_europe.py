"""Recognises Windows-1250 and ISO 8859-2 among texts that were read as Windows-1252.

Both readings have letters at the same places, so that a single word says little. Together words do:
read rightly they are of one language of Central Europe, and read as Windows-1252 some are of no
language of Western Europe: ``pøíliš``, ``¿ó³ty``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

ENCODINGS = {"cp1250": "Windows-1250", "iso8859-2": "ISO 8859-2"}
"""What Python calls the encodings, and what people do."""

# Letters beyond ASCII that words of a language have: Polish, Czech, Slovak, Hungarian, Romanian,
# and Croatian, Bosnian and Slovene.
_CENTRAL = tuple(
    map(
        frozenset,
        (
            "ąćęłńóśźż",
            "áčďéěíňóřšťúůýž",
            "áäčďéíĺľňóôŕšťúýž",
            "áéíóöőúüű",
            "ăâîşţ",
            "čćđšž",
        ),
    )
)

# The same, with loan words: German, French, Spanish, Portuguese, Italian, Catalan, Dutch, Danish
# and Norwegian, Swedish, Finnish and Estonian, Icelandic, Faroese, Irish, Gaelic, Welsh, Albanian,
# Afrikaans and Luxembourgish, Friulian and Sardinian.
_WESTERN = tuple(
    map(
        frozenset,
        (
            "äöüßéèàáêôç",
            "àâæçèéêëîïôœùûüÿñö",
            "áéíñóúüçï",
            "áâãàçéêíóôõúüè",
            "àèéìîòóù",
            "àçèéíïòóúüñ",
            "áàâäçéèêëïíîóôöúüûñ",
            "æøåéèêóòôâàäöü",
            "åäöéàüèæø",
            "åäöõüšžé",
            "áéíóúýþæöð",
            "áðíóúýæøåöäéü",
            "áéíóú",
            "àèéìòóù",
            "âêîôûäëïöáéàè",
            "çëêâéôî",
            "äáéèêëïîíóôöúûüý",
            "àâçèéêìîòôùûñ",
        ),
    )
)

# What stands around words in Western texts, and is a letter elsewhere.
_BEFORE = "£¥¿¡ª"
_BEHIND = "¹²³ªº£¥®©"

# How many words have to be of no Western language, and how many of those that might tell.
_FEWEST = 3
_LEAST_SHARE = 0.1
# Of all words with letters beyond ASCII, those of the one language. Names of others may be there.
_MOSTLY = 0.9


class _Word(NamedTuple):
    """A word with letters beyond ASCII: as it would be, and as it was read."""

    meant: str
    read: str


def central_european(texts: list[tuple[str, bytes]]) -> str | None:
    """The encoding of texts of Central Europe that were read as Windows-1252; None if of others.

    Parameters
    ----------
    texts
        As they were read, and their bytes.

    Examples
    --------
    >>> words = ["žlutý", "příliš", "kůň", "červená", "bílá", "věže", "Děčín", "měřiče"]
    >>> data = [word.encode("cp1250") for word in words]
    >>> central_european([(each.decode("cp1252"), each) for each in data])
    'cp1250'
    """
    shares = {encoding: _share(texts, encoding) for encoding in ENCODINGS}
    best = max(shares, key=lambda encoding: shares[encoding])
    return best if shares[best] >= _MOSTLY else None


def _share(texts: list[tuple[str, bytes]], encoding: str) -> float:
    """The share of words that are of one language in an encoding; 0 if they may be of the West."""
    words: set[_Word] = set()
    for read, data in texts:
        words.update(_words(read, data.decode(encoding, "replace")))
    telling = [word for word in words if word.meant != word.read]
    strange = [word for word in telling if not _is_western(word.read)]
    if len(strange) < max(_FEWEST, _LEAST_SHARE * len(telling)):
        return 0.0

    share = 0.0
    for letters in _CENTRAL:
        fitting = sum(_has_only(word.meant, letters) for word in words)
        strange_fitting = sum(_has_only(word.meant, letters) for word in strange)
        share = max(share, min(fitting / len(words), strange_fitting / len(strange)))
    return share


def _words(read: str, meant: str) -> Iterator[_Word]:
    """The words of two letters or more, one or more of which is beyond ASCII."""
    begin = 0
    for place, letter in enumerate(f"{meant} "):
        if letter.isalpha() and letter != "µ":
            continue
        word = _Word(meant[begin:place], read[begin:place])
        if len(word.meant) > 1 and not word.meant.isascii():
            yield word
        begin = place + 1


def _is_western(word: str) -> bool:
    core = word.lstrip(_BEFORE).rstrip(_BEHIND)
    return any(_has_only(core, letters) for letters in _WESTERN)


def _has_only(word: str, letters: frozenset[str]) -> bool:
    """Whether all letters beyond ASCII of a word are these."""
    return all(letter.isascii() or letter in letters for letter in word.lower())
