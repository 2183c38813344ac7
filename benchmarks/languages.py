"""Measure what is done with texts of other languages than English: the guess, edited copies, and what is found in vain.

Run: python benchmarks/languages.py [SOURCE], where SOURCE (../shared/data) holds botornot_x: people's posts are read,
French and English, without its place holder for mentions and with letters at random for that of links' ends. With the
packages ``chatterbot-corpus`` (dialogues written or translated by volunteers, some of them by machine) and ``django``
(messages of a program, translated by people) installed, those are read too. None of it was used to make Gillnet, but
for the longer English dialogues: the categories learned from them what is benign. All is taken as benign, and every
contact but a link as found in vain. A program's messages are often edits of one another: that such texts are
``joined`` is no mistake.
"""

from __future__ import annotations

import argparse
import gettext
import re
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from random import Random
from string import ascii_letters, digits
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl
from rich.table import Table

if __package__ in (None, ""):
    from text import CONSOLE, SEED, START_MS, full_of, read, that_found
    from text_attacks import COMBINED, copies
else:
    from benchmarks.text import CONSOLE, SEED, START_MS, full_of, read, that_found
    from benchmarks.text_attacks import COMBINED, copies
from features.text.column import TextColumn
from features.text.contacts import ContactKind, find_contacts
from features.text.fold import fold
from features.text.language import CODES, guess_languages
from features.text.near_duplicates import NearDuplicates
from features.text.signatures import sign
from models.categories import Categories
from models.encoder import StaticEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

LEADERS, LETTERS_MIN, TEXTS_MIN = 300, 16, 20
FOLDERS: Final = {
    "en": ("english", ""),
    "es": ("spanish", "es"),
    "fr": ("french", "fr"),
    "de": ("german", "de"),
    "pt": ("portuguese", "pt_BR"),
    "ru": ("russian", "ru"),
    "hi": ("hindi", "hi"),
    "zh": ("chinese", "zh_Hans"),
}
"""Languages, and what each package calls them; Django's own messages are English."""
LATIN_ONLY: Final = ("leet", "homoglyphs", "synonyms")
"""Edits that know Latin letters or English words alone."""
_ENTRY: Final = re.compile(r"\s*\n\s*-\s+(?:-\s+)?")
_LINKS_END: Final = re.compile("t?witter_link")
_LETTERS: Final = ascii_letters + digits
_MARKUP: Final = re.compile(r"%\([^)]*\)\w|%[sd]|\{[^}]*\}|<[^>]*>|&\w+;|\s+")


class Judged(NamedTuple):
    """What was found in texts of one language."""

    texts: int
    known: float
    """Share whose language was guessed."""
    instead: str
    found: dict[str, float]
    """Share of copies by kind of edit that lead to their text."""
    joined: float
    """Share of other texts that join some text's group."""
    contacts: float
    categories: float


def files_of(package: str, pattern: str) -> list[Path]:
    """List files of a package, if it is installed."""
    spec = find_spec(package)
    folders = [] if spec is None else spec.submodule_search_locations or []
    return sorted(path for folder in folders for path in Path(folder).rglob(pattern))


def dialogues(name: str) -> list[str]:
    """Read what chatterbot-corpus has in a language."""
    entries = [
        " ".join(entry.split()).strip("'\"")
        for path in files_of("chatterbot_corpus", f"data/{name}/*.yml")
        for entry in _ENTRY.split(path.read_text("utf-8").partition("conversations:")[2])
    ]
    return [entry for entry in entries if entry]


def messages(name: str) -> list[str]:
    """Read what Django has in a language; without a name, what it has in English."""
    found = []
    for path in files_of("django", f"locale/{name or 'de'}/LC_MESSAGES/django.mo"):
        with path.open("rb") as file:
            catalogue: dict[str | tuple[str, int], str] = vars(gettext.GNUTranslations(file))["_catalog"]
        pairs = ((k if isinstance(k, str) else k[0], v) for k, v in catalogue.items() if k)
        found += [own if name else english.split("\x04")[-1] for english, own in pairs]
    return [" ".join(_MARKUP.sub(" ", text).split()) for text in found]


