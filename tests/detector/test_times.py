from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.contract.time_kernel import NO_TIME, read_time
from detector.contract.times import (
    YEAR_0000_MS,
    YEAR_9999_END_MS,
    parse_rfc3339,
    parse_rfc3339_column,
    rfc3339,
    rfc3339_column,
)

MIDNIGHT_MS = 1_767_571_200_000
epoch_ms = st.integers(YEAR_0000_MS, YEAR_9999_END_MS)
quick = settings(deadline=None)


def by_kernel(text: str) -> int | None:
    letters = np.frombuffer(bytearray(text.encode() + b'"'), np.uint8)
    ms = read_time(letters, 0, len(letters) - 1)
    return None if ms == NO_TIME else ms


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-01-05T00:00:00Z", MIDNIGHT_MS),
        ("2026-01-05t00:00:00z", MIDNIGHT_MS),
        ("2026-01-05 00:00:00Z", MIDNIGHT_MS),
        ("2026-01-05T02:00:00+02:00", MIDNIGHT_MS),
        ("2026-01-04T18:30:00-05:30", MIDNIGHT_MS),
        ("2026-01-05T00:00:00-00:00", MIDNIGHT_MS),
        ("2026-01-05T00:00:00.0Z", MIDNIGHT_MS),
        ("2026-01-05T00:00:00.04Z", MIDNIGHT_MS + 40),
        ("2026-01-05T00:00:00.0479Z", MIDNIGHT_MS + 47),
        ("2026-01-05T00:00:00.999999999+00:00", MIDNIGHT_MS + 999),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("2017-01-01T01:59:60.5+02:00", 1_483_228_800_500),
        ("0000-01-01T00:00:00Z", YEAR_0000_MS),
        ("9999-12-31T23:59:59.999Z", YEAR_9999_END_MS),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000),
    ],
)
def test_a_time_is_read(text: str, ms: int):
    assert parse_rfc3339(text) == ms
    assert by_kernel(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-05",
        "2026-01-05T00:00:00",
        "2026-01-05T00:00Z",
        "2026-01-05T00:00:00.Z",
        "2026-01-05T00:00:00.1234567890Z",
        "2026-01-05T00:00:00,5Z",
        "2026-01-05T24:00:00Z",
        "2026-01-05T00:60:00Z",
        "2026-01-05T00:00:61Z",
        "2026-01-05T12:00:60Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-05T00:00:00+0200",
        "2026-01-05T00:00:00+24:00",
        "2026-01-05T00:00:00+02:60",
        "2026-01-05T00:00:00+02",
        "2026-01-05T00:00:00Z ",
        " 2026-01-05T00:00:00Z",
        "2026-01-05_00:00:00Z",
        "-026-01-05T00:00:00Z",
        "٢٠٢٦-01-05T00:00:00Z",
        "1767571200000",
        "20260105T000000Z",
    ],
)
def test_what_is_no_time_is_none(text: str):
    assert parse_rfc3339(text) is None
    assert by_kernel(text) is None


@quick
@given(epoch_ms)
def test_what_is_written_reads_back(ms: int):
    assert parse_rfc3339(rfc3339(ms)) == ms
    assert by_kernel(rfc3339(ms)) == ms


@quick
@given(st.datetimes(), st.integers(-1439, 1439))
def test_times_agree_with_the_standard_library(moment: datetime, offset_minutes: int):
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    expected = (aware - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert parse_rfc3339(aware.isoformat()) == expected
    assert by_kernel(aware.isoformat()) == expected


@quick
@given(
    st.from_regex(
        r"[0-9]{4}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]"
        r"(\.[0-9]{0,10})?(Z|z|[+-][0-2][0-9]:[0-6][0-9]|)",
        fullmatch=True,
    )
)
def test_the_kernel_reads_what_the_reference_reads(text: str):
    assert by_kernel(text) == parse_rfc3339(text)


def test_columns_read_and_write_like_single_times():
    texts = pl.Series("ts", ["2026-01-05T02:00:00+02:00", None, "no", "2026-01-05T00:00:00Z"])
    read = parse_rfc3339_column(texts)
    assert read.to_list() == [MIDNIGHT_MS, None, None, MIDNIGHT_MS]
    assert parse_rfc3339_column(texts.clear()).dtype == pl.Int64
    assert rfc3339_column(read).to_list() == ["2026-01-05T00:00:00.000Z", None, None, "2026-01-05T00:00:00.000Z"]


@quick
@given(st.lists(epoch_ms, min_size=1, max_size=20))
def test_a_column_is_written_like_single_times(moments: list[int]):
    assert rfc3339_column(pl.Series(moments)).to_list() == [rfc3339(ms) for ms in moments]


def test_a_time_beyond_four_digit_years_cannot_be_written():
    with pytest.raises(ValueError, match="years 0000 to 9999"):
        rfc3339(YEAR_9999_END_MS + 1)
    assert rfc3339_column(pl.Series([2**62, -(2**62)])).to_list() == [None, None]
