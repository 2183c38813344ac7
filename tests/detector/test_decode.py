import json
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from detector.contract.decode import Cause, Decoded, DecodeLimits, decode
from detector.contract.events import EVENT_SCHEMA, EVENT_TYPES, FIELDS

NOW_MS = 1_767_571_200_047
LIMITS = DecodeLimits(event_bytes_max=262_144, ts_min_ms=946_684_800_000, future_ms_max=86_400_000)
GOOD: dict[str, Any] = {"event_id": "e", "type": "login", "account_id": "a", "ts": NOW_MS}


def line(**fields: Any) -> bytes:
    return json.dumps(GOOD | fields).encode()


def run(*values: bytes, limits: DecodeLimits = LIMITS) -> Decoded:
    decoded = decode(values, limits, NOW_MS)
    assert decoded.events.schema == EVENT_SCHEMA
    assert decoded.events.height == len(decoded.rows) == len(values) - len(decoded.dead)
    assert all(letter.value is values[letter.row] for letter in decoded.dead)
    return decoded


def only(value: bytes) -> dict[str, Any]:
    """Read the one event of a value, the fields that are null left out."""
    (event,) = run(value).events.iter_rows(named=True)
    return {name: held for name, held in event.items() if held is not None}


def refused(value: bytes, limits: DecodeLimits = LIMITS) -> tuple[Cause, str]:
    """Cause and detail of a value that is refused among good ones."""
    decoded = run(line(), value, line(event_id="f"), limits=limits)
    assert decoded.rows.tolist() == [0, 2]
    (letter,) = decoded.dead
    return letter.cause, letter.detail


def test_an_event_with_every_field_keeps_them_all():
    fields = {
        name: {pl.String: "wört", pl.Int64: 7, pl.Float64: 1.25, pl.List: ["a", "b" * 20]}[type(held)]
        for name, held in FIELDS.items()
    }
    assert only(line(**fields)) == GOOD | fields


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_every_type_is_known(kind: str):
    assert only(line(type=kind))["type"] == kind


def test_rows_keep_their_order_and_tell_where_they_were():
    values = [line(event_id="0"), b"x", line(event_id="2", amount=1e300), line(event_id="3", x=1), b"{}"]
    decoded = run(*values, line(event_id="5"))
    assert decoded.events["event_id"].to_list() == ["0", "2", "3", "5"]
    assert decoded.rows.tolist() == [0, 2, 3, 5]
    assert [letter.row for letter in decoded.dead] == [1, 4]


def test_an_empty_batch_is_an_empty_frame():
    assert run().events.is_empty()
    assert run(b"").events.is_empty()


def test_unknown_fields_are_kept_in_extra():
    assert only(line(zeta={"b": [1, None, "é"]}, alpha=None))["extra"] == '{"zeta":{"b":[1,null,"é"]},"alpha":null}'
    assert "extra" not in only(line())


def test_an_unknown_integer_of_any_size_is_kept():
    assert only(line(huge=10**30, text="x"))["extra"] == '{"huge":1000000000000000000000000000000}'


def test_known_fields_that_are_null_are_absent():
    assert only(line(text=None, age=None, amount=None, links=None)) == GOOD
    assert refused(line(ts=None)) == (
        Cause.MISSING_FIELD,
        "ts: expected RFC 3339 with an offset, or integer epoch milliseconds, got none",
    )


@pytest.mark.parametrize("name", ["event_id", "type", "account_id", "ts"])
def test_a_missing_field_is_named(name: str):
    fields = {key: held for key, held in GOOD.items() if key != name}
    cause, detail = refused(json.dumps(fields).encode())
    assert cause is Cause.MISSING_FIELD
    assert detail.startswith(f"{name}: expected")


@pytest.mark.parametrize("name", ["event_id", "account_id", "type"])
def test_an_empty_id_is_a_missing_field(name: str):
    cause, detail = refused(line(**{name: ""}))
    assert (cause, detail) == (
        Cause.MISSING_FIELD,
        f"{name}: expected a string that is not empty, got an empty one",
    )


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"event_id": 5}, "event_id: expected a string, got an integer"),
        ({"ip": 5}, "ip: expected a string, got an integer"),
        ({"text": ["a"]}, "text: expected a string, got an array"),
        ({"text": True}, "text: expected a string, got a boolean"),
        ({"age": "31"}, "age: expected an integer, got a string"),
        ({"age": 31.0}, "age: expected an integer, got a fraction"),
        ({"age": False}, "age: expected an integer, got a boolean"),
        ({"age": 2**63}, "age: expected an integer of 64 bits, got a larger one"),
        ({"photo_count": {}}, "photo_count: expected an integer, got an object"),
        ({"amount": "9.99"}, "amount: expected a number, got a string"),
        ({"amount": True}, "amount: expected a number, got a boolean"),
        ({"links": "http://x"}, "links: expected an array of strings, got a string"),
        ({"links": ["a", None]}, "links: expected an array of strings, got null in it"),
        ({"ts": True}, "ts: expected RFC 3339 with an offset, or integer epoch milliseconds, got a boolean"),
        ({"ts": 1.5}, "ts: expected RFC 3339 with an offset, or integer epoch milliseconds, got a fraction"),
    ],
)
def test_a_wrong_type_names_the_field(fields: dict[str, Any], detail: str):
    assert refused(line(**fields)) == (Cause.WRONG_TYPE, detail)


