"""A text as codes: every character by the one it stands for, so that disguises by look-alikes fall.

A code is an ASCII character in lower case, or a number above 127 for another letter. Digits of all scripts, full-width,
mathematical, circled and accented letters become ASCII; invisible characters and combining marks go. A letter of
another script that looks like a Latin one becomes that, unless its whole word has no Latin letter: real Russian stays
itself.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel, part
from detector.contract.kept import kept
from features.text.contact_sheet import LETTER, NONE, WIDE, WORD, Sheet, is_in
from features.text.contact_words import CYRILLIC, IDEOGRAPH, IDEOGRAPHS, OTHER, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

POINTS: Final = 0x20000
SIGN: Final = 127
"""Code of what is neither letter nor digit nor known sign."""
DROPPED: Final = 0
_HIGH: Final = 8
_APOSTROPHE: Final = 39
_POINT: Final = 46

_SEEN_AS: Final[dict[str, str]] = {
    "аеорсухкмтнвіјѕһԁԛԝӏгүпиз": "aeopcyxkmthbijshdqwlrynu3",
    "αοντρικυεηχβγσωμ": "aovtpikuenxbyowu",
    "\u2022\u2219\u22c5\u00b7\u30fb\uff61\u3002\u2024": "........",
    "\u2010\u2011\u2012\u2013\u2014\u2015\u2212": "-------",
    "\u2019\u2018\u0060\u00b4\u02bc\uff07": "''''''",
    "\u3010\u3014\uff3b\u300c\u300a": "(((((",
    "\u3011\u3015\uff3d\u300d\u300b": ")))))",
    "øłđħŧıſɡ": "oldhtisg",
    "ᴀʙᴄᴅᴇғɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡʏᴢ": "abcdefghijklmnopqrstuvwyz",
}
"""Characters, and below each what it is seen as."""


def _latin_of(character: str) -> str:
    """Give the one ASCII letter or digit that a character is made of, or else nothing."""
    parts = [c for c in unicodedata.normalize("NFKD", character) if c.isalnum() or c in "@.:/+-_#$()[]<>=&%!|~,;*"]
    plain = [c for c in parts if c.isalnum()] or parts
    return plain[0].lower() if len(plain) == 1 and plain[0] < "\x80" else ""


def _own_code(character: str, category: str) -> int:
    """Give the code of a character that stands for itself."""
    base = unicodedata.normalize("NFD", character)[0].lower()
    place = ord("\u0435" if base == "ё" else base) - 0x430
    if category[0] == "L":
        if character in IDEOGRAPHS:
            return IDEOGRAPH + IDEOGRAPHS.index(character)
        # Chinese, Japanese and Thai put no space between words: there each letter is a border
        spaced = not (
            0xE00 <= ord(character) <= 0xE7F or 0x2E80 <= ord(character) <= 0x9FFF or ord(character) >= 0x20000
        )
        return CYRILLIC + place if 0 <= place < 32 else OTHER if spaced else SIGN
    arrow = category[0] == "S" and any(s in unicodedata.name(character, "") for s in ("RIGHTWARDS", "RIGHT POINTING"))
    if arrow or category in ("Zs", "Zl", "Zp", "Cc"):
        return ord(">") if arrow else ord(" ")
    return ord("$") if category == "Sc" else SIGN


def _point(number: int) -> tuple[int, int]:
    """Give the code of a code point, and the one it has in a word without Latin letters if that is another."""
    character = chr(number)
    category = unicodedata.category(character)
    if number < 128:
        return (ord(character.lower()) if character.isprintable() else ord(" ")), 0
    if category in ("Mn", "Me", "Cf"):
        return DROPPED, 0
    if 0x1F1E6 <= number <= 0x1F1FF:
        return ord("a") + number - 0x1F1E6, 0
    if 0x1F130 <= number <= 0x1F189 and (number - 0x1F130) % 32 < 26:
        return ord("a") + (number - 0x1F130) % 32, 0
    digit = unicodedata.digit(character, None)
    if digit is not None:
        return ord("0") + digit, 0
    latin = _latin_of(character)
    return (ord(latin), 0) if latin else (_own_code(character, category), 0)


def _looks() -> dict[int, int]:
    """Map letters that look like Latin ones to these."""
    from confusable_homoglyphs import confusables  # type: ignore[import-untyped]

    looks = {}
    for character, alike in confusables.confusables_data.items():
        if len(character) == 1 and 128 <= ord(character) < POINTS and character.isalpha():
            plain = [each["c"].lower() for each in alike if len(each["c"]) == 1 and "a" <= each["c"].lower() <= "z"]
            if plain:
                looks[ord(character)] = ord(plain[0])
    for characters, seen in _SEEN_AS.items():
        for character, each in zip(characters, seen, strict=True):
            looks[ord(character)] = ord(each)
            if character.upper() != character and len(character.upper()) == 1:
                looks.setdefault(ord(character.upper()), ord(each))
    return looks


@cache
def signs() -> NDArray[np.uint16]:
    """Map every code point below `POINTS` to its code; the high byte is its code in a word without Latin letters."""
    return kept("signs", __name__, lambda: {"signs": _signs()}, "confusable-homoglyphs")["signs"]


def _signs() -> NDArray[np.uint16]:
    table = np.array([first | own << _HIGH for first, own in map(_point, range(POINTS))], np.uint16)
    for number, seen in _looks().items():
        own = int(table[number]) & 0xFF
        if own >= CYRILLIC:
            table[number] = seen | (0 if "LATIN" in unicodedata.name(chr(number), "") else own) << _HIGH
        elif own in (SIGN, ord("'")):
            table[number] = seen
    return table


def _cyrillic() -> NDArray[np.uint8]:
    """Map codes of Latin letters to those of the Cyrillic ones that look like them."""
    table = np.arange(256, dtype=np.uint8)
    for letter, seen in zip("аеорсухкмтн", "aeopcyxkmth", strict=True):
        table[ord(seen)] = CYRILLIC + ord(letter) - 0x430
    return table


_CYRILLIC_OF: Final = _cyrillic()


@part
def _width(byte: int) -> int:
    return 1 if byte < 0xC0 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4


@kernel
def _decoded(data: NDArray[np.uint8], at: int, width: int, end: int) -> int:
    """Read the code point of so many bytes; broken ones give some number."""
    if width == 1 or at + width > end:
        return whole(data[at])
    point = whole(data[at]) & (0x7F >> width)
    for k in range(1, width):
        point = point << 6 | whole(data[at + k]) & 0x3F
    return point


@kernel
def _own_scripts(sheet: Sheet, start: int, end: int, own: NDArray[np.uint8]) -> None:
    """Give the letters of a word their own codes if none of them is Latin.

    If one is Cyrillic and looks like no Latin letter, the Latin ones stand for what they look like.
    """
    latin, cyrillic = 0, 0
    for i in range(start, end):
        latin += own[i] == 0 and is_in(sheet.codes[i], LETTER)
        cyrillic += CYRILLIC <= sheet.codes[i] < IDEOGRAPH
    if latin and not cyrillic:
        return
    for i in range(start, end):
        if own[i] >= CYRILLIC:
            sheet.codes[i] = own[i]
        elif cyrillic:
            sheet.codes[i] = _CYRILLIC_OF[sheet.codes[i]]


@kernel
def lay_out(data: NDArray[np.uint8], start: int, end: int, table: NDArray[np.uint16], sheet: Sheet) -> int:
    """Write the codes of a text on a sheet, and where each began; give their number."""
    n, at, looks = NONE, start, False
    while at < end:
        byte = data[at]
        width = _width(byte)
        point = whole(byte) if byte < 128 else _decoded(data, at, width, end)
        both = table[point] if point < POINTS else np.uint16(SIGN)
        code = both & 0xFF
        if code != DROPPED:
            sheet.codes[n], sheet.at[n], sheet.used[n] = code, at - start, both >> _HIGH
            looks = looks or bool(both > 0x7F)  # all letters that are not ASCII
            n += 1
        at = min(at + width, end)
    sheet.at[n] = end - start
    if looks:
        _settle_scripts(sheet, n)
    for i in range(n):
        sheet.used[i] = 0
    return n


@kernel
def _settle_scripts(sheet: Sheet, n: int) -> None:
    i = NONE
    while i < n:
        first = i
        while i < n and is_in(sheet.codes[i], WORD):
            i += 1
        _own_scripts(sheet, first, i, sheet.used)
        i += 1


@kernel
def drop_apostrophes(sheet: Sheet, n: int) -> int:
    """Take apostrophes between letters out: "what's" is a spelling of "whats"."""
    kept = 0
    for i in range(n):
        inside = sheet.codes[i] == _APOSTROPHE and 0 < i < n - 1
        if not (inside and is_in(sheet.codes[i - 1], LETTER | WIDE) and is_in(sheet.codes[i + 1], LETTER | WIDE)):
            sheet.codes[kept], sheet.at[kept] = sheet.codes[i], sheet.at[i]
            kept += 1
    sheet.at[kept] = sheet.at[n]
    return kept
