"""From the teacher to a table: a row for each word piece, so that sums of rows point where the teacher's vectors do.

First each piece goes through the teacher alone, its row weighted down by how common it is (SIF: Arora, Liang, Ma,
"A Simple but Tough-to-Beat Baseline for Sentence Embeddings", 2017), and one linear map brings the sums of rows closest
to the teacher's vectors. Then all rows are trained on them, with the first 64 and 128 numbers to be good by themselves
(Kusupati and others, "Matryoshka Representation Learning", 2022).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from models.encoder.extras import needed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

DIMENSIONS: Final = 256
SHORTER: Final = (64, 128)
"""How many of the first numbers of a vector make a good shorter vector."""
_SIF: Final = 1e-4
_BATCH: Final = 512
_RATE: Final = 2e-3  # of the mean length of a row, for a step of Adam
_WARM_UP: Final = 0.1
_DROPPED_TEXTS: Final = 0.5
_DROPPED_PIECES: Final = 0.12
_DROP_MIN: Final = 5  # pieces of a text, for any to be dropped
_COSINE_WEIGHTS: Final = {64: 0.25, 128: 0.25, 256: 1.0}
_PAIR_WEIGHTS: Final = {64: 3.0, 256: 8.0}


@dataclass(frozen=True, slots=True)
class Lesson:
    """Texts as ids of pieces, one after another, with the teacher's vectors."""

    ids: NDArray[np.int64]
    offsets: NDArray[np.int64]
    """(n + 1,)."""
    vectors: NDArray[np.float32]
    """(n, 384), of length 1."""

    @classmethod
    def of(cls, texts: Sequence[Sequence[int]], vectors: NDArray[np.float32]) -> Lesson:
        """Take the ids of each text."""
        offsets = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
        return cls(np.concatenate([np.asarray(text, np.int64) for text in texts]), offsets, vectors)

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.vectors)

    def pieces(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Gather the ids of some texts, and say for each id which of these texts it is of."""
        sizes = np.diff(self.offsets)[rows]
        owners = np.repeat(np.arange(len(rows)), sizes)
        first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        return self.ids[np.arange(len(owners)) - first[owners] + self.offsets[rows][owners]], owners


def basis_of(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Find the `DIMENSIONS` directions that hold most of unit vectors (n, m), shape (m, DIMENSIONS), most first.

    They are not centred, so that cosines stay what they are.
    """
    _, directions = np.linalg.eigh(vectors.T @ vectors)
    return np.ascontiguousarray(directions[:, ::-1][:, :DIMENSIONS], np.float32)


def first_rows(alone: NDArray[np.float32], lesson: Lesson, basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """Make rows of the teacher's vectors for pieces alone (pieces, m), which are ordered from frequent to rare."""
    share = 1 / np.arange(1, len(alone) + 1)
    weighted = alone * (_SIF / (_SIF + share / share.sum()))[:, None].astype(np.float32)
    ids, owners = lesson.pieces(np.arange(len(lesson)))
    sums = np.zeros((len(lesson), weighted.shape[1]), np.float32)
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    sums[owners[starts]] = np.add.reduceat(weighted[ids], starts, axis=0)
    sums /= np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    turn = np.linalg.lstsq(sums, lesson.vectors @ basis, rcond=None)[0]
    return np.ascontiguousarray(weighted @ turn, np.float32)


def trained_rows(
    rows: NDArray[np.float32],
    lesson: Lesson,
    basis: NDArray[np.float32],
    epochs: int,
    rng: np.random.Generator,
    say: Callable[[str], None],
) -> NDArray[np.float32]:
    """Train rows on one thread; the first, of what is no piece, stays zero."""
    torch = needed("torch")
    torch.set_num_threads(1)
    bag = torch.nn.EmbeddingBag(*rows.shape, mode="sum", _weight=torch.tensor(rows))
    rate = _RATE * float(np.linalg.norm(rows, axis=1).mean())
    adam = torch.optim.Adam(bag.parameters(), lr=rate)
    steps = len(lesson) // _BATCH
    pace = torch.optim.lr_scheduler.OneCycleLR(adam, rate, total_steps=epochs * steps + 1, pct_start=_WARM_UP)
    aims = lesson.vectors @ basis
    for epoch in range(epochs):
        order, total = rng.permutation(len(lesson)), 0.0
        for start in range(0, steps * _BATCH, _BATCH):
            chosen = order[start : start + _BATCH]
            ids, first = _thinned(*lesson.pieces(chosen), rng)
            adam.zero_grad()
            loss = _loss(torch, bag(torch.tensor(ids), torch.tensor(first)), aims[chosen], lesson.vectors[chosen])
            loss.backward()
            adam.step()
            pace.step()
            total += float(loss.detach())
        say(f"training: epoch {epoch + 1} of {epochs}, loss {total / steps:.4f}")
    trained: NDArray[np.float32] = bag.weight.detach().numpy().copy()
    trained[0] = 0
    return trained


def _thinned(
    ids: NDArray[np.int64], owners: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Drop some pieces of some texts, so that a text's vector hangs on none; also says where each text begins."""
    texts = int(owners[-1]) + 1
    thinned = (rng.random(texts) < _DROPPED_TEXTS) & (np.bincount(owners) >= _DROP_MIN)
    kept = ~thinned[owners] | (rng.random(len(ids)) >= _DROPPED_PIECES)
    ids, owners = ids[kept], owners[kept]
    return ids, np.searchsorted(owners, np.arange(texts))


def _loss(torch: Any, sums: Any, aims: NDArray[np.float32], vectors: NDArray[np.float32]) -> Any:  # noqa: ANN401
    """Compare directions with the teacher's, and the cosines of all pairs in the batch with the teacher's cosines."""
    aim, cosines = torch.tensor(aims), torch.tensor(vectors @ vectors.T)
    unit = torch.nn.functional.normalize
    loss = 0
    for size, weight in _COSINE_WEIGHTS.items():
        loss = loss + weight * (1 - torch.nn.functional.cosine_similarity(sums[:, :size], aim[:, :size])).mean()
    for size, weight in _PAIR_WEIGHTS.items():
        short = unit(sums[:, :size], dim=1)
        loss = loss + weight * ((short @ short.T - cosines) ** 2).mean()
    return loss
