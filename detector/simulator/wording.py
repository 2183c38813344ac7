"""Wording: the same message in other words, as a runner of bots gets from a paraphraser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from detector.simulator import smalltalk
from detector.simulator.draws import Draws

_ALIKE: Final = (
    "hello,hi,hey,hey there,hiya,good day",
    "beautiful,gorgeous,lovely,pretty,cute,stunning",
    "dear,darling,sweetie,my love,friend",
    "see,look at,check,have a look at,view",
    "pics,photos,pictures,shots,snaps",
    "private,personal,secret,own",
    "free,at no cost,for nothing,gratis",
    "join,come to,enter,hop on",
    "now,right now,at the moment,tonight",
    "work,job,business,trade",
    "wonderful,great,amazing,so nice,fantastic",
    "special,rare,unique,precious",
    "talk,chat,speak,keep writing",
    "write,text,message,ping",
    "often,much,a lot,regularly",
    "trust,believe,rely on",
    "hard,difficult,tough,not easy",
    "easy,simple,no effort,quick",
    "made,earned,got,took home",
    "money,cash,savings,funds",
    "register,sign up,make an account,start",
    "group,channel,circle,club",
    "today,this day,these days",
    "want,wish,would like,hope",
    "know,find out,learn about",
    "show,teach,explain,tell",
    "life,whole world,everything",
    "good,nice,fine,solid",
    "waiting for,hoping for,looking for",
    "lost,parted from,had to bury",
)
_SYNONYMS: Final = {word: tuple(line.split(",")) for line in _ALIKE for word in line.split(",") if " " not in word}
_WORD: Final = re.compile(r"(?<![\w@/.:])[a-z]+(?![\w@/.:])", re.IGNORECASE)  # no part of a link, a handle or a number
_BEFORE: Final = ("so", "well", "btw", "ok so", "hmm", "honestly", "actually", "listen")


@dataclass(frozen=True, slots=True)
class Wording:
    """How one account rewords what its campaign wants said; links, handles and numbers stay as they are."""

    care: float
    lower: bool
    emoji: float

    def reword(self, text: str, draws: Draws) -> str:
        """Say it in other words, at times with a word before it and small talk around it."""
        text = _WORD.sub(lambda word: self._other(word[0], draws), text)
        if draws.chance(0.3 * self.care):
            text = f"{draws.pick(_BEFORE)} {text}"
        if draws.chance(0.5 * self.care):
            chat = draws.pick(smalltalk.REPLIES).say(draws)
            text = f"{chat}. {text}" if draws.chance(0.5) else f"{text} {chat}"
        return smalltalk.styled(text, draws, self.lower, self.emoji, typos=0.0)

    def _other(self, word: str, draws: Draws) -> str:
        alike = _SYNONYMS.get(word.lower())
        return draws.pick(alike) if alike and draws.chance(self.care) else word
