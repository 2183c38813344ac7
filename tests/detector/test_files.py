import gzip
import io
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from polars.testing import assert_frame_equal

from detector.contract.decode import Cause, Decoded, DecodeLimits
from detector.contract.errors import UsageError
from detector.contract.events import EVENT_SCHEMA
from detector.files import limits_from, read_events
from detector.settings import Settings

NOW_MS = 1_767_571_200_000
LIMITS = DecodeLimits(event_bytes_max=1_000, ts_min_ms=0, future_ms_max=1_000)


def event(number: int, **fields: object) -> bytes:
    return msgspec.json.encode(
        {"event_id": f"e{number}", "type": "like", "account_id": "a", "ts": NOW_MS - number, **fields}
    )


def whole(chunks: list[Decoded]) -> pl.DataFrame:
    return pl.concat([chunk.events for chunk in chunks]) if chunks else pl.DataFrame(schema=EVENT_SCHEMA)


def read(path: Path | str, chunk: int = 10_000) -> list[Decoded]:
    return list(read_events(path, LIMITS, NOW_MS, chunk))


def compressed(path: Path, data: bytes, codec: str) -> Path:
    with pa.CompressedOutputStream(str(path), codec) as stream:
        stream.write(data)
    return path


def test_every_form_of_the_same_lines_gives_the_same_events(tmp_path: Path):
    data = b"\n".join(event(n, text="hey é", links=["a"]) for n in range(25)) + b"\n"
    plain = tmp_path / "events.jsonl"
    plain.write_bytes(data)
    expected = whole(read(plain))
    parquet = tmp_path / "events.parquet"
    expected.write_parquet(parquet)
    zipped = compressed(tmp_path / "events.jsonl.gz", data, "gzip")
    packed = compressed(tmp_path / "events.ndjson.zst", data, "zstd")
    for path in (zipped, packed, parquet):
        assert_frame_equal(whole(read(path, chunk=7)), expected)
    assert expected.height == 25


def test_gzip_members_one_after_another_are_one_file(tmp_path: Path):
    path = tmp_path / "two.jsonl.gz"
    path.write_bytes(gzip.compress(event(1) + b"\n") + gzip.compress(event(2) + b"\n"))
    assert whole(read(path))["event_id"].to_list() == ["e1", "e2"]


