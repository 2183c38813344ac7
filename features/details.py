"""Links and contact details, found in the bytes of a text.

What counts as one is said by two patterns, `LINK` and `CONTACT`. The kernels find exactly what RE2 finds with them over
bytes, at a fraction of its cost, and read the address as well. A key is 0 where there is no address to read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import inlined, kernel
from features.hashing import hash_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

ENDINGS: Final = (
    *("com", "net", "org", "info", "biz", "io", "me", "ly", "co", "ru", "xyz", "top", "club", "site", "online"),
    *("link", "app", "shop", "live", "vip"),
)
"""How the web addresses of spam usually end."""

MESSENGERS: Final = (
    *("whatsapp", "telegram", "wechat", "viber", "kik", "snap", "snapchat", "insta", "instagram"),
    *("hangout", "hangouts", "skype"),
)

LINK: Final = rf"(?i)https?://|\bwww\.|\b[a-z0-9-]+\.(?:{'|'.join(ENDINGS)})\b"
"""A web address, with or without its scheme."""

CONTACT: Final = (
    rf"(?i)\b(?:{'|'.join(MESSENGERS)}|whats\sapp|t\.me)\b"
    r"|(?:^|\s)@[a-z0-9_.]{4,}|[\w.+-]+@[\w-]+\.\w+|\+?\d[\d\s().-]{7,}\d"
)
"""An invitation to leave the platform: a messenger's name, a handle, an e-mail address or a phone number."""

_DIGITS: Final = b"0123456789"
_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_SPACES: Final = b"\t\n\f\r "
_CLASSES: Final = {
    1: _LETTERS + _DIGITS,
    2: _LETTERS + _DIGITS + b"_",
    4: _DIGITS,
    8: _SPACES,
    16: _DIGITS + _SPACES + b"().-",
    32: _LETTERS + _DIGITS + b"_.",
    64: _LETTERS + _DIGITS + b"_.-",
    128: _LETTERS + _DIGITS + b"_.-+",
    256: _LETTERS + _DIGITS + b"-",
    512: _LETTERS + _DIGITS + b"_-",
}
_PLAIN, _WORD, _DIGIT, _SPACE, _PHONE, _HANDLE, _HOST, _LOCAL, _LABEL, _MAIL_LABEL = _CLASSES
_CLASS_OF: Final = np.array([sum(bit for bit, held in _CLASSES.items() if b in held) for b in range(256)], np.uint16)
_ALPHABET: Final = b"\0" + _DIGITS + _LETTERS[:26] + b"_"
_BASE: Final = len(_ALPHABET)
_CODE_OF: Final = np.array([max(0, _ALPHABET.find(bytes([b]).lower())) for b in range(256)], np.int64)
_NUMBERED_MAX: Final = 12  # so many letters have a number below 2⁶³
_POINT, _COLON, _AT, _SLASH, _PLUS, _QUESTION, _HASH = b".:@/+?#"
_PHONE_SPAN_MIN: Final = 8
_PHONE_DIGITS_MIN: Final = 7
_HANDLE_MIN: Final = 4


def _numbers(*words: str) -> NDArray[np.int64]:
    return np.array([sum(_CODE_OF[ord(c)] * _BASE**i for i, c in enumerate(reversed(word))) for word in words])


_ENDING_NUMBERS: Final = _numbers(*ENDINGS)
_MESSENGER_NUMBERS: Final = _numbers(*MESSENGERS)
_WHATS, _APP, _T, _ME, _WWW, _HTTP, _HTTPS = _numbers("whats", "app", "t", "me", "www", "http", "https").tolist()


@inlined
def _is(text: NDArray[np.uint8], at: int, kind: int) -> bool:
    return bool(_CLASS_OF[text[at]] & kind)


@kernel
def _run(text: NDArray[np.uint8], at: int, end: int, kind: int) -> int:
    """Give the end of the run of bytes of a kind that begins here."""
    while at < end and _is(text, at, kind):
        at += 1
    return at


