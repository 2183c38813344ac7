"""Slots in a folded text: what varies between copies of a message is replaced by the name of its kind.

`num`, `phone`, `link`, `handle`, `email`, `amount` stand for numbers, phones, links, handles, e-mail addresses and sums
of money; signs, emoji and the accents of Latin letters are left out. A full text has at most three times the bytes of
the folded one and ten more, and putting slots into it again changes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel
from features.text.fold_address import NO_ADDRESS, address, is_in, number_of, numbers
from features.text.fold_points import Points, decoded, encoded, kind_of, wide
from features.text.fold_tables import DIGIT, KINDS, LATIN, LETTER, MARK, POINTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from features.text.column import TextColumn

SLOTS: Final = ("num", "link", "email", "handle", "phone", "amount")
_NUM, _LINK, _EMAIL, _HANDLE, _PHONE, _AMOUNT = range(len(SLOTS))
_SLOT_PLACES: Final = np.cumsum([0, *map(len, SLOTS)])
_SLOT_LETTERS: Final = np.array([ord(c) for slot in SLOTS for c in slot], np.int32)
_SLOT_MAX: Final = max(map(len, SLOTS)) + 1
_CURRENCIES: Final = """
usd eur euro euros gbp pound pounds dollar dollars bucks inr rs rupee rupees rub ruble rubles btc eth usdt brl reais mxn
pesos cny yuan rmb jpy yen lira chf cad aud
\u0440\u0443\u0431 \u0440\u0443\u0431\u043b\u0435\u0439 \u0440 sek nok pln zl naira ngn kr
"""
_CURRENCY_NUMBERS: Final = numbers(_CURRENCIES.split())
_MONEY: Final = np.array([0x24, 0xA2, 0xA3, 0xA5, 0xE3F, *range(0x20A0, 0x20C0)], np.int64)
_PHONE_MIN, _PHONE_MAX, _PLAIN_PHONE_MIN = 7, 15, 9  # E.164 has up to 15 digits, local numbers from 7
_GROUP_MAX, _GROUPS_MAX, _SIGNS_MAX = 8, 6, 3
_CURRENCY_MAX: Final = max(map(len, _CURRENCIES.split()))
_PLUS, _OPEN, _CLOSE, _SPACE, _POINT, _HYPHEN, _COMMA, _COLON, _SLASH, _APOSTROPHE, _AT = (
    ord(c) for c in "+() .-,:/'@"
)
_ZERO, _NINE = ord("0"), ord("9")
_YEAR_DIGITS, _DATE_SIZES_MIN = 4, 100
_STRUCK: Final = re.compile("LATIN SMALL LETTER (?:DOTLESS )?([A-Z])(?: WITH STROKE)?")
_QUOTES: Final = (0x27, 0x2019, 0x2BC)


def _bare() -> NDArray[np.int32]:
    """Map Latin letters with an accent or a stroke, or without their dot, to the letter."""
    bare = np.arange(POINTS, dtype=np.int32)
    for point in np.flatnonzero(KINDS & LATIN).tolist():
        if (parts := unicodedata.decomposition(chr(point))) and parts[0] != "<":
            bare[point] = ord(unicodedata.normalize("NFD", chr(point))[0])
        elif struck := _STRUCK.fullmatch(unicodedata.name(chr(point), "")):
            bare[point] = ord(struck[1].lower())
    return bare


_BARE: Final = _bare()


def slotted(folded: TextColumn) -> TextColumn:
    """Put slots into folded texts."""
    points = decoded(folded)
    count = len(points.begins)
    size = len(points.data) * 3 + count * _SLOT_MAX
    full = Points(np.empty(size, np.int32), np.empty(count, np.int64), np.empty(count, np.int64))
    _put_slots(*points, KINDS, _BARE, *full)
    return encoded(full)


@kernel
def _put_slots(
    src: NDArray[np.int32],
    begins: NDArray[np.int64],
    ends: NDArray[np.int64],
    kinds: NDArray[np.uint32],
    bare: NDArray[np.int32],
    dst: NDArray[np.int32],
    out_begins: NDArray[np.int64],
    out_ends: NDArray[np.int64],
) -> None:
    to = 0
    for row in range(begins.shape[0]):
        out_begins[row] = to
        to = _slot_row(src, begins[row], ends[row], kinds, bare, dst, to)
        out_ends[row] = to


@kernel
def _slot_row(
    src: NDArray[np.int32],
    at: int,
    end: int,
    kinds: NDArray[np.uint32],
    bare: NDArray[np.int32],
    dst: NDArray[np.int32],
    to: int,
) -> int:
    begin, first, fresh, last_slot = at, to, True, -1
    while at < end:
        point = wide(src[at])
        if point == _SPACE:
            at, fresh = at + 1, True
            continue
        kind = kind_of(point, kinds)
        if fresh and (kind & (LETTER | DIGIT) or point == _AT):
            fresh = False
            stop = _token_end(src, at, end)
            if stop > 0:
                found, beyond = address(src, at, stop, kinds)
                if found != NO_ADDRESS:
                    to, last_slot = _write_slot(dst, first, to, found, last_slot)
                    at = beyond
                    continue
        if kind & LETTER:
            at, to, last_slot = _word(src, at, end, kinds, bare, dst, first, to)
        elif kind & DIGIT or _is_in_front(src, at, end, kinds):
            inside = at > begin and (src[at - 1] == _POINT or kind_of(src[at - 1], kinds) & (LETTER | DIGIT) > 0)
            at, slot = _number(src, at, end, inside, kinds)
            to, last_slot = _write_slot(dst, first, to, slot, last_slot)
        else:
            at += 1
    return to


@kernel
def _token_end(src: NDArray[np.int32], at: int, end: int) -> int:
    """Give the end of a token that may be an address, or 0."""
    may = src[at] == _AT
    while at < end and src[at] != _SPACE:
        may |= src[at] == _POINT or src[at] == _COLON or src[at] == _AT
        at += 1
    return at if may else 0


@kernel
def _write_slot(dst: NDArray[np.int32], first: int, to: int, slot: int, last_slot: int) -> tuple[int, int]:
    """Write a slot, unless it repeats the number before it."""
    if slot == _NUM and last_slot == _NUM:
        return to, slot
    if to > first:
        dst[to] = _SPACE
        to += 1
    for i in range(_SLOT_PLACES[slot], _SLOT_PLACES[slot + 1]):
        dst[to] = _SLOT_LETTERS[i]
        to += 1
    return to, slot


@kernel
def _word(
    src: NDArray[np.int32],
    at: int,
    end: int,
    kinds: NDArray[np.uint32],
    bare: NDArray[np.int32],
    dst: NDArray[np.int32],
    first: int,
    to: int,
) -> tuple[int, int, int]:
    """Write a word and the single digits in it; longer numbers end it."""
    if to > first:
        dst[to] = _SPACE
        to += 1
    while at < end:
        point = wide(src[at])
        kind = kind_of(point, kinds)
        if kind & (LETTER | MARK):
            dst[to] = bare[point] if point < bare.shape[0] else point
            to += 1
        elif kind & DIGIT:
            if at + 1 < end and kind_of(src[at + 1], kinds) & DIGIT:
                break
            dst[to] = point
            to += 1
        elif not (_is_quote(point) and at + 1 < end and kind_of(src[at + 1], kinds) & LETTER):
            break
        at += 1
    return at, to, -1


@kernel
def _is_quote(point: int) -> bool:
    return point == _QUOTES[0] or point == _QUOTES[1] or point == _QUOTES[2]


@kernel
def _is_money(point: int) -> bool:
    for sign in _MONEY:  # noqa: SIM110  # kernels have no any()
        if sign == point:
            return True
    return False


@kernel
def _is_in_front(src: NDArray[np.int32], at: int, end: int, kinds: NDArray[np.uint32]) -> bool:
    """Tell whether a sign here belongs to the number that follows."""
    if src[at] == _PLUS or src[at] == _OPEN or _is_money(src[at]):
        stop = min(at + _SIGNS_MAX, end)
        at += 1
        while at < stop and (src[at] == _SPACE or src[at] == _OPEN):
            at += 1
        return at < end and kind_of(src[at], kinds) & DIGIT > 0
    return False


@kernel
def _number(src: NDArray[np.int32], at: int, end: int, inside: bool, kinds: NDArray[np.uint32]) -> tuple[int, int]:
    """Give the end of a number and its slot."""
    money = _is_money(src[at])
    stop = at if money or inside else _phone_end(src, at, end, kinds)
    if stop > at:
        return stop, _PHONE
    while not kind_of(src[at], kinds) & DIGIT:
        at += 1
    while at < end and (kind_of(src[at], kinds) & DIGIT or _joins_digits(src, at, end, kinds)):
        at += 1
    beyond = at + (at < end and src[at] == _SPACE)
    if beyond < end and _is_money(src[beyond]) and not money:
        return beyond + 1, _AMOUNT
    stop = beyond
    while stop < end and stop - beyond <= _CURRENCY_MAX and kind_of(src[stop], kinds) & (LETTER | DIGIT | MARK):
        stop += 1
    if stop > beyond and is_in(number_of(src, beyond, stop), _CURRENCY_NUMBERS):
        return stop, _AMOUNT
    return at, (_AMOUNT if money else _NUM)


@kernel
def _joins_digits(src: NDArray[np.int32], at: int, end: int, kinds: NDArray[np.uint32]) -> bool:
    point = src[at]
    sign = point in (_POINT, _COMMA, _COLON, _SLASH, _HYPHEN)
    if not sign and point != _APOSTROPHE:
        return False
    return at + 1 < end and kind_of(src[at + 1], kinds) & DIGIT > 0


@kernel
def _phone_end(src: NDArray[np.int32], at: int, end: int, kinds: NDArray[np.uint32]) -> int:
    """Give the end of a phone number: 7 to 15 digits in groups that are no date, address or list; at if it is none."""
    first, last, plus = at, at, src[at] == _PLUS
    digits, groups, group, longest, points = 0, 0, 0, 0, 0
    while at < end and digits <= _PHONE_MAX and at - last <= _SIGNS_MAX:
        point = src[at]
        if kind_of(point, kinds) & DIGIT:
            groups += group == 0
            group, digits, last = group + 1, digits + 1, at + 1
            longest = max(longest, group)
        elif point in (_SPACE, _HYPHEN, _POINT, _OPEN, _CLOSE) or at == first:
            points += point == _POINT
            group = 0
        else:
            break
        at += 1
    if digits < _PHONE_MIN or digits > _PHONE_MAX:
        return first
    if plus or groups == digits:
        return last if digits > _PHONE_MIN else first
    if groups == 1:
        return last if digits >= _PLAIN_PHONE_MIN else first
    host = points >= 3 and groups == 4
    return first if host or _is_date(src, first, end) or groups > _GROUPS_MAX or longest > _GROUP_MAX else last


@kernel
def _is_date(src: NDArray[np.int32], at: int, end: int) -> bool:
    """Tell whether digits begin with a date: 2024-05-12, 12.5.2024."""
    sizes, group, sign = 0, 0, 0
    while at < end and sizes < _DATE_SIZES_MIN:
        if _ZERO <= src[at] <= _NINE:
            group += 1
        elif group == 0 or group > _YEAR_DIGITS or (sign and src[at] != sign) or src[at] == _SPACE:
            break
        else:
            sizes, group, sign = sizes * 10 + group, 0, src[at]
        at += 1
    sizes = sizes * 10 + group
    return sizes in (422, 421, 412, 411, 224, 214, 124, 114)