def posts(source: Path, code: str) -> list[str]:
    """Read people's posts in a language."""
    rows = read(source, "botornot_x", "posts.parquet")
    if rows is None:
        return []
    kept = rows.filter((pl.col("lang") == code) & ~pl.col("is_bot"))["text"].str.replace_all("@mention", "")
    rng = Random(SEED)
    return [_LINKS_END.sub(lambda _: "".join(rng.choices(_LETTERS, k=10)), text) for text in kept]


def judge(code: str, texts: Sequence[str], encoder: StaticEncoder, categories: Categories) -> Judged:
    """See what is made of texts of a language."""
    column = TextColumn.of(texts)
    guesses = Counter(CODES[guess] for guess in guess_languages(column))
    others = (guesses - Counter({code: guesses[code]})).most_common(2)
    contacts = find_contacts(column)
    folded = fold(column)
    scores = categories.score(encoder.encode(folded), column, folded)
    harmful = (scores >= np.array(list(categories.thresholds.values()))).any(axis=1)
    found, joined = of_copies(code, texts)
    return Judged(
        len(texts),
        guesses[code] / len(texts),
        ", ".join(f"{name} {count / len(texts):.1%}" for name, count in others),
        found,
        joined,
        len(np.unique(contacts.row[contacts.kind != ContactKind.LINK])) / len(texts),
        float(harmful.mean()),
    )


def of_copies(code: str, texts: Sequence[str]) -> tuple[dict[str, float], float]:
    """Say how many edited copies lead to their text, and how many of the other texts join a group."""
    able = that_found(texts)
    Random(SEED).shuffle(able)
    known = able[: min(LEADERS, len(able) // 2)]
    shares = {}
    for name, rows in copies(known, 1, Random(SEED)).items():
        if rows and not (code in ("ru", "hi", "zh") and name in (*LATIN_ONLY, COMBINED)):
            index, leaders = _held(known)
            got = _led(index, [copy for _, copy in rows])
            shares[name] = float((got == leaders[[of for of, _ in rows]]).mean())
    index, leaders = _held(known)
    return shares, float(np.isin(_led(index, able[len(known) :]), leaders).mean())


def _held(texts: Sequence[str]) -> tuple[NearDuplicates, NDArray[np.uint64]]:
    index = NearDuplicates(1 << 14)
    return index, _led(index, texts)


def _led(index: NearDuplicates, texts: Sequence[str]) -> NDArray[np.uint64]:
    senders, ts = np.arange(1, len(texts) + 1, dtype=np.uint64), np.full(len(texts), START_MS)
    return index.process(sign(full_of(texts)), senders, ts, TextColumn.of(texts)).leaders


def main() -> None:
    """Print a row for each language and source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    source = parser.parse_args().source
    encoder = StaticEncoder.load()
    categories = Categories.load(encoder_id=encoder.model_id)
    table = Table(title=f"texts of {LETTERS_MIN} letters or more", title_justify="left")
    heads = ("language", "source", "texts", "guessed", "instead", "copies", "worst edit")
    for head in (*heads, "joined", "contacts", "harmful"):
        table.add_column(head, justify="left" if head in ("language", "source", "instead", "worst edit") else "right")
    for code, (spoken, written) in FOLDERS.items():
        posted = posts(source, code)
        sources = {
            "dialogues": dialogues(spoken),
            "program": messages(written),
            "posts": [text for text in posted if "://" not in text],
            "posts with a link": [text for text in posted if "://" in text],
        }
        for name, texts in sources.items():
            kept = sorted({text for text in texts if sign(full_of([text])).letters[0] >= LETTERS_MIN})
            if len(kept) < TEXTS_MIN:
                continue
            j = judge(code, kept, encoder, categories)
            worst = min(j.found, key=lambda edit: j.found[edit])
            table.add_row(
                *(code, name, f"{j.texts}", f"{j.known:.1%}", j.instead, f"{np.mean(list(j.found.values())):.1%}"),
                *(f"{worst} {j.found[worst]:.1%}", f"{j.joined:.1%}", f"{j.contacts:.2%}", f"{j.categories:.1%}"),
            )
    CONSOLE.print(table)


if __name__ == "__main__":
    main()
