"""Telephone numbers on a sheet, in digits, words or both.

The normal form is + and all digits where the country is said (+, 00, or 1 before a North American number), else the
digits as they are. The key is that of the last nine digits, so that a number is one contact with and without its
country (two numbers share these by chance once in 10^9). What counts as one without words of its own is a shape people
write telephone numbers in: E.164 (ITU), the North American plan (nanpa.com: neither area nor exchange begins with 0 or
1), a national number from 0 on, Chinese and Brazilian mobiles. Behind a word such as "call" any seven digits do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel
from features.text.contact_digits import Run, read_run
from features.text.contact_sheet import DIGIT, NONE, PHONE, SPACE, WORD, Found, Sheet, is_in, put
from features.text.contact_words import (
    CALL,
    COUNT,
    PLUS,
    number,
    whole,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ONE, _TWO, _THREE, _FOUR = (number(each) for each in (1, 2, 3, 4))
_MIN, _MAX = 7, 15  # E.164
_NANP: Final = 10
_WORDS_MIN: Final = 3
"""So many spoken digits make the rest a telephone number, whatever its shape."""
_KEY_DIGITS: Final = 9
_KINDS_MIN: Final = 3
"""A number of fewer different digits is decoration."""
_CONTEXT_WORDS: Final = 5
_GAP_MAX: Final = 4
_WORD_GAP_MAX: Final = 6
_POINT, _MINUS, _PLUS_SIGN, _OPEN, _MONEY, _HASH, _PERCENT, _COLON, _SLASH, _EQUALS = b".-+($#%:/="

_COUNTRIES: Final = (
    "1 7 20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 "
    "86 90 91 92 93 94 95 98 211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 "
    "237 238 239 240 241 242 243 244 245 246 247 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263 264 265 "
    "266 267 268 269 290 291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372 373 374 375 376 377 378 "
    "380 381 382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506 507 508 509 590 591 592 593 594 595 596 "
    "597 598 599 670 672 673 674 675 676 677 678 679 680 681 682 683 685 686 687 688 689 690 691 692 800 808 850 852 "
    "853 855 856 870 878 880 881 882 883 886 888 960 961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 "
    "979 992 993 994 995 996 998"
)
"""Country codes in use (ITU-T E.164, annex to the operational bulletin)."""


def _countries() -> NDArray[np.bool_]:
    begins = np.zeros(1000, np.bool_)
    for code in _COUNTRIES.split():
        span = 10 ** (3 - len(code))
        begins[int(code) * span : (int(code) + 1) * span] = True
    return begins


_IN_USE: Final = _countries()


@kernel
def _is_varied(sheet: Sheet, digits: int) -> bool:
    """Tell whether a number is neither of one or two different digits nor counts up or down."""
    seen, steps = 0, 0
    for i in range(digits):
        seen |= 1 << whole(sheet.digits[i])
        step = (whole(sheet.digits[i]) - whole(sheet.digits[i - 1])) % 10 if i > 0 else 0
        steps += step == 1 or step == 9
    kinds = 0
    for digit in range(10):
        kinds += (seen >> digit) & 1
    return kinds >= _KINDS_MIN and steps < digits - 2


@kernel
def _grouped(sheet: Sheet, run: Run, b: int) -> bool:
    """Tell whether the last groups have 3, b and 4 digits, or all digits stand together or all alone."""
    a, c = 3, 4
    lone = run.groups == run.digits
    if run.groups == 1 or lone:
        return True
    last = run.groups - 1
    three = last >= 2 and sheet.groups[last] == c and sheet.groups[last - 1] == b and sheet.groups[last - 2] == a
    two = (
        last == 1
        and sheet.groups[0] + sheet.groups[1] == run.digits
        and (sheet.groups[1] == c or sheet.groups[1] == b + c or sheet.groups[0] == run.digits - a - b - c)
    )
    return bool(three or two)


@kernel
def _is_nanp(sheet: Sheet, at: int) -> bool:
    return bool(sheet.digits[at] >= 2 and sheet.digits[at + 3] >= 2)


@kernel
def _is_date(sheet: Sheet, run: Run) -> bool:
    """Tell whether the groups begin as a date does: 2008-07-05, 05.07.2008."""
    g, d = sheet.groups, sheet.digits
    if run.groups < 3:
        return False
    begins = g[0] == 4 and g[1] <= 2 and g[2] <= 2 and (d[0] == 1 or d[0] == 2)
    k = g[0] + g[1]
    ends = g[0] <= 2 and g[1] <= 2 and g[2] == 4 and ((d[k] == 1 and d[k + 1] == 9) or (d[k] == 2 and d[k + 1] == 0))
    return bool(begins or ends)


@kernel
def _is_national(sheet: Sheet, run: Run) -> bool:
    """Tell whether a number has the shape of one within its country."""
    n, d, g = run.digits, sheet.digits, sheet.groups
    if n == _NANP and _is_nanp(sheet, NONE):
        return run.spoken > 0 or _grouped(sheet, run, _THREE)
    if n == _NANP + 1 and d[0] == 1:
        return ((_is_nanp(sheet, _ONE) or d[1] >= 3) and _grouped(sheet, run, _FOUR)) or (
            _is_nanp(sheet, _ONE) and _grouped(sheet, run, _THREE)
        )
    if n == _NANP + 1 and run.groups == 3 and d[2] == 9 and g[0] == 2 and g[1] == 5:
        return True
    if run.loose or not (9 <= n <= 11 and d[0] == 0 and d[1] > 0) or (run.groups > 5 and run.groups < n):
        return False
    for group in range(run.groups):
        if run.groups < n and g[group] < 2:
            return False
    return g[0] > 2 or run.groups == 5 or run.groups == n


@kernel
def _is_ip(sheet: Sheet, run: Run) -> bool:
    """Tell whether the groups are the four numbers of an internet address."""
    short = run.groups == 4 and sheet.codes[sheet.ends[run.first]] == _POINT
    for group in range(run.groups if short else NONE):
        short &= sheet.groups[group] <= 3
    return short


@kernel
def _is_foreign(sheet: Sheet, digits: int, at: int) -> bool:
    """Tell whether the digits from here on begin with a country code and are as many as a number has."""
    code = 100 * whole(sheet.digits[at]) + 10 * whole(sheet.digits[at + 1]) + whole(sheet.digits[at + 2])
    return _MIN + 1 <= digits - at <= _MAX and bool(_IN_USE[code])


@kernel
def _sign_before(sheet: Sheet, run: Run) -> int:
    """Give the sign in front of a number, with spaces and an open bracket skipped; + also if it is said."""
    i = sheet.starts[run.first] - 1
    while i >= 0 and (is_in(sheet.codes[i], SPACE) or sheet.codes[i] == _OPEN):
        i -= 1
    if run.first > 0 and i < sheet.ends[run.first - 1] and sheet.flags[run.first - 1] & PLUS:
        return _PLUS_SIGN
    return whole(sheet.codes[i]) if i >= 0 else 0


@kernel
def _context(sheet: Sheet, run: Run, words: int) -> int:
    """Give what the word behind a number, or else the few before it, say it is."""
    if run.after < words and sheet.flags[run.after] & COUNT:
        return COUNT
    for word in range(run.first - 1, max(-1, run.first - 1 - _CONTEXT_WORDS), -1):
        flags = whole(sheet.flags[word]) & (CALL | COUNT)
        if flags:
            return flags
    return 0


@kernel
def _is_glued(sheet: Sheet, run: Run, n: int) -> bool:
    """Tell whether a number is part of something longer: "0x", "12:", "=", "/", "%"."""
    start, end = sheet.starts[run.first], sheet.ends[run.after - 1]
    sign = whole(sheet.codes[start - 1]) if start > 0 else 0
    behind = whole(sheet.codes[end]) if end < n else 0
    bound = run.first > 0 and sheet.ends[run.first - 1] == start - 1
    tight = bound and sign != 32 and sign != _OPEN and sign != _PLUS_SIGN
    digit = bound and is_in(sheet.codes[start - 2], DIGIT)
    parted = sign in (_SLASH, _EQUALS, _MINUS, _POINT) or sign == 95
    more = end + 1 < n and is_in(sheet.codes[end + 1], WORD)
    cut = behind == _PERCENT or (more and (behind in (_COLON, _EQUALS, _MINUS) or behind == 95))
    return sign in (_HASH, _MONEY) or (tight and (digit or parted)) or cut or (more and behind == _POINT)


@kernel
def _shape(sheet: Sheet, run: Run, n: int, words: int) -> int:
    """Judge a number: 0 is none, 1 begins with a country, 2 too but behind 00, 3 is within one."""
    digits, sign = run.digits, _sign_before(sheet, run)
    if not _MIN <= digits <= _MAX + 2 or not _is_varied(sheet, digits):
        return 0
    spoken = run.spoken >= _WORDS_MIN
    if sign == _PLUS_SIGN and _is_foreign(sheet, digits, NONE) and (not run.loose or spoken):
        return 1
    context = _context(sheet, run, words)
    if (
        _is_date(sheet, run)
        or _is_ip(sheet, run)
        or (_is_glued(sheet, run, n) and not spoken and context != CALL)
        or sign == _MONEY
    ):
        return 0
    if sheet.digits[0] == 0 and sheet.digits[1] == 0 and _is_foreign(sheet, digits, _TWO):
        return 2 if digits >= _NANP + 1 and (context != COUNT or spoken) else 0
    national = _is_national(sheet, run)
    if digits == _NANP + 1 and sheet.digits[0] == 1 and _is_nanp(sheet, _ONE) and (national or spoken):
        return 1
    called = context & CALL and not run.loose
    return 3 if digits <= _MAX and (spoken or called or (national and not context & COUNT)) else 0


@kernel
def _put_phone(sheet: Sheet, found: Found, run: Run, shape: int) -> None:
    length, first = 0, 2 if shape == 2 else 0
    if shape != 3:
        sheet.form[0], length = _PLUS_SIGN, 1
    for i in range(first, run.digits):
        sheet.form[length] = sheet.digits[i] + 48
        length += 1
    start = sheet.starts[run.first]
    while shape == 1 and start > 0 and not is_in(sheet.codes[start - 1], WORD) and sheet.codes[start] != _PLUS_SIGN:
        start -= 1
    begin = start if sheet.codes[start] == _PLUS_SIGN else sheet.starts[run.first]
    put(found, sheet, PHONE, begin, sheet.ends[run.after - 1], length, max(0, length - _KEY_DIGITS))


@kernel
def find_phones(sheet: Sheet, found: Found, n: int, words: int) -> None:
    """Read all telephone numbers of a text; where a run of numbers is none, its long words are tried alone."""
    word = NONE
    while word < words:
        run = read_run(sheet, word, words)
        if run.after == word or run.digits == 0:
            word += 1
            continue
        shape = _shape(sheet, run, n, words)
        if shape:
            _put_phone(sheet, found, run, shape)
        else:
            _try_alone(sheet, found, n, words, run)
        word = run.after


@kernel
def _try_alone(sheet: Sheet, found: Found, n: int, words: int, run: Run) -> None:
    for word in range(run.first, run.after if run.groups > 1 else run.first):
        if sheet.ends[word] - sheet.starts[word] >= _NANP:
            alone = read_run(sheet, word, word + 1)
            shape = _shape(sheet, alone, n, words) if alone.digits else 0
            if shape:
                _put_phone(sheet, found, alone, shape)
