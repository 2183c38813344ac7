"""Spam on channels a model was not trained on, beside a plain TF-IDF model, and what a message costs.

    python benchmarks/categories.py DATA [--encoder FOLDER]

DATA holds sms_spam, youtube_spam and ubuntu_irc. For each channel, everything from it is left out of training,
calibration and the threshold; F1 is at the threshold so found. Generated channels are of one author and say less.
"""

import os

for threads in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ.setdefault(threads, "1")

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, roc_auc_score

from features.text.column import TextColumn
from features.text.fold import fold
from features.text.language import guess_languages
from features.text.lexical import measure_lexical
from models.categories import Categories
from models.categories.classifier import NAMES
from models.categories.examples import Example
from models.categories.fitting import Table
from models.categories.grammar import Part
from models.categories.sources import CHANNELS, read_examples
from models.categories.train import Material, train
from models.encoder.loading import load_encoder

SPAM = NAMES.index("spam")
BATCH = 256


def line(name: str, truth: NDArray[np.bool_], scores: NDArray[np.float64], threshold: float) -> None:
    """Print AUC, F1, recall and false positives of one model on one channel."""
    flagged = scores >= threshold
    shares = f"recall {flagged[truth].mean():.3f}   false positives {flagged[~truth].mean():.3f}"
    print(f"  {name:22s} AUC {roc_auc_score(truth, scores):.3f}   F1 {f1_score(truth, flagged):.3f}   {shares}")


def tf_idf(learned: list[Example], judged: list[Example]) -> NDArray[np.float64]:
    """Score by words and pairs of words, as a plain model does."""
    texts = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True, lowercase=True)
    inputs = texts.fit_transform([example.text for example in learned])
    model = LogisticRegression(C=10, max_iter=300, class_weight="balanced")
    model.fit(inputs, ["spam" in example.labels for example in learned])
    return np.asarray(model.predict_proba(texts.transform([example.text for example in judged]))[:, 1])


def leave_out(channel: str, material: Material, examples: list[Example], seed: int) -> None:
    """Train without a channel and judge on it."""
    sources = CHANNELS[channel]
    certain = [e for e in examples if "spam" not in e.open_labels]
    judged = [e for e in certain if e.source in sources and not e.altered]
    truth = np.array(["spam" in e.labels for e in judged])
    print(f"{channel}: {truth.sum():,} spam of {len(judged):,}")
    model, _ = train(material.without(sources), "", seed, only=("spam",))
    table: Table = material.every
    rows = np.isin(table.sources, sorted(sources)) & (table.labels[:, SPAM] >= 0) & ~table.altered
    texts = TextColumn.of([e.text for e in judged])
    scores = model.score(table.vectors[rows], texts, fold(texts))[:, 0].astype(float)
    line("ours", truth, scores, model.thresholds["spam"])
    others = [e for e in certain if e.source not in sources]
    line("TF-IDF, same examples", truth, tf_idf(others, judged), 0.5)
    line("TF-IDF, real only", truth, tf_idf([e for e in others if e.source in REAL], judged), 0.5)


REAL = {"sms_spam", "youtube_spam"}


def cost(texts: list[str], dimensions: int) -> None:
    """Print CPU microseconds a message, in batches, best of five."""
    model = Categories.load()
    batches = [TextColumn.of(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)]
    ready = [(np.zeros((len(b), dimensions), np.float32), b, fold(b)) for b in batches]
    calls = {
        "lexical measures": lambda: [measure_lexical(b, f) for _, b, f in ready],
        "scores with measures": lambda: [model.score(e, b, f) for e, b, f in ready],
        "language": lambda: [guess_languages(b) for _, b, _ in ready],
    }
    for name, call in calls.items():
        best = float("inf")
        for _ in range(6):
            start = time.process_time()
            call()
            best = min(best, time.process_time() - start)
        print(f"{name:22s} {best / len(texts) * 1e6:.2f} us a message ({np.mean([len(t) for t in texts]):.0f} letters)")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--encoder", default="")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    encoder = load_encoder(options.encoder)
    material = Material.read(encoder, options.data, options.seed)
    examples = read_examples(options.data, options.seed, Part.ALL)
    for channel in CHANNELS:
        leave_out(channel, material, examples, options.seed)
    cost([e.text for e in examples if e.source in ("chitchat", "sms_spam")][:4096], encoder.dimensions)


if __name__ == "__main__":
    main()
