"""Words whose letters are written as digits and signs (m0n3y, wh4ts@pp), told from names and measures (mp3, 8pm)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import kernel, part
from features.text.fold_address import is_in, number, number_of, numbers, with_point

if TYPE_CHECKING:
    from numpy.typing import NDArray

_KEPT: Final = """
3com 3d 4ever 4get 4give 4u a11y acl1 ath9k atm0 b4 base64 bcm43 bz2 c3po c4d cp1 d3d e17 eth0 ext3 ext4 fat16 gpt3
gpt4 gr8 gtk1 gtk3 h264 h265 h8 http3 i18n i3wm id3 ies4 intel8 ipv4 ipv6 java5 java8 k3b k8s k9 kde3 kde4 l10n l33t
l8 libc6 libv4 log4j m3u m4a m4v m8 md4 md5 mesa3 mp3 mp4 mpeg1 mpeg4 mupen64 n00b n64 no1 ntfs3 oauth1 perl5 php4
php5 pr0n ps1 ps3 ps4 ps5 psp3 python3 qt3 qt4 qt5 s3a s3cmd s3fs s4a sata3 sha1 sk8 ssh1 str8 utf16 utf8 v4l vp8 vp9
vnc4 vt1 w00t w3c w3m w8 web3 win4 win95 win98 wlan0 wmv9 x11 x3d x86 xf86 xs4 $user $home $path $display $shell $pwd
$directory $file $filename $name $var $foo $bar $lang $editor $kernel $version $host $hostname $port $term $server
$uname $dir $package
"""
"""Words of digits that are meant, alone or at the start of a longer word. Found in technical chat of twelve years."""

_LURES: Final = """
whatsapp telegram instagram snapchat facebook messenger discord signal viber wechat hangouts skype onlyfans tinder
cashapp paypal bitcoin crypto email gmail hotmail mail girls girl click link video free call tell chat
"""
"""What disguised words mostly are, so that a sign that may be two letters is read rightly."""

_MEASURES: Final = """
com ever get got give much nite time pack bed beds room bedroom man men play some way star bit bits byte bytes core
gig gigs ghz mhz khz kbps mbps gbps mbit fps gib mib kib meg megs sec secs second seconds min mins minute minutes hour
hours hrs day days week weeks wks month months mth year years yrs times char chars part parts ply door person people
ppl usd eur gbp inr rub miles mile meter meters metre metres inch inches feet foot pounds lbs kilo kilos kgs percent
stars girls boys guys kids ubuntu beta alpha pre rc build dfsg cents bucks dollars euros euro pence ish xxx thing
points gens gen
"""
"""What is counted by the digit before it."""

_LURE_WORDS: Final = _LURES.split()
_UNITS: Final = "am pm st rd th k m h x d p g b ft in kg cm mm km mb gb tb kb hz lb lbs oz yo cc ml pc v w ghz"

_LETTER_OF: Final = np.zeros(128, np.int64)
_LETTER_OF[[*b"013456789@$!|"]] = [*b"oieasgtbgasil"]
_IS_VOWEL: Final = np.array([chr(i) in "aeiouy" for i in range(128)])
_NUMBERS: Final = numbers(_KEPT.split())
_MEASURE_NUMBERS: Final = numbers([*_MEASURES.split(), *_UNITS.split()])
_LURE_NUMBERS: Final = np.array([number(word.replace("l", "i")) for word in _LURE_WORDS], np.uint64)
_LURE_PLACES: Final = np.cumsum([0, *map(len, _LURE_WORDS)])
_LURE_LETTERS: Final = np.array([ord(c) for word in _LURE_WORDS for c in word], np.int32)

_LENGTH_MAX: Final = 24
_PREFIX_MIN: Final = 3  # l8 and b4 begin too many words
_LENGTH_PER_LETTER: Final = 3
_WEAK_LETTERS_MIN, _WEAK_LENGTH_MAX = 2, 12  # longer ones are keys and checksums
_A, _B, _C, _D, _E, _F, _G, _I, _L, _N, _P, _R, _S, _T, _Y, _Z = (ord(c) for c in "abcdefgilnprstyz")
_ZERO, _ONE, _THREE, _FOUR, _FIVE, _NINE, _AT, _DOLLAR, _STRIKE, _BAR, _EURO = (ord(c) for c in "013459@$!|\u20ac")
_TRAILING: Final = np.array([chr(i) in "01345" for i in range(128)])
_LEADING: Final = np.array([chr(i) in "0135$" for i in range(128)])


@part
def _letter_of(point: int) -> int:
    if point < 128:
        return _LETTER_OF[point]  # type: ignore[no-any-return]
    return _E if point == _EURO else 0


@part
def _is_letter(point: int) -> bool:
    return _A <= point <= _Z


@part
def _is_digit(point: int) -> bool:
    return _ZERO <= point <= _NINE


@kernel
def unleet(src: NDArray[np.int32], at: int, stop: int, bold: bool) -> bool:
    """Write the letters of a word over its digits and signs, if it is leet.

    Bold is right where other words are leet: then 7he, i5 and ge7 are, too.
    """
    while at < stop and (src[at] == _AT or src[at] == _STRIKE or src[at] == _BAR):
        at += 1
    while stop > at and (src[stop - 1] == _AT or src[stop - 1] == _STRIKE or src[stop - 1] == _BAR):
        stop -= 1
    letters = _letters(src, at, stop)
    if letters == 0 or letters == stop - at or stop - at > _LENGTH_MAX or _is_kept(src, at, stop):
        return False
    lure = _lure(src, at, stop)
    if lure >= 0:
        for i in range(at, stop):
            src[i] = _LURE_LETTERS[_LURE_PLACES[lure] + i - at]
        return True
    if not (_is_leet(src, at, stop, letters) or (bold and _may_be_leet(src, at, stop, letters))):
        return False
    for i in range(at, stop):
        if not _is_letter(src[i]):
            one = src[i] == _ONE
            src[i] = _one(src, at, i, stop) if one else _letter_of(src[i])
    return True


@kernel
def may_be_leet(src: NDArray[np.int32], at: int, stop: int) -> bool:
    """Tell whether a word is leet if others are: digits or signs stand between its letters."""
    letters = _letters(src, at, stop)
    if letters < _WEAK_LETTERS_MIN or letters == stop - at or stop - at > _WEAK_LENGTH_MAX or _is_kept(src, at, stop):
        return False
    lead, trail = at, stop
    while not _is_letter(src[lead]):
        lead += 1
    while not _is_letter(src[trail - 1]):
        trail -= 1
    inner = trail - lead - letters
    return inner > 0 and inner <= letters and _may_be_leet(src, at, stop, letters)


@kernel
def _letters(src: NDArray[np.int32], at: int, stop: int) -> int:
    """Count the letters of a word; 0 if something in it stands for none."""
    count = 0
    for i in range(at, stop):
        if _is_letter(src[i]):
            count += 1
        elif _letter_of(src[i]) == 0:
            return 0
    return count


@kernel
def _is_kept(src: NDArray[np.int32], at: int, stop: int) -> bool:
    """Tell whether a word is known, or begins with a known one that ends in a digit."""
    for i in range(at + _PREFIX_MIN, stop):
        if _is_digit(src[i - 1]) and not _is_digit(src[i]) and is_in(number_of(src, at, i), _NUMBERS):
            return True
    return is_in(number_of(src, at, stop), _NUMBERS)


@kernel
def _lure(src: NDArray[np.int32], at: int, stop: int) -> int:
    """Find the lure a word spells, taking i and l for one letter; -1 if none."""
    value = number_of(src, at, at)
    for i in range(at, stop):
        letter = src[i] if _is_letter(src[i]) else _letter_of(src[i])
        value = with_point(value, _I if letter == _L else letter)
    for k in range(_LURE_NUMBERS.shape[0]):
        if _LURE_NUMBERS[k] == value and _LURE_PLACES[k + 1] - _LURE_PLACES[k] == stop - at:
            return k
    return -1


@kernel
def _is_leet(src: NDArray[np.int32], at: int, stop: int, letters: int) -> bool:
    lead, trail = at, stop
    while not _is_letter(src[lead]):
        lead += 1
    while not _is_letter(src[trail - 1]):
        trail -= 1
    inner, clear = 0, src[at] == _DOLLAR or lead > at or trail < stop
    for i in range(lead, trail):
        if not _is_letter(src[i]):
            inner += 1
            clear |= not _is_digit(src[i]) or src[i] <= _FIVE
            if not _stands_for_letter(src, at, i, stop):
                return False
    if not clear or lead - at > 1 or inner > letters + 1 or letters + (src[stop - 1] == _DOLLAR) < 2:
        return False
    if lead > at and not _leads(src, at, stop, lead, inner):
        return False
    evidence = inner + lead - at
    return _trails(src, trail, stop, letters, evidence) and _has_vowel(src, at, stop)


@kernel
def _may_be_leet(src: NDArray[np.int32], at: int, stop: int, letters: int) -> bool:
    lead, trail = at, stop
    while not _is_letter(src[lead]):
        lead += 1
    while not _is_letter(src[trail - 1]):
        trail -= 1
    for i in range(lead, trail):
        if not (_is_letter(src[i]) or _is_digit(src[i]) or _stands_for_letter(src, at, i, stop)):
            return False
    if lead > at and is_in(number_of(src, lead, stop), _MEASURE_NUMBERS):
        return False
    name = trail - at == letters and stop - trail > 1 and letters > 2
    return not name and stop - at <= _LENGTH_PER_LETTER * letters + 1 and _has_vowel(src, at, stop)


@kernel
def _stands_for_letter(src: NDArray[np.int32], at: int, i: int, stop: int) -> bool:
    """Tell whether a digit or sign within a word may stand for a letter: it is alone or twice the same."""
    point = src[i]
    if _is_letter(src[i - 1]):
        run = 1
        while i + run < stop and not _is_letter(src[i + run]) and run < 3:
            run += 1
        if run > 2 or (run == 2 and _is_digit(point) and _is_digit(src[i + 1]) and src[i + 1] != point):
            return False
    if point == _BAR:
        return False
    if point == _STRIKE:
        return src[i + 1] != _STRIKE and not _side_has_vowel(src, at, i - 1, -1, stop)
    if point == _AT:
        return not (_side_has_vowel(src, at, i - 1, -1, stop) and _side_has_vowel(src, at, i + 1, 1, stop))
    return stop - at > 3 or not _is_digit(point) or point <= _FOUR


@kernel
def _side_has_vowel(src: NDArray[np.int32], at: int, i: int, step: int, stop: int) -> bool:
    while at <= i < stop and _is_letter(src[i]):
        if _IS_VOWEL[src[i]]:
            return True
        i += step
    return False


@kernel
def _leads(src: NDArray[np.int32], at: int, stop: int, lead: int, inner: int) -> bool:
    """Tell whether the digit or sign a word begins with may stand for a letter."""
    if not (src[at] < 128 and _LEADING[src[at]]):
        return False
    if src[at] == _DOLLAR:
        return stop - lead > 1
    if (src[at] == _THREE and _IS_VOWEL[src[lead]]) or (src[at] == _FIVE and src[lead] == _D):
        return False
    return stop - lead >= 3 and (inner > 0 or not is_in(number_of(src, lead, stop), _MEASURE_NUMBERS))


@kernel
def _trails(src: NDArray[np.int32], trail: int, stop: int, letters: int, evidence: int) -> bool:
    """Tell whether the digits or signs a word ends with stand for letters (fr33), or there are none."""
    count = stop - trail
    if count == 0:
        return True
    last = src[stop - 1]
    if count > 2 or (count == 2 and src[trail] != last):
        return False
    if last in (_DOLLAR, _EURO):
        return letters > 2 or count == 2
    if not (last < 128 and _TRAILING[last]):
        return False
    if evidence or count == 1 or letters > 3:
        return evidence > 0
    vowel = _IS_VOWEL[src[trail - 1]]
    return last != _FOUR and (vowel if last in (_ONE, _FIVE) else not vowel)


@kernel
def _has_vowel(src: NDArray[np.int32], at: int, stop: int) -> bool:
    for i in range(at, stop):
        letter = src[i] if _is_letter(src[i]) else _letter_of(src[i])
        if _IS_VOWEL[letter]:
            return True
    return False


@kernel
def _one(src: NDArray[np.int32], at: int, i: int, stop: int) -> int:
    """Read a 1 as i or l, by the letters beside it (those before are read already)."""
    before = src[i - 1] if i > at else 0
    after = 0
    if i + 1 < stop:
        after = src[i + 1] if _is_letter(src[i + 1]) else _letter_of(src[i + 1])
    if i + 1 < stop and src[i + 1] == _ONE:
        return _L
    if before == _L:
        doubled = i > at + 1 and _IS_VOWEL[src[i - 2]] and (after == 0 or after == _S or _IS_VOWEL[after])
        return _L if doubled else _I
    if before == 0:
        return _L if after and _IS_VOWEL[after] else _I
    if _IS_VOWEL[before] and before != _Y:
        glides = before == _A and (after in (_D, _T))
        return _I if glides or after in (_N, _R) else _L
    cluster = before in (_B, _C, _F, _G, _P)
    if (cluster or before == _S) and after and _IS_VOWEL[after]:
        return _L
    return _L if (before == _R and (after == 0 or after in (_S, _D))) else _I
