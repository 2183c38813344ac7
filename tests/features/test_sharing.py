import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.contract.events import EVENT_SCHEMA, EVENT_TYPES
from features.columns import derive
from features.sharing import KINDS, sharings

LONG = "come and see what I have for you"

rows = st.fixed_dictionaries(
    {
        "event_id": st.just("e"),
        "type": st.sampled_from(list(EVENT_TYPES)),
        "account_id": st.just("a"),
        "ts": st.just(0),
    },
    optional={
        "device_id": st.none() | st.sampled_from(["d", "a device with a longer name"]),
        "ip": st.none() | st.sampled_from(["10.0.0.1", "10.0.0.2", "::1", "none"]),
        "email_domain": st.none() | st.sampled_from(["gmail.com", "Mail.ru"]),
        "photo_hash": st.none() | st.just("ffee"),
        "text": st.none() | st.sampled_from(["", LONG, "a.com", "@foo_bar"]),
        "bio": st.none() | st.sampled_from(["", "@bar_foo"]),
        "links": st.none() | st.lists(st.just("b.com"), max_size=2),
    },
)


def frame(*events):
    return pl.DataFrame(list(events), schema=EVENT_SCHEMA)


def event(kind="message", **fields):
    return {"event_id": "e", "type": kind, "account_id": "a", "ts": 0, **fields}


def found_in(*events, kinds=None):
    batch = frame(*events)
    found = sharings(batch, derive(batch, ()), kinds)
    return {(int(r), KINDS[k], int(key)) for r, k, key in zip(found.row, found.kind, found.key, strict=True)}


def kinds_of(**fields):
    return {kind for _, kind, _ in found_in(event(**fields))}


def are_one(kind, first, second):
    keys = {(row, key) for row, found, key in found_in(event(**first), event(**second)) if found == kind}
    assert {row for row, _ in keys} == {0, 1}
    return len({key for _, key in keys}) == 1


@settings(max_examples=50)
@given(st.lists(rows, max_size=6), st.integers(0, 6))
def test_where_a_batch_is_cut_changes_nothing(events, cut):
    later = {(row + cut, kind, key) for row, kind, key in found_in(*events[cut:])}
    assert found_in(*events[:cut]) | (later if cut < len(events) else set()) == found_in(*events)


@given(st.lists(rows, max_size=6), st.permutations(range(6)))
def test_columns_that_were_taken_carry_the_same_entities(events, order):
    order = np.array([place for place in order if place < len(events)], np.int64)
    batch = frame(*events)
    taken = sharings(batch[order], derive(batch, ()).take(order))
    direct = sharings(batch[order], derive(batch[order], ()))
    for name in ("row", "kind", "key"):
        assert np.array_equal(getattr(taken, name), getattr(direct, name))


@pytest.mark.parametrize(
    ("fields", "kinds"),
    [
        ({}, set()),
        ({"device_id": "d"}, {"device"}),
        ({"ip": "10.0.0.1"}, {"ip", "ip_block"}),
        ({"ip": "unknown"}, {"ip"}),
        ({"kind": "signup", "ip": "10.0.0.1"}, {"ip", "ip_block", "signup_block"}),
        ({"kind": "signup", "email_domain": "gmail.com"}, {"signup_email"}),
        ({"kind": "login", "email_domain": "gmail.com"}, set()),
        ({"photo_hash": "ffee"}, {"photo"}),
        ({"text": "hi"}, set()),
        ({"text": LONG}, {"text"}),
        ({"text": "see foo.com"}, {"domain"}),
        ({"links": ["foo.com"]}, {"domain"}),
        ({"text": "@foo_bar"}, {"contact"}),
        ({"bio": "@foo_bar"}, {"contact"}),
        ({"text": "kik me"}, set()),
    ],
)
def test_an_event_carries_its_entities(fields, kinds):
    assert kinds_of(**fields) == kinds


def test_entities_are_known_by_their_normal_form():
    assert are_one("text", {"text": LONG}, {"text": LONG.upper() + "!!"})
    assert not are_one("text", {"text": LONG}, {"text": LONG + " now"})
    assert are_one("ip_block", {"ip": "10.0.0.1"}, {"ip": "10.0.0.77"})
    assert not are_one("ip", {"ip": "10.0.0.1"}, {"ip": "10.0.0.77"})
    assert are_one("contact", {"text": "@Foo_Bar"}, {"bio": "I am @foo_bar."})
    assert are_one("contact", {"text": "+1 415 555 0123"}, {"text": "call 415-555-0123"})
    assert are_one("domain", {"text": "https://www.Foo.com/a"}, {"links": ["foo.com"]})
    assert are_one("signup_email", *({"kind": "signup", "email_domain": name} for name in ("gmail.com", "Gmail.com")))


def test_the_text_comes_before_the_bio():
    assert are_one("contact", {"text": "@foo_bar", "bio": "@bar_foo"}, {"text": "@foo_bar"})
    assert are_one("contact", {"text": "kik me", "bio": "@bar_foo"}, {"bio": "@bar_foo"})


def test_kinds_never_meet():
    found = found_in(event(device_id="x@y.com", photo_hash="x@y.com", ip="x@y.com", text="x@y.com"))
    assert len({key for _, _, key in found}) == len(found) == 4


def test_only_the_kinds_asked_for_are_listed():
    row = event("signup", device_id="d", ip="10.0.0.1", text=LONG)
    assert {kind for _, kind, _ in found_in(row, kinds=frozenset({"ip", "text"}))} == {"ip", "text"}
    assert found_in(row, kinds=frozenset()) == set()
