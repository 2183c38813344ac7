import polars as pl
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from detector.contract.events import EVENT_SCHEMA
from features.details import Tails
from features.fields import Fields
from features.text.contact_sheet import ContactKind

MINUTE = 60_000


def fields(*events, tails=None):
    rows = [
        {"event_id": str(i), "type": "message", "account_id": "a", "ts": i, **event} for i, event in enumerate(events)
    ]
    return Fields(pl.DataFrame(rows, schema=EVENT_SCHEMA), tails)


def key(value):
    return xxhash.xxh64_intdigest(value.encode()) if value else 0


def found_in(text):
    return fields({"text": text}).details


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("see http://Foo.com/x?y=z.net", "foo.com"),
        ("HTTPS://www.shop.foo.co.uk:8080", "foo.co.uk"),
        ("foo (dot) com", "foo.com"),
        ("short: bit.ly/AbC", "bit.ly/AbC"),
        ("made up: https://foo.example/x", "foo.example"),
        ("no link. none", None),
    ],
)
def test_the_key_of_the_first_link_is_that_of_its_domain_or_of_all_of_a_short_one(text, host):
    found = found_in(text)
    assert (found.hosts[0], found.links[0]) == (key(host), host is not None)


def test_one_contact_has_one_key_whatever_its_disguise():
    plain, spelled, split = "+1 415 555 0123", "four one five 555 O123", "(415) 555.0123"
    keys = {int(found_in(f"call {text} now").contact_keys[0]) for text in (plain, spelled, split)}
    assert len(keys) == 1
    assert 0 not in keys


def test_a_messenger_that_is_only_named_is_a_contact_detail_of_nobody():
    found = found_in("find me on wh4ts app")
    assert found.contacts[0]
    assert found.contact_keys[0] == 0


def test_what_has_neither_says_so():
    found = found_in("at 10:30 for 25 euros, version 1.2.3")
    assert not found.links[0]
    assert not found.contacts[0]


def test_of_several_the_first_one_counts():
    known = fields({"text": "mail first@foo.com or second@foo.com"}, {"text": None}, {"text": "second@foo.com"})
    assert known.contacts[0] != known.contacts[2] != 0
    assert known.contacts[1] == 0


def test_contacts_in_a_name_or_bio_count_where_no_text_has_one():
    known = fields(
        {"type": "profile_update", "name": "snap: sweet_jane99", "text": None},
        {"type": "profile_update", "bio": "write to snap: sweet_jane99", "text": None},
        {"text": "snap: sweet_jane99", "bio": "me@foo.com"},
    )
    assert len(set(known.contacts.tolist())) == 1
    assert known.contacts[0] != 0


def test_links_in_a_list_come_before_those_in_the_text():
    known = fields({"type": "post", "text": "see bar.com", "links": ["https://foo.com/a", None, "https://baz.com"]})
    assert known.hosts[0] == key("foo.com")
    assert fields({"text": "see bar.com"}, {"links": ["//cdn.foo.com/x"]}).hosts.tolist() == [
        key("bar.com"),
        key("foo.com"),
    ]


def test_a_list_that_names_what_is_no_address_still_has_a_link():
    known = fields({"type": "post", "links": ["intranet"]}, {"type": "post", "links": []}, {"type": "post"})
    assert known.listed.links.tolist() == [True, False, False]


def test_a_number_cut_in_two_by_the_end_of_a_message_is_found_in_the_next():
    tails = Tails()
    first = fields({"text": "my number is 415 555"}, tails=tails)
    assert first.contacts[0] == 0
    second = fields({"text": "0123 call me", "ts": MINUTE}, tails=tails)
    assert second.contacts[0] == found_in("415 555 0123").contact_keys[0]
    assert [ContactKind(kind) for kind in second.details.found[0].kind] == [ContactKind.PHONE]


def test_a_number_is_not_put_together_from_what_two_people_say():
    tails = Tails()
    fields({"text": "my number is 415 555"}, tails=tails).contacts.tolist()
    assert fields({"text": "0123 call me", "account_id": "b"}, tails=tails).contacts[0] == 0


pieces = st.sampled_from(["a@b.com", "foo.com", "415 555 0123", "hi", "kik", "@foo_bar", ".", "é", " ", "😀"])


@given(st.lists(st.none() | st.lists(pieces, max_size=6).map(" ".join), min_size=1, max_size=12), st.data())
def test_where_a_batch_is_cut_changes_nothing(texts, data):
    events = [{"text": text, "account_id": data.draw(st.sampled_from("ab")), "ts": i} for i, text in enumerate(texts)]
    cut, tails = data.draw(st.integers(0, len(events))), Tails()
    whole = fields(*events, tails=Tails()).details
    parts = [fields(*part, tails=tails).details for part in (events[:cut], events[cut:]) if part]
    for name in ("links", "contacts", "hosts", "contact_keys"):
        assert getattr(whole, name).tolist() == [value for part in parts for value in getattr(part, name).tolist()]
