import numpy as np
import polars as pl
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.contract.events import EVENT_SCHEMA, EVENT_TYPES, TYPE_CODES
from features import columns as c
from features.columns import GROUPS, KINDS, derive
from features.messages import MEASURES
from features.predicates import PREDICATES
from features.text.column import TextColumn
from features.text.fold import normalise

NAMES = tuple(PREDICATES)

rows = st.fixed_dictionaries(
    {
        "event_id": st.uuids().map(str),
        "type": st.sampled_from(list(EVENT_TYPES)),
        "account_id": st.sampled_from(["ann", "an account with a longer name", "ben"]),
        "ts": st.integers(0, 2**42),
    },
    optional={
        "target_id": st.none() | st.sampled_from(["ann", "ben", "cid"]),
        "text": st.none() | st.sampled_from(["", "hi", "see foo.com", "call +1 555 123 4567 😀", "привет"]),
        "direction": st.sampled_from(["like", "pass", "superlike", "up"]),
        "links": st.none() | st.lists(st.sampled_from(["https://a.com/x", "b.net"]), max_size=2),
        "photo_count": st.none() | st.integers(0, 9),
        "bio": st.none() | st.sampled_from(["", "write @foo_bar", "I like long walks on the beach"]),
        "name": st.none() | st.sampled_from(["Ann", "Ann1990"]),
    },
)


def frame(*events):
    return pl.DataFrame(list(events), schema=EVENT_SCHEMA)


def event(kind, **fields):
    return {"event_id": "e", "type": kind, "account_id": "ann", "ts": 1_000, **fields}


def columns_of(*events, needs=GROUPS):
    return derive(frame(*events), NAMES, needs)


def names_of(word):
    return {name for place, name in enumerate(NAMES) if int(word) >> place & 1}


def sent(kind, **fields):
    return names_of(columns_of(event(kind, **fields)).words[0, c.SENT])


def received(kind, **fields):
    return names_of(columns_of(event(kind, **{"target_id": "ben", **fields})).words[0, c.RECEIVED])


def half(column, kind="message", **fields):
    return columns_of(event(kind, **fields)).halves[0, column]


def key(value):
    return xxhash.xxh64_intdigest(value.encode())


def short_key(value):
    return int(np.uint32(key(value) >> 32).view(np.int32))


@settings(max_examples=50)
@given(st.lists(rows, max_size=8), st.integers(0, 8))
def test_where_a_batch_is_cut_changes_nothing(events, cut):
    whole, batch = columns_of(*events), frame(*events)
    for start, end in ((0, cut), (cut, len(events))):
        for part in (frame(*events[start:end]), batch[start:end]):
            found = derive(part, NAMES)
            assert np.array_equal(found.words, whole.words[start:end])
            assert np.array_equal(found.halves, whole.halves[start:end])


@given(st.lists(rows, min_size=1, max_size=5), st.lists(st.sampled_from(NAMES), unique=True, max_size=6))
def test_which_predicates_are_asked_for_changes_none_of_them(events, asked):
    every, some = columns_of(*events), derive(frame(*events), ("has_gap", *asked), frozenset())
    for column in (c.SENT, c.RECEIVED):
        for all_bits, bits in zip(every.words[:, column], some.words[:, column], strict=True):
            assert {n for i, n in enumerate(asked, 1) if int(bits) >> i & 1} == names_of(all_bits) & set(asked)
            assert not bits & 1, "what is no predicate over fields is left to the kernel"


def test_an_event_is_its_time_and_keys():
    found = columns_of(event("message", event_id="e1", target_id="ben", ts=1_234))
    assert found.ts.tolist() == [1_234]
    assert found.account.tolist() == [key("ann")]
    assert found.event.tolist() == [key("e1")]
    assert found.words.view(np.uint64)[0, c.TARGET] == key("ben")
    assert found.halves[0, c.TYPE] == TYPE_CODES["message"]


@pytest.mark.parametrize("kind", EVENT_TYPES)
def test_every_type_has_its_code(kind):
    assert half(c.TYPE, kind) == TYPE_CODES[kind]


@pytest.mark.parametrize("kind", ["", "swiped", "a type that is not known"])
def test_an_unknown_type_is_refused(kind):
    with pytest.raises(ValueError, match="got '" + kind):
        columns_of(event("message"), event(kind))


def test_an_account_that_acts_upon_itself_has_no_target():
    found = columns_of(event("message", target_id="ann"))
    assert found.words[0, c.TARGET] == 0
    assert found.words[0, c.RECEIVED] == 0
    assert "targeted" in names_of(found.words[0, c.SENT])


@pytest.mark.parametrize(
    ("kind", "fields", "names"),
    [
        ("login", {}, {"login"}),
        ("profile_update", {}, {"profile_update"}),
        ("photo_upload", {}, {"photo_upload"}),
        ("swipe", {}, {"swipe"}),
        ("swipe", {"direction": "like"}, {"swipe", "swipe_like"}),
        ("swipe", {"direction": "superlike"}, {"swipe", "swipe_like"}),
        ("swipe", {"direction": "pass"}, {"swipe", "swipe_pass"}),
        ("match", {"target_id": "ben"}, {"match", "targeted"}),
        ("unmatch", {}, {"unmatch"}),
        ("message", {}, {"message"}),
        ("message", {"direction": "like"}, {"message"}),
        ("post", {}, {"post"}),
        ("reply", {}, {"post", "reply_post"}),
        ("share", {}, {"post", "share"}),
        ("follow", {}, {"follow"}),
        ("like", {}, {"like"}),
        ("report", {}, {"report"}),
        ("block", {}, {"report"}),
        ("purchase", {}, {"purchase"}),
        ("message", {"text": ""}, {"message", "text"}),
        ("message", {"text": "see foo.com"}, {"message", "text", "link"}),
        ("post", {"links": ["foo.com"]}, {"post", "link"}),
        ("post", {"links": []}, {"post"}),
        ("message", {"text": "kik me"}, {"message", "text", "contact"}),
        ("message", {"text": "😀"}, {"message", "text", "emoji"}),
        ("message", {"text": "naïve"}, {"message", "text", "non_ascii"}),
    ],
)
def test_what_an_account_does_is_known(kind, fields, names):
    assert sent(kind, **fields) == {"event"} | names


