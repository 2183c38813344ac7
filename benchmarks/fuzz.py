"""Mutated events through decoder and engine: no crash, every one accounted for, and how fast garbage goes.

Mutations know what an event is: fields go, come twice, change type or meet the edges of what they may hold, and bytes
are flipped, cut, spliced and put in. The same seed makes the same events. Every batch is checked: each value ends as
one event or one dead letter with its bytes untouched, and one in fifty is decoded again by the slow reference.

Run: python benchmarks/fuzz.py [EVENTS.jsonl …] [--count 1000000] [--seed 1]; without files, simulated events.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from detector.contract.dead_letters import Cause, DeadLetter
from detector.contract.decode import Decoded, DecodeLimits, decode
from detector.contract.events import EVENT_TYPES, FIELDS
from detector.contract.lines import decode_line
from detector.engine import AccountShard
from detector.message_groups import MessageGroups
from detector.message_reader import shipped_reader
from detector.policy import policy_from
from detector.settings import Settings
from detector.shard_batch import whole
from detector.simulator import load_scenario, simulate
from features.catalogue import DEFAULT
from features.intake import Intake
from features.specialise import specialise
from models import default

NOW_MS: Final = 1_900_000_000_000
LIMITS: Final = DecodeLimits(event_bytes_max=262_144, ts_min_ms=946_684_800_000, future_ms_max=86_400_000)
BATCH_MAX: Final = 5_000
LATENESS_MS: Final = 3_600_000
REFERENCE_SHARE: Final = 0.02
SOURCE_MAX: Final = 200_000

ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1.5, 1e308, -1e308, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64, 10**30, "", " ",
    "\x00", "\x1b[2J", "\u202e", "\ufeff", "a" * 10_000, "é" * 5_000, "../../etc/passwd", "' OR 1=1 --", "=1+1", "{}",
    "NaN", "2026-01-05T09:30:00Z", "2026-02-30T25:61:61+99:99", "0000-00-00T00:00:00Z", [], [[]], [None], ["a", 1], {},
    {"a": {"b": [1, {"c": None}]}}, "\U0001f40d" * 3, "http://" * 50, "\\u0000", "1e400",
)  # fmt: skip
CAUSES: Final = tuple(Cause)
ODD_BYTES: Final = (
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\\ud800", b"\\", b'"', b"{", b"}", b"[" * 100, b"\n", b"\r\n",
    b"NaN", b"Infinity", b"1e999", b"-", b"\\u00", b"/**/", b"'", b"\xc0\xaf", b"\xf4\x90\x80\x80", b",", b":", b"\x7f",
)  # fmt: skip
_NAMES: Final = ("event_id", "type", "account_id", "ts", *FIELDS)


class Mutator:
    """Makes mutated events of real ones."""

    def __init__(self, events: Sequence[bytes], seed: int) -> None:
        self._events, self._rng = events, random.Random(seed)
        self._of_fields: tuple[Callable[[dict[str, Any]], bytes], ...] = (
            self._without, self._odd, self._odd, self._twice, self._swapped, self._typed, self._unknown, self._deep,
        )  # fmt: skip
        self._of_bytes: tuple[Callable[[bytes], bytes], ...] = (
            self._flipped, self._cut, self._spliced, self._put_in, self._repeated, self._wrapped,
        )  # fmt: skip

    def make(self, count: int) -> Iterator[bytes]:
        """Give that many; some stay as they are, some are mutated more than once."""
        for _ in range(count):
            value = self._rng.choice(self._events)
            choice = self._rng.random()
            if choice < 0.55:
                value = self._rng.choice(self._of_fields)(json.loads(value))
            if 0.4 < choice < 0.95:
                value = self._rng.choice(self._of_bytes)(value)
            yield value

    def _without(self, fields: dict[str, Any]) -> bytes:
        del fields[self._rng.choice(list(fields))]
        return self._written(fields)

    def _odd(self, fields: dict[str, Any]) -> bytes:
        name = self._rng.choice(list(fields) if self._rng.random() < 0.7 else _NAMES)
        return self._written(fields | {name: self._rng.choice(ODD)})

    def _twice(self, fields: dict[str, Any]) -> bytes:
        name = self._rng.choice(list(fields))
        again = self._written({name: self._rng.choice((fields[name], *ODD))})
        return self._written(fields)[:-1] + b", " + again[1:]

    def _swapped(self, fields: dict[str, Any]) -> bytes:
        one, other = self._rng.choice(list(fields)), self._rng.choice(list(fields))
        return self._written(fields | {one: fields[other], other: fields[one]})

    def _typed(self, fields: dict[str, Any]) -> bytes:
        return self._written(fields | {"type": self._rng.choice((*EVENT_TYPES, "poke", "MESSAGE", "message "))})

    def _unknown(self, fields: dict[str, Any]) -> bytes:
        name = self._rng.choice(("extra", "Event_Id", "", "\x00", "a" * 300, "event_id ", "ts\u0000"))
        return self._written(fields | {name: self._rng.choice(ODD)})

    def _deep(self, fields: dict[str, Any]) -> bytes:
        levels = self._rng.choice((3, 63, 64, 65, 500, 5_000))
        nested = b'{"n":' * levels + b"1" + b"}" * levels
        return self._written(fields)[:-1] + b', "nested": ' + nested + b"}"

    def _written(self, fields: dict[str, Any]) -> bytes:
        blanks = self._rng.choice(((",", ":"), (", ", ": "), (" ,\t", "\n:\r")))
        text = json.dumps(fields, ensure_ascii=self._rng.random() < 0.5, separators=blanks)
        return text.encode()

    def _flipped(self, value: bytes) -> bytes:
        flipped = bytearray(value)
        for _ in range(self._rng.choice((1, 1, 3, 20))):
            flipped[self._rng.randrange(len(flipped))] ^= 1 << self._rng.randrange(8)
        return bytes(flipped)

    def _cut(self, value: bytes) -> bytes:
        begin, end = sorted((self._rng.randrange(len(value)), self._rng.randrange(len(value) + 1)))
        return self._rng.choice((value[:end], value[begin:], value[:begin] + value[end:]))

    def _spliced(self, value: bytes) -> bytes:
        other = self._rng.choice(self._events)
        return value[: self._rng.randrange(len(value) + 1)] + other[self._rng.randrange(len(other)) :]

    def _put_in(self, value: bytes) -> bytes:
        place = self._rng.randrange(len(value) + 1)
        return value[:place] + self._rng.choice(ODD_BYTES) + value[place:]

    def _repeated(self, value: bytes) -> bytes:
        (times,) = self._rng.choices((2, 3, 50, 2_000), (60, 30, 10, 0.5))  # the last is over the size limit
        return value * times

    def _wrapped(self, value: bytes) -> bytes:
        return self._rng.choice((b"[%s]", b'"%s"', b"[[1,%s]]", b" %s ", b"7")).replace(b"%s", value)


class Judged:
    """Decoder and engine, as `gillnet detect` has them, and what became of what they were given."""

    def __init__(self) -> None:
        settings, model = Settings(), default()
        self._intake = Intake(specialise(DEFAULT).plan, LATENESS_MS, shipped_reader(), MessageGroups())
        self._shard = AccountShard(DEFAULT, model, policy_from(settings, model.thresholds), LATENESS_MS)
        self.counts: Counter[str] = Counter()

    def take(self, values: list[bytes]) -> Decoded:
        """Judge a batch."""
        decoded = decode(values, LIMITS, NOW_MS)
        result = self._shard.process(whole(self._intake.process(decoded.events)), -(2**62), None)
        self.counts.update(result.counts)
        self.counts.update(read=len(values), dead=len(decoded.dead), decisions=len(result.decisions))
        self.counts.update(f"dead: {letter.cause}" for letter in decoded.dead)
        return decoded


def check(values: list[bytes], decoded: Decoded, rng: random.Random) -> None:
    """Compare a decoded batch with what was given, and some of it with the slow reference."""
    letters = {letter.row: letter for letter in decoded.dead}
    rows = decoded.rows.tolist()
    assert sorted([*rows, *letters]) == list(range(len(values))), "every value is one event or one dead letter"
    for row, letter in letters.items():
        assert letter.value == values[row], "a dead letter has its bytes untouched"
        assert letter.detail, "and says why"
    places = {row: place for place, row in enumerate(rows)}
    for row in rng.sample(range(len(values)), int(len(values) * REFERENCE_SHARE)):
        line = decode_line(values[row], row, LIMITS, NOW_MS)
        if isinstance(line, DeadLetter):
            assert letters[row] == line, "the reference refuses it for the same cause"
        else:
            assert decoded.events.row(places[row]) == line, "the reference reads the same event"


def fuzz(events: Sequence[bytes], count: int, seed: int) -> Counter[str]:
    """Judge that many mutated events in batches of all sizes, check each, and say what became of them."""
    mutator, rng, judged = Mutator(events, seed), random.Random(seed), Judged()
    left = count
    while left:
        size = min(left, rng.choice((1, 7, 100, 1000, BATCH_MAX)))
        values = list(mutator.make(size))
        check(values, judged.take(values), rng)
        left -= size
    counts = judged.counts
    assert counts["read"] == count
    assert counts["read"] == sum(counts[name] for name in ("processed", "duplicate", "late", "dead"))
    return counts


def cpu_seconds(values: Sequence[bytes]) -> float:
    """Measure judging values in batches of the largest size, once warm."""
    judged = Judged()
    judged.take(list(values[:BATCH_MAX]))
    begun = time.process_time()
    for at in range(0, len(values), BATCH_MAX):
        judged.take(list(values[at : at + BATCH_MAX]))
    return time.process_time() - begun


def source(files: list[Path]) -> list[bytes]:
    """Read the events to mutate, or make some up."""
    if files:
        lines = [line for file in files for line in file.read_bytes().splitlines()[: SOURCE_MAX // len(files)]]
    else:
        lines = [event.value for event in simulate(load_scenario("load"), seed=7, events=20_000)]
    return [line for line in lines if isinstance(decode_line(line, 0, LIMITS, NOW_MS), tuple)]


def main() -> None:
    """Print what became of the events, and what garbage costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    events = source(given.files)
    begun = time.perf_counter()
    counts = fuzz(events, given.count, given.seed)
    print(f"{given.count:,} mutated events of {len(events):,}, seed {given.seed}, {time.perf_counter() - begun:.0f} s")
    for name, number in counts.most_common():
        print(f"{number:>12,}  {name}")
    some = (events * (50_000 // len(events) + 1))[:50_000]
    normal = cpu_seconds(some)
    for name, values in (
        ("cut short", [value[:-20] for value in some]),
        ("no JSON", [b"\xff" + value for value in some]),
        ("of a wrong type", [json.dumps(json.loads(value) | {"account_id": 7}).encode() for value in some]),
    ):
        garbage = cpu_seconds(values)
        print(f"100 % garbage, {name}: {normal / garbage:.1f} times as fast as normal")
    print(f"normal: {len(some) / normal:,.0f} events a CPU second")


if __name__ == "__main__":
    main()
