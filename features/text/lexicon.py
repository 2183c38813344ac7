"""Words that say what a message is about, by group, and the table kernels look them up in.

The groups are ours, written from general knowledge of unsolicited and of ordinary messages; no data set is behind them.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

GROUPS: Final[dict[str, str]] = {
    "money": "money cash dollar dollars usd euro euros pound pounds price prices pay paid payment payments "
    "cost fee fees "
    "salary income bank account wire transfer funds deposit withdraw withdrawal million billion dinero argent geld "
    "dinheiro деньги рублей पैसे",
    "urgency": "urgent urgently now immediately today hurry fast quick quickly act expires expire limited final last "
    "instant instantly asap deadline hours soon tonight rush urgente dringend срочно",
    "action": "click call text txt reply visit order buy join subscribe register apply claim download send contact "
    "message dm inbox add follow check watch sign start get try learn open tap enter submit whatsapp sub",
    "prize": "free win winner won prize prizes award awarded bonus gift gifts reward rewards voucher lottery lucky "
    "congratulations congrats selected giveaway airdrop jackpot guaranteed guarantee gratis kostenlos gratuit "
    "бесплатно приз",
    "invest": "bitcoin btc crypto cryptocurrency ethereum eth usdt forex trading trader traders invest investment "
    "investments investor investors profit profits returns signals signal pump token tokens coin coins wallet mining "
    "stock stocks shares broker binary roi staking nft presale leverage portfolio",
    "drugs": "viagra cialis xanax valium pills pill pharmacy meds medication medications prescription drugs weight "
    "diet pounds herbal hgh penis enlargement erection doctor doctors hormone inches cannabis",
    "sexual": "sex sexy horny nude nudes naked porn xxx escort cam webcam pussy cock dick tits boobs fuck "
    "fucking hookup "
    "milf hot naughty adult onlyfans kinky milfs bed threesome lingerie",
    "insult": "bitch whore slut idiot stupid ugly fat pathetic worthless loser moron pig disgusting asshole cunt dumb "
    "bastard trash shit hate freak scum retard vermin",
    "threat": "kill die dead hurt regret address police destroy beat rape punish suffer threat revenge expose everyone "
    "watching followed",
    "messenger": "telegram whatsapp snapchat snap instagram insta kik signal wechat viber discord hangouts skype line "
    "number email facebook app gmail",
    "account": "verify verification verified account suspended limited locked password login security confirm update "
    "unusual identity billing code access restore customer bank paypal apple amazon netflix refund parcel package "
    "delivery blocked",
    "job": "job work home earn earning income salary hiring recruit hr resume cv part-time remote vacancy employment "
    "weekly daily boss experience training position students",
    "loan": "loan loans credit debt mortgage refinance rate rates insurance quote quotes approved interest lender "
    "lenders bills apr consolidate",
    "goods": "cheap discount save off sale deal offer offers shipping quality replica watches software "
    "order shop store "
    "brand best lowest price prices warranty wholesale rolex cartridges",
    "promotion": "website traffic seo marketing business visitors leads email emails list advertising "
    "promote followers "
    "likes channel subscribe subscribers views sub members group link bio opportunity company clients sales",
    "removal": "unsubscribe remove removed removal mailing opt optout spam newsletter preferences compliance",
    "romance": "love heart soulmate marry marriage dear darling honey baby god destiny lonely widow forever dream "
    "relationship single",
    "plea": "help please hospital customs ticket visa stuck lend borrow sick surgery trust ashamed promise "
    "western union "
    "moneygram zelle cashapp",
    "card": "card cards steam itunes google play scratch codes code receipt voucher",
    "cover": "confidential beneficiary kin late barrister inheritance transaction partner foreign claim fund god "
    "country compensation trustee deceased",
    "gambling": "casino poker bet bets betting odds slots spins roulette bookmaker win fixed tips sportsbook",
    "office": "meeting meetings attached draft agenda report schedule review conference team project contract minutes "
    "regards thanks forwarded wrote original subject cc budget department manager deal please know monday tuesday "
    "wednesday thursday friday vacation spreadsheet comments",
    "technical": "error version server file files install patch build bug package kernel linux windows "
    "script config log "
    "code test release compile driver update python perl module sudo command list unix boot",
    "chat": "lol haha ok okay yeah yes no hey hi hello nope sure thanks sorry hmm omg lmao u r ur im dont later home "
    "dinner lunch sleep class tomorrow bus guys bro wanna gonna",
    "question": "what when where who why how which does anyone anybody did",
    "first": "i me my mine we our us i'm im i've myself",
    "second": "you your yours u ur you're yourself",
    "hedge": "think maybe probably guess actually but because though seems perhaps if agree believe remember",
    "past": "was were had went did said told came got saw yesterday ago",
}
"""Folded words by group; a word may be in several."""

_FNV_PRIME: Final = 0x100000001B3
_FNV_START: Final = 0xCBF29CE484222325
_LOAD: Final = 4


class Lexicon(NamedTuple):
    """An open-addressing table from the hash of a word to the groups it is in."""

    keys: NDArray[np.uint64]
    """A power of two of places; 0 where there is no word."""
    groups: NDArray[np.uint64]
    """For each place a bit per group."""


def word_hash(word: bytes) -> int:
    """Hash a word by FNV-1a of 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/)."""
    value = _FNV_START
    for byte in word:
        value = (value ^ byte) * _FNV_PRIME & 0xFFFFFFFFFFFFFFFF
    return value


def build_table(values: dict[str, int]) -> Lexicon:
    """Lay out words and their bits so that at most a quarter of the places is taken."""
    size = 1 << (len(values) * _LOAD).bit_length()
    keys, bits = np.zeros(size, np.uint64), np.zeros(size, np.uint64)
    for word, held in values.items():
        key = word_hash(word.encode())
        place = (key ^ key >> 32) & size - 1
        while keys[place]:
            place = (place + 1) & size - 1
        keys[place], bits[place] = key, held
    return Lexicon(keys, bits)


def _bits() -> dict[str, int]:
    held: dict[str, int] = {}
    for bit, words in enumerate(GROUPS.values()):
        for word in words.split():
            held[word] = held.get(word, 0) | 1 << bit
    return held


LEXICON: Final = build_table(_bits())
