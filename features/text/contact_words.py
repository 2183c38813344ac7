"""Words that contacts hang on: names of messengers, spoken digits, what leads to a handle and what cannot be one.

A word is looked up in *squashed* form: lower case, look-alike digits and signs undone, runs of a letter cut to one, and
``l`` as ``i`` (a 1 may stand for either). So "Wh4tsApp", "wh@tssapp" and "whatsapp" are one word.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from detector.contract.jit import kernel, part

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray


def number(value: int) -> int:
    """Make a number that kernels take as one of its kind: for each plain one they would be compiled anew."""
    return cast("int", np.int64(value))


@part
def whole(value: np.integer[Any]) -> int:
    """Make a number of any kind a signed one: kernels take the sum of signed and unsigned ones for a float."""
    return np.int64(value)  # type: ignore[return-value]  # mypy tells numpy's integers from Python's


NAMES: Final = (
    *("", "telegram", "whatsapp", "snapchat", "instagram", "kik", "wechat", "viber", "skype", "discord", "onlyfans"),
    *("cashapp", "signal", "line", "facebook", "hangouts", "icq", "kakaotalk", "zalo", "tiktok", "venmo", "paypal"),
    *("zelle", "threema", "wickr", "imo", "qq", "fansly", "botim", "zangi"),
)
"""Messengers and pages of contact; a name's place here is its number."""

NAME: Final = 31
"""Bits of a word's flags that hold the number of a messenger."""
DIGIT_SHIFT: Final = 5
DIGIT: Final = 31 << DIGIT_SHIFT
"""Bits that hold a spoken number plus one: 0-19, or ``TENS`` + tens."""
TENS: Final = 20
VAGUE: Final = 1 << 10
"""A messenger's name that is first of all a common word."""
PLAIN: Final = 1 << 25
"""A vague one that is hardly ever meant as a messenger."""
LABEL: Final = 1 << 11
"""Stands between a messenger's name and a handle: "id", "username"."""
FILLER: Final = 1 << 12
"""May stand there too, and says nothing: "is", "me"."""
INVITE: Final = 1 << 13
"""Asks to write elsewhere: "add", "my"."""
STOP: Final = 1 << 14
"""Is never a handle."""
CALL: Final = 1 << 15
"""Makes a number that follows a telephone's."""
COUNT: Final = 1 << 16
"""Makes a number that follows something else: "order"."""
AGAIN: Final = 1 << 17
"""Repeats the digit that follows: "double", or with ``THRICE`` "triple"."""
THRICE: Final = 1 << 18
PLUS: Final = 1 << 19
ON: Final = 1 << 20
"""Stands between a handle and the messenger that follows."""
DOT: Final = 1 << 21
AT: Final = 1 << 22
RESERVED: Final = 1 << 23
"""The first part of a path that is no one's name: "groups"."""
PREFIX: Final = 1 << 24
"""The first part of a path, with the name after it: "add"."""

_SPELLINGS: Final[dict[str, str]] = {
    "telegram": "telegram telegrm tg tgram tlgrm teleg телеграм телеграме телега телегу телеге тг",
    "whatsapp": "whatsapp watsapp whtsapp wsapp wzp wsp ватсап вотсап вацап",
    "snapchat": "snapchat snapchap snpchat snap snp sc снап снапчат",
    "instagram": "instagram insta instagr ig инста инстаграм инсту инстаграмм инсте",
    "kik": "kik k1k kikmessenger кик",
    "wechat": "wechat weixin wexin vx wx weichat вичат 微信 薇信 威信",
    "viber": "viber вайбер",
    "skype": "skype скайп",
    "discord": "discord dlscord дискорд",
    "onlyfans": "onlyfans onlyfan",
    "cashapp": "cashapp cashap cashtag",
    "signal": "signal",
    "line": "line",
    "facebook": "facebook fb fbmessenger",
    "hangouts": "hangouts hangout gchat googlechat googlehangouts",
    "icq": "icq",
    "kakaotalk": "kakaotalk kakao",
    "zalo": "zalo",
    "tiktok": "tiktok",
    "venmo": "venmo",
    "paypal": "paypal",
    "zelle": "zelle",
    "threema": "threema",
    "wickr": "wickr wickrme",
    "imo": "imo",
    "qq": "qq",
    "fansly": "fansly",
    "botim": "botim",
    "zangi": "zangi",
}
_VAGUE: Final = "signal line snap snp sc ig fb imo wx vx wsp zelle teleg hangout qq paypal facebook venmo tiktok fansly"
_PLAIN: Final = "signal line imo wsp"

