"""What `fold` knows of each character: its plain form, its kinds and its double in another script.

The tables cover the code points below 0x20000; beyond there are only Chinese characters and marks that show nothing.
They are made once on a machine, from `unicodedata` and from the Unicode lists that `confusable_homoglyphs`
carries (confusables.txt and Scripts.txt).
"""

from __future__ import annotations

import json
import unicodedata
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from detector.contract.kept import kept

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

POINTS: Final = 0x20000
_LISTED: Final = (
    *((0, 0x3400), (0xA000, 0xAC00), (0xD7B0, 0xD800), (0xF900, 0x14600), (0x16800, 0x17000), (0x1B000, 0x1B200)),
    *((0x1BC90, 0x1BCA0), (0x1CC00, 0x1CD00), (0x1D000, 0x1FC00)),
)
"""Where there are characters that have another plain form or melt into others: not Chinese, not Hangul syllables."""

LETTER, LATIN, FOREIGN, HARD, WEAK, STIFF, OTHER, ALPHA = (1 << i for i in range(8))
MARK, DECORATION, DIGIT, SPACE, DROP, COMPOSES, SIGN, SEPARATOR = (1 << i for i in range(8, 16))
EMOJI, LONG, CODE, FAR, UNSPACED = (1 << i for i in range(16, 21))
"""Kinds of characters, a bit each.

LETTER; LATIN letter; FOREIGN: letter of an alphabet with doubles of Latin letters, HARD if it has none itself, WEAK if
only in its other case or by liking, OTHER if it is not Cyrillic; STIFF: Latin letter without a Cyrillic double; ALPHA:
LATIN or FOREIGN. MARK: combining mark of one script; DECORATION: combining mark of no script; DIGIT; SPACE; DROP: shows
nothing; COMPOSES: may melt into the character before; SIGN: stands for a letter in leet; SEPARATOR: may stand between
the letters of a spaced word; EMOJI; LONG: its plain form has several characters; CODE: sign of paths and programs;
FAR: beyond the tables; UNSPACED: letter of a script that puts no spaces between words.
"""

_ALPHABETS: Final = frozenset(
    ("GREEK", "CYRILLIC", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "DESERET", "GEORGIAN", "TIFINAGH")
)
_WORDLESS: Final = frozenset(("HAN", "HIRAGANA", "KATAKANA", "BOPOMOFO", "THAI", "LAO"))
_PROLONGED: Final = 0x30FC  # of both kana
_DECORATIONS: Final = (
    *((0x300, 0x36F), (0x483, 0x489), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F)),
)
_UNSEEN: Final = (
    *((0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0xFE00, 0xFE0F), (0xD800, 0xDFFF)),
    (0x1F3FB, 0x1F3FF),  # skin tones
)
_BLANK: Final = (0x2800, 0x3164, 0xFFA0)  # braille and Hangul that show nothing but take room
_EMOJI: Final = (
    *((0x203C, 0x203C), (0x2049, 0x2049), (0x2190, 0x21FF), (0x231A, 0x23FF), (0x25A0, 0x27BF), (0x2B00, 0x2BFF)),
    (0x1F000, 0x1FAFF),
)
_LIKENESSES: Final = dict(zip("ηωλийпяшцг", "nwannnrwur", strict=True))
"""Letters that writers in disguise take for a Latin one, though Unicode does not list them."""
_CYRILLIC: Final = dict(zip("aceikopxy", "\u0430\u0441\u0435\u0456\u043a\u043e\u0440\u0445\u0443", strict=True))
"""Latin letters that stand in Cyrillic words."""
_TRUE_LETTERS: Final = frozenset("ıɣʋɩμ\u00b5")
"""Letters of living languages, or of measures, that look like another but are meant."""
_SIGNS: Final = "@$!|\u20ac"
_SEPARATORS: Final = ".-_*~+'\u00b7\u2022\u2219\u22c5\u30fb"
_CODES: Final = "/_=\\<>{}[]#~%&`^"
_GROWTH_MAX: Final = 3  # times as many bytes: a longer plain form is not taken


