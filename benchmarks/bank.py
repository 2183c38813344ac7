"""Measure the bank of known templates: what matching costs, and how often the nearest template is found.

Run: python benchmarks/bank.py [SOURCE], where SOURCE (../shared/data) holds ubuntu_irc, sms_spam and youtube_spam; what
is absent is left out. One thread; CPU time, warm, the best of three.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

import numpy as np

if __package__ in (None, ""):
    from text import CONSOLE, SEED, read, spam_and_chat, that_found, timed
    from text_attacks import copies
else:
    from benchmarks.text import CONSOLE, SEED, read, spam_and_chat, that_found, timed
    from benchmarks.text_attacks import copies
from features.text.column import TextColumn
from features.text.fold import normalise
from features.text.signatures import Signatures, sign
from models.bank import TemplateBank
from models.encoder import StaticEncoder
from models.nearest import Nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

BATCH: Final = 256
TEMPLATES: Final = 10_000
COPIED: Final = 1_000
BANDS: Final = (0.5, 0.6, 0.7, 0.8, 1.01)


def texts_of(source: Path) -> tuple[list[str], list[str], list[str]]:
    """Return texts of campaigns, chat to fill the bank up with to `TEMPLATES`, and chat that is not known."""
    spam, benign = (that_found(texts) for texts in spam_and_chat(source))
    chat = read(source, "ubuntu_irc", "train.parquet")
    more = [] if chat is None else chat["text"].drop_nulls().sample(60_000, seed=SEED + 1).to_list()
    filling = that_found(more)[: TEMPLATES - len(spam)]
    return spam, filling, sorted(set(benign) - set(filling))[:5_000]


def in_batches(bank: TemplateBank, signatures: Signatures, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Match messages as a stream does."""
    return np.concatenate(
        [
            bank.match(Signatures(*(c[at : at + BATCH] for c in signatures)), vectors[at : at + BATCH])[0]
            for at in range(0, len(vectors), BATCH)
        ]
    )


def main() -> None:
    """Print cost and recall."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    spam, filling, chat = texts_of(parser.parse_args().source)
    encoder = StaticEncoder.load()
    bank = TemplateBank(encoder)
    bank.add(spam, "camp_0000000000000001")
    edited = [copy for rows in copies(spam, 1, Random(SEED)).values() for _, copy in rows]
    folded, full = normalise(TextColumn.of([*edited, *chat]))
    signatures, vectors = sign(full), encoder.encode(folded)
    similarity = in_batches(bank, signatures, vectors)
    for cut in (0.6, 0.7, 0.8, 0.85):
        found, false = (similarity[: len(edited)] >= cut).mean(), (similarity[len(edited) :] >= cut).mean()
        CONSOLE.print(
            f"{len(bank)} templates, similarity {cut} or more: {found:.4f} of {len(edited)} edited copies, "
            f"{false:.4f} of {len(chat)} messages of chat"
        )
    bank.add(filling, "camp_0000000000000002")
    _, seconds = timed(lambda: in_batches(bank, signatures, vectors))
    each = f"{seconds / len(vectors) * 1e6:.1f} µs each"
    CONSOLE.print(f"{len(bank)} templates, {len(vectors)} messages in batches of {BATCH}: {each}")
    templates = encoder.encode(normalise(TextColumn.of([t.example for t in bank.templates])).folded)
    true, got = (vectors @ templates.T).max(axis=1), Nearest(templates).find(vectors)[0]
    for low, high in pairwise(BANDS):
        rows = (true >= low) & (true < high)
        share = (got[rows] >= true[rows] - 1e-5).mean()
        CONSOLE.print(
            f"nearest by cosine, where that is {low} to {min(high, 1.0)}: found in {share:.4f} of {rows.sum()}"
        )


if __name__ == "__main__":
    main()
