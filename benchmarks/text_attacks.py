"""Edits by which a sender of one text makes it look like another, seeded, to measure what finds copies all the same.

An edit takes a text and a random source and gives another text that says the same to a person. Each exists alone, and
`COMBINED` applies three different ones. How strong an edit is, is drawn for every copy within the limits given beside
it; they are those of spam that people can still read and that still asks for what it asks.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

COMBINED: Final = "three at once"

TEMPLATES: Final = (
    "hey handsome, i am new here and looking for something serious, write me on telegram @lena_2024 so we can talk",
    "I earn 500 dollars a day from home with crypto trading, ask me how, my mentor Mr. Thomas helps everyone start",
    "Your account will be closed today. Verify your profile at https://verify-date.example/login with code 48213",
    "hi dear, my phone is broken and i need a steam gift card of 50 euro to call you, i will pay you back on friday",
    "We are hiring remote assistants, 35 dollars an hour, no experience needed. Text Anna on whatsapp +1 415 555 0134",
    "i dont come here often, add my snapchat sweet.kate99 and i will send you my private pictures tonight",
    "Congratulations! You have won a new phone. Claim your prize within 24 hours at http://win-now.example/claim",
    "My uncle works at a bank and knows a safe investment, 20 percent in a week, shall I show you how it works?",
    "before we meet please get the safety id so i know you are real, it is free at safe-meet.example, takes a minute",
    "Hello my love, I am a doctor on a mission and feel so lonely, please write to my email doc.james@mail.example",
    "subscribe to my channel and like my new video, i give away 100 gift cards to the first people who comment",
    "cheap followers and likes for your page, 1000 for 9.99, instant delivery, visit boost-page.example today",
    "Hola guapo, soy nueva en la ciudad y busco amigos, escribeme por whatsapp al +34 612 345 678 y te mando fotos",
    "Bonjour, je cherche une relation serieuse, ajoute moi sur snap belle.julie75 et on parle ce soir, bisous",
    "Hallo, ich verdiene jeden Tag 300 Euro von zu Hause, schreib mir auf Telegram @geldprofi und ich zeige dir wie",
    "Привет, я недавно в городе и ищу серьёзные отношения, напиши мне в телеграм @masha_love и я пришлю фото",
    "Здравствуйте! Предлагаем удалённую работу, от 5000 рублей в день, без опыта, подробности по ссылке job.example",
)
"""Texts of campaigns on dating and social platforms, written for this benchmark."""

_SYNONYMS: Final = (
    ("hi", "hello", "hey", "hiya"),
    ("send", "mail", "forward"),
    ("text", "message", "ping"),
    ("write", "drop a line to"),
    ("free", "complimentary", "no cost"),
    ("win", "get", "score"),
    ("won", "gained", "earned"),
    ("prize", "reward", "award"),
    ("call", "ring", "phone"),
    ("now", "right away", "today", "immediately"),
    ("mobile", "cell", "handset"),
    ("please", "kindly", "pls"),
    ("check", "look at", "see"),
    ("video", "clip", "vid"),
    ("channel", "page"),
    ("subscribe", "sub", "follow"),
    ("great", "awesome", "amazing", "super"),
    ("good", "nice", "fine"),
    ("money", "cash", "bucks"),
    ("earn", "make"),
    ("want", "wish", "would like"),
    ("need", "require"),
    ("guys", "people", "folks", "everyone"),
    ("claim", "collect", "pick up"),
    ("customer", "client", "user"),
    ("new", "fresh", "brand new"),
    ("best", "top", "finest"),
    ("love", "adore"),
    ("meet", "see"),
    ("chat", "talk", "speak"),
    ("pictures", "photos", "pics"),
    ("private", "personal"),
    ("tonight", "this evening"),
    ("week", "7 days"),
    ("account", "profile"),
    ("visit", "go to", "open"),
    ("you", "u"),
    ("your", "ur"),
    ("for", "4"),
    ("are", "r"),
    ("and", "&"),
    ("just", "simply", "only"),
    ("looking", "searching"),
    ("serious", "real"),
    ("awarded", "given"),
    ("urgent", "important"),
    ("contact", "reach"),
    ("reply", "answer", "respond"),
    ("offer", "deal"),
    ("weekly", "every week"),
    ("song", "track", "tune"),
    ("watch", "view"),
    ("help", "support"),
)
_SAME: Final = {word: tuple(w for w in words if w != word) for words in _SYNONYMS for word in words[:1] + words[1:]}
_NAMES: Final = ("anna", "lena", "kate", "maria", "julie", "thomas", "james", "mike", "sophie", "alex", "nina", "tom")
_EMOJI: Final = ("😀", "😍", "❤️", "🔥", "💋", "👉", "🎁", "💰", "✨", "😉", "🙏", "💯", "👇", "📱")
_PADDING: Final = (
    *("hope you are doing well", "have a nice day", "lol", "sorry for the wait", "by the way", "as i said"),
    *(
        "thanks",
        "greetings from me",
        "how are you today",
        "see you soon",
        "xoxo",
        "i mean it",
        "ok then",
        "nice weather",
    ),
    *("what do you think", "trust me", "god bless", "take care", "talk later", "no joke"),
)
_ZERO_WIDTH: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_LEET: Final = {"a": "4@", "e": "3", "i": "1!", "o": "0", "s": "5$", "t": "7"}
_HOMOGLYPHS: Final = {
    "a": "\u0430\u0251",
    "c": "\u0441\u03f2",
    "e": "\u0435",
    "i": "\u0456\u0131",
    "j": "\u0458",
    "o": "\u043e\u03bf",
    "p": "\u0440\u03c1",
    "s": "\u0455",
    "x": "\u0445",
    "y": "\u0443",
    "d": "\u0501",
    "h": "\u04bb",
    "A": "\u0410\u0391",
    "B": "\u0412\u0392",
    "C": "\u0421",
    "E": "\u0415\u0395",
    "H": "\u041d\u0397",
    "K": "\u041a\u039a",
    "M": "\u041c\u039c",
    "O": "\u041e\u039f",
    "P": "\u0420\u03a1",
    "T": "\u0422\u03a4",
    "X": "\u0425\u03a7",
}
"""Cyrillic, Greek and other letters that look like Latin ones."""
_LINK: Final = re.compile(r"(?i)(?:https?://|www\.)\S+|\b[\w-]+\.(?:com|net|org|example|co\.uk|biz)\b\S*")
_NUMBER: Final = re.compile(r"\d+")
_WORD: Final = re.compile(r"[^\W\d_]+")
_CLAUSE: Final = re.compile(r"(?<=[.!?,;])\s+")


def slots(text: str, rng: Random) -> str:
    """Change every number, link and handle, and put another name at the front now and then."""
    text = _LINK.sub(lambda _: f"http://{_letters(rng, 6)}.com/{_letters(rng, 4)}", text)
    text = re.sub(r"@\w{3,}", lambda _: "@" + _letters(rng, 7) + str(rng.randrange(100)), text)
    text = _NUMBER.sub(lambda m: "".join(rng.choice("123456789") for _ in m.group()), text)
    return f"{rng.choice(_NAMES)}, {text}" if rng.random() < 0.5 else text


def emoji(text: str, rng: Random) -> str:
    """Put in one to five pictographs, between words."""
    words = text.split(" ")
    for _ in range(rng.randint(1, 5)):
        words.insert(rng.randint(0, len(words)), rng.choice(_EMOJI) * rng.randint(1, 2))
    return " ".join(words)


def padding(text: str, rng: Random) -> str:
    """Add phrases before and behind, up to two fifths of the text's length."""
    added, limit = 0, max(12, len(text) * 2 // 5)
    for _ in range(rng.randint(1, 3)):
        phrase = rng.choice(_PADDING)
        if added + len(phrase) > limit:
            break
        added += len(phrase) + 1
        text = f"{phrase} {text}" if rng.random() < 0.5 else f"{text} {phrase}"
    return text


def truncation(text: str, rng: Random) -> str:
    """Cut off a tenth to a third of the words, from either end."""
    words = text.split(" ")
    cut = round(len(words) * rng.uniform(0.1, 0.34))
    return " ".join(words[cut:] if rng.random() < 0.3 else words[: len(words) - cut])


def reorder(text: str, rng: Random) -> str:
    """Put clauses in another order; a text without any is cut in two or three, which change places."""
    parts = _CLAUSE.split(text)
    if len(parts) < 2:
        words = text.split(" ")
        cuts = (
            sorted(rng.sample(range(1, len(words)), min(len(words) - 1, rng.randint(1, 2)))) if len(words) > 2 else []
        )
        parts = [" ".join(words[a:b]) for a, b in zip([0, *cuts], [*cuts, len(words)], strict=True)]
    before = list(parts)
    for _ in range(4):
        rng.shuffle(parts)
        if parts != before:
            break
    return " ".join(parts)


def synonyms(text: str, rng: Random) -> str:
    """Say words in another way: one to six of those it knows."""
    places = [m for m in _WORD.finditer(text) if m.group().lower() in _SAME]
    for m in sorted(rng.sample(places, min(len(places), min(6, 1 + len(text.split()) // 4))), key=lambda m: -m.start()):
        text = text[: m.start()] + rng.choice(_SAME[m.group().lower()]) + text[m.end() :]
    return text


def zero_width(text: str, rng: Random) -> str:
    """Put characters that do not show after a tenth to two fifths of the letters."""
    share = rng.uniform(0.1, 0.4)
    return "".join(c + rng.choice(_ZERO_WIDTH) if c.isalpha() and rng.random() < share else c for c in text)


def spacing(text: str, rng: Random) -> str:
    """Put spaces, points or hyphens between the letters of one to five longer words, and widen some gaps."""
    words = text.split(" ")
    longer = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    for i in rng.sample(longer, min(len(longer), rng.randint(1, 5))):
        words[i] = rng.choice((" ", " ", ".", "-")).join(words[i])
    return "".join(word + (" " * rng.choice((1, 1, 1, 2, 3))) for word in words).rstrip(" ")


def leet(text: str, rng: Random) -> str:
    """Write digits and signs for a third to all of the letters that have one, in words of three letters or more."""
    share = rng.uniform(0.3, 1.0)
    return _by_word(text, rng, share, _LEET, ("link", "handle"))


def homoglyphs(text: str, rng: Random) -> str:
    """Write letters of another script that look the same, for a fifth to all of those that have one."""
    return _by_word(text, rng, rng.uniform(0.2, 1.0), _HOMOGLYPHS, ())


EDITS: Final[Mapping[str, Callable[[str, Random], str]]] = {
    "slots": slots,
    "emoji": emoji,
    "padding": padding,
    "truncation": truncation,
    "reorder": reorder,
    "synonyms": synonyms,
    "zero-width": zero_width,
    "spacing": spacing,
    "leet": leet,
    "homoglyphs": homoglyphs,
}


def combined(text: str, rng: Random, count: int = 3) -> str:
    """Apply different edits one after another: those of words first, those of letters last."""
    chosen = rng.sample(list(EDITS), count)
    for name in EDITS:
        if name in chosen:
            text = EDITS[name](text, rng)
    return text


def copies(texts: Sequence[str], each: int, rng: Random) -> dict[str, list[tuple[int, str]]]:
    """Make edited copies of every text, by kind of edit: which text each is of, and the copy, which always differs."""
    made: dict[str, list[tuple[int, str]]] = {}
    for name, edit in {**EDITS, COMBINED: combined}.items():
        rows = [(i, edit(text, rng)) for i, text in enumerate(texts) for _ in range(each)]
        made[name] = [(i, copy) for i, copy in rows if copy != texts[i]]
    return made


def _letters(rng: Random, count: int) -> str:
    return "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(count))


def _by_word(text: str, rng: Random, share: float, table: Mapping[str, str], spared: tuple[str, ...]) -> str:
    """Replace letters by their likes, but (if asked) not in links and handles, which would lead nowhere."""
    kept = [m.span() for m in _LINK.finditer(text)] if "link" in spared else []
    kept += [m.span() for m in re.finditer(r"@\w+", text)] if "handle" in spared else []
    out = list(text)
    for m in _WORD.finditer(text):
        if len(m.group()) < 3 or any(a <= m.start() < b for a, b in kept):
            continue
        for i in range(m.start(), m.end()):
            likes = table.get(text[i]) or table.get(text[i].lower(), "")
            if likes and rng.random() < share:
                out[i] = rng.choice(likes)
    return "".join(out)