def _listed() -> list[int]:
    return [point for first, end in _LISTED for point in range(first, end)]


def _plain_forms(points: list[int]) -> list[str]:
    """Give NFKC in lower case of each, all at once: nothing melts across the border that is put between them."""
    text = "\n".join([chr(point) if point != 10 else " " for point in points])
    for _ in range(2):
        text = unicodedata.normalize("NFKC", text).lower()
    return text.split("\n")


def _form(character: str, plain: str) -> str:
    if len(plain.encode()) > _GROWTH_MAX * len(character.encode()):
        return character
    if len(plain) == 2 and plain[0] == " " and unicodedata.combining(plain[1]):
        return "'"  # an accent on nothing
    return "".join(c for c in plain if not unicodedata.combining(c)) if character == "\u0130" else plain


def _named_latin(character: str) -> str:
    name = unicodedata.name(character, "")
    styled = name.startswith(("LATIN LETTER SMALL CAPITAL ", "NEGATIVE SQUARED LATIN ", "NEGATIVE CIRCLED LATIN "))
    last = name.rsplit(" ", 1)[-1].lower()
    return last if styled and len(last) == 1 else ""


def _look(form: str, looks: dict[str, str]) -> str:
    found = looks.get(form, "")
    return found if found.islower() and form not in _TRUE_LETTERS else form


def _digit(character: str) -> str:
    value = unicodedata.digit(character, None)
    return "" if value is None else str(value)


def _read(name: str) -> Any:  # noqa: ANN401  # JSON
    return json.loads((files("confusable_homoglyphs") / name).read_text(encoding="utf-8"))


def _latin_looks() -> dict[str, str]:
    """Map characters to the ASCII letter, in its own case, that looks like them."""
    looks: dict[str, str] = {}
    for letter, found in _read("confusables.json").items():
        if len(letter) == 1 and letter.isascii() and letter.isalpha():
            for entry in found:
                looks.setdefault(entry["c"].strip("\u200e"), letter)
    return looks


def _scripts() -> Iterator[tuple[int, int, str, str]]:
    held = _read("categories.json")
    for first, last, script, category in held["code_points_ranges"]:
        if first < POINTS:
            yield first, min(last, POINTS - 1), held["iso_15924_aliases"][script], held["categories"][category]


def _mark_ranges(kinds: NDArray[np.uint32], ranges: Iterable[tuple[int, int]], kind: int, cleared: int = 0) -> None:
    for first, last in ranges:
        kinds[first : last + 1] = (kinds[first : last + 1] & ~np.uint32(cleared)) | np.uint32(kind)


def _own_kinds() -> NDArray[np.uint32]:
    kinds = np.zeros(POINTS, np.uint32)
    for first, last, script, category in _scripts():
        kind = LETTER if category[0] == "L" or category == "Mc" else 0
        kind |= MARK if category in ("Mn", "Me") else DROP if category in ("Cf", "Cc") else 0
        if kind & LETTER and script in _ALPHABETS:
            kind |= FOREIGN | ALPHA | (0 if script == "CYRILLIC" else OTHER)
        elif kind & LETTER and script == "LATIN":
            kind |= LATIN | ALPHA
        elif kind & LETTER and script in _WORDLESS:
            kind |= UNSPACED
        kinds[first : last + 1] = kind
    _mark_ranges(kinds, _DECORATIONS, DECORATION, MARK)
    _mark_ranges(kinds, _EMOJI, EMOJI | SEPARATOR)
    _mark_ranges(kinds, _UNSEEN, DROP, 0xFFFFFFFF)
    spaces = [i for i in range(0x3001) if chr(i).isspace()]
    kinds[[*spaces, *_BLANK]] = SPACE
    for signs, kind in ((_SIGNS, SIGN), (_SEPARATORS, SEPARATOR), (_CODES, CODE)):
        kinds[[ord(c) for c in signs]] |= np.uint32(kind)
    kinds[ord("0") : ord("9") + 1] = DIGIT
    kinds[_PROLONGED] |= np.uint32(UNSPACED)
    return kinds


