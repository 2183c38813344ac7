"""The encoder of every message: messages a CPU-second at several batch sizes, and how it compares with its tokenizer.

    python benchmarks/encoder.py [FOLDER]
    python benchmarks/encoder.py FOLDER --device cuda

With ``--device`` FOLDER is any model of sentence-transformers: it runs there and on the processor, timed by the clock,
and their vectors are compared.

Texts are the folded messages of ../shared/data/sms_spam, or made-up ones if it is absent. Single-threaded, warm, best
of repeated runs; vectors are checked against `tokenizers` and the table first.
"""

import argparse
import os

for name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from features.text.column import TextColumn
from features.text.fold import fold
from models.encoder import SHIPPED, StaticEncoder
from models.encoder.loading import load_encoder

BATCHES = [1, 32, 256, 1024]
SMS = Path(__file__).parents[1].parent / "shared/data/sms_spam/messages.parquet"


def messages() -> list[str]:
    """Read some messages, folded."""
    if SMS.exists():
        column = pl.read_parquet(SMS, columns=["text"])["text"]
    else:
        rng = np.random.default_rng(0)
        words = "hi how are you today call me maybe later free prize unbelievable whatsapp ok".split()  # noqa: SIM905
        column = pl.Series([" ".join(rng.choice(words, rng.integers(3, 25))) for _ in range(5000)])
    return fold(TextColumn.of(column)).strings()


def by_tokenizer(folder: Path, texts: list[str]) -> NDArray[np.float32]:
    """Embed with the tokenizers library and the table."""
    tensors = load_file(folder / "model.safetensors")
    table = tensors["embeddings"].astype(np.float32) * tensors["weights"][:, None]
    found = Tokenizer.from_file(str(folder / "tokenizer.json")).encode_batch_fast(texts, add_special_tokens=False)
    sums = np.array([table[text.ids].sum(axis=0) for text in found])
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)


def best_seconds(call: Callable[[], object], runs: int = 5) -> float:
    """Take the least CPU time of several runs."""
    best = float("inf")
    for _ in range(runs):
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
    return best


def compare_devices(model: str, device: str, texts: list[str]) -> None:
    """Print a transformer's speed on a device and on the processor, and how far their vectors are apart."""
    vectors = {}
    for place, some in ((device, texts * (1 + 20_000 // len(texts))), ("cpu", texts[:1000])):
        for size in BATCHES[2:]:
            encoder = load_encoder(model, place, size)
            encoder.encode(TextColumn.of(some[:size]))
            start = time.perf_counter()
            vectors[place] = encoder.encode(TextColumn.of(some))[: len(texts[:1000])]
            print(f"  {place}, batches of {size:5d}   {len(some) / (time.perf_counter() - start):10,.0f} messages/s")
    cosines = (vectors[device] * vectors["cpu"]).sum(axis=1)
    print(f"least cosine between {device} and cpu: {cosines[cosines > 0].min():.5f}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=SHIPPED)
    parser.add_argument("--device", help="compare a model of sentence-transformers there and on the processor")
    options = parser.parse_args()
    texts = messages()
    if options.device:
        compare_devices(str(options.folder), options.device, texts)
        return
    folder = options.folder
    start = time.process_time()
    encoder = StaticEncoder.load(folder)
    encoder.encode(TextColumn.of(texts[:9]))
    print(f"model {encoder.model_id}, {encoder.dimensions} dimensions, loaded in {time.process_time() - start:.2f} s")
    gap = np.abs(encoder.encode(TextColumn.of(texts)) - by_tokenizer(folder, texts)).max()
    words = np.mean([len(text.split()) for text in texts])
    print(f"{len(texts):,} messages of {words:.1f} words; furthest from tokenizers and the table: {gap:.1e}")
    for size in BATCHES:
        batches = [TextColumn.of(texts[i : i + size]) for i in range(0, len(texts) - size + 1, size)]
        seconds = best_seconds(lambda b=batches: [encoder.encode(batch) for batch in b])
        print(f"  batches of {size:5d}   {size * len(batches) / seconds:10,.0f} messages/s")


if __name__ == "__main__":
    main()
