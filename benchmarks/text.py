"""Measure what is done with texts: how well edited copies are found, at what cost.

Run: python benchmarks/text.py [SOURCE], where SOURCE (../shared/data) holds sms_spam, youtube_spam, ubuntu_irc and
ira_trolls_en; what is absent is left out. One thread; CPU time, warm, the best of three.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import numpy as np
import polars as pl
from rich.console import Console
from rich.table import Table

if __package__ in (None, ""):
    from text_attacks import TEMPLATES, copies
else:
    from benchmarks.text_attacks import TEMPLATES, copies
from features.hashing import keys
from features.text.column import TextColumn
from features.text.fold import normalise
from features.text.near_duplicates import SIMILARITY_FOR_SHORT, SIMILARITY_MIN, NearDuplicates
from features.text.signatures import Signatures, sign
from flows.blocks import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

_T = TypeVar("_T")
SEED: Final = 3
BATCH: Final = 256
PER_SECOND: Final = 2500
FALSE_MATCHES: Final = 0.001
START_MS: Final = 1_700_000_000_000
CONSOLE: Final = Console(width=120)


class Stream(NamedTuple):
    """Messages in the order of their times."""

    texts: TextColumn
    signatures: Signatures
    senders: NDArray[np.uint64]
    ts: NDArray[np.int64]


def timed(work: Callable[[], _T], rounds: int = 3) -> tuple[_T, float]:
    """Do some work a few times; return what it gives and the CPU seconds of the fastest round."""
    seconds = []
    for _ in range(rounds):
        started = time.process_time()
        result = work()
        seconds.append(time.process_time() - started)
    return result, min(seconds)


def read(source: Path, *names: str) -> pl.DataFrame | None:
    """Read a set if it is there."""
    path = source.joinpath(*names)
    if not path.exists():
        CONSOLE.print(f"[dim]{path} is absent: what needs it is left out[/dim]")
        return None
    return pl.read_parquet(path)


def spam_and_chat(source: Path) -> tuple[list[str], list[str]]:
    """Return texts of campaigns (spam of two sets, and our templates), and benign ones (SMS and channel chat)."""
    spam, benign = list(TEMPLATES), []
    if (sms := read(source, "sms_spam", "messages.parquet")) is not None:
        spam += sms.filter(pl.col("label") == "spam")["text"].to_list()
        benign += sms.filter(pl.col("label") == "ham")["text"].to_list()
    if (videos := read(source, "youtube_spam", "comments.parquet")) is not None:
        spam += videos.filter(pl.col("CLASS") == "1")["CONTENT"].to_list()
    if (chat := read(source, "ubuntu_irc", "train.parquet")) is not None:
        benign += chat.filter(pl.col("kind") == "msg")["text"].sample(20_000, seed=SEED).to_list()
    return spam, benign


def full_of(texts: Sequence[str]) -> TextColumn:
    """Normalise texts for near-duplicate hashing."""
    return normalise(TextColumn.of(list(texts))).full


def that_found(texts: Sequence[str]) -> list[str]:
    """Return those that are long enough for a group, each full text once."""
    full = full_of(texts)
    found, seen, kept = sign(full), set(), []
    for row, (text, plain) in enumerate(zip(texts, full.strings(), strict=True)):
        if found.words[row] >= 5 and found.letters[row] >= 16 and plain not in seen:
            seen.add(plain)
            kept.append(text)
    return kept


def margins(index: NearDuplicates, letters: dict[int, int], signatures: Signatures) -> NDArray[np.float64]:
    """Return for each text the highest ``similarity_min`` with which it would join; -1 if it finds nothing."""
    found = index.find(signatures, np.zeros(len(signatures.words), np.int64))
    own = np.array([letters.get(int(leader), 1) for leader in found.leaders])
    shorter = np.maximum(np.minimum(own, signatures.letters), 1)
    return np.where(found.leaders != 0, found.similarities - SIMILARITY_FOR_SHORT / shorter, -1.0)


def measure_recall(source: Path) -> None:
    """Print the share of edited copies that lead to a campaign's text when 0.1 % of benign messages do."""
    spam, benign = (that_found(texts) for texts in spam_and_chat(source))
    index = NearDuplicates(1 << 14, similarity_min=1.0, similarity_for_short=0.0)
    signed = sign(full_of(spam))
    ts = np.full(len(spam), START_MS)
    leaders = index.process(signed, np.zeros(len(spam), np.uint64), ts, TextColumn.of(spam)).leaders
    letters = dict(zip(leaders.tolist(), signed.letters.tolist(), strict=True))
    false = np.sort(margins(index, letters, sign(full_of(benign)))) if benign else np.array([SIMILARITY_MIN])
    threshold = false[-max(1, int(len(false) * FALSE_MATCHES))]
    table = Table(
        title=f"edited copies of {len(spam)} texts found; {len(benign)} benign messages", title_justify="left"
    )
    for head in ("edit", "copies", f"at 0.1 % false (from {threshold:.3f})", f"as set (from {SIMILARITY_MIN})"):
        table.add_column(head, justify="left" if head == "edit" else "right")
    of_all = [np.zeros(0)]
    for name, rows in copies(spam, 2, Random(SEED)).items():
        of_all.append(margins(index, letters, sign(full_of([copy for _, copy in rows]))))
        table.add_row(name, str(len(rows)), *(f"{(of_all[-1] >= t).mean():.4f}" for t in _beyond(threshold)))
    everything = np.concatenate(of_all)
    table.add_row("all", str(len(everything)), *(f"{(everything >= t).mean():.4f}" for t in _beyond(threshold)))
    table.add_row("benign", str(len(benign)), *(f"{(false >= t).mean():.5f}" for t in _beyond(threshold)))
    CONSOLE.print(table)