_SPOKEN: Final = (
    *("zero oh null nil cero nul ноль", "one uno un eins um один", "two dos deux zwei zwo dois два"),
    *("three tres trois drei три", "four cuatro quatre vier quatro четыре", "five cinco cinq пять"),
    *("six seis sechs шесть", "seven siete sept sieben sete семь", "eight ocho huit acht oito восемь"),
    *("nine nueve neuf neun nove девять", "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen"),
    *("seventeen", "eighteen", "nineteen"),
)
_TENS: Final = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

_FLAGGED: Final[dict[int, str]] = {
    LABEL: "id username user usr handle nick nickname account acc acct ник name número ид tag",
    FILLER: "is me my at on add its it im here under называется мой es",
    INVITE: "add my text hmu dm message msg find reach contact write follow hit ping mi mein meine mon pm catch invite "
    "meet chat talk join пиши пишите напиши мой моя добавь agregame escribeme sigueme ajoute schreib",
    CALL: "call calls text txt phone telephone cell mobile mob ring sms whatsapp watsapp viber hmu fone landline dial "
    "телефон звони llama llamame telefono movil celular appelle handynummer ruf numero zelle signal",
    COUNT: "order id ticket bug tracking invoice ref sequence sectors identify reference isbn account pid uid gid "
    "launchpad port version serial code pin sku model part build revision rev commit "
    "inode blocks bytes sectors size total pixels kb mb gb usd eur",
    AGAIN: "double dbl",
    AGAIN | THRICE: "triple treble",
    PLUS: "plus",
    ON: "on in at via",
    DOT: "dot d0t punto punkt punct tochka точка ponto dt doot",
    AT: "at arroba arobase собака",
    RESERVED: "p reel reels explore stories groups group events photo photos watch profile php pages story share "
    "sharer home login settings help about privacy legal terms discover marketplace gaming video videos tv plugins "
    "dialog download apps policies hashtag tags profile.php story.php sharer.php photo.php",
    PREFIX: "joinchat add s c user users channel channels invite in u me ti invitations r",
}

_STOP: Final = (
    "a about above account accounts across actually after again all almost already also always am an and android any "
    "anymore anyone anything api app apps are around as ask at available away back bad based be because been before "
    "being best better bot bots bridge but buddy buddies button by call called calling calls can cant cause channel "
    "channels chat chats check client clients code come contact contacts could dance data days desktop did didnt do "
    "does doesnt doing dont down download downloads either email emails error even ever every everyone everything "
    "face feature files first fix for free friend friends from full game games get gets getting give go goes going "
    "gone good got great group groups guys had handle has hasnt have havent he hello help her here hers hey hi him "
    "his history how however i id if im in info install installed instead integration into invite is isnt it its ive "
    "job just keep kept know last later launcher let lets like link links list live load lol look looking lot love "
    "made make makes many maybe me mean message messages messaging messenger might mobile more most much must my "
    "myself name names need needs network never new next nick nice no nope not nothing notification notifications now "
    "number numbers of off official ok okay old on once one online only open or other our out over own package "
    "packages page pages people phone photo photos pic pics picture pictures please plugin plus pls plz post posted "
    "posts premium pretty profile protocol quality rather really right running said same say says see seems sent "
    "server servers service services set share she should show since site so software some someone something soon "
    "sorry spam star start started stars still stop stories story strength such support sure take talk tell text than "
    "thank thanks that thats the their them then there these they thing things think this those though through time "
    "times to today together tomorrow tonight too true try trying tv two u under until up update updates ur us use "
    "used user username users using version very via video videos voice w wanna want wants was wasnt watch way we web "
    "website well were what whats when where which while who why will windows with without wont work haha hahaha lmao "
    "working works would wrong ya yeah year years yes yet you your yours yourself yup y n r d and/or la el de que con "
    "por para como est et le les pour avec und der die das ist mit e o os um na no da do в и на по не"
)


def _squash_table() -> NDArray[np.uint8]:
    table = np.arange(256, dtype=np.uint8)
    for signs, letter in (("0", "o"), ("1!|l", "i"), ("3", "e"), ("4@", "a"), ("5$", "s"), ("7", "t"), ("8", "b")):
        table[[ord(c) for c in signs]] = ord(letter)
    table[[ord("9"), ord("6")]] = ord("g")
    return table


