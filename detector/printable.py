"""Text of strangers, made harmless to show: a terminal obeys control characters, a person misreads hidden ones."""

from __future__ import annotations

import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})


def printable(text: str, length_max: int | None = None) -> str:
    r"""Show control and invisible characters as escapes, and cut what is too long.

    >>> printable("a\x1b[31mred")
    'a\\x1b[31mred'
    """
    cut = length_max is not None and len(text) > length_max
    shown = text[: max((length_max or 0) - 1, 0)] if cut else text
    return "".join(map(_visible, shown)) + ("…" if cut else "")


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    return character.encode("unicode_escape").decode("ascii")
