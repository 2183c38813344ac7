"""Text of strangers, made harmless to show: a terminal obeys control characters, a person misreads hidden ones."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})

_HIDDEN_IN_JSON: Final = re.compile(
    "[\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)
"""What JSON may hold as it is, and a terminal obeys or a person does not see; JSON escapes all below a space."""


def printable_json(text: str) -> str:
    r"""Escape what is invisible in a JSON text, which stays the same value.

    >>> printable_json('{"a": "\x9b2J"}')
    '{"a": "\\u009b2J"}'
    """
    return _HIDDEN_IN_JSON.sub(lambda found: _json_escape(ord(found[0])), text)


def printable(text: str, length_max: int | None = None) -> str:
    r"""Show control and invisible characters as escapes, and cut what is too long.

    >>> printable("a\x1b[31mred")
    'a\\x1b[31mred'
    """
    cut = length_max is not None and len(text) > length_max
    shown = text[: max((length_max or 0) - 1, 0)] if cut else text
    return "".join(map(_visible, shown)) + ("…" if cut else "")


def _json_escape(code: int) -> str:
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def _visible(character: str) -> str:
    if unicodedata.category(character) not in _HIDDEN:
        return character
    return character.encode("unicode_escape").decode("ascii")
