# ruff: noqa: RUF001  # letters that look like others are what is tested here
import numpy as np
import polars as pl
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from features.texts import EMOJI, LETTER, measure

pieces = st.sampled_from(["a", "Z", "7", " ", "!", "é", "ſ", "日", "😀", "❤️", "\n", "\x00", "…", "don't ", "𝒳"])
texts = st.lists(pieces, max_size=60).map("".join) | st.text(st.characters(codec="utf-8"), max_size=60)


def of(*values):
    return measure(pl.Series(values, dtype=pl.String))


def has(text, flag):
    return bool(of(text).flags[0] & flag)


@given(st.lists(st.none() | texts, max_size=10))
def test_measures_are_those_of_plain_python(values):
    found = of(*values)
    known = [value or "" for value in values]
    assert found.exact.tolist() == [0 if v is None else xxhash.xxh64_intdigest(v.encode()) for v in values]
    assert found.characters.tolist() == [len(text) for text in known]
    letters = [any(not c.isascii() and c.isalpha() and ord(c) < 0x20000 for c in text) for text in known]
    rare = [any(0x20000 <= ord(c) <= 0x3FFFF for c in text) for text in known]
    assert [bool(flag & LETTER) for flag in found.flags] == [a or b for a, b in zip(letters, rare, strict=True)]


@given(st.lists(st.none() | texts, max_size=12), st.integers(0, 12))
def test_where_a_batch_is_cut_changes_nothing(values, cut):
    column = pl.Series(values, dtype=pl.String)
    whole, parts = measure(column), (measure(column[:cut]), measure(column[cut:]))
    for name in ("exact", "characters", "flags"):
        assert np.array_equal(getattr(whole, name), np.concatenate([getattr(part, name) for part in parts]))


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
    assert of("Écris-moi 😀").flags[0] == LETTER | EMOJI


def test_absent_texts_measure_nothing():
    for found in (of(None, None), of(None, "x")):
        assert (found.exact[0], found.characters[0], found.flags[0]) == (0, 0, 0)
    assert len(of().flags) == 0
    assert of("").exact[0] != 0


def test_a_text_may_be_as_long_as_an_event():
    text = "ä1 " * 80_000
    found = of("first", text)
    assert found.characters[1] == 240_000
