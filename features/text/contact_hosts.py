"""Web and e-mail addresses on a sheet, in whatever spelling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel
from features.text.contact_domains import flags_of, host_end, is_dot, is_ip, label_before, registrable
from features.text.contact_emails import read_email
from features.text.contact_sheet import (
    DIGIT,
    ENDS_URL,
    FORM_MAX,
    LABEL,
    LEADS,
    LETTER,
    LINK,
    LOCAL,
    MESSENGER,
    NAME,
    NONE,
    PHONE,
    SPACE,
    SPELLED_AT,
    SPELLED_DOT,
    TRAILS,
    Found,
    Sheet,
    is_in,
    put,
    write_codes,
    write_name,
)
from features.text.contact_spelling import past, word_flags
from features.text.contact_suffixes import (
    COMMON,
    FAIR,
    NO_HOST,
    NUMBER,
    PAGES,
    SHORTENER,
    WORD_TOO,
    Suffixes,
)
from features.text.contact_words import PREFIX, RESERVED, STOP, number, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POINT, _AT_SIGN, _SLASH, _COLON, _QUESTION, _HASH, _PLUS, _MINUS = b".@/:?#+-"
_HOST_MAX: Final = 253
_LOCAL_MAX: Final = 64
_PATH_MAX: Final = 512
_LABELS_MAX: Final = 10
_PHONE_MIN, _PHONE_MAX = 7, 15  # E.164
_COM, _ORG, _NET = (int.from_bytes(name, "big") for name in (b"com", b"org", b"net"))
_KEY_DIGITS: Final = number(9)  # as in contact_phones
_ONE: Final = number(1)


@kernel
def _address_end(sheet: Sheet, i: int, n: int) -> int:
    """Give the end of what belongs to a web address behind its host."""
    stop = min(n, i + _PATH_MAX)
    if i < n and sheet.codes[i] == _COLON and past(sheet, i + 1, n, DIGIT) > i + 1:
        i = past(sheet, i + 1, n, DIGIT)
    if i >= n or (sheet.codes[i] != _SLASH and sheet.codes[i] != _QUESTION and sheet.codes[i] != _HASH):
        return i
    return _path_end(sheet, i, stop)


@kernel
def _path_end(sheet: Sheet, i: int, stop: int) -> int:
    """Give the end of a path, without the signs that belong to the sentence around it."""
    while i < stop and not is_in(sheet.codes[i], ENDS_URL):
        i += 1
    while i > 0 and is_in(sheet.codes[i - 1], TRAILS):
        i -= 1
    return i


@kernel
def _has_capital(data_at: int, sheet: Sheet, data: NDArray[np.uint8], i: int) -> bool:
    """Tell whether the character of a code is an ASCII capital."""
    byte = data[data_at + sheet.at[i]]
    return bool(65 <= byte <= 90)


@kernel
def _is_plausible(
    sheet: Sheet, data: NDArray[np.uint8], base: int, start: int, part: int, end: int, top: int, flags: int
) -> bool:
    """Tell whether letters around dots are a host although nothing else says so."""
    last = label_before(sheet, start, end)
    if flags & (PAGES | SHORTENER | NUMBER):
        return True
    label = label_before(sheet, start, last - 1)
    if flags & NO_HOST or (label > start and _is_root(sheet, start)):
        return False
    if sheet.codes[last - 1] == SPELLED_DOT:
        return top & (COMMON | FAIR) != 0 and last - label > 2 and not _is_stop(sheet, label, last - 1)
    has_letter = False
    for i in range(part, last):
        has_letter |= is_in(sheet.codes[i], LETTER)
    if top & COMMON:
        return has_letter and last - part > 2
    if not top & FAIR or last - label <= 3 or not has_letter:
        return False
    if top & WORD_TOO and (end - last < 3 or not _is_made_up(sheet, label, last - 1)):
        return False
    joined = _has_capital(base, sheet, data, last) and not _has_capital(base, sheet, data, last - 2)
    return not joined and not _is_stop(sheet, label, last - 1)


@kernel
def _is_made_up(sheet: Sheet, start: int, end: int) -> bool:
    """Tell whether a label has a digit or hyphen, as no word has."""
    signs = 0
    for i in range(start, end):
        signs += sheet.codes[i] == _MINUS or is_in(sheet.codes[i], DIGIT)
    return signs > 0


@kernel
def _is_stop(sheet: Sheet, start: int, end: int) -> bool:
    return word_flags(sheet.codes, start, end) & STOP != 0


@kernel
def _is_root(sheet: Sheet, start: int) -> bool:
    """Tell whether a name begins with a top-level domain, as those of programs do: "org.gnome.app"."""
    three = NONE
    for i in range(start, start + 3):
        three = three << 8 | whole(sheet.codes[i])
    return is_dot(sheet.codes[start + 3]) and (three in (_COM, _ORG, _NET))


@kernel
def _has_scheme(sheet: Sheet, start: int) -> bool:
    return (
        start >= 4
        and sheet.codes[start - 1] == _SLASH
        and sheet.codes[start - 2] == _SLASH
        and (sheet.codes[start - 3] == _COLON and is_in(sheet.codes[start - 4], LETTER))
    )


@kernel
def _scheme_before(sheet: Sheet, start: int) -> int:
    """Give where a web address begins whose host begins here, behind a scheme and perhaps a user; else -1."""
    i = start
    if i > 0 and sheet.codes[i - 1] == _AT_SIGN:
        i -= 1
        while i > 0 and start - i < _LOCAL_MAX and (is_in(sheet.codes[i - 1], LOCAL) or sheet.codes[i - 1] == _COLON):
            i -= 1
    if not _has_scheme(sheet, i):
        return -1
    i -= 3
    while i > 0 and is_in(sheet.codes[i - 1], LETTER):
        i -= 1
    return i


@kernel
def _path_name(sheet: Sheet, start: int, stop: int) -> tuple[int, int]:
    """Give the part of a path that is someone's name; an empty one if none is."""
    first = start
    for _ in range(2):
        while first < stop and is_in(sheet.codes[first], LEADS):
            first += 1
        last = past(sheet, first, stop, NAME | LABEL)
        flags = word_flags(sheet.codes, first, last) if last > first else 0
        if flags & RESERVED or (last < first + 2 and not flags & PREFIX):
            return start, start
        if not flags & PREFIX or last + 1 >= stop:
            return first, last
        first = last + 1
    return start, start