@kernel
def _run_back(text: NDArray[np.uint8], start: int, at: int, kind: int) -> int:
    """Give the start of the run of bytes of a kind that ends here."""
    while at > start and _is(text, at - 1, kind):
        at -= 1
    return at


@kernel
def _number(text: NDArray[np.uint8], start: int, end: int) -> int:
    """Give the number of a word, whatever its case; -1 if it is too long to have one."""
    number = 0
    for at in range(start, end if end - start <= _NUMBERED_MAX else start):
        number = number * _BASE + _CODE_OF[text[at]]
    return number if end - start <= _NUMBERED_MAX else -1


@kernel
def _is_one_of(number: int, numbers: NDArray[np.int64]) -> bool:
    for known in numbers:  # noqa: SIM110  # kernels have no any()
        if known == number:
            return True
    return False


@kernel
def trimmed_key(text: NDArray[np.uint8], start: int, end: int, scratch: NDArray[np.uint8]) -> np.uint64:
    """Hash a stretch in lower case, without ASCII signs at its ends."""
    while start < end and text[start] < 128 and not _is(text, start, _PLAIN):
        start += 1
    while start < end and text[end - 1] < 128 and not _is(text, end - 1, _PLAIN):
        end -= 1
    for at in range(start, end):
        byte = text[at]
        scratch[at - start] = byte | 32 if 65 <= byte <= 90 else byte
    return hash_bytes(scratch, 0, end - start) if end > start else np.uint64(0)


@kernel
def read_link(text: NDArray[np.uint8], start: int, end: int, scratch: NDArray[np.uint8]) -> tuple[bool, np.uint64]:
    """Say whether a text has a link, and give the key of the first one's host."""
    found, key = False, np.uint64(0)
    for at in range(start, end):
        if text[at] == _COLON and _ends_scheme(text, start, at, end):
            found, key = True, _authority_key(text, at + 3, end, scratch)
        elif text[at] == _POINT and (_ends_www(text, start, at) or _is_in_address(text, start, at, end)):
            found, key = True, _bare_key(text, start, at, end, scratch)
        if key != 0:
            break
    return found, key


@kernel
def link_key(text: NDArray[np.uint8], start: int, end: int, scratch: NDArray[np.uint8]) -> np.uint64:
    """Give the key of the host of what is said to be a link, whatever its scheme or without one."""
    for at in range(start, end - 2):
        if text[at] == _COLON and text[at + 1] == _SLASH and text[at + 2] == _SLASH:
            return _authority_key(text, at + 3, end, scratch)
    while start < end and text[start] == _SLASH:
        start += 1
    return _authority_key(text, start, end, scratch)


@kernel
def _ends_scheme(text: NDArray[np.uint8], start: int, at: int, end: int) -> bool:
    if at + 2 >= end or text[at + 1] != _SLASH or text[at + 2] != _SLASH:
        return False
    http = at - start >= 4 and _number(text, at - 4, at) == _HTTP
    return http or (at - start >= 5 and _number(text, at - 5, at) == _HTTPS)


@kernel
def _ends_www(text: NDArray[np.uint8], start: int, at: int) -> bool:
    return at - _run_back(text, start, at, _WORD) == 3 and _number(text, at - 3, at) == _WWW


@kernel
def _is_in_address(text: NDArray[np.uint8], start: int, at: int, end: int) -> bool:
    """Tell whether the point here stands before one of `ENDINGS`, and behind a name with a border of a word in it."""
    after = _run(text, at + 1, end, _WORD)
    if after == at + 1 or not _is_one_of(_number(text, at + 1, after), _ENDING_NUMBERS):
        return False
    place = at - 1
    while place >= start and _is(text, place, _LABEL):
        if _is(text, place, _WORD) != (place > start and _is(text, place - 1, _WORD)):
            return True
        place -= 1
    return False