@pytest.mark.parametrize(
    ("kind", "fields", "names"),
    [
        ("message", {}, {"message_received"}),
        ("swipe", {"direction": "like"}, {"like_received"}),
        ("swipe", {"direction": "superlike"}, {"like_received"}),
        ("swipe", {"direction": "pass"}, {"pass_received"}),
        ("swipe", {}, set()),
        ("like", {}, {"like_received"}),
        ("follow", {}, {"follow_received"}),
        ("match", {}, {"match_received"}),
        ("unmatch", {}, {"unmatch_received"}),
        ("report", {}, {"report_received"}),
        ("block", {}, {"block_received"}),
        ("reply", {}, {"reply_received_post"}),
        ("share", {}, set()),
        ("message", {"target_id": None}, set()),
    ],
)
def test_what_the_target_receives_is_known(kind, fields, names):
    assert received(kind, **fields) == names


def slotted(text):
    return normalise(TextColumn.of([text])).full.strings()[0]


def test_texts_have_short_keys():
    found = columns_of(event("message", text="Hi!! see www.foo.com 😀")).halves[0]
    assert found[c.TEXT] == short_key("Hi!! see www.foo.com 😀")
    assert found[c.SHAPE] == short_key(slotted("Hi!! see www.foo.com 😀"))
    assert found[c.DOMAIN] == short_key("foo.com")
    assert found[c.LENGTH] == 22


def test_the_list_of_links_comes_before_the_text():
    assert half(c.DOMAIN, "post", links=["//A.com/x", "b.net"], text="foo.com") == short_key("a.com")
    assert half(c.DOMAIN, "post", links=[], text="foo.com") == short_key("foo.com")
    assert half(c.DOMAIN, "post", links=["ftp://u@long-host-name.example:21/x"]) == short_key("long-host-name.example")
    assert half(c.DOMAIN, "post", links=["", "b.net"]) == 0


def test_a_profile_has_its_numbers():
    found = columns_of(event("profile_update", photo_count=3, bio="I ♥ cats", name="Ann1990")).halves[0]
    assert found[[c.PHOTO_COUNT, c.BIO_LENGTH, c.NAME_DIGITS]].tolist() == [3, 8, 4]
    empty = columns_of(event("profile_update", photo_count=0, bio="", name="")).halves[0]
    assert empty[[c.PHOTO_COUNT, c.BIO_LENGTH, c.NAME_DIGITS]].tolist() == [0, 0, 0]
    huge = columns_of(event("profile_update", photo_count=2**40), event("profile_update", photo_count=-5)).halves
    assert huge[:, c.PHOTO_COUNT].tolist() == [2**31 - 1, 0]


def test_what_an_event_does_not_say_is_0_or_minus_1():
    said = columns_of(event("profile_update", photo_count=1, bio="b", name="n", text="a.com", links=["a"]))
    for found in (columns_of(event("login")), columns_of(event("login"), event("message", text="x"))):
        assert found.halves[0, c.TEXT : c.SHARED].tolist() == [0, 0, 0, 0, -1, -1, -1]
        assert found.halves[0, c.SHARED :].tolist() == [-1] * (2 * len(KINDS) + len(MEASURES))
    assert (said.halves[:, c.SHARED :] == -1).all()


@pytest.mark.parametrize("group", sorted(GROUPS))
def test_only_the_groups_needed_are_filled(group):
    row = event("post", text="see foo.com", photo_count=1, bio="b", name="n1")
    places = {"text": [c.TEXT], "shape": [c.SHAPE], "domain": [c.DOMAIN], "length": [c.LENGTH], "message": []}.get(
        group, [c.PHOTO_COUNT, c.BIO_LENGTH, c.NAME_DIGITS]
    )
    full, some = columns_of(row).halves[0], columns_of(row, needs=frozenset({group})).halves[0]
    nothing = columns_of(row, needs=frozenset()).halves[0]
    for place in range(c.TEXT, c.SHARED):
        assert some[place] == (full if place in places else nothing)[place]
    assert nothing[c.TEXT : c.SHARED].tolist() == [0, 0, 0, 0, -1, -1, -1]


def test_rows_are_taken_in_the_order_given():
    found = columns_of(*(event("message", event_id=str(i), text=str(i)) for i in range(4)))
    taken = found.take(np.array([2, 0]))
    assert taken.event.tolist() == [key("2"), key("0")]
    assert len(taken) == 2
    assert taken.halves[:, c.TEXT].tolist() == [short_key("2"), short_key("0")]


def test_the_kernels_find_their_numbers_side_by_side():
    for found in (columns_of(event("login")), columns_of(), columns_of(event("login")).take(np.array([0, 0]))):
        assert found.words.flags.c_contiguous
        assert found.words.shape[1] == 6
        assert found.words.dtype == np.int64
        assert found.halves.flags.c_contiguous
        assert found.halves.shape[1] == c.HALVES
        assert found.halves.dtype == np.int32


def test_more_predicates_than_bits_are_refused():
    with pytest.raises(ValueError, match="at most 56"):
        derive(frame(), tuple(str(place) for place in range(57)))