def _beyond(threshold: float) -> tuple[float, float]:
    return float(np.nextafter(threshold, 2)), SIMILARITY_MIN


def stream_of(texts: pl.Series, senders: pl.Series, ts: pl.Series) -> Stream:
    """Normalise and sign a stream."""
    column = TextColumn.of(texts)
    signed = sign(normalise(column).full)
    return Stream(column, signed, keys(senders.cast(pl.String)), ts.dt.timestamp("ms").to_numpy().astype(np.int64))


def replay(index: NearDuplicates, stream: Stream) -> NDArray[np.uint64]:
    """Take a stream in, in small batches; return each message's leader."""
    leaders = []
    for begin in range(0, len(stream.ts), BATCH):
        part = part_of(stream, begin, BATCH)
        leaders.append(index.process(part.signatures, part.senders, part.ts, part.texts).leaders)
    return np.concatenate(leaders)


def part_of(stream: Stream, begin: int, count: int) -> Stream:
    """Cut some messages out of a stream."""
    rows = slice(begin, begin + count)
    offsets = stream.texts.offsets[begin : begin + count + 1]
    texts = TextColumn(stream.texts.data[offsets[0] : offsets[-1]], offsets - offsets[0])
    signatures = Signatures(*(column[rows] for column in stream.signatures))
    return Stream(texts, signatures, stream.senders[rows], stream.ts[rows])


def measure_trolls(source: Path) -> None:
    """Print the share of copy groups of three accounts or more whose copies have one leader."""
    rows = read(source, "ira_trolls_en", "en_2015_01_03.parquet")
    if rows is None:
        return
    rows = rows.drop_nulls("publish_date").sort("publish_date", maintain_order=True)
    stream = stream_of(rows["content"], rows["author_id"], rows["publish_date"])
    leaders = replay(NearDuplicates(), stream)
    groups = (
        rows.select("norm_group_id", "author_id", leader=pl.Series(leaders))
        .drop_nulls("norm_group_id")
        .filter(pl.col("author_id").n_unique().over("norm_group_id") >= 3)
        .group_by("norm_group_id")
        .agg(pl.col("leader").n_unique() == 1, none=(pl.col("leader") == 0).all())
    )
    one = groups.select((pl.col("leader") & ~pl.col("none")).mean()).item()
    CONSOLE.print(f"ira_trolls_en: {one:.4f} of {groups.height} copy groups of 3 accounts or more have one leader each")


def measure_checkpoints(stream: Stream) -> None:
    """Print how long it takes to tell what changed in a second of 2,500 messages, and how much that is."""
    index, milliseconds, told_bytes = NearDuplicates(), [], 0
    for begin in range(0, len(stream.ts), PER_SECOND):
        replay(index, part_of(stream, begin, PER_SECOND))
        started = time.perf_counter()
        told_bytes += len(encode(index.changes()))
        milliseconds.append((time.perf_counter() - started) * 1000)
    CONSOLE.print(
        f"checkpoints every {PER_SECOND} messages: made in {np.median(milliseconds):.0f} ms (median), "
        f"{max(milliseconds):.0f} ms (longest of {len(milliseconds)}); {told_bytes / len(stream.ts):,.0f} bytes each"
    )


def measure_chat(source: Path) -> None:
    """Print the cost of every stage, and how many benign people share a group with others."""
    rows = read(source, "ubuntu_irc", "train.parquet")
    if rows is None:
        return
    rows = rows.filter((pl.col("kind") == "msg") & pl.col("ts").is_not_null()).sort("ts", maintain_order=True)
    raw = TextColumn.of(rows["text"])
    full, normalising = timed(lambda: normalise(raw).full, 2)
    _, signing = timed(lambda: sign(full))
    stream = stream_of(rows["text"], rows["user"], rows["ts"])
    (index, leaders), indexing = timed(lambda: _replayed(stream))
    count = len(stream.ts)
    CONSOLE.print(
        f"{count} messages of {len(raw.data) / count:.0f} bytes, in batches of {BATCH}: "
        f"normalising {normalising / count * 1e6:.2f} µs, signing {signing / count * 1e6:.2f} µs, "
        f"index {indexing / count * 1e6:.2f} µs each: near duplicates {count / (signing + indexing):,.0f}/s a core; "
        f"{index.nbytes / 2**20:.0f} MB for at most {1 << 18} groups, {len(index)} held"
    )
    measure_checkpoints(stream)
    people = pl.DataFrame({"user": rows["user"], "leader": leaders})
    for senders, closeness in ((6, 0.0), (6, 0.6), (10, 0.6)):
        groups = index.leaders(senders)
        chosen = pl.Series(groups.leaders[(groups.words >= 8) & (groups.closeness >= closeness)])
        within = people.filter(pl.col("leader").is_in(chosen.implode()))["user"].n_unique() / people["user"].n_unique()
        CONSOLE.print(
            f"ubuntu_irc: {len(chosen)} groups of {senders} senders, 8 words, closeness {closeness} or more; "
            f"{within:.2%} of people are in one"
        )


def _replayed(stream: Stream) -> tuple[NearDuplicates, NDArray[np.uint64]]:
    index = NearDuplicates()
    return index, replay(index, stream)


def main() -> None:
    """Run all measurements."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    source = parser.parse_args().source
    measure_recall(source)
    measure_trolls(source)
    measure_chat(source)


if __name__ == "__main__":
    main()