def test_an_unknown_type_is_quoted_only_when_it_is_a_word():
    assert refused(line(type="poke")) == (
        Cause.UNKNOWN_TYPE,
        "type: expected one of 16 known, got 'poke'",
    )
    assert "secret" not in refused(line(type="my secret is 12"))[1]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b" \r\n\t ", id="blank"),
        pytest.param(b"\xef\xbb\xbf" + line(), id="byte order mark"),
        pytest.param(b"\x00" * 40, id="NUL bytes"),
        pytest.param(line() + b"\x00", id="NUL after it"),
        pytest.param(line(text="a").replace(b'"a"', b'"a\x00"'), id="NUL in a string"),
        pytest.param(line(text="X").replace(b"X", b"\xff"), id="invalid UTF-8"),
        pytest.param(line(zeta="X").replace(b"X", b"\xff"), id="invalid UTF-8 in an unknown field"),
        pytest.param(line(zeta=1).replace(b"zeta", b"z\xff"), id="invalid UTF-8 in a key"),
        pytest.param(line(text="X").replace(b"X", b"\xed\xa0\x80"), id="surrogate in UTF-8"),
        pytest.param(line(text="X").replace(b"X", b"\xc0\xaf"), id="overlong UTF-8"),
        pytest.param(line(text="X").replace(b"X", b"\\ud800"), id="lone high surrogate"),
        pytest.param(line(text="X").replace(b"X", b"\\udc00 and more"), id="lone low surrogate"),
        pytest.param(line(text="X").replace(b"X", b"\\ud800\\n"), id="broken pair"),
        pytest.param(line(zeta="X").replace(b"X", b"\\ud800"), id="lone surrogate in an unknown field"),
        pytest.param(line(amount=float("nan")), id="NaN"),
        pytest.param(line(amount=float("-inf")), id="infinity"),
        pytest.param(line(zeta=float("nan")), id="NaN in an unknown field"),
        pytest.param(line(age=1).replace(b": 1}", b": 01}"), id="leading zero"),
        pytest.param(line(text="X").replace(b"X", b"a\nb"), id="raw newline in a string"),
        pytest.param(line(text="X").replace(b"X", b"\\x41"), id="unknown escape"),
        pytest.param(line()[:-1], id="cut short"),
        pytest.param(line()[:-1] + b",}", id="trailing comma"),
        pytest.param(line() + line(), id="two objects"),
        pytest.param(b"[" * 10_000, id="nested bomb"),
        pytest.param(line()[:-1] + b',"z":' + b"[" * 10_000 + b"]" * 10_000 + b"}", id="nested in an event"),
        pytest.param(line()[:-1] + b',"z":' + b'{"a":' * 20_000 + b"}", id="nested objects"),
        pytest.param(line()[:-1] + b',"z":' + b"[" * 65 + b"]" * 65 + b"}", id="nested a little too deep"),
        pytest.param(b"\x1f\x8b\x08garbage", id="gzip"),
    ],
)
def test_a_value_that_is_not_json_costs_only_itself(value: bytes):
    assert refused(value)[0] is Cause.NOT_JSON


@pytest.mark.parametrize("value", [b"[1]", b"null", b'"text"', b"12", b"true", b"[" + line() + b"]"])
def test_json_that_is_no_object_is_refused(value: bytes):
    assert refused(value)[0] is Cause.NOT_AN_OBJECT


def test_a_value_over_the_limit_is_too_large():
    value = line(text="x" * 1_000_000)
    assert refused(value) == (Cause.TOO_LARGE, f"expected at most 262144 bytes, got {len(value)}")
    exact = DecodeLimits(len(line(text="abc")), LIMITS.ts_min_ms, LIMITS.future_ms_max)
    assert run(line(text="abc"), limits=exact).dead == ()
    assert refused(line(text="abcd"), exact)[0] is Cause.TOO_LARGE


def test_numbers_beyond_64_bits_name_their_field():
    assert refused(line(amount=1).replace(b": 1}", b": 1e999}")) == (
        Cause.WRONG_TYPE,
        "amount: expected a number of 64 bits, got a larger one",
    )
    assert refused(line(zeta=1).replace(b": 1}", b": 1e999}"))[0] is Cause.WRONG_TYPE


