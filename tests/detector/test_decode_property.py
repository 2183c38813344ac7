import json
from typing import Any

import numpy as np
import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from detector.contract.dead_letters import DeadLetter
from detector.contract.decode import DecodeLimits, decode
from detector.contract.events import EVENT_SCHEMA, EVENT_TYPES, FIELDS
from detector.contract.intrinsics import MARGIN
from detector.contract.kernels import read_number
from detector.contract.lines import decode_line

NOW_MS = 1_767_571_200_047
LIMITS = DecodeLimits(event_bytes_max=600, ts_min_ms=946_684_800_000, future_ms_max=86_400_000)
QUICK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=150)

texts = st.text(max_size=24) | st.sampled_from(["", "a", "x" * 12, "x" * 13, "\ud800", "é😀", 'say "hi"\\', "\0"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
anything = st.recursive(
    scalars, lambda held: st.lists(held, max_size=3) | st.dictionaries(texts, held, max_size=3), max_leaves=6
)
typed: dict[type[pl.DataType], st.SearchStrategy[Any]] = {
    pl.String: texts,
    pl.Int64: st.integers(-(2**64), 2**64) | st.integers(0, 99),
    pl.Float64: st.floats(allow_nan=False) | st.integers() | st.decimals(-9999, 9999, places=2).map(float),
    pl.List: st.lists(texts, max_size=4),
}
times = st.integers(LIMITS.ts_min_ms - 5, NOW_MS) | st.datetimes().map(lambda held: held.isoformat() + "Z")
known = {
    "event_id": texts,
    "account_id": texts,
    "type": st.sampled_from([*EVENT_TYPES, "poke"]),
    "ts": times,
    **{name: typed[type(held)] for name, held in FIELDS.items()},
}
required = st.fixed_dictionaries(
    {"event_id": st.just("e"), "account_id": st.just("a"), "type": st.sampled_from(list(EVENT_TYPES)), "ts": times}
)
pairs = st.sampled_from(list(known)).flatmap(lambda name: st.tuples(st.just(name), known[name] | anything))
plain_pairs = st.sampled_from(list(known)).flatmap(lambda name: st.tuples(st.just(name), known[name]))
extras = st.tuples(texts, anything)
odd = st.sampled_from([1e-5, 1e16, 0.1, 123.5, -0.0, 10**18, 10**20, True]) | texts
nested = st.recursive(odd, lambda held: st.lists(held, max_size=3) | st.dictionaries(texts, held, max_size=3))
unknown = st.tuples(st.sampled_from(["a", "ключ", "x" * 40, 'te"xt', "a key of more than 16"]), nested)


@st.composite
def objects(draw: st.DrawFn) -> bytes:
    """Draw an object as JSON: mostly an event, keys in any order and perhaps twice, spaced and escaped in any way."""
    held = list(draw(required).items())
    held += draw(st.lists(plain_pairs, max_size=4)) + draw(st.lists(st.one_of(pairs, extras), max_size=1))
    held = draw(st.permutations(held))
    ascii_only, blank = draw(st.booleans()), draw(st.sampled_from(["", " ", "\n", "\t\r"]))
    parts = [
        f"{json.dumps(key, ensure_ascii=ascii_only)}{blank}:{blank}{json.dumps(value, ensure_ascii=ascii_only)}"
        for key, value in held
    ]
    return (blank + "{" + f"{blank},".join(parts) + blank + "}").encode(errors="surrogatepass")


@st.composite
def spoilt(draw: st.DrawFn) -> bytes:
    """Draw an object with a byte changed, put in or taken out."""
    value = draw(objects())
    at = draw(st.integers(0, len(value)))
    return value[:at] + draw(st.binary(max_size=2)) + value[at + draw(st.integers(0, 2)) :]


values = st.lists(st.one_of(objects(), spoilt(), st.binary(max_size=20)), max_size=12)


def reference(lines: list[bytes]) -> tuple[pl.DataFrame, list[int], list[DeadLetter]]:
    """Decode as the contract means it: one value at a time."""
    judged = [decode_line(line, row, LIMITS, NOW_MS) for row, line in enumerate(lines)]
    rows = [row for row, held in enumerate(judged) if not isinstance(held, DeadLetter)]
    dead = [held for held in judged if isinstance(held, DeadLetter)]
    return pl.DataFrame([judged[row] for row in rows], schema=EVENT_SCHEMA, orient="row"), rows, dead


@QUICK
@given(values)
def test_the_fast_path_gives_what_the_reference_gives(lines: list[bytes]):
    decoded = decode(lines, LIMITS, NOW_MS)
    events, rows, dead = reference(lines)
    assert decoded.rows.tolist() == rows
    assert list(decoded.dead) == dead
    assert_frame_equal(decoded.events, events)
    assert decoded.events.write_json() == events.write_json()


@QUICK
@given(st.data(), required, st.lists(unknown, max_size=3))
def test_unknown_fields_and_values_cut_short_are_what_the_reference_says(
    data: st.DataObject, known_fields: dict[str, Any], more: list[tuple[str, Any]]
):
    held = data.draw(st.permutations([*known_fields.items(), *more]))
    ascii_only, blank = data.draw(st.booleans()), data.draw(st.sampled_from(["", " ", "\n"]))
    parts = [f"{json.dumps(key)}:{json.dumps(each, ensure_ascii=ascii_only, indent=blank)}" for key, each in held]
    value = ("{" + ",".join(parts) + "}").encode(errors="surrogatepass")
    cut = value[: data.draw(st.integers(0, len(value)))]
    decoded, (events, rows, dead) = decode([value, cut], LIMITS, NOW_MS), reference([value, cut])
    assert (decoded.rows.tolist(), list(decoded.dead)) == (rows, dead)
    assert_frame_equal(decoded.events, events)


@QUICK
@given(values, st.integers(1, 5))
def test_how_a_batch_is_split_changes_nothing(lines: list[bytes], size: int):
    whole = decode(lines, LIMITS, NOW_MS)
    parts = [(at, decode(lines[at : at + size], LIMITS, NOW_MS)) for at in range(0, len(lines), size)]
    assert [row + at for at, part in parts for row in part.rows.tolist()] == whole.rows.tolist()
    assert [letter.detail for _, part in parts for letter in part.dead] == [each.detail for each in whole.dead]
    if parts:
        assert_frame_equal(pl.concat([part.events for _, part in parts]), whole.events)


@QUICK
@given(st.lists(st.binary(max_size=60), max_size=20))
def test_any_bytes_are_accounted_for(lines: list[bytes]):
    decoded = decode(lines, LIMITS, NOW_MS)
    assert decoded.events.height + len(decoded.dead) == len(lines)
    assert sorted([*decoded.rows.tolist(), *(letter.row for letter in decoded.dead)]) == list(range(len(lines)))


@QUICK
@given(st.from_regex(r"-?[0-9]{1,16}(\.[0-9]{1,16})?", fullmatch=True))
def test_a_number_read_by_the_kernel_is_the_nearest_double(text: str):
    letters = np.frombuffer(bytearray(text.encode() + b"," + bytes(MARGIN)), np.uint8)
    number, after = read_number(letters, 0)
    if after == len(text):
        assert repr(number) == repr(float(json.loads(text)))
