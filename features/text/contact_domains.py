"""The parts of a host on a sheet."""

from __future__ import annotations

from typing import Final

import numpy as np

from detector.contract.jit import kernel, part
from features.text.contact_sheet import DIGIT, LABEL, SPELLED_DOT, Sheet, is_in
from features.text.contact_suffixes import COMMON, EXCEPTION, RULE, SUFFIX_BITS, WILDCARD, Suffixes
from features.text.contact_words import FNV_START, grown, looked_up, whole

_POINT: Final = 46
_HOST_MAX: Final = 253  # RFC 1035
_LABELS_MAX: Final = 10


@part
def is_dot(code: int) -> bool:
    """Tell whether a code is a dot, spelled or plain."""
    return code in (_POINT, SPELLED_DOT)


@kernel
def host_end(sheet: Sheet, i: int, n: int) -> int:
    """Give the end of labels with single dots between them, without a dot or hyphen behind."""
    start = i
    while i < n and i - start <= _HOST_MAX:
        if not is_in(sheet.codes[i], LABEL) and not (
            is_dot(sheet.codes[i]) and i + 1 < n and is_in(sheet.codes[i + 1], LABEL) and i > start
        ):
            break
        i += 1
    return i


@kernel
def flags_of(sheet: Sheet, start: int, end: int, suffixes: Suffixes) -> int:
    """Give what is known of a host or suffix."""
    h = FNV_START
    for i in range(start, end):
        code = sheet.codes[i]
        h = grown(h, np.uint8(_POINT) if code == SPELLED_DOT else code)
    return looked_up(suffixes.keys, suffixes.flags, SUFFIX_BITS, h)


@kernel
def label_before(sheet: Sheet, start: int, i: int) -> int:
    """Give the start of the label that ends here."""
    while i > start and not is_dot(sheet.codes[i - 1]):
        i -= 1
    return i


@kernel
def registrable(sheet: Sheet, start: int, end: int, suffixes: Suffixes) -> tuple[int, int, int]:
    """Give the start of a host's registrable part, the flags of its last label, and those of the part itself.

    The start is -1 if the host has no known suffix, or nothing in front of it.
    """
    first = last = label_before(sheet, start, end)
    top = flags_of(sheet, first, end, suffixes)
    if first == start or not top & (RULE | WILDCARD):
        return -1, top, 0
    suffix = first
    for _ in range(_LABELS_MAX):
        before = label_before(sheet, start, first - 1)
        flags = flags_of(sheet, before, end, suffixes)
        parent = flags_of(sheet, first, end, suffixes)
        if flags & EXCEPTION:
            suffix = first
            break
        if flags & RULE or parent & WILDCARD:
            suffix = before
        first = before
        if first == start:
            break
    if suffix == start:
        return -1, top, 0
    part = label_before(sheet, start, suffix - 1)
    return part, top | (COMMON if suffix < last else 0), flags_of(sheet, part, end, suffixes)


@kernel
def is_ip(sheet: Sheet, start: int, end: int) -> bool:
    """Tell whether a host is an address of four numbers."""
    number, digits, dots = 0, 0, 0
    for i in range(start, end):
        if is_dot(sheet.codes[i]):
            dots, number, digits = dots + 1, 0, 0
        elif is_in(sheet.codes[i], DIGIT) and digits < 3:
            number, digits = 10 * number + whole(sheet.codes[i]) - 48, digits + 1
        else:
            return False
        if number > 255:
            return False
    return dots == 3
