# ruff: noqa: RUF001  # look-alikes are what this is about
from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import phonenumbers
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from publicsuffixlist import PublicSuffixList

from features.hashing import hash_bytes
from features.text.column import TextColumn
from features.text.contact_phones import _COUNTRIES
from features.text.contacts import ContactKind, Contacts, find_contacts

SHARED = Path(__file__).parents[2].parent / "shared"
PIECES = [
    "telegram",
    ":",
    "@",
    "foo_bar",
    ".",
    "com",
    " ",
    "(dot)",
    "at",
    "415",
    "five",
    "+1",
    "://",
    "t e l",
    "о",
    "\u200b",
]
REPEATED = (
    "a.|1 |1.|@|a@|one|one |(dot)| dot | at |a b |://|telegram |tg:|a.com/|((|-|9|é|_|.a@|+1 |k.i.k.| . |@a |double "
)


def found(texts: list[str]) -> Contacts:
    return find_contacts(TextColumn.of(texts))


def values(text: str) -> list[str]:
    return found([text]).values.strings()


def test_a_number_is_one_contact_with_and_without_its_country():
    keys = found(["+1 415 555 0123", "415-555-0123", "+44 7911 123456", "07911 123456"]).key
    assert keys[0] == keys[1] != keys[2] == keys[3]


def test_a_messenger_without_a_handle_is_a_hint():
    contacts = found(["do you have wh4tsapp or k.i.k?", "text me on t e l e g r a m"])
    assert contacts.kind.tolist() == [ContactKind.HINT] * 3
    assert contacts.values.strings() == ["whatsapp", "kik", "telegram"]


def test_a_page_of_a_hoster_is_its_own_and_a_country_code_suffix_is_none():
    assert values("http://foo.github.io/x and www.shop.example.co.uk") == ["foo.github.io", "example.co.uk"]


def test_the_registrable_part_is_that_of_the_public_suffix_list():
    reference = PublicSuffixList()
    hosts = ["a.b.example.com", "x.y.co.uk", "a.www.ck", "q.r.foo.ck", "x.city.kawasaki.jp", "a.b.c.kawasaki.jp"]
    assert [values(f"http://{host}/") for host in hosts] == [[reference.privatesuffix(host)] for host in hosts]


def test_a_path_keeps_its_case_only_where_it_is_the_identity():
    assert values("http://bit.ly/AbC http://example.com/AbC") == ["bit.ly/AbC", "example.com"]


def test_the_host_is_what_follows_a_user_name():
    assert values("http://paypal.com@evil-host.ru/login") == ["evil-host.ru"]


def test_real_russian_and_greek_stay_themselves():
    assert values("Завтра в сауне, оса и сом. Тел. у мамы. ΕΛΑ ΤΩΡΑ") == []


def test_places_are_those_in_the_text():
    text = "пиши 👉 telegram: foo_bar ok"
    contacts = found([text])
    assert text.encode()[contacts.place[0] : contacts.stop[0]].decode() == "telegram: foo_bar"


def test_a_text_gives_at_most_eight():
    contacts = found([" ".join(f"user{i}@example.com" for i in range(50)), "x@example.com"])
    assert np.bincount(contacts.row).tolist() == [8, 1]


def test_the_same_contact_is_told_once_a_text():
    assert values("telegram: foo_bar or t.me/foo_bar or tg @foo_bar") == ["telegram:foo_bar"]


def test_keys_are_hashes_of_normal_forms():
    contacts = found(["mail foo@example.com"])
    assert contacts.key[0] == hash_bytes(contacts.values.data, 0, len(contacts.values.data))


def test_all_country_codes_in_use_are_known():
    assert {int(code) for code in _COUNTRIES.split()} >= set(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


@pytest.mark.parametrize("region", ["US", "GB", "FR", "DE", "RU", "IN", "BR", "CN", "NG", "ES", "TR", "UA"])
def test_a_mobile_number_of_any_country_is_found(region):
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    plain = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    assert values(f"hi {plain}") == values(f"hi {written}") == [plain]


def test_no_texts_give_no_contacts():
    assert len(found([]).row) == 0
    assert len(found(["", ""]).row) == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=60) | st.lists(st.sampled_from(PIECES), max_size=30).map("".join), max_size=8))
def test_any_text_is_read_and_a_batch_reads_as_its_texts_do(texts):
    contacts = found(texts)
    assert (np.diff(contacts.row) >= 0).all()
    assert (contacts.place < contacts.stop).all()
    assert contacts.values.strings() == [value for text in texts for value in values(text)]


@pytest.mark.parametrize("piece", REPEATED.split("|"))
def test_a_hundred_kilobytes_take_no_longer_than_a_glance(piece):
    texts = TextColumn.of(["telegram " + piece * (100_000 // len(piece.encode()))])
    times = []
    for _ in range(3):
        start = time.process_time()
        find_contacts(texts)
        times.append(time.process_time() - start)
    assert min(times) < 0.05


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data sets are not here")
@pytest.mark.parametrize(
    ("name", "where", "phones", "handles"),
    [
        ("ubuntu_irc/train", pl.col("kind") == "msg", 1e-4, 1e-3),
        ("sms_spam/messages", pl.col("label") == "ham", 0.0, 1e-3),
        ("botornot_x/posts", pl.lit(value=True), 1e-3, 1e-3),
    ],
)
def test_benign_chat_has_hardly_any_numbers_or_handles_on_messengers(name, where, phones, handles):
    texts = pl.read_parquet(SHARED / "data" / f"{name}.parquet").filter(where)["text"].head(60_000)
    contacts = find_contacts(TextColumn.of(texts))
    assert (contacts.kind == ContactKind.PHONE).sum() <= phones * len(texts)
    assert (contacts.kind == ContactKind.MESSENGER).sum() <= handles * len(texts)
