"""Times: epoch milliseconds inside, RFC 3339 in UTC with milliseconds outside.

Reading accepts ``Z`` or an offset, ``T`` or a space, either case, and a fraction of 1 to 9 digits, of which
the milliseconds are kept. A leap second (23:59:60 UTC) is the first instant of the next day, as in POSIX
time. A time without an offset is not a time.
"""

from __future__ import annotations

import re
from typing import Final

import polars as pl

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
YEAR_0000_MS: Final = -62_167_219_200_000
YEAR_9999_END_MS: Final = 253_402_300_799_999
"""The first and the last millisecond that RFC 3339, with its four digits for the year, can name."""

_DAYS_IN_MONTH: Final = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_RFC3339: Final = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d{2}):(\d{2}))",
    re.ASCII,
)


def rfc3339(ms: int) -> str:
    """Write epoch milliseconds as RFC 3339 in UTC.

    >>> rfc3339(1_767_571_200_047)
    '2026-01-05T00:00:00.047Z'
    """
    if not YEAR_0000_MS <= ms <= YEAR_9999_END_MS:
        raise ValueError(f"expected a time in the years 0000 to 9999, got {ms} ms since 1970")
    days, rest = divmod(ms, DAY_MS)
    year, month, day = _civil(days)
    seconds, millis = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{year:04d}-{month:02d}-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{millis:03d}Z"


def parse_rfc3339(text: str) -> int | None:
    """Read RFC 3339 as epoch milliseconds; None when it is not one or has no offset.

    >>> parse_rfc3339("2026-01-05T02:00:00.0479+02:00")
    1767571200047
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    offset_minutes = _offset_minutes(match[8], match[9], match[10])
    if offset_minutes is None or not 1 <= day <= days_in_month(year, month) or hour > 23 or minute > 59 or second > 60:
        return None
    minutes = (days_since_1970(year, month, day) * 24 + hour) * 60 + minute - offset_minutes
    if second == 60 and minutes % 1440 != 1439:
        return None
    return (minutes * 60 + second) * 1000 + int((match[7] or "0").ljust(3, "0")[:3])


def parse_rfc3339_column(texts: pl.Series) -> pl.Series:
    """Read a column of RFC 3339 as epoch milliseconds, null where ``parse_rfc3339`` gives None."""
    if texts.is_empty():
        return pl.Series(texts.name, dtype=pl.Int64)
    distinct = texts.unique()
    times = [None if text is None else parse_rfc3339(text) for text in distinct]
    return texts.replace_strict(distinct, pl.Series(times, dtype=pl.Int64), return_dtype=pl.Int64)


def rfc3339_column(times_ms: pl.Series) -> pl.Series:
    """Write a column of epoch milliseconds as RFC 3339 in UTC; null outside the years 0000 to 9999."""
    held = times_ms.is_between(YEAR_0000_MS, YEAR_9999_END_MS)
    moments = times_ms.zip_with(held, pl.Series([None], dtype=pl.Int64)).cast(pl.Datetime("ms"))
    return moments.dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")


def _offset_minutes(sign: str | None, hours: str | None, minutes: str | None) -> int | None:
    if sign is None or hours is None or minutes is None:
        return 0
    if int(hours) > 23 or int(minutes) > 59:
        return None
    size = int(hours) * 60 + int(minutes)
    return -size if sign == "-" else size


def days_in_month(year: int, month: int) -> int:
    """Give the days of a month; 0 when there is no such month."""
    if not 1 <= month <= 12:
        return 0
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _DAYS_IN_MONTH[month - 1] + (leap and month == 2)


def days_since_1970(year: int, month: int, day: int) -> int:
    """Count the days since 1970-01-01 in the proleptic Gregorian calendar (``datetime`` knows no year 0)."""
    shifted = year - (month <= 2)  # years begin in March, so that the leap day comes last
    era, year_of_era = divmod(shifted, 400)
    day_of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return era * 146_097 + year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year - 719_468


def _civil(days: int) -> tuple[int, int, int]:
    era, day_of_era = divmod(days + 719_468, 146_097)
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month_from_march = (5 * day_of_year + 2) // 153
    month = (month_from_march + 2) % 12 + 1
    day = day_of_year - (153 * month_from_march + 2) // 5 + 1
    return era * 400 + year_of_era + (month <= 2), month, day
