"""How hosts end: the Public Suffix List (https://publicsuffix.org, as bundled with `publicsuffixlist`), and who is who.

The registrable part of a host is the label in front of its longest public suffix, and that (the list's algorithm; its
private part counts too, so that each page on a hoster stays its own).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple

from features.text.contact_words import NAMES, fnv, number, table_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RULE: Final = 1 << 8
WILDCARD: Final = 1 << 9
"""Any one label in front of this suffix makes a suffix."""
EXCEPTION: Final = 1 << 10
"""Is not a suffix, whatever the wildcard says."""
COMMON: Final = 1 << 11
"""Top-level domain that hardly anything but a web address ends with."""
FAIR: Final = 1 << 12
"""Top-level domain that may be the word after a full stop: in a plain text it must not begin with a capital."""
MAIL: Final = 1 << 13
SHORTENER: Final = 1 << 14
"""Its paths are its identities."""
NO_HOST: Final = 1 << 15
"""Looks like a host and is something else."""
NUMBER: Final = 1 << 16
"""Its paths are telephone numbers."""
WORD_TOO: Final = 1 << 17
"""A fair one that is so often a word or the ending of a file that a plain dot in front is not enough."""
PAGES: Final = 31
"""Bits with the number of the messenger whose handles its paths are."""

_COMMON: Final = (
    "com net org info biz edu gov ru xyz club site online uk fr nl br jp cn au ch dk cz hu gr tr ua kr tw hk sg nz eu "
    "mx cl za bg sk hr lt lv kz ph su ly gl gg tk ml cf gq pw pro dev tech website icu click dating vip co io app"
)
_FAIR: Final = (
    "de ca se fi ie ro ar ee vn ir top link shop live tv ai ws pt store space fun cam chat date love win bid men loan "
    "buzz today world life news blog cloud page digital email agency social video photos pics sex porn adult xxx ga "
    "work group team media bio fyi wtf mobi me us in it es be at pl no id by cc to"
)
_WORDS: Final = (
    "me us in it es be at pl no id by cc to store space fun cam chat date love win bid men loan buzz today world life "
    "news page digital email agency social video photos pics work group team media name live top xxx sex adult"
)
_MAIL: Final = (
    "gmail gmail.com googlemail.com yahoo yahoo.com yahoo.co.uk hotmail hotmail.com hotmail.co.uk outlook outlook.com "
    "protonmail protonmail.com proton.me icloud icloud.com aol aol.com mail.ru yandex.ru yandex.com gmx gmx.de gmx.net "
    "gmx.com live.com msn.com qq.com 163.com 126.com ymail.com rocketmail.com mail.com zoho.com tutanota.com web.de "
    "free.fr orange.fr libero.it rediffmail.com me.com mac.com"
)
_SHORTENERS: Final = (
    "bit.ly t.co tinyurl.com goo.gl is.gd ow.ly buff.ly rebrand.ly cutt.ly shorturl.at tiny.cc rb.gy lnkd.in youtu.be "
    "linktr.ee dlvr.it fb.me tr.im su.pr adf.ly j.mp v.gd soo.gd s.id t.ly bl.ink shorte.st wp.me fw.to trib.al ift.tt "
    "amzn.to ebay.to beacons.ai carrd.co wa.link urlz.fr clck.ru vk.cc u.to qr.ae po.st bit.do x.co short.io snip.ly "
    "lnk.bio allmylinks.com campsite.bio surl.li tinyurl.net vu.fr dai.ly nyti.ms reut.rs wapo.st es.pn cnn.it bbc.in"
)
_PAGES: Final[dict[str, str]] = {
    "telegram": "t.me telegram.me telegram.dog",
    "whatsapp": "chat.whatsapp.com",
    "instagram": "instagram.com instagr.am ig.me",
    "facebook": "facebook.com fb.com m.me",
    "onlyfans": "onlyfans.com",
    "fansly": "fansly.com",
    "cashapp": "cash.app cash.me",
    "snapchat": "snapchat.com",
    "discord": "discord.gg discord.com discordapp.com",
    "kik": "kik.me",
    "paypal": "paypal.me",
    "venmo": "venmo.com",
    "tiktok": "tiktok.com",
    "zalo": "zalo.me",
}
_NUMBERS: Final = "wa.me api.whatsapp.com"
_RESERVED: Final = "example test"
"""Top-level domains that stand for real ones in what is made up, as synthetic streams are (RFC 2606)."""
_NO_HOST: Final = "asp.net wi.fi vb.net ado.net java.io os.name this.id e.id user.name file.name system.net linq.net"


class Suffixes(NamedTuple):
    """A table of suffixes and hosts by their hashes."""

    keys: NDArray[np.uint64]
    flags: NDArray[np.uint32]


SUFFIX_BITS: Final = number(15)


def _rules() -> dict[str, int]:
    lines = (files("publicsuffixlist") / "public_suffix_list.dat").read_text("utf-8").splitlines()
    rules: dict[str, int] = {}
    for line in lines:
        rule = line.strip()
        if rule and not rule.startswith("//"):
            kind = WILDCARD if rule.startswith("*.") else EXCEPTION if rule.startswith("!") else RULE
            name = rule.removeprefix("*.").removeprefix("!").encode("idna").decode()
            rules[name] = rules.get(name, 0) | kind
    return rules


@cache
def suffixes() -> Suffixes:
    """Build the table."""
    marked = _rules()
    lists = (
        (COMMON, _COMMON),
        (RULE | COMMON, _RESERVED),
        (FAIR, _FAIR),
        (WORD_TOO, _WORDS),
        (MAIL, _MAIL),
        (SHORTENER, _SHORTENERS),
        (NUMBER, _NUMBERS),
    )
    for flag, names in (*lists, (NO_HOST, _NO_HOST)):
        for name in names.split():
            marked[name] = marked.get(name, 0) | flag
    for messenger, names in _PAGES.items():
        for name in names.split():
            marked[name] = marked.get(name, 0) | NAMES.index(messenger)
    return Suffixes(*table_of({fnv(name.encode()): flags for name, flags in marked.items()}, SUFFIX_BITS))
