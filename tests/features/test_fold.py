# ruff: noqa: RUF001  # letters that look alike are what this is about
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.text.column import TextColumn
from features.text.fold import fold, normalise

ODD = (
    "\u200b\u200d\u202e\u2066\ufe0f\u0301\u0335\u0489\u3164\ud800\0\x01\t\n \u00a0\u0345\u0323\u1160\u1161\uac00\u11a8"
)
ALIKE = "асеорхурнтмвклжЯпΟοαβλνσςΣΑІіөɡᴛⅰ①½㎏™ﷺ𝐚🅰🇹ЁёйİıßéñṩµΩ٣३๓가힣ำ่กिकनमाか\u3099"
WORDS = [
    "t e l",
    "h.i",
    "www.",
    "m0n3y",
    "@bob",
    "8pm",
    "fr33",
    "foo.com",
    "://",
    "你 好 吗 朋 友",
    "ดี ม า ก ๆ",
    "...",
    "a@b.de",
    "+1 415 555 0199",
    "$5",
]
texts = st.lists(
    st.text("abcehilmnorstu0134579@$!|.-_/: '", max_size=12)
    | st.text(ODD + ALIKE, max_size=8)
    | st.sampled_from(WORDS)
    | st.text(max_size=6),
    max_size=6,
).map("".join) | st.text(max_size=40)


def folded(text):
    return fold(TextColumn.of([text])).strings()[0]


