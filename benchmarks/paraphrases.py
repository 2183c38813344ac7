"""Measure how well reworded campaigns are found among suspicious messages, and how much of what is found is false.

Run: python benchmarks/paraphrases.py [SOURCE] [--encoder MODEL], where SOURCE (../shared/data) holds ubuntu_irc (chat)
and MODEL is a sentence-transformers name or folder (needs the extra ``text``; none: the shipped static encoder).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

if __package__ in (None, ""):
    from paraphrase_texts import CAMPAIGNS
    from text import CONSOLE, SEED, read, that_found
else:
    from benchmarks.paraphrase_texts import CAMPAIGNS
    from benchmarks.text import CONSOLE, SEED, read, that_found
from detector.paraphrases import Messages, find_paraphrases
from features.text.column import TextColumn
from features.text.fold import fold
from models.encoder import load_encoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.encoder import Encoder

ACCOUNTS: Final = (3, 5, 8)
"""Accounts a campaign has, each with a wording of its own."""
NOISE: Final = (500, 4_000)
"""Messages of chat among the suspicious ones."""
ROUNDS: Final = 10
RATES: Final = (0.05, 0.2)


def measure(vectors: NDArray[np.float32], chat: NDArray[np.float32], accounts: int, noise: int, rate: float) -> str:
    """Hide wordings, shape (campaigns, wordings, dimensions), among chat; say what was found, in the mean of rounds."""
    rng, recalls, false, stated, seconds = np.random.default_rng(SEED), [], [], [], 0.0
    for _ in range(ROUNDS):
        chosen = [campaign[rng.permutation(campaign.shape[0])[:accounts]] for campaign in vectors]
        sent, order = np.concatenate(chosen), rng.permutation(len(chat))
        truth = np.concatenate([np.repeat(np.arange(len(vectors)), accounts), np.full(noise, -1)])
        suspicious = of(np.concatenate([sent, chat[order[:noise]]]))
        started = time.process_time()
        found = find_paraphrases(suspicious, of(chat[order[noise : noise + len(truth)]]), rate)
        seconds += time.process_time() - started
        right = right_ones(found.clusters, truth)
        clustered = np.count_nonzero(found.clusters >= 0)
        recalls.append(np.count_nonzero(right) / len(sent))
        false.append(1 - np.count_nonzero(right) / clustered if clustered else 0.0)
        stated.append(found.false_discovery_rate)
    return (
        f"{len(vectors)} campaigns of {accounts} accounts among {noise} messages of chat, at most {rate:.0%} false: "
        f"{np.mean(recalls):.2f} found, {np.mean(false):.3f} of it false (estimated {np.mean(stated):.3f}), "
        f"{seconds / ROUNDS:.1f} CPU-s"
    )


def of(vectors: NDArray[np.float32]) -> Messages:
    """Give each message an account of its own, all within a moment."""
    return Messages(vectors, np.arange(len(vectors), dtype=np.uint64), np.zeros(len(vectors), np.int64))


def right_ones(clusters: NDArray[np.int32], truth: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which messages are in a cluster that mostly is of their campaign."""
    right = np.zeros(len(truth), np.bool_)
    for cluster in range(int(clusters.max(initial=-1)) + 1):
        rows = np.flatnonzero(clusters == cluster)
        campaigns, counts = np.unique(truth[rows], return_counts=True)
        most = campaigns[counts.argmax()]
        right[rows] = (truth[rows] == most) & (most >= 0) & (counts.max() * 2 > len(rows))
    return right


def encoded(encoder: Encoder, texts: list[str]) -> NDArray[np.float32]:
    """Embed texts as the stream does."""
    return encoder.encode(fold(TextColumn.of(texts)))


def main() -> None:
    """Measure all combinations."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--encoder", default="")
    arguments = parser.parse_args()
    encoder, rows = load_encoder(arguments.encoder), read(arguments.source, "ubuntu_irc", "train.parquet")
    if rows is None:
        return
    drawn = rows["text"].drop_nulls().sample(40_000, seed=SEED).to_list()
    chat = encoded(encoder, that_found(drawn)[: 2 * (max(NOISE) + 100)])
    vectors = np.stack([encoded(encoder, list(campaign)) for campaign in CAMPAIGNS])
    for rate in RATES:
        for noise in NOISE:
            for accounts in ACCOUNTS:
                CONSOLE.print(measure(vectors, chat, accounts, noise, rate))


if __name__ == "__main__":
    main()
