"""A grammar of texts: rules of alternatives, expanded at random.

A grammar is a text file. ``[rule]`` begins a rule and each line below is one of its alternatives. Within a line
``(a|b)`` chooses, ``{rule}`` expands another rule, ``{rule*2-4}`` takes two to four different alternatives of it, and
everything else stands for itself. ``# labels:`` in the first line names the categories of what the file makes; a
``?`` before one says that it is open whether it holds.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random

_RULE: Final = re.compile(r"\[(\w+)\]")
_REFERENCE: Final = re.compile(r"\{(\w+)(?:\*(\d)-(\d))?\}")
_CHOICE: Final = re.compile(r"\(([^()]*)\)")
_SPLIT_MIN: Final = 5
_HELD_OF: Final = 4
"""One in so many alternatives is kept for the held-out side."""
WORDS: Final = "words"
"""The grammar whose rules all others share."""
FOLDER: Final = Path(__file__).parent / "grammar"


class Part(Enum):
    """Which alternatives are drawn from: long rules are split, so that held-out texts say what none other says."""

    ALL = "all"
    TRAINING = "training"
    HELD_OUT = "held out"


@dataclass(frozen=True, slots=True)
class Grammar:
    """The rules of one file and the categories of what they make."""

    name: str
    labels: frozenset[str]
    open_labels: frozenset[str]
    rules: dict[str, tuple[str, ...]]

    def alternatives(self, rule: str, part: Part) -> tuple[str, ...]:
        """Return what a rule offers on one side; words are shared by both."""
        lines = self.rules[rule]
        if part is Part.ALL or len(lines) < _SPLIT_MIN or rule == "message":
            return lines
        held = tuple(line for line in lines if zlib.crc32(line.encode()) % _HELD_OF == 0) or lines[:1]
        return held if part is Part.HELD_OUT else tuple(line for line in lines if line not in held)


def read_grammars(folder: Path = FOLDER) -> list[Grammar]:
    """Read all grammars of a folder, in the order of their names; ValueError if a rule is missing."""
    words = _rules((folder / f"{WORDS}.txt").read_text("utf-8"))
    paths = sorted(path for path in folder.glob("*.txt") if path.stem != WORDS)
    return [_grammar(path.stem, path.read_text("utf-8"), words) for path in paths]


def read_shared(rule: str, folder: Path = FOLDER) -> Grammar:
    """Read the grammar of what one of the shared rules makes."""
    words = _rules((folder / f"{WORDS}.txt").read_text("utf-8"))
    return Grammar(rule, frozenset(), frozenset(), words | {"message": (f"{{{rule}}}",)})


def _grammar(name: str, text: str, words: dict[str, tuple[str, ...]]) -> Grammar:
    labels = text.partition("\n")[0].removeprefix("# labels:").split()
    rules = words | _rules(text)
    known = sorted(rules)
    for lines in rules.values():
        for reference in _REFERENCE.finditer(" ".join(lines)):
            if reference[1] not in rules:
                msg = f"grammar {name!r} refers to rule {reference[1]!r}; known rules: {known}"
                raise ValueError(msg)
    held = frozenset(label[1:] for label in labels if label.startswith("?"))
    return Grammar(name, frozenset(label for label in labels if not label.startswith("?")), held, rules)


def _rules(text: str) -> dict[str, tuple[str, ...]]:
    rules: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if heading := _RULE.fullmatch(line):
            lines = rules.setdefault(heading[1], [])
        elif line and not line.startswith("#"):
            lines.append(line)
    return {name: tuple(alternatives) for name, alternatives in rules.items()}


def expand(grammar: Grammar, part: Part, rng: random.Random, glue: str = " ") -> str:
    """Make one text; sentences that a rule gives several of are joined by the glue."""
    text = rng.choice(grammar.alternatives("message", part))
    while _REFERENCE.search(text) or _CHOICE.search(text):
        text = _CHOICE.sub(lambda match: rng.choice(match[1].split("|")), text)
        text = _REFERENCE.sub(lambda match: _refer(grammar, part, rng, glue, match), text, count=1)
    return re.sub(r"[ ]{2,}", " ", text).strip()


def _refer(grammar: Grammar, part: Part, rng: random.Random, glue: str, match: re.Match[str]) -> str:
    lines = grammar.alternatives(match[1], part)
    if match[2] is None:
        return rng.choice(lines)
    count = min(rng.randint(int(match[2]), int(match[3])), len(lines))
    return glue.join(rng.sample(lines, count))