@kernel
def _read_page(sheet: Sheet, found: Found, begin: int, end: int, stop: int, flags: int) -> bool:
    """Read a link that is someone's handle or telephone number."""
    if flags & NUMBER:
        digits = 1
        sheet.form[0] = _PLUS
        for i in range(end, stop):
            if is_in(sheet.codes[i], DIGIT) and digits <= _PHONE_MAX:
                sheet.form[digits] = sheet.codes[i]
                digits += 1
            elif digits > _PHONE_MIN:
                break
        if digits > _PHONE_MIN:
            put(found, sheet, PHONE, begin, stop, digits, max(digits - _KEY_DIGITS, _ONE))
            return True
        return False
    first, last = _path_name(sheet, end, stop)
    if last == first:
        return False
    name = flags & PAGES
    length = write_name(sheet, name)
    sheet.form[length] = _COLON
    length = write_codes(sheet, length + 1, first, last)
    put(found, sheet, MESSENGER, begin, stop, length, NONE)
    return True


@kernel
def _spaced_path(sheet: Sheet, end: int, n: int) -> int:
    """Give where a path begins behind a slash with spaces around it; that is the end of the host if there is none."""
    slash = past(sheet, end, n, SPACE)
    return past(sheet, slash + 1, n, SPACE) if slash < n and sheet.codes[slash] == _SLASH else end


@kernel
def _read_link(
    sheet: Sheet, found: Found, data: NDArray[np.uint8], base: int, start: int, end: int, n: int, suffixes: Suffixes
) -> int:
    """Read the link whose host this is, if it is one; give where it ends."""
    begin = _scheme_before(sheet, start)
    stop = _address_end(sheet, end, n)
    part, top, flags = registrable(sheet, start, end, suffixes)
    flags |= flags_of(sheet, start, end, suffixes)
    if part < 0 and begin >= 0 and is_ip(sheet, start, end):
        part = start
    www = (
        end - start > 4
        and is_dot(sheet.codes[start + 3])
        and sheet.codes[start] == ord("w")
        and (sheet.codes[start + 1] == ord("w") and sheet.codes[start + 2] == ord("w"))
    )
    path = stop > end + 1 and top & (COMMON | FAIR)
    told = begin >= 0 or www or path
    if part < 0 or not (told or _is_plausible(sheet, data, base, start, part, end, top, flags)):
        return end
    begin, path = begin if begin >= 0 else start, end
    if stop == end and flags & (PAGES | NUMBER | SHORTENER):
        path = _spaced_path(sheet, end, n)
        stop = max(end, _path_end(sheet, path, min(n, path + _PATH_MAX)))
    if flags & (PAGES | NUMBER) and stop > end and _read_page(sheet, found, begin, path, stop, flags):
        return stop
    length = write_codes(sheet, NONE, part, end)
    if flags & SHORTENER and stop > end:
        if path > end:
            sheet.form[length] = _SLASH
            length += 1
        for i in range(path, stop):
            if sheet.codes[i] == _QUESTION or sheet.codes[i] == _HASH or length >= FORM_MAX:
                break
            byte = data[base + sheet.at[i]]
            sheet.form[length] = byte if byte < 128 else sheet.codes[i]
            length += 1
    put(found, sheet, LINK, begin, stop, length, NONE)
    return stop


@kernel
def find_addresses(sheet: Sheet, found: Found, data: NDArray[np.uint8], base: int, n: int, suffixes: Suffixes) -> None:
    """Read all web and e-mail addresses of a text that begins at a byte of data."""
    i = NONE
    while i < n:
        if not is_in(sheet.codes[i], LABEL) or sheet.codes[i] == _MINUS:
            i += 1
            continue
        end = host_end(sheet, i, n)
        while sheet.codes[end - 1] == _MINUS:
            end -= 1
        before = sheet.codes[i - 1] if i > 0 else np.uint8(0)
        after = sheet.codes[end] if end < n else np.uint8(0)
        is_mail = (before in (_AT_SIGN, SPELLED_AT)) and _scheme_before(sheet, i) < 0
        if is_mail:
            read_email(sheet, found, i, end, suffixes)
        elif after != _AT_SIGN and after != SPELLED_AT and before != ord("_"):
            end = max(end, _read_link(sheet, found, data, base, i, end, n, suffixes))
        i = end
