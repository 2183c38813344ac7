"""Reading RFC 3339 in bytes: ``times.parse_rfc3339`` as a kernel."""

from __future__ import annotations

from typing import Final

from detector.contract.jit import kernel
from detector.contract.kernels import Bytes
from detector.contract.times import days_in_month, days_since_1970

NO_TIME: Final = -(2**63)
"""What stands for "not a time": no time the contract accepts is this."""

_MINUS, _POINT, _COLON, _PLUS, _SPACE, _T, _Z = b"-.:+ tz"
_days_since_1970 = kernel(days_since_1970)
_days_in_month = kernel(days_in_month)


@kernel
def _two_digits(buffer: Bytes, at: int) -> int:
    tens, ones = buffer[at] - 48, buffer[at + 1] - 48
    return tens * 10 + ones if 0 <= tens <= 9 and 0 <= ones <= 9 else -10_000


@kernel
def read_time(buffer: Bytes, at: int, end: int) -> int:
    """Read RFC 3339 as ``parse_rfc3339`` does: epoch milliseconds, or ``NO_TIME``."""
    if end - at < 20 or not _has_separators(buffer, at):
        return NO_TIME
    year = _two_digits(buffer, at) * 100 + _two_digits(buffer, at + 2)
    month, day = _two_digits(buffer, at + 5), _two_digits(buffer, at + 8)
    hour, minute, second = (
        _two_digits(buffer, at + 11),
        _two_digits(buffer, at + 14),
        _two_digits(buffer, at + 17),
    )
    millis, after = _read_fraction(buffer, at + 19, end)
    offset = _read_offset(buffer, after, end)
    if year < 0 or day < 1 or day > _days_in_month(year, month) or offset == NO_TIME:
        return NO_TIME
    if hour < 0 or hour > 23 or minute < 0 or minute > 59 or second < 0 or second > 60:
        return NO_TIME
    minutes = (_days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset
    if second == 60 and minutes % 1440 != 1439:
        return NO_TIME
    return (minutes * 60 + second) * 1000 + millis


@kernel
def _has_separators(buffer: Bytes, at: int) -> bool:
    between = buffer[at + 10]
    return bool(
        buffer[at + 4] == _MINUS
        and buffer[at + 7] == _MINUS
        and (between | 32 == _T or between == _SPACE)
        and buffer[at + 13] == _COLON
        and buffer[at + 16] == _COLON
    )


@kernel
def _read_fraction(buffer: Bytes, at: int, end: int) -> tuple[int, int]:
    if buffer[at] != _POINT:
        return 0, at
    begin = at + 1
    at = begin
    millis, weight = 0, 100
    while at < end and 48 <= buffer[at] <= 57:
        millis += (buffer[at] - 48) * weight
        weight //= 10
        at += 1
    return millis, at if 1 <= at - begin <= 9 else end


@kernel
def _read_offset(buffer: Bytes, at: int, end: int) -> int:
    if at + 1 == end and buffer[at] | 32 == _Z:
        return 0
    if at + 6 != end or buffer[at + 3] != _COLON or (buffer[at] != _PLUS and buffer[at] != _MINUS):
        return NO_TIME
    hours, minutes = _two_digits(buffer, at + 1), _two_digits(buffer, at + 4)
    if hours < 0 or hours > 23 or minutes < 0 or minutes > 59:
        return NO_TIME
    size = hours * 60 + minutes
    return -size if buffer[at] == _MINUS else size
