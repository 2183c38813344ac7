# ruff: noqa: RUF001  # letters that look alike are what this is about
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.text.column import TextColumn
from features.text.fold import normalise
from features.text.slots import slotted

texts = st.lists(
    st.text("abz é019$€+()., -:/'@", max_size=12)
    | st.sampled_from(
        ["foo.com", "bob@mail.de", "@bob", "12.5.2024", "5 usd", "+1 415 555 0199", "http://", "num", "don't"]
    )
    | st.text(max_size=5),
    max_size=6,
).map("".join)


def full(text):
    return normalise(TextColumn.of([text])).full.strings()[0]


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("call +1 (415) 555-0199 now", "call phone now"),
        ("(415) 555 0199, 415.555.0199, 4155550199", "phone phone phone"),
        ("06 12 34 56 78", "phone"),
        ("0 6 1 2 3 4 5 6 7 8", "phone"),
        ("on 2024-05-12 at 10:30 or 12.5.2024", "on num at num or num"),
        ("v2.6.15 and 192.168.100.200", "v2 num and num"),
        ("8pm 2nd 50% 3.14", "num pm num nd num"),
        ("room 12, 13 and 14", "room num and num"),
        ("$500 or 20 eur, 5$ £ 10.50 1,000 dollars", "amount or amount amount amount amount"),
        ("see http://foo.com/a?b=1 or www.foo.com. foo.co.uk/x!", "see link or link link"),
        ("mail bob.x@mail.com or @s4rah_x", "mail email or handle"),
        ("b4 gr8 mp3 covid19 promo8372", "b4 gr8 mp3 covid num promo num"),
        ("I don't know, it’s ok", "i dont know its ok"),
        ("café déjà İzmir", "cafe deja izmir"),
        ("lıke my fresh clıp, młode đaci møney", "like my fresh clip mlode daci money"),
        ("hi 😀😀 there 👍🏽!!!", "hi there"),
        ("привет, ёлка! 100 руб", "привет ёлка amount"),
        ("नमस्ते, आप?", "नमस्ते आप"),
        ("no.way is.it", "no way link"),
        ("...", ""),
    ],
)
def test_what_varies_is_a_slot(text, slots):
    assert full(text) == slots


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Hey, call me at 415-555-0199!", "hey call me at (212) 555 0143 😘"),
        ("Only $20 today: http://a.com/x", "only €35 today → www.b.org"),
        ("Wr1te me: @anna_99", "write me @maria.b"),
        ("I'm 24 y.o.", "im 31 y.o"),
    ],
)
def test_copies_with_other_details_are_the_same(one, other):
    assert full(one) == full(other)


@settings(max_examples=400, deadline=None)
@given(texts)
def test_putting_slots_into_slots_changes_nothing(text):
    once = normalise(TextColumn.of([text])).full
    assert slotted(once).strings() == once.strings()


@settings(max_examples=200, deadline=None)
@given(texts)
def test_a_full_text_is_at_most_three_times_as_long_and_has_no_signs(text):
    folded, whole = (column.strings()[0] for column in normalise(TextColumn.of([text])))
    assert len(whole.encode()) <= 3 * len(folded.encode()) + 10
    assert not set(whole) & set("$@.,:/'!?()+-")


@pytest.mark.parametrize("piece", ["1 2 ", "(", "( ", "$ ", "5a", "5 ", "1.", "a.b ", "+", "1 a ", "12-", "@a", "a'"])
def test_slots_of_a_huge_text_take_little_time(piece):
    import time

    column = TextColumn.of([piece * (100_000 // len(piece))])
    slotted(column)
    start = time.process_time()
    slotted(column)
    assert time.process_time() - start < 0.5
