# ruff: noqa: RUF001  # letters that look like others are what is tested here
import numpy as np
import polars as pl
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from features.texts import EMOJI, HAS_CONTACT, HAS_LINK, LETTER, measure

pieces = st.sampled_from(["a", "Z", "7", " ", "!", "é", "ſ", "日", "😀", "❤️", "\n", "\x00", "…", "don't ", "𝒳"])
texts = st.lists(pieces, max_size=60).map("".join) | st.text(st.characters(codec="utf-8"), max_size=60)


def of(*values):
    return measure(pl.Series(values, dtype=pl.String))


def has(text, flag):
    return bool(of(text).flags[0] & flag)


def plain_shape(text):
    return "".join(c.lower() if c.isascii() else c for c in text if not c.isascii() or c.isalpha())


def key(text):
    return xxhash.xxh64_intdigest(text.encode()) if text else 0


@given(st.lists(st.none() | texts, max_size=10))
def test_measures_are_those_of_plain_python(values):
    found = of(*values)
    known = [value or "" for value in values]
    shapes = [plain_shape(text) for text in known]
    assert found.exact.tolist() == [0 if v is None else xxhash.xxh64_intdigest(v.encode()) for v in values]
    assert found.characters.tolist() == [len(text) for text in known]
    assert found.shapes.tolist() == [key(shape) for shape in shapes]
    assert found.shape_bytes.tolist() == [len(shape.encode()) for shape in shapes]
    letters = [any(not c.isascii() and c.isalpha() and ord(c) < 0x20000 for c in text) for text in known]
    rare = [any(0x20000 <= ord(c) <= 0x3FFFF for c in text) for text in known]
    assert [bool(flag & LETTER) for flag in found.flags] == [a or b for a, b in zip(letters, rare, strict=True)]


@given(st.lists(st.none() | texts, max_size=12), st.integers(0, 12))
def test_where_a_batch_is_cut_changes_nothing(values, cut):
    column = pl.Series(values, dtype=pl.String)
    whole, parts = measure(column), (measure(column[:cut]), measure(column[cut:]))
    for name in ("keys", "sizes", "flags"):
        assert np.array_equal(getattr(whole, name), np.concatenate([getattr(part, name) for part in parts]))


def test_texts_that_differ_in_decoration_have_one_shape():
    first, second, other = of("Hi!! call 555-123", "hi call 999", "hi ball 999").shapes
    assert first == second
    assert first != other


@pytest.mark.parametrize("text", ["", "   ", "555-123 !?", "\t\n", None])
def test_what_has_no_letters_has_no_shape(text):
    found = of(text)
    assert found.shapes[0] == 0
    assert found.shape_bytes[0] == 0


@pytest.mark.parametrize("text", ["😀", "so nice ❤️", "☀ today", "🇫🇷", "1️⃣", "👩‍💻", "⏰", "⭐", "𝒽i 🫶"])
def test_emoji_are_seen(text):
    assert has(text, EMOJI)


@pytest.mark.parametrize("text", ["", "hi :)", "naïve", "日本", "— … “quoted” ’", "™ © €5", "①"])
def test_what_is_no_emoji_is_not_taken_for_one(text):
    assert not has(text, EMOJI)


@pytest.mark.parametrize("text", ["naïve", "привет", "日本", "ＦＵＬＬ", "𝓱𝓮𝓵𝓵𝓸", "ß", "مرحبا", "𠀀"])
def test_letters_beyond_ascii_are_seen(text):
    assert has(text, LETTER)


@pytest.mark.parametrize("text", ["", "hello", "it’s — fine…", "😀", "½ ² €", "\u200b", None])
def test_signs_beyond_ascii_are_no_letters(text):
    assert not has(text, LETTER)


def test_a_text_with_everything_has_all_measures():
    found = of("Écris-moi 😀 sur www.Example.com ou +33 6 12 34 56 78")
    assert found.flags[0] == LETTER | EMOJI | HAS_LINK | HAS_CONTACT
    assert found.hosts[0] == key("example.com")
    assert found.contacts[0] == key("+33612345678")


def test_absent_texts_measure_nothing():
    for found in (of(None, None), of(None, "x")):
        assert (found.exact[0], found.characters[0], found.flags[0]) == (0, 0, 0)
    assert len(of().flags) == 0
    assert of("").exact[0] != 0


def test_a_text_may_be_as_long_as_an_event():
    text = "ä1 " * 80_000
    found = of("first", text)
    assert found.characters[1] == 240_000
    assert found.shapes[1] == key("ä" * 80_000)
