"""Train on many vectors and say what memory it took: made-up vectors, on disk as `gillnet train` keeps those of many.

Time and the highest resident memory are printed after each step: of the process, and without the pages of files, which
the system takes back when it needs them. `gillnet train` trains seven times (each fold left out, the older accounts,
all); --trainings 1 trains once on all, which is the largest of them.

Run: python benchmarks/training_memory.py [--vectors N] [--rounds N] [--trainings 1]
"""

from __future__ import annotations

import argparse
import resource
import threading
import time

import numpy as np
import psutil

from features.catalogue import DEFAULT
from models.history import Accounts, Points
from models.split import Split, split_accounts
from models.training import Options, _parameters, _train, fit
from models.vector_file import ROWS, VectorFile

A_POINTS = 4
"""Vectors of an account."""


class Anonymous(threading.Thread):
    """Looks twice a second at the memory that is no file's."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.highest = 0

    def run(self) -> None:
        """Look until the program ends."""
        process = psutil.Process()
        while True:
            memory = process.memory_info()
            self.highest = max(self.highest, memory.rss - memory.shared)
            time.sleep(0.5)


def made_up(count: int, columns: int) -> tuple[Points, Accounts]:
    """Write vectors, many of whose values are zero or missing, that a sum of some tells apart fairly well."""
    rng, accounts = np.random.default_rng(0), count // A_POINTS
    is_bot, vectors = rng.random(accounts) < 0.05, VectorFile(columns)
    account = np.repeat(np.arange(accounts), A_POINTS)
    for start in range(0, len(account), ROWS):
        whose = account[start : start + ROWS]
        values = rng.standard_normal((len(whose), columns), np.float32).astype(np.float64)
        values[:, :10] += 0.4 * is_bot[whose, None]
        values[:, ::3] = np.maximum(values[:, ::3], 0)
        values[:, 1::9] = np.where(values[:, 1::9] > 0, values[:, 1::9], np.nan)
        vectors.append(values)
    nth = np.tile(np.array([5, 10, 20, 40]), accounts)
    known = Accounts(is_bot, np.arange(accounts), np.arange(accounts) * 1000, np.full(accounts, 40))
    return Points(vectors, account, nth), known


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--trainings", type=int, choices=(1, 7), default=7)
    arguments = parser.parse_args()
    anonymous, started = Anonymous(), time.monotonic()
    anonymous.start()

    def told(step: str) -> None:
        resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        memory = f"at most {resident:.2f} GiB resident, {anonymous.highest / 2**30:.2f} without files"
        print(f"{time.monotonic() - started:7.0f} s  {step}: {memory}", flush=True)

    columns, options = len(DEFAULT.names), Options(rounds=arguments.rounds)
    points, accounts = made_up(arguments.vectors, columns)
    told(f"{len(points.account):,} vectors of {columns} numbers, {len(points.account) * columns * 8 / 2**30:.1f} GiB")
    if arguments.trainings == 1:
        everything = np.ones(len(points.account), np.bool_)
        _train(points, accounts, DEFAULT.names, everything, _parameters(options, accounts), options.rounds)
    else:
        split: Split = split_accounts(accounts, 0)
        told("split")
        fit(points, accounts, split, DEFAULT.names, options)
    told(f"trained, {options.rounds} trees")


if __name__ == "__main__":
    main()
