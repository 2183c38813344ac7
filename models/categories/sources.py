"""Where examples come from: openly licensed sets, packages, and our own grammars.

Nothing read here is copied into what ships; only weights learned from it are.
"""

from __future__ import annotations

import random
from importlib.util import find_spec
from pathlib import Path
from pydoc_data import topics  # the language reference, in every Python (PSF licence)
from typing import TYPE_CHECKING, Final

import msgspec
import polars as pl

from models.categories.classifier import NAMES
from models.categories.examples import Example, generate, restyle
from models.categories.grammar import Part, read_grammars
from models.categories.linking import linked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_OTHERS: Final = frozenset(NAMES) - {"spam"}
_CHATS: Final = 5_000
_LINES: Final = 3_000
_PARAGRAPHS_A_TOPIC: Final = 8
_PARAGRAPH_MIN: Final = 60
_RUNS: Final = (1, 1, 1, 2, 3, 6, 12)
"""How many messages in a row are joined to one: benign texts must not all be short."""
_GLUES: Final = (" ", "\n", ". ")
EACH: Final = 900
"""Generated messages a grammar."""

CHANNELS: Final[dict[str, frozenset[str]]] = {
    "text messages": frozenset({"sms_spam"}),
    "comments": frozenset({"youtube_spam"}),
    "mail": frozenset({"spam_mail", "benign_mail"}),
    "other languages": frozenset({"spam_foreign", "benign_foreign"}),
    "group chat": frozenset({"spam_social", "scam_investment", "scam_job", "benign_group", "ubuntu_irc"}),
    "dating": frozenset(
        {"scam_verification", "scam_gift_card", "scam_romance", "contact_harvesting", "sexual_solicitation"}
        | {"harassment", "benign_dating", "chitchat"}
    ),
}
"""Sources by the channel they stand for: a model is judged on a channel it was not trained on."""

HALVES: Final = (
    frozenset({"sms_spam", "ubuntu_irc", "python_reference"}),
    frozenset({"youtube_spam", "chitchat", "chatterbot"}),
)
"""Sources that are not generated in two halves, neither much like the other."""


def read_examples(data: Path, seed: int, part: Part = Part.ALL, each: int = EACH) -> list[Example]:
    """Read everything there is to learn from; sets absent from the folder or not installed are left out."""
    rng = random.Random(seed)  # noqa: S311  # no secret hangs on it
    found = generate(read_grammars(), each, part, seed)
    for read in (_sms, _youtube):
        found += _restyled(read(data), rng)
    found += _irc(data, rng) + _chats(rng) + _answers() + _references(rng)
    return found + linked(found, rng)


def _restyled(examples: Sequence[Example], rng: random.Random) -> list[Example]:
    """Add to each message a copy written another way."""
    copies = [Example(restyle(e.text, rng), e.source, e.labels, e.open_labels) for e in examples]
    return [*examples, *copies]


def _real(texts: Iterable[tuple[str, bool]], source: str) -> list[Example]:
    spam = (frozenset({"spam"}), _OTHERS)  # of real spam nobody has said which kind it is
    ham: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
    return [Example(text, source, *(spam if is_spam else ham)) for text, is_spam in dict(texts).items()]


def _sms(data: Path) -> list[Example]:
    path = data / "sms_spam" / "messages.parquet"
    rows = pl.read_parquet(path).select("text", pl.col("label") == "spam") if path.exists() else _EMPTY
    return _real(rows.iter_rows(), "sms_spam")


def _youtube(data: Path) -> list[Example]:
    path = data / "youtube_spam" / "comments.parquet"
    rows = pl.read_parquet(path).select("CONTENT", pl.col("CLASS") == "1") if path.exists() else _EMPTY
    return _real(rows.iter_rows(), "youtube_spam")


_EMPTY: Final = pl.DataFrame({"text": [], "spam": []}, schema={"text": pl.String, "spam": pl.Boolean})


def _runs(texts: Sequence[str], count: int, rng: random.Random, source: str) -> list[Example]:
    made = []
    for _ in range(count):
        start, length = rng.randrange(max(len(texts) - max(_RUNS), 1)), rng.choice(_RUNS)
        text = rng.choice(_GLUES).join(texts[start : start + length])
        made.append(Example(restyle(text, rng) if rng.random() < 1 / 2 else text, source, frozenset()))
    return made


def _irc(data: Path, rng: random.Random) -> list[Example]:
    path = data / "ubuntu_irc" / "train.parquet"
    if not path.exists():
        return []
    texts = pl.read_parquet(path, columns=["text"])["text"]
    spoken = texts.filter(~texts.str.contains(r"has (joined|left|quit) |Quit|is now known as")).to_list()
    return _runs(spoken, _LINES, rng, "ubuntu_irc")


def _chats(rng: random.Random) -> list[Example]:
    place = _package("chitchat_dataset")
    if place is None:
        return []
    talks = msgspec.json.decode((place / "dataset.json").read_bytes())
    texts = [part["text"] for key in sorted(talks) for turn in talks[key]["messages"] for part in turn]
    return _runs(texts, _CHATS, rng, "chitchat")


def _answers() -> list[Example]:
    """Take encyclopaedic answers in English; without the package there are none."""
    place = _package("chatterbot_corpus")
    files = sorted((place / "data" / "english").glob("*.yml")) if place else []
    lines = [line.strip(" -'\"\n") for path in files for line in path.read_text("utf-8").splitlines()]
    return [Example(line, "chatterbot", frozenset()) for line in dict.fromkeys(lines) if len(line) > _PARAGRAPH_MIN]


def _references(rng: random.Random) -> list[Example]:
    made = []
    for text in topics.topics.values():
        paragraphs = [part.strip() for part in text.split("\n\n") if len(part) > _PARAGRAPH_MIN]
        chosen = rng.sample(paragraphs, min(_PARAGRAPHS_A_TOPIC, len(paragraphs)))
        made += [Example(paragraph, "python_reference", frozenset()) for paragraph in chosen]
    return made


def _package(name: str) -> Path | None:
    found = find_spec(name)
    return Path(found.origin).parent if found and found.origin else None
