"""A cheap guess at a message's language: by script, and in Latin letters by frequent words, endings and accents.

For a message of a few words it is a hint, not a finding: many are in no language in particular ("ok lol").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from detector.contract.jit import inlined, kernel
from features.hashing import signed
from features.text.language_words import CODES, ENDINGS, LETTERS, WORDS
from features.text.lexicon import word_hash

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.text.column import TextColumn

__all__ = ["CODES", "guess_languages"]

_OTHER: Final = CODES.index("other")
_RU, _HI, _ZH, _AR, _JA, _KO, _TH = (CODES.index(code) for code in ("ru", "hi", "zh", "ar", "ja", "ko", "th"))
_LATIN, _CYRILLIC, _CYRILLIC_KIN, _DEVANAGARI, _ARABIC, _ARABIC_KIN, _HAN, _KANA, _HANGUL, _THAI, _REST = range(1, 12)
"""Scripts; kin are letters of neighbours that the language we name does not have."""
_FIRST_SCRIPT: Final = len(CODES)
_TALLIES: Final = _FIRST_SCRIPT + _REST + 1
_POINTS: Final = 0x10000
_ACCENTED: Final = 0x250
_WORD_VOTES, _ENDING_VOTES, _LETTER_VOTES = 12, 4, 6
_VOTES_MIN: Final = 4  # less than one ending, or a word that three languages share, says nothing
_KIN_SHARE: Final = 40  # one letter in so many is enough: Ukrainian has one in 15, Persian one in 12
_KANA_SHARE: Final = 10
_START: Final = np.uint64(0xCBF29CE484222325)
_PRIME: Final = np.uint64(0x100000001B3)
_HALF, _ONE = np.uint64(32), np.uint64(1)
_APOSTROPHE, _CURLY = 39, 0x2019
_RANGES: Final = {
    _LATIN: ((0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F), (0x1E00, 0x1EFF)),
    _CYRILLIC: ((0x400, 0x52F),),
    _ARABIC: ((0x620, 0x6FF), (0x750, 0x77F), (0xFB50, 0xFDFF), (0xFE70, 0xFEFE)),
    _DEVANAGARI: ((0x900, 0x97F),),
    _THAI: ((0xE00, 0xE7F),),
    _HANGUL: ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF)),
    _KANA: ((0x3040, 0x30FF), (0xFF66, 0xFF9F)),
    _HAN: ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF)),
    _REST: ((0x370, 0x3FF), (0x530, 0x5FF), (0x700, 0x74F), (0x780, 0x8FF), (0x980, 0xDFF), (0xE80, 0x10FF)),
}
_KIN: Final = {_CYRILLIC_KIN: "іїєґўђјљњћџѓќѕ", _ARABIC_KIN: "پچژگکیٹڈےںھہ", _REST: "ळ"}


class _Votes(NamedTuple):
    keys: NDArray[np.uint64]
    """Hashes of words and endings, open addressing."""
    rows: NDArray[np.int16]
    """(places, languages): what each says."""
    letters: NDArray[np.int16]
    """(code points, languages): what accented letters say."""
    scripts: NDArray[np.uint8]
    """The script of each code point of the basic plane; 0 for what is no letter."""


def guess_languages(texts: TextColumn) -> NDArray[np.uint8]:
    """Guess the languages of raw texts as indices of `CODES`, shape (n,); no letters, or no sign of any, is other."""
    out = np.zeros(len(texts), np.uint8)
    _guess(texts.data, texts.offsets, *_VOTES, np.zeros(_TALLIES, np.int64), out)
    return out


def _shares(lists: dict[str, str], votes: int, mark: str) -> dict[str, NDArray[np.int16]]:
    """Share the votes of each item among the languages that have it."""
    owners: dict[str, list[int]] = {}
    for code, items in lists.items():
        for item in dict.fromkeys(items.split()):
            owners.setdefault(mark + item, []).append(CODES.index(code))
    shared = {}
    for item, codes in owners.items():
        shared[item] = np.zeros(len(CODES), np.int16)
        shared[item][codes] = max(votes // len(codes), 1)
    return shared


def _tables() -> _Votes:
    held = _shares(WORDS, _WORD_VOTES, "") | _shares(ENDINGS, _ENDING_VOTES, "-")
    size = 1 << (len(held) * 4).bit_length()
    keys, rows = np.zeros(size, np.uint64), np.zeros((size, len(CODES)), np.int16)
    for item, row in held.items():
        key = word_hash(item.encode())
        place = (key ^ key >> 32) & size - 1
        while keys[place]:
            place = (place + 1) & size - 1
        keys[place], rows[place] = key, row
    letters = np.zeros((_ACCENTED, len(CODES)), np.int16)
    for letter, row in _shares({code: " ".join(marks) for code, marks in LETTERS.items()}, _LETTER_VOTES, "").items():
        letters[ord(letter)] = letters[ord(letter.upper()[0])] = row
    scripts = np.zeros(_POINTS, np.uint8)
    for script, ranges in _RANGES.items():
        for first, last in ranges:
            scripts[first : last + 1] = script
    for script, kin in _KIN.items():
        scripts[[ord(letter) for letter in kin]] = script
    scripts[[0xD7, 0xF7, 0x60C, 0x61B, 0x61F, 0x3FB, 0x30FB, 0x30FC]] = 0
    return _Votes(keys, rows, letters, scripts)


_VOTES: Final = _tables()


@inlined
def _point(data: NDArray[np.uint8], at: int, end: int) -> tuple[int, int]:
    """Read the character that begins here, and where the next one does."""
    lead = signed(data[at])
    if lead < 0xC0:
        point, size = lead, 1
    elif lead < 0xE0 and at + 1 < end:
        point, size = ((lead & 31) << 6) | signed(data[at + 1] & 63), 2
    elif lead < 0xF0 and at + 2 < end:
        point, size = ((lead & 15) << 12) | (signed(data[at + 1] & 63) << 6) | signed(data[at + 2] & 63), 3
    else:
        point, size = _POINTS, 4
    return point, at + size


@inlined
def _vote(hashed: np.uint64, keys: NDArray[np.uint64], rows: NDArray[np.int16], tallies: NDArray[np.int64]) -> bool:
    mask = np.uint64(keys.shape[0] - 1)
    place = (hashed ^ (hashed >> _HALF)) & mask
    while keys[place] != 0 and keys[place] != hashed:
        place = (place + _ONE) & mask
    if keys[place] == hashed:
        for code in range(rows.shape[1]):
            tallies[code] += rows[place, code]
    return bool(keys[place] == hashed)


@kernel
def _vote_by_ending(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    keys: NDArray[np.uint64],
    rows: NDArray[np.int16],
    tallies: NDArray[np.int64],
) -> None:
    """Ask for the longest ending of 5 to 2 bytes that is known, of a word that has more bytes than that."""
    for size in range(5, 1, -1):
        if end - start > size + 1:
            hashed = (_START ^ np.uint64(45)) * _PRIME
            for at in range(end - size, end):
                byte = data[at]
                hashed = (hashed ^ np.uint64(byte | 32 if 65 <= byte <= 90 else byte)) * _PRIME
            if _vote(hashed, keys, rows, tallies):
                break


@inlined
def _is_letter(point: int, script: int) -> bool:
    return script == _LATIN or point in (_APOSTROPHE, _CURLY)


@inlined
def _mixed(hashed: np.uint64, data: NDArray[np.uint8], at: int, stop: int) -> np.uint64:
    """Hash a character on, in lower case and with a plain apostrophe."""
    if stop - at == 3 and data[at] == 0xE2:
        hashed = (hashed ^ np.uint64(_APOSTROPHE)) * _PRIME
    else:
        for i in range(at, stop):
            byte = data[i]
            capital = 65 <= byte <= 90 or (i > at and data[at] == 0xC3 and byte < 0x9F)
            hashed = (hashed ^ np.uint64(byte | 32 if capital else byte)) * _PRIME
    return hashed


@kernel
def _tally(
    data: NDArray[np.uint8],
    start: int,
    end: int,
    keys: NDArray[np.uint64],
    rows: NDArray[np.int16],
    letters: NDArray[np.int16],
    scripts: NDArray[np.uint8],
    tallies: NDArray[np.int64],
) -> None:
    """Count letters by script, and votes by language where the script is Latin."""
    hashed, begun, at = _START, end, start
    while at < end:
        point, stop = _point(data, at, end)
        script = signed(scripts[point]) if point < _POINTS else 0
        tallies[_FIRST_SCRIPT + script] += 1
        if _ACCENTED > point >= 128:
            for code in range(letters.shape[1]):
                tallies[code] += letters[point, code]
        if _is_letter(point, script):
            begun = min(begun, at)
            hashed = _mixed(hashed, data, at, stop)
        if begun < end and (stop >= end or not _is_letter(point, script)):
            last = end if _is_letter(point, script) else at
            if not _vote(hashed, keys, rows, tallies):
                _vote_by_ending(data, begun, last, keys, rows, tallies)
            hashed, begun = _START, end
        at = stop


@kernel
def _by_script(tallies: NDArray[np.int64]) -> int:
    """Name the language of a script that is not Latin."""
    scripts = tallies[_FIRST_SCRIPT:]
    cyrillic, arabic = scripts[_CYRILLIC] + scripts[_CYRILLIC_KIN], scripts[_ARABIC] + scripts[_ARABIC_KIN]
    east = scripts[_HAN] + scripts[_KANA]
    best, code = scripts[_REST], _OTHER
    if cyrillic > best:
        best, code = cyrillic, _OTHER if scripts[_CYRILLIC_KIN] * _KIN_SHARE > cyrillic else _RU
    if arabic > best:
        best, code = arabic, _OTHER if scripts[_ARABIC_KIN] * _KIN_SHARE > arabic else _AR
    if east > best:
        best, code = east, _JA if scripts[_KANA] * _KANA_SHARE > east else _ZH
    if scripts[_DEVANAGARI] > best:
        best, code = scripts[_DEVANAGARI], _HI
    if scripts[_HANGUL] > best:
        best, code = scripts[_HANGUL], _KO
    return _TH if scripts[_THAI] > best else code


@kernel
def _by_votes(tallies: NDArray[np.int64]) -> int:
    best, code = _VOTES_MIN - 1, _OTHER
    for each in range(_FIRST_SCRIPT):
        if tallies[each] > best:
            best, code = tallies[each], each
    return code


@kernel
def _guess(
    data: NDArray[np.uint8],
    offsets: NDArray[np.int64],
    keys: NDArray[np.uint64],
    rows: NDArray[np.int16],
    letters: NDArray[np.int16],
    scripts: NDArray[np.uint8],
    tallies: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> None:
    for row in range(out.shape[0]):
        tallies[:] = 0
        _tally(data, offsets[row], offsets[row + 1], keys, rows, letters, scripts, tallies)
        latin = tallies[_FIRST_SCRIPT + _LATIN]
        others = tallies[_FIRST_SCRIPT + _LATIN + 1 :].sum()
        out[row] = _by_votes(tallies) if latin > 2 * others else _by_script(tallies)