LANGUAGES = {
    "Russian": "Привет, как дела? Меня зовут Сергей, а тебя? Ещё увидимся в понедельник, хорошо",
    "Russian with Latin words": "скинь мне ссылку на google docs, wifi тут плохой, ок",
    "short Russian": "он не тот, а вот ok",
    "Ukrainian": "Доброго дня! Як ваші справи? Ґанок, їжа, євро",
    "Greek": "Γειά σου, τι κάνεις; Είμαι καλά, ευχαριστώ πολύ. Ο δρόμος είναι μακρύς",
    "Arabic": "مرحبا، كيف حالك؟ اسمي محمد وأنا من القاهرة",
    "Arabic with vowels": "بِسْمِ اللَّهِ الرَّحْمٰنِ الرَّحِيمِ",
    "Hebrew": "שלום, מה שלומך? אני גר בתל אביב",
    "Hebrew with points": "בְּרֵאשִׁית בָּרָא אֱלֹהִים",
    "Chinese": "你好,很高兴认识你。我住在北京",
    "Chinese with spaces": "新 年 快 乐, 我 喜欢 吃 苹果, 张 三, 李 明",
    "Japanese": "こんにちは、お元気ですか。カタカナがパリで",
    "Korean": "안녕하세요, 만나서 반갑습니다. 저는 서울에 살아요",
    "Hindi": "नमस्ते, आप कैसे हैं? मेरा नाम राहुल है और मैं दिल्ली में रहता हूँ",
    "Korean in short words": "좀 더 잘 할 수 있게",
    "Thai with abbreviations": "พ.ศ. ต่าง ๆ ส.ป.ส.ช. นานา",
    "Thai": "สวัสดีครับ คุณสบายดีไหม ผมอยู่ที่กรุงเทพ น้ำใจ",
    "Turkish": "Merhaba, nasılsın? Işık çok güzel, öğretmenim şimdi gülüyor",
    "Vietnamese": "Xin chào, bạn có khỏe không? Tôi rất vui được gặp bạn",
    "German": "Grüße aus München, die Straße ist schön",
    "French": "Ça va? L'été à la plage, c'est déjà Noël à cœur joie",
    "Spanish": "¿Cómo estás? El niño comió una piña mañana",
    "Polish": "Cześć, jak się masz? Zażółć gęślą jaźń",
    "Tamil": "வணக்கம், நீங்கள் எப்படி இருக்கிறீர்கள்",
    "Bengali": "আপনি কেমন আছেন? আমি ভালো আছি",
    "Georgian": "გამარჯობა, როგორ ხარ",
    "Armenian": "Բարեւ, ինչպես ես",
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_real_language_stays_itself(language, form):
    text = LANGUAGES[language]
    assert folded(unicodedata.normalize(form, text)) == " ".join(unicodedata.normalize("NFKC", text).lower().split())


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ｆｒｅｅ ⓜⓞⓝⓔⓨ 𝓉𝑒𝓁𝑒𝑔𝓇𝒶𝓂", "free money telegram"),
        ("ᴛᴇʟᴇɢʀᴀᴍ 🆃🅴🅻🅴🅶🆁🅰🅼", "telegram telegram"),
        ("tele\u200bg\u2060ram\u202e \u2066me\u2069", "telegram me"),
        ("t̶e̷l̸e̴g̵r\u0331\u0303\u0304\u0300\u0302am", "telegram"),
        ("tеlеgrаm and sіgnаl", "telegram and signal"),
        ("ТELEGRАМ МОNЕY", "telegram money"),
        ("τelegram ωhatsαρp", "telegram whatsapp"),
        ("ѕехуgirl рауреr сору", "sexygirl payper copy"),
        ("пpивeт кpacoткa", "привет красотка"),
        ("fr33 m0n3y c4ll n0w", "free money call now"),
        ("wh4ts4pp te1egram 1nstagram sn4pch@t", "whatsapp telegram instagram snapchat"),
        ("$end nude$ ca$h bo$$ fr€€", "send nudes cash boss free"),
        ("inst@gram k!k d@te", "instagram kik date"),
        ("7he m0n3y i5 g00d, ju5t ge7 1t b3f0re 8pm", "the money is good, just get it before 8pm"),
        ("pl34s3 4dd m3 0n th15 n1c3 t3l3gr4m", "please add me on this nice telegram"),
        ("L00k at 7h3 p!c7ur35, if n07 d!ff!cul7", "look at the pictures, if not difficult"),
        ("Ch3ck ou7 7hi5 pl4yli57", "check out this playlist"),
        ("h.o.w a.r.e y.o.u d.o.i.n.g t.o.d.a.y h.e.r.e", "how are you doing today here"),
        ("t e l e g r a m", "telegram"),
        ("w.h.a.t.s.a.p.p me", "whatsapp me"),
        ("s-n-a-p i_n_s_t_a k*i*k*i k•i•k•s", "snap insta kiki kiks"),
        ("h e l l o  w o r l d", "hello world"),
        ("h.e.l.l.o w.o.r.l.d!", "hello world!"),
        ("п р и в е т", "привет"),
        ("你 好 ， 很 高 兴 认 识 你  我 在 北 京", "你好 , 很高兴认识你 我在北京"),
        ("ก ิ น ข ้ า ว  น ้ ำ ใ จ ค ุ ณ", "กินข้าว น้ําใจคุณ"),
        ("ท.ั.ก.ฉ.ั.น.ท.า.ง.ไ.ล.น.์", "ทักฉันทางไลน์"),
        ("加-我-微-信-聊-天 你🔥好🔥吗🔥朋🔥友", "加我微信聊天 你好吗朋友"),
        ("こ ん に ち は 、 カ ー ト で す", "こんにちは 、 カートです"),
        ("ส วั ส ดี ค รั บ", "สวัสดีครับ"),
        ("t😀e😀l😀e😀gram", "tele😀gram"),
        ("heyyyyyyy youuuu!!!! ok....", "heyy youu! ok.."),
        ("  so \t\n much\u00a0\u3000space \r\n", "so much space"),
        ("٠٥٥ १२ ①②", "055 12 12"),
    ],
)
def test_a_disguise_is_seen_through(text, meant):
    assert folded(text) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("ｔ ３ ｌ ３ ｇ ｒ 4 ｍ", "telegram"),
        ("t.3.l.3.g.r.4.m\u200b!!!", "telegram!"),
        ("f\u200b r 3 3  m 0 n 3 y", "free money"),
        ("т е l е g r а m", "telegram"),
        ("wһ4tѕ4рр\u0336 mееееe", "whatsapp mee"),
        ("𝐦𝟎𝐧𝟑𝐲\u2063 с4$һ", "money cash"),
    ],
)
def test_three_tricks_at_once_are_seen_through(text, meant):
    assert folded(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "8pm 10am gr8 b4 m8 l8r 2nd 1st 4th 3d 5k 10gb 4ever 5min 2day",
        "l8r h8r 5th 3rd",
        "covid19 h2o mp3 md5 md5sum i386 x86_64 utf8 b2b p2p w00t n00b k8s i18n ps3 eth0 libc6-dev python3 x11",
        "call +1 (415) 555-0199 or 06 12 34 56 78",
        "$500 or 20€ or 5$ or us$ 30",
        "12:30 on 2024-05-12 for 3.14, v2.6.15",
        "http://fr33m0n3y.com//aaaa bob33m0n3y@mail.com @s4rah_m0n3y t.me/j0in",
        "1 2 3 4 5 6 a b c",
        "who i a m",
        "a b c d e f",
        "/dev/md0 foo_b4r $home user@host hi!there",
        "www xxx",
        "roads!rvx it!c worried!x wrong!take 3optical 5digital",
        "apt install p7zip on sda1 or sdb2, armv7l",
        "ls -b -d -w -i ki7mt jan11 nick|away",
        "u.s. e.g. a.k.a. e-mail t-shirt",
    ],
)
def test_what_is_meant_stays(text):
    assert folded(text) == text


