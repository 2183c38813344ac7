"""E-mail addresses on a sheet."""

from __future__ import annotations

from typing import Final

import numpy as np

from detector.contract.jit import kernel
from features.text.contact_domains import is_dot, registrable
from features.text.contact_sheet import EMAIL, LOCAL, NONE, SPELLED_DOT, WORD, Found, Sheet, is_in, put, write_codes
from features.text.contact_suffixes import Suffixes

_POINT, _AT_SIGN, _PLUS = b".@+"
_LOCAL_MAX: Final = 64  # RFC 5321
_GMAIL: Final = np.frombuffer(b"gmail.com", np.uint8)


@kernel
def read_email(sheet: Sheet, found: Found, start: int, end: int, suffixes: Suffixes) -> bool:
    """Read the e-mail address whose host begins here."""
    begin = start - 1
    while begin > 0 and start - begin <= _LOCAL_MAX and _is_local(sheet, begin - 1):
        begin -= 1
    while begin < start - 1 and not is_in(sheet.codes[begin], WORD):
        begin += 1
    part = registrable(sheet, start, end, suffixes)[0]
    if begin == start - 1 or part < 0:
        return False
    length = write_codes(sheet, NONE, begin, start - 1)
    gmail = end - start == len(_GMAIL)
    for i in range(start, end if gmail else start):
        gmail &= sheet.codes[i] == _GMAIL[i - start] or (is_dot(sheet.codes[i]) and _GMAIL[i - start] == _POINT)
    length = _gmail_name(sheet, length) if gmail else length
    sheet.form[length] = _AT_SIGN
    length = write_codes(sheet, length + 1, start, end)
    put(found, sheet, EMAIL, begin, end, length, NONE)
    return True


@kernel
def _is_local(sheet: Sheet, i: int) -> bool:
    return is_in(sheet.codes[i], LOCAL) or sheet.codes[i] == SPELLED_DOT


@kernel
def _gmail_name(sheet: Sheet, length: int) -> int:
    """Take out of a name what Gmail does not look at: its dots, and what follows a plus."""
    kept = 0
    for i in range(length):
        if sheet.form[i] == _PLUS:
            break
        if sheet.form[i] != _POINT:
            sheet.form[kept] = sheet.form[i]
            kept += 1
    return kept if kept else length
