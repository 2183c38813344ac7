# ruff: noqa: RUF001  # other scripts are what is tested
"""The cheap language guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.text.column import TextColumn
from features.text.language import CODES, guess_languages


def guess(*texts: str) -> list[str]:
    return [CODES[code] for code in guess_languages(TextColumn.of(texts))]


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("en", "Hey, how was your weekend? I went to the lake with my sister"),
        ("en", "I’m sure it’ll be fine, don’t worry"),
        ("es", "Hola guapa, ¿qué tal estás? Me gustaría conocerte mejor"),
        ("fr", "Salut, tu fais quoi ce soir ? Je suis libre après le travail"),
        ("de", "Hallo, wie geht es dir? Ich habe heute leider keine Zeit"),
        ("pt", "Oi, tudo bem? Você mora aqui na cidade há muito tempo?"),
        ("it", "Ciao, come stai? Domani sera andiamo a mangiare qualcosa"),
        ("nl", "Hoi, hoe gaat het met je? Zullen we morgen iets drinken"),
        ("tr", "Merhaba, nasılsın? Bugün çok güzel bir gün"),
        ("ru", "Привет, как дела? Давай встретимся завтра вечером"),
        ("hi", "नमस्ते, आप कैसे हैं?"),
        ("zh", "你好，你今天过得怎么样？"),
        ("ja", "こんにちは、元気ですか？今日は忙しいです"),
        ("ko", "안녕하세요, 오늘 기분이 어때요?"),
        ("th", "สวัสดีครับ วันนี้เป็นอย่างไรบ้าง"),
        ("ar", "مرحبا، كيف حالك اليوم؟"),
    ],
)
def test_a_sentence_is_known_by_its_language(code: str, text: str) -> None:
    assert guess(text, text.upper()) == [code, code]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12345 :)",
        "😂😂",
        "Γεια σου, τι κάνεις;",
        "Привіт, як твої справи, чи вільна ти ввечері?",
        "سلام، چطوری؟ خوبی؟",
    ],
)
def test_what_has_no_code_is_other(text: str) -> None:
    assert guess(text) == ["other"]


def test_a_foreign_word_does_not_turn_a_sentence() -> None:
    assert guess("Ich habe das heute auf YouTube gesehen, wow") == ["de"]
    assert guess("Это просто hello world") == ["ru"]


@given(st.lists(st.text(max_size=60) | st.binary(max_size=20).map(lambda b: b.decode("latin-1")), max_size=6))
def test_any_text_gets_the_same_code_in_any_company(texts: list[str]) -> None:
    assert guess(*texts) == [guess(text)[0] for text in texts]