@settings(max_examples=600, deadline=None)
@given(texts)
def test_folding_what_is_folded_changes_nothing(text):
    once = folded(text)
    assert folded(once) == once


@settings(max_examples=300, deadline=None)
@given(texts)
def test_a_text_grows_at_most_threefold(text):
    assert len(folded(text).encode()) <= 3 * len(text.encode("utf-8", "replace"))


@settings(max_examples=40, deadline=None)
@given(st.lists(texts, max_size=8))
def test_a_row_does_not_depend_on_the_rows_beside_it(values):
    both = normalise(TextColumn.of(values))
    alone = [normalise(TextColumn.of([value])) for value in values]
    assert both.folded.strings() == [one.folded.strings()[0] for one in alone]
    assert both.full.strings() == [one.full.strings()[0] for one in alone]


HUGE = {
    "Zalgo": "a" + "\u0301\u0323\u0489" * 17_000,
    "Zalgo over words": ("h" + "\u0336\u0301\u0322\u0315\u0358" * 4) * 2_500,
    "marks of Thai": "ก" + "\u0e49\u0e38" * 17_000,
    "right to left": "\u202e\u2066abc" * 11_000,
    "nothing": "\0" * 100_000,
    "zero width": "\u200b" * 33_000,
    "spelled": "a b" * 33_000,
    "spelled Chinese": " ".join(map(chr, range(0x4E00, 0x9000))) * 2,
    "spelled by signs": "x.y-" * 25_000,
    "spelled in pairs": "a.b " * 25_000,
    "Chinese spelled in pairs": "甲.乙 " * 12_000,
    "leet": "m0n3y" * 20_000,
    "leet words": "m0n3y " * 16_000,
    "mixed scripts": "аbсd" * 16_000,
    "digits": "1 2 " * 25_000,
    "points": "a.b." * 25_000,
    "at signs": "@" * 100_000,
    "longest form": "\ufdfa" * 33_000,
    "jamo": "\u1100\u200b\u1161\u200b" * 8_000,
    "one letter": "a" * 100_000,
    "surrogates": "\ud800" * 100_000,
}


@pytest.mark.parametrize("kind", HUGE)
def test_a_huge_text_is_folded_and_stays_as_it_then_is(kind):
    both = normalise(TextColumn.of([HUGE[kind]]))
    assert fold(both.folded).strings() == both.folded.strings()
    assert len(both.folded.data) <= 3 * 100_000


def test_broken_bytes_are_left_out():
    import numpy as np

    data = np.frombuffer(b"ab\xff\xc3\xe2\x82c\xf0\x9f\x98", np.uint8)
    assert fold(TextColumn(data, np.array([0, len(data)]))).strings() == ["abc"]


def test_no_texts_are_no_texts():
    both = normalise(TextColumn.of([]))
    assert len(both.folded) == len(both.full) == 0
    assert normalise(TextColumn.of(["", None])).full.strings() == ["", ""]