@kernel
def _authority_key(text: NDArray[np.uint8], start: int, end: int, scratch: NDArray[np.uint8]) -> np.uint64:
    """Read the host that follows a scheme, behind a user name if there is one."""
    at = start
    while at < end and text[at] > 32 and text[at] != _SLASH and text[at] != _QUESTION and text[at] != _HASH:
        at += 1
        start = at if text[at - 1] == _AT else start
    stop = start
    while stop < at and (text[stop] >= 128 or _is(text, stop, _HOST)):
        stop += 1
    return _host_key(text, start, stop, scratch)


@kernel
def _bare_key(text: NDArray[np.uint8], start: int, at: int, end: int, scratch: NDArray[np.uint8]) -> np.uint64:
    """Read the host around a point, unless it is part of an e-mail address."""
    begin, stop = _run_back(text, start, at, _HOST), _run(text, at, end, _HOST)
    beyond = _run(text, stop, end, _LOCAL)
    if (begin > start and text[begin - 1] == _AT) or (beyond < end and text[beyond] == _AT):
        return np.uint64(0)
    return _host_key(text, begin, stop, scratch)


@kernel
def _host_key(text: NDArray[np.uint8], start: int, end: int, scratch: NDArray[np.uint8]) -> np.uint64:
    prefixed = end - start > 4 and text[start + 3] == _POINT and _number(text, start, start + 3) == _WWW
    return trimmed_key(text, start + 4 if prefixed else start, end, scratch)


@kernel
def read_address(
    text: NDArray[np.uint8], start: int, end: int, scratch: NDArray[np.uint8]
) -> tuple[bool, np.uint64, int]:
    """Find the first handle (key: lower case, without @) or e-mail address (key: lower case)."""
    found, key, place = False, np.uint64(0), end
    for at in range(start, end):
        if text[at] != _AT:
            continue
        handle = _run(text, at + 1, end, _HANDLE)
        domain = _run(text, at + 1, end, _MAIL_LABEL)
        if (at == start or _is(text, at - 1, _SPACE)) and handle - at > _HANDLE_MIN:
            found, place, key = True, at, trimmed_key(text, at + 1, handle, scratch)
        elif (at > start and _is(text, at - 1, _LOCAL) and domain > at + 1) and (
            domain + 1 < end and text[domain] == _POINT and _is(text, domain + 1, _WORD)
        ):
            found, place = True, _run_back(text, start, at, _LOCAL)
            key = trimmed_key(text, place, _run(text, at + 1, end, _HOST), scratch)
        if key != 0:
            break
    return found, key, place


@kernel
def read_phone(
    text: NDArray[np.uint8], start: int, end: int, scratch: NDArray[np.uint8]
) -> tuple[bool, np.uint64, int]:
    """Find the first phone number; its key is that of + and its digits, if it has enough to be one."""
    found, at = False, start
    while at < end:
        if not _is(text, at, _DIGIT):
            at += 1
            continue
        first, last, digits = at, at, 0
        scratch[0] = _PLUS
        while at < end and _is(text, at, _PHONE):
            if _is(text, at, _DIGIT):
                digits += 1
                last, scratch[digits] = at, text[at]
            at += 1
        if last - first >= _PHONE_SPAN_MIN:
            found = True
            if digits >= _PHONE_DIGITS_MIN:
                return True, hash_bytes(scratch, 0, digits + 1), first
    return found, np.uint64(0), end


@kernel
def names_messenger(text: NDArray[np.uint8], start: int, end: int) -> bool:
    """Tell whether a word of a text is one of `MESSENGERS`, or two words one more."""
    at, before, before_end = start, 0, start
    while at < end:
        stop = _run(text, at, end, _WORD)
        if stop == at:
            at += 1
            continue
        number = _number(text, at, stop)
        if _is_one_of(number, _MESSENGER_NUMBERS):
            return True
        if at == before_end + 1 and (
            (number == _APP and before == _WHATS and _is(text, before_end, _SPACE))
            or (number == _ME and before == _T and text[before_end] == _POINT)
        ):
            return True
        before, before_end, at = number, stop, stop
    return False
