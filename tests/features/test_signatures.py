from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.text.column import TextColumn
from features.text.signatures import CHARACTERS_MAX, COMPONENTS, sign

CHAT = "hi there how are you doing today"


def likeness(one, other):
    values = sign(TextColumn.of([one, other])).values
    return float((values[0] == values[1]).mean())


def shingles(text):
    text = f" {text} "
    return {text[i : i + 4] for i in range(len(text) - 3)}


@pytest.mark.parametrize(
    "other",
    [
        "Hi there, how are YOU doing today?!",
        "hi there 😀❤️ how are\tyou  doing today",
        "hi\u200b there how are you doing today…",
    ],
)
def test_case_signs_spaces_and_emoji_change_nothing(other):
    assert likeness(CHAT, other) == 1


def test_the_share_of_equal_components_estimates_the_share_of_shingles():
    rng, errors = random.Random(1), []
    words = ["".join(rng.choices("abcdefghijklmnop", k=rng.randint(2, 8))) for _ in range(200)]
    for _ in range(300):
        common, one, other = (rng.sample(words, rng.randint(1, 12)) for _ in range(3))
        texts = " ".join(common + one), " ".join(common + other)
        a, b = shingles(texts[0]), shingles(texts[1])
        true = len(a & b) / len(a | b)
        errors.append((likeness(*texts) - true) / max(0.02, np.sqrt(true * (1 - true) / COMPONENTS)))
    assert abs(np.mean(errors)) < 0.25
    assert 0.8 < np.std(errors) < 1.2


@pytest.mark.parametrize(
    ("text", "words", "letters"),
    [
        ("", 0, 0),
        ("...", 0, 0),
        (CHAT, 7, 26),
        ("Привет, как твои дела сегодня", 5, 24),
        ("你好我想认识你可以", 4, 18),
        ("สวัสดีครับทุกคน", 3, 15),
        ("안녕하세요 반갑습니다", 5, 20),
        ("नमस्ते आप कैसे हैं", 4, 15),
    ],
)
def test_words_and_letters_are_counted_in_every_script(text, words, letters):
    found = sign(TextColumn.of([text]))
    assert (found.words[0], found.letters[0]) == (words, letters)


def test_chinese_texts_with_one_word_changed_stay_alike():
    assert (
        likeness("你好我想认识你可以加我的微信吗我有照片给你看", "你好我想认识你可以加我的电报吗我有照片给你看") > 0.6
    )
    assert likeness("你好我想认识你可以加我的微信吗", "今天天气很好我们去公园散步吧") < 0.1


def test_what_is_written_into_states_never_changes():
    assert sign(TextColumn.of([CHAT])).values[0, :4].tolist() == [4135404, 440268343, 231294578, 54490]


def test_only_the_beginning_of_an_endless_text_is_read():
    endless = "abcdefghijk lmnop " * 10_000
    found = sign(TextColumn.of([endless, endless + "and something else"]))
    assert (found.values[0] == found.values[1]).all()
    assert found.letters[0] < CHARACTERS_MAX


@given(st.lists(st.text(max_size=40), max_size=6))
def test_a_text_is_signed_alone_as_among_others(texts):
    together = sign(TextColumn.of(texts))
    for i, text in enumerate(texts):
        alone = sign(TextColumn.of([text]))
        assert (alone.values[0] == together.values[i]).all()
        assert (alone.words[0], alone.letters[0]) == (together.words[i], together.letters[i])


@given(st.binary(max_size=60))
def test_bytes_that_are_no_text_do_no_harm(data):
    found = sign(TextColumn(np.frombuffer(data, np.uint8), np.array([0, len(data)])))
    assert 0 <= found.letters[0] <= len(data)
