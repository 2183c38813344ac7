"""What a catalogue fixes, as the kernels read it. `specialise` puts a catalogue's own values in place of these."""

from __future__ import annotations

from typing import Final

import numpy as np

RECORD: Final = 32
"""Words (8 bytes) of an account's record."""
SHORTS: Final = 0
"""Where in a record, in units of 2 bytes, the small counts begin."""
HALVES: Final = 0
"""Where in a record, in units of 4 bytes, the latest values begin."""
FIELDS_64: Final = 4
FIELDS_32: Final = 1
"""How many 8-byte and 4-byte fields a held event has."""
GAP: Final = -1
PAIR_GAP: Final = -1
LENGTH: Final = -1
INDEX: Final = -1
TEXT: Final = -1
SHAPE: Final = -1
DOMAIN: Final = -1
CLASS: Final = -1
"""Places of the 4-byte fields; -1: this catalogue has no use for the field."""

WINDOWS: Final = np.zeros(1, np.int64)
"""(W,) lengths in ms, rising."""
WINDOW_COUNT: Final = 1
STARTS: Final = 0
"""Where the shorts say where in its chunk each window begins."""
COUNT_MASKS: Final = np.zeros(1, np.uint64)
COUNT_PLACES: Final = np.zeros((1, 64), np.int64)
"""Which bits each window counts, and where (among the shorts)."""
SUM_STARTS: Final = np.zeros(2, np.int64)
SUM_FIELDS: Final = np.zeros(1, np.int64)
SUM_MASKS: Final = np.zeros(1, np.uint64)
SUM_PLACES: Final = np.zeros(1, np.int64)
"""Sums by window: ``SUM_STARTS[w]`` is the first of window w; field, bit that selects events, and word."""
CATEGORY_STARTS: Final = np.zeros(2, np.int64)
CATEGORY_SHIFTS: Final = np.zeros(1, np.int64)
CATEGORY_MASKS: Final = np.zeros(1, np.uint64)
CATEGORY_PLACES: Final = np.zeros(1, np.int64)
CATEGORY_KINDS: Final = np.zeros(1, np.int64)
CATEGORY_SUMS: Final = np.zeros(1, np.int64)
"""Histograms by window: which byte of CLASS, bit that selects events, places of the bins, of how many are not empty
(shorts) and of the sum of c·log2 c (word)."""
KEY_COUNT: Final = 0
KEY_FIELDS: Final = np.zeros(1, np.int64)
KEY_MASKS: Final = np.zeros(1, np.uint64)
KEY_FLAGS: Final = np.zeros(1, np.uint64)
"""Distinct keys: field (-1: the other account), bit that selects events, flag of a key's last event."""
FIRST_COUNT: Final = 0
FIRST_MASKS: Final = np.zeros(1, np.uint64)
FIRST_PLACES: Final = np.zeros(1, np.int64)
"""Times of the first event with a bit: the bit and the word."""
LATEST_COUNT: Final = 0
LATEST_COLUMNS: Final = np.zeros(1, np.int64)
LATEST_WIDTHS: Final = np.zeros(1, np.int64)
LATEST_TIMES: Final = np.zeros(1, np.int64)
LATEST_PLACES: Final = np.zeros(1, np.int64)
"""Latest values: first column, how many columns, word of their time, and where (among the halves)."""
LIFE_COUNTS: Final = np.uint64(0)
LIFE_COUNT_PLACES: Final = np.zeros(64, np.int64)
"""Which bits are counted for life, and the word of each."""
LIFE_SUM_COUNT: Final = 0
LIFE_SUM_MASKS: Final = np.zeros(1, np.uint64)
LIFE_SUM_PLACES: Final = np.zeros(1, np.int64)
"""Sums for life: bit that selects events, and word (the sum of squares is in the next)."""
LIFE_BINS_COUNT: Final = 0
LIFE_BINS_CATEGORIES: Final = np.zeros(1, np.int64)
LIFE_BINS_MASKS: Final = np.zeros(1, np.uint64)
LIFE_BINS_SIZES: Final = np.zeros(1, np.int64)
LIFE_BINS_PLACES: Final = np.zeros(1, np.int64)
LIFE_BINS_WORDS: Final = np.zeros(1, np.int64)
"""Histograms for life: code of the category, bit that selects events, how many bins, where they are (among the shorts),
and word of their total (Σ c² and Σ c·log2 c are in the next two)."""
DAY_MASKS: Final = np.zeros(2, np.uint64)
DAY_PLACES: Final = np.zeros(64, np.int64)
"""Counts by day: which bits of sent and of received events, and where (among the shorts) a bit's seven days are."""
HOUR_RING: Final = -1
SLOT_RING: Final = -1
"""Words with a bit for each hour of 7 days and for each 10 minutes of 24 hours; -1: none."""

HAS_GAP: Final = np.uint64(0)
GAP_BELOW_1S: Final = np.uint64(0)
GAP_BELOW_2S: Final = np.uint64(0)
GAP_BELOW_5S: Final = np.uint64(0)
SESSION_START: Final = np.uint64(0)
WITHIN_SESSION: Final = np.uint64(0)
DAY_START: Final = np.uint64(0)
HAS_TWO_GAPS: Final = np.uint64(0)
GAP_LIKE_BEFORE: Final = np.uint64(0)
OPENED: Final = np.uint64(0)
OPENED_BY_OTHER: Final = np.uint64(0)
UNANSWERED: Final = np.uint64(0)
ANSWER: Final = np.uint64(0)
ANSWER_RECEIVED: Final = np.uint64(0)
FIRST_ANSWER: Final = np.uint64(0)
AFTER_MATCH: Final = np.uint64(0)
FIRST_CONTACT: Final = np.uint64(0)
"""Bits the kernels set, from an event's place among the others; 0: no feature reads it."""
PAIRS: Final = False
"""Whether any feature is about conversations."""
MESSAGE: Final = np.uint64(0)
MESSAGE_RECEIVED: Final = np.uint64(0)
MATCH: Final = np.uint64(0)
MATCH_RECEIVED: Final = np.uint64(0)
LEAVES: Final = np.uint64(0)
"""Bits that say which events make a conversation, and which leave the platform (links, contact details)."""