def _composing(points: list[int]) -> list[int]:
    """List what may melt into the character before it (UAX 15: combining class, or second of a composition)."""
    found = [*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)]
    for i in points:
        if unicodedata.combining(chr(i)):
            found.append(i)
        elif (parts := unicodedata.decomposition(chr(i))) and parts[0] != "<" and " " in parts:
            found.append(int(parts.split()[1], 16))
    return found


def _doubles(kinds: NDArray[np.uint32], looks: dict[str, str]) -> NDArray[np.int32]:
    """Find the Latin double of each foreign letter and the Cyrillic one of each Latin letter; mark what has none."""
    doubles = np.zeros(POINTS, np.int32)
    for point in np.flatnonzero(kinds & FOREIGN).tolist():
        own, lower, upper = chr(point), chr(point).lower(), chr(point).upper()
        base = unicodedata.normalize("NFKD", lower)[0]
        strict = looks.get(own) or (looks.get(lower) if len(lower) == 1 else None)
        double = strict or _LIKENESSES.get(base) or looks.get(upper) or looks.get(base) or looks.get(base.upper())
        if double is None or own in _TRUE_LETTERS:
            kinds[point] |= HARD
        else:
            doubles[point] = ord(double.lower())
            kinds[point] |= 0 if strict else WEAK
    doubles[[ord(c) for c in _CYRILLIC]] = [ord(c) for c in _CYRILLIC.values()]
    stiff = (kinds & LATIN > 0) & (doubles == 0)
    kinds[stiff] |= np.uint32(STIFF)
    return doubles


def _tables() -> dict[str, NDArray[np.int32] | NDArray[np.uint32]]:
    looks, kinds = _latin_looks(), _own_kinds()
    doubles = _doubles(kinds, looks)
    points = _listed()
    kinds[_composing(points)] |= np.uint32(COMPOSES)
    maps, tails = np.arange(POINTS, dtype=np.int32), [0]
    for point, plain, kind in zip(points, _plain_forms(points), kinds[points].tolist(), strict=True):
        if kind & (DROP | SPACE):
            continue
        character = chr(point)
        form = _form(character, plain) if plain != character else character
        if kind & LATIN and point >= 0x180:
            form = _look(form, looks)
        if form == character and point >= 0x180:
            form = _digit(character) or (_named_latin(character) if not kind or kind & (LATIN | EMOJI) else "") or form
        if form != character:
            _enter(point, form, maps, tails, kinds, doubles)
    return {"maps": maps, "tails": np.array(tails, np.int32), "kinds": kinds, "doubles": doubles}


def _enter(
    point: int,
    form: str,
    maps: NDArray[np.int32],
    tails: list[int],
    kinds: NDArray[np.uint32],
    doubles: NDArray[np.int32],
) -> None:
    """Write the plain form of a character; it takes the kinds of that form."""
    if len(form) == 1:
        maps[point] = ord(form)
    else:
        maps[point] = -len(tails)
        tails.extend((len(form), *map(ord, form)))
    held = [int(kinds[ord(c)]) if ord(c) < POINTS else LETTER for c in form]
    kind = 0
    for other in held:
        kind |= other
    if kinds[point] & FOREIGN and kind & FOREIGN:
        kind = int(kinds[point])  # which double it has depends on its case
    elif len(form) == 1:
        doubles[point] = doubles[ord(form)] if ord(form) < POINTS else 0
    if len(form) > 1:
        kind = kind & ~(SPACE | DROP | (MARK | DECORATION if kind & LETTER else 0)) | LONG
    kinds[point] = kind


_KEPT: Final = kept("fold", __name__, _tables, "confusable-homoglyphs")
MAPS, TAILS, KINDS, DOUBLES = (_KEPT[name] for name in ("maps", "tails", "kinds", "doubles"))
"""(POINTS,) plain form of each point, if negative the place in TAILS of its length and its points; (POINTS,) its kinds;
(POINTS,) its double in another script, or 0."""
