"""Folding: what a message says whatever its disguise, in one spelling.

*Folded* is for embeddings and for finding contacts: NFKC in lower case, without what shows nothing and without
decoration, every word in one script, leet read, spelled words joined, repeats and white space shortened. Accents that
belong to a letter stay (é), and so do emoji, without their skin tone; digits of all scripts are 0-9. *Full* is for
hashing near duplicates: folded with slots for what varies, see `slotted`.

A folded text has at most three times the bytes of its source: the few characters whose NFKC is longer stay. Folding
what is folded changes nothing, and a row's text does not depend on the rows beside it.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from features.text.column import TextColumn
from features.text.fold_letters import CHANGED, MELTS, spell
from features.text.fold_points import Points, decoded, encoded
from features.text.fold_tables import DECORATION, DOUBLES, KINDS, MAPS, POINTS, TAILS
from features.text.fold_words import mend
from features.text.slots import slotted

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Normalised", "fold", "normalise", "slotted"]

_ROUNDS_MAX: Final = 8
"""Rounds after which a text is taken as it is; two are the rule, four the most that was seen."""
_GROWTH: Final = int(max(TAILS[-MAPS[MAPS < 0]]))


class Normalised(NamedTuple):
    """The two spellings of n texts."""

    folded: TextColumn
    full: TextColumn


def normalise(texts: TextColumn) -> Normalised:
    """Fold texts, and put slots into what was folded."""
    folded = fold(texts)
    return Normalised(folded, slotted(folded))


def fold(texts: TextColumn) -> TextColumn:
    """Fold texts."""
    bold = np.zeros(len(texts), np.uint8)
    points, changed = _fold_once(decoded(texts), bold)
    rows = np.flatnonzero(changed)
    for _ in range(_ROUNDS_MAX):
        if not len(rows):
            break
        bold = bold[changed]
        again, changed = _fold_once(Points(points.data, points.begins[rows], points.ends[rows]), bold)
        points = _replaced(points, rows, again)
        rows = rows[changed]
    return encoded(points)


def _fold_once(points: Points, bold: NDArray[np.uint8]) -> tuple[Points, NDArray[np.bool_]]:
    count = len(points.begins)
    size = len(points.data) + (_GROWTH - 1) * int(np.count_nonzero(points.data > 127))
    spelled = Points(np.empty(size, np.int32), np.empty(count, np.int64), np.empty(count, np.int64))
    flags = np.zeros(count, np.int64)
    spell(*points, MAPS, TAILS, KINDS, DOUBLES, *spelled, flags)
    melting = np.flatnonzero(flags & MELTS)
    if len(melting):
        spelled = _replaced(spelled, melting, _melted(spelled, melting))
    mended = Points(np.empty(len(spelled.data), np.int32), np.empty(count, np.int64), np.empty(count, np.int64))
    changed = np.zeros(count, np.bool_)
    mend(*spelled, KINDS, *mended, changed, bold)
    return mended, changed | (flags & CHANGED > 0)


def _replaced(points: Points, rows: NDArray[np.int64], new: Points) -> Points:
    begins, ends = points.begins.copy(), points.ends.copy()
    begins[rows], ends[rows] = new.begins + len(points.data), new.ends + len(points.data)
    return Points(np.concatenate((points.data, new.data)), begins, ends)


def _melted(points: Points, rows: NDArray[np.int64]) -> Points:
    """Put together what melts (NFC), and leave out the decorations that did not.

    All rows are one string with a border between them across which nothing melts. As no letter has more than a few
    marks by now, this takes time in proportion to the length.
    """
    parts = [points.data[points.begins[row] : points.ends[row]].tobytes() for row in rows]
    text = b"\0\0\0\0".join([*parts, b""]).decode("utf-32-le")
    data = np.frombuffer(unicodedata.normalize("NFC", text).encode("utf-32-le"), np.int32)
    kept = (KINDS[np.minimum(data, POINTS - 1)] & np.uint32(DECORATION) == 0) | (data >= POINTS)
    data = data[kept]
    borders = np.flatnonzero(data == 0)
    return Points(data, np.concatenate(([0], borders[:-1] + 1)), borders)