def test_values_with_newlines_in_them_are_whole_values():
    pretty = json.dumps(GOOD | {"text": "hi", "links": ["a"]}, indent=2).encode()
    assert only(pretty) == GOOD | {"text": "hi", "links": ["a"]}
    assert only(pretty.replace(b":", b" \r\n\t:")) == GOOD | {"text": "hi", "links": ["a"]}


def test_values_that_join_into_an_event_stay_apart():
    whole = line(text="é")
    for cut in (1, 20, whole.index(b"\\u"), len(whole) - 1):
        decoded = run(whole[:cut], whole[cut:], whole)
        assert decoded.rows.tolist() == [2]
    halves = json.dumps(GOOD | {"text": "é"}, ensure_ascii=False).encode()
    cut = halves.index(b"\xc3") + 1
    assert run(halves[:cut] + b'"}', b'{"text":"' + halves[cut:]).rows.tolist() == []


def test_the_last_of_two_equal_keys_counts():
    twice = line(text="first")[:-1] + b',"text":"last","te\\u0078t":"very last"}'
    assert only(twice)["text"] == "very last"
    assert only(line(text="a")[:-1] + b',"text":null}') == GOOD
    assert only(line(text=5)[:-1] + b',"text":"b"}')["text"] == "b"
    assert only(line(links=["a"])[:-1] + b',"links":["b","c"]}')["links"] == ["b", "c"]
    assert refused(line(ts=5)[:-1] + b',"ts":null}')[0] is Cause.MISSING_FIELD


def test_escapes_are_read():
    text = 'quote " slash \\ / \b\f\n\r\t é \u2028 😀 \0 end'
    assert only(line(text=text))["text"] == text
    assert only(json.dumps(GOOD | {"text": text}, ensure_ascii=False).encode())["text"] == text


@pytest.mark.parametrize(
    "number", ["0", "-0", "-0.0", "1e3", "0.1", "123456789012345.6", "1.7976931348623157e308", "5e-324", "-12.50"]
)
def test_amounts_are_the_nearest_double(number: str):
    amount = only(line(amount=1).replace(b": 1}", f": {number}}}".encode()))["amount"]
    assert repr(amount) == repr(float(json.loads(number)))


@pytest.mark.parametrize("number", ["--1", "-", "1.", ".5", "+1", "0x10", "1_000", "--0.5", "1e", "-01"])
def test_what_is_no_number_is_not_json(number: str):
    for name in ("amount", "age", "ts"):
        assert refused(line(**{name: 1}).replace(f'"{name}": 1'.encode(), f'"{name}": {number}'.encode()))


@pytest.mark.parametrize("ts", [2**63, -(2**63) - 1, 10**25, -(2**63), 10**17, "2099-01-01T00:00:00Z", 0])
def test_a_time_out_of_bounds_is_a_bad_time(ts: object):
    cause, detail = refused(line(ts=ts))
    assert cause is Cause.BAD_TIME
    assert detail.startswith("ts: expected ")


def test_the_bounds_of_time_are_inclusive():
    latest = NOW_MS + LIMITS.future_ms_max
    assert run(line(ts=LIMITS.ts_min_ms), line(ts=latest)).rows.tolist() == [0, 1]
    assert refused(line(ts=latest + 1)) == (
        Cause.BAD_TIME,
        "ts: expected 2026-01-06T00:00:00.047Z or earlier, got 2026-01-06T00:00:00.048Z",
    )
    assert refused(line(ts=LIMITS.ts_min_ms - 1))[0] is Cause.BAD_TIME


@pytest.mark.parametrize("ts", ["2026-01-05T00:00:00", "1767571200047", "", "yesterday", "2026-02-30T00:00:00Z"])
def test_a_time_of_another_form_is_a_bad_time(ts: str):
    assert refused(line(ts=ts)) == (
        Cause.BAD_TIME,
        "ts: expected RFC 3339 with an offset, or integer epoch milliseconds, got a string of another form",
    )


def test_many_links_in_few_values_are_all_kept():
    links = [str(number) for number in range(500)]
    assert only(line(links=links))["links"] == links
    assert only(line(links=[]))["links"] == []


def test_hostile_strings_survive_parquet(tmp_path: Any):
    decoded = run(line(text="\0", account_id="\u202e\ufeff"), line(text="x" * 200_000, zeta="\0"))
    decoded.events.write_parquet(tmp_path / "events.parquet")
    assert pq.read_table(tmp_path / "events.parquet").num_rows == 2
    assert pl.read_parquet(tmp_path / "events.parquet").equals(decoded.events)


def test_a_batch_beyond_what_views_can_address_is_halved(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("detector.contract.decode._BATCH_BYTES_MAX", 300)
    values = [line(event_id=str(number)) if number % 3 else b"bad" for number in range(20)]
    decoded = run(*values)
    assert decoded.events["event_id"].to_list() == [str(number) for number in range(20) if number % 3]
    assert [letter.row for letter in decoded.dead] == [0, 3, 6, 9, 12, 15, 18]