def test_events_and_dead_letters_add_up_to_the_lines(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(event(1) + b"\n\nnot json\r\n" + event(2) + b"\r\n" + b"x" * 5_000 + b"\n" + event(3))
    for chunk in (1, 2, 100):
        chunks = read(path, chunk)
        assert [row for part in chunks for row in part.rows.tolist()] == [0, 3, 5]
        assert [(letter.row, letter.cause) for part in chunks for letter in part.dead] == [
            (1, Cause.NOT_JSON),
            (2, Cause.NOT_JSON),
            (4, Cause.TOO_LARGE),
        ]


def test_a_line_without_end_is_cut_and_its_length_told(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(event(1) + b"\n" + b"[" * 3_500_000 + b"\n" + event(2))
    (chunk,) = read(path)
    (letter,) = chunk.dead
    assert letter.detail == "expected at most 1000 bytes, got 3500000"
    assert len(letter.value) == 1_001
    assert chunk.rows.tolist() == [0, 2]


def test_a_byte_order_mark_at_the_start_of_a_file_is_left_out(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + event(1))
    assert whole(read(path)).height == 1


def test_an_empty_file_has_no_chunks(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"")
    assert read(path) == []


def test_a_dash_reads_standard_input(monkeypatch: pytest.MonkeyPatch):
    data = gzip.compress(event(1) + b"\n" + event(2))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
    assert whole(read("-")).height == 2


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path):
    path = compressed(tmp_path / "e.jsonl.zst", b"\n".join(event(n) for n in range(10)), "zstd")
    seen: list[tuple[int, int | None]] = []
    list(read_events(path, LIMITS, NOW_MS, 4, lambda done, total: seen.append((done, total))))
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("missing.jsonl", None, "check the name"),
        ("plain.gz", b"{}\n", "expected gzip data"),
        ("cut.jsonl.gz", gzip.compress(bytes(range(256)) * 9)[:-9], "expected whole gzip data"),
        ("cut.parquet", b"PAR1cut", "expected a whole Parquet file"),
        ("empty.parquet", b"", "got an empty file"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_to_do(tmp_path: Path, name: str, data: bytes | None, message: str):
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(UsageError, match=message) as raised:
        read(path)
    assert name in str(raised.value)


def test_a_directory_is_no_file(tmp_path: Path):
    with pytest.raises(UsageError, match="got a directory"):
        read(tmp_path)


def parquet(tmp_path: Path, **columns: object) -> Path:
    known = {"event_id": ["1", "2"], "type": ["like", "like"], "account_id": ["a", "b"], "ts": [5, 6]}
    pl.DataFrame(known | columns, strict=False).write_parquet(tmp_path / "e.parquet")
    return tmp_path / "e.parquet"


def test_parquet_times_may_be_timestamps_or_text(tmp_path: Path):
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    expected = [int(moment.timestamp() * 1000)] * 2
    for times in ([moment] * 2, [moment.replace(tzinfo=None)] * 2, ["2026-01-01T01:00:00+01:00"] * 2):
        assert whole(read(parquet(tmp_path, ts=times)))["ts"].to_list() == expected


def test_unknown_parquet_columns_go_to_extra(tmp_path: Path):
    path = parquet(tmp_path, score=[1.5, None], extra=['{"x":[1]}', None])
    assert whole(read(path))["extra"].to_list() == ['{"x":[1],"score":1.5}', None]


def test_a_parquet_row_that_is_no_event_is_a_dead_letter(tmp_path: Path):
    path = parquet(
        tmp_path,
        event_id=["1", None, "3", "4", "5", "6", "7"],
        type=["like", "like", "poke", "like", "like", "like", "like"],
        account_id=["a", "a", "a", "", "a", "a", "a"],
        ts=[1, 2, 3, 4, -5, 6, 7],
        text=["", "", "", "", "", "x" * 2_000, ""],
        links=[None, None, None, None, None, None, ["a", None]],
    )
    (chunk,) = read(path)
    assert chunk.rows.tolist() == [0]
    assert [(letter.row, letter.cause) for letter in chunk.dead] == [
        (1, Cause.MISSING_FIELD),
        (2, Cause.UNKNOWN_TYPE),
        (3, Cause.MISSING_FIELD),
        (4, Cause.BAD_TIME),
        (5, Cause.TOO_LARGE),
        (6, Cause.WRONG_TYPE),
    ]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"ip": [1, 2]}, "column ip: expected String, got Int64"),
        ({"age": [1.5, 2.5]}, "column age: expected Int64, got Float64"),
        ({"ts": [1.5, 2.5]}, "column ts: expected a timestamp"),
        ({"ts": ["2026-01-01", "x"]}, "column ts: expected RFC 3339"),
        ({"age": np.array([2**63, 1], dtype=np.uint64)}, "column age: expected numbers of 64 bits"),
    ],
)
def test_a_parquet_column_of_the_wrong_type_is_named(tmp_path: Path, columns: dict[str, object], message: str):
    with pytest.raises(UsageError, match=message):
        read(parquet(tmp_path, **columns))


def test_a_parquet_file_without_the_required_columns_says_which_it_has(tmp_path: Path):
    pl.DataFrame({"id": [1]}).write_parquet(tmp_path / "e.parquet")
    with pytest.raises(UsageError, match="got id"):
        read(tmp_path / "e.parquet")


def test_parquet_amounts_that_are_not_finite_count_as_absent(tmp_path: Path):
    path = parquet(tmp_path, amount=[float("nan"), float("inf")], currency=[None, None])
    assert whole(read(path))["amount"].to_list() == [None, None]


def test_the_limits_come_from_the_settings():
    assert limits_from(Settings()) == DecodeLimits(262_144, 946_684_800_000, 86_400_000)
    with pytest.raises(UsageError, match="event_time_min"):
        limits_from(Settings(event_time_min="2000-01-01"))