SQUASHED: Final = _squash_table()
SHORT: Final = 3
"""Names up to this length must stand as they are, or "LG" were "ig"; their hash begins with a zero byte."""
FNV_START: Final = np.uint64(0xCBF29CE484222325)
FNV_PRIME: Final = np.uint64(0x100000001B3)
"""FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/): a hash that grows by a byte at a time."""
CYRILLIC: Final = 128
"""Code of the first of 32 Cyrillic letters among `signs`."""
IDEOGRAPHS: Final = "微信薇威"
IDEOGRAPH: Final = CYRILLIC + 32
OTHER: Final = 254
"""Code of any other letter."""


@part
def grown(h: np.uint64, code: np.uint8) -> np.uint64:
    """Add a byte to an FNV-1a hash."""
    return (h ^ np.uint64(code)) * FNV_PRIME


def codes(word: str) -> bytes:
    """Write a word in the codes of `signs`: ASCII, Cyrillic and a few ideographs."""
    found = []
    for c in word.lower().replace("ё", "\u0435"):
        place = ord(c) - 0x430
        ideograph = IDEOGRAPHS.find(c)
        wide = CYRILLIC + place if 0 <= place < 32 else IDEOGRAPH + ideograph if ideograph >= 0 else OTHER
        found.append(ord(c) if c < "\x80" else wide)
    return bytes(found)


def squash(word: bytes) -> bytes:
    """Squash a word written in codes, as the kernels do."""
    found = bytearray()
    for code in word:
        if not found or found[-1] != SQUASHED[code]:
            found.append(SQUASHED[code])
    return bytes(found)


def fnv(word: bytes) -> int:
    """Hash bytes by FNV-1a."""
    h = int(FNV_START)
    for code in word:
        h = (h ^ code) * int(FNV_PRIME) & (1 << 64) - 1
    return h


def table_of(flags: Mapping[int, int], bits: int) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    """Lay out hashes and their flags in an open table of 2^bits places, at most half of them taken."""
    assert 2 * len(flags) <= 1 << bits, "the table is too small"
    keys, values = np.zeros(1 << bits, np.uint64), np.zeros(1 << bits, np.uint32)
    for h, value in flags.items():
        place = h >> int(64 - bits)
        while keys[place]:
            place = (place + 1) & (1 << bits) - 1
        keys[place], values[place] = h, value
    keys.flags.writeable = values.flags.writeable = False  # kernels are compiled for one kind of array
    return keys, values


@kernel
def looked_up(keys: NDArray[np.uint64], values: NDArray[np.uint32], bits: int, h: np.uint64) -> int:
    """Give the flags of a hash, 0 if it is not in the table."""
    place = np.int64(h >> np.uint64(64 - bits))
    while keys[place] != 0:
        if keys[place] == h:
            return whole(values[place])
        place = (place + 1) & (keys.shape[0] - 1)
    return 0


def _flags() -> dict[int, int]:
    flags: dict[int, int] = {}

    def mark(words: Iterable[str], flag: int) -> None:
        for word in words:
            h = fnv(squash(codes(word)))
            flags[h] = flags.get(h, 0) | flag

    def mark_names(words: Iterable[str], flag: int) -> None:
        mark([word for word in words if len(word) > SHORT], flag)
        for word in words:
            if len(word) <= SHORT:
                h = fnv(b"\0" + codes(word))
                flags[h] = flags.get(h, 0) | flag

    mark(_STOP.split(), STOP)
    for flag, words in _FLAGGED.items():
        mark(words.split(), flag | (STOP if flag not in (COUNT, RESERVED, PREFIX) else 0))
    for number, words in enumerate(_SPOKEN):
        mark(words.split(), number + 1 << DIGIT_SHIFT)
    for number, word in enumerate(_TENS):
        mark([word], TENS + number + 3 << DIGIT_SHIFT)
    for name, words in _SPELLINGS.items():
        mark_names(words.split(), NAMES.index(name) | STOP)
    mark_names(_VAGUE.split(), VAGUE)
    mark_names(_PLAIN.split(), PLAIN)
    return flags


WORD_BITS: Final = number(12)
WORDS: Final = table_of(_flags(), WORD_BITS)
"""Keys and flags of all words."""


def spoken_digits() -> list[tuple[bytes, int]]:
    """List the words for 0 to 9 in codes, the longest first, with what they say."""
    words = [(codes(word), digit) for digit, line in enumerate(_SPOKEN[:10]) for word in line.split()]
    return sorted(words, key=lambda word: (-len(word[0]), word))
