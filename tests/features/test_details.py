import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from features.details import CONTACT, ENDINGS, LINK, MESSENGERS
from features.texts import HAS_CONTACT, HAS_LINK, measure

words = st.sampled_from(
    [*ENDINGS, *MESSENGERS, "whats", "app", "t", "me", "www", "http", "https", "hi", "x", "Z", "_", "-", "+", "9", "42"]
)
signs = st.sampled_from(
    [".", ":", "/", "//", "://", "@", " ", "\n", "\v", "\0", "(", ")", "é", "\u017f", "\u212a", "😀", ",", "?"]
)
cased = words | words.map(str.upper) | words.map(str.title)
texts = st.lists(cased | signs | st.characters(codec="utf-8"), max_size=14).map("".join)
phones = st.text("0123456789 ().-+\tx", max_size=24)


def of(text):
    return measure(pl.Series([text], dtype=pl.String))


def key(value):
    return xxhash.xxh64_intdigest(value.encode()) if value else 0


def found_by_re2(texts, pattern):
    array = pa.array([text.encode() for text in texts], pa.large_binary())
    return pc.match_substring_regex(array, pattern).to_pylist()


@settings(max_examples=500)
@given(st.lists(texts | phones, min_size=1, max_size=30))
def test_links_and_contacts_are_what_re2_finds_with_the_patterns(values):
    flags = measure(pl.Series(values, dtype=pl.String)).flags
    assert [bool(flag & HAS_LINK) for flag in flags] == found_by_re2(values, LINK)
    assert [bool(flag & HAS_CONTACT) for flag in flags] == found_by_re2(values, CONTACT)


@given(st.lists(texts | phones, min_size=1, max_size=30))
def test_only_texts_with_a_link_or_contact_have_a_key_of_one(values):
    found = measure(pl.Series(values, dtype=pl.String))
    assert all(flag & HAS_LINK for flag, host in zip(found.flags, found.hosts, strict=True) if host)
    assert all(flag & HAS_CONTACT for flag, contact in zip(found.flags, found.contacts, strict=True) if contact)


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("see http://Foo.com/x?y=z.net", "foo.com"),
        ("HTTPS://www.foo.co.uk:8080", "foo.co.uk"),
        ("https://user:word@shop.foo.com#top", "shop.foo.com"),
        ("(www.foo.de)", "foo.de"),
        ("www.foo.de.", "foo.de"),
        ("go to foo.com.", "foo.com"),
        ("cdn.foo.com or bar.net", "cdn.foo.com"),
        ("加我foo.com", "foo.com"),
        ("http://пример.рф/путь", "пример.рф"),
        ("http://localhost:80", "localhost"),
        ("me@gmail.com, or at foo.com", "foo.com"),
        ("a.b.me@gmail.com", None),
        ("http:// nothing", None),
        ("...www.", "www"),
        ("no link. none", None),
    ],
)
def test_the_host_of_the_first_link_is_read(text, host):
    assert of(text).hosts[0] == key(host)


@pytest.mark.parametrize(
    ("text", "contact"),
    [
        ("add @Foo_Bar.", "foo_bar"),
        ("@foo_bar", "foo_bar"),
        ("mail Me.Too+x@Gmail.com!", "me.too+x@gmail.com"),
        ("me@mail.foo.co.uk.", "me@mail.foo.co.uk"),
        ("+1 (555) 123-4567 or @later", "+15551234567"),
        ("555.123.4567", "+5551234567"),
        ("first @foo_bar then 555 123 4567", "foo_bar"),
        ("on 1 ........ 2", None),
        ("@.... and @abcd", "abcd"),
        ("whatsapp me", None),
        ("@abc", None),
        ("at 10:30", None),
    ],
)
def test_the_first_contact_detail_is_read_in_normal_form(text, contact):
    assert of(text).contacts[0] == key(contact)


@pytest.mark.parametrize("text", ["Kik: x", "my WhatsApp", "whats app", "t.me/x", "insta?", "snapchat", "on skype."])
def test_messengers_are_contact_details(text):
    assert of(text).flags[0] & HAS_CONTACT


@pytest.mark.parametrize("text", ["kiki", "instant", "whats up", "whats  app", "t me", "at.me", "snapped", "_kik", ""])
def test_words_that_hold_a_messengers_name_are_not_contact_details(text):
    assert not of(text).flags[0] & HAS_CONTACT
