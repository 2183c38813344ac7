"""The card's pictures, as PNG bytes that are the same for the same scores."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve

from models.calibration import BINS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

_BLUE, _RED, _GREY = "#2563a8", "#c23b22", "#9a9a9a"


def draw(is_bot: NDArray[np.bool_], scores: NDArray[np.float64], thresholds: dict[str, float]) -> dict[str, bytes]:
    """Draw precision against recall, reliability and the scores of the test accounts."""
    pictures = {}
    for name, panel in (("precision_recall", _precision_recall), ("reliability", _reliability)):
        figure, axes = _blank()
        panel(axes, is_bot, scores)
        pictures[f"{name}.png"] = _png(figure)
    figure, axes = _blank()
    _histogram(axes, is_bot, scores, thresholds)
    pictures["scores.png"] = _png(figure)
    return pictures


def heat_map(title: str, rows: list[str], columns: list[str], shares: NDArray[np.float64]) -> bytes:
    """Draw shares, shape (rows, columns), as a table coloured from red (0) to blue (1); NaN stays white."""
    figure, axes = _blank((2.2 + 1.1 * len(columns), 1.2 + 0.42 * len(rows)))
    axes.imshow(shares, cmap="RdYlBu", vmin=0, vmax=1, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        if np.isfinite(share):
            ink = "white" if abs(share - 0.5) > 0.35 else "black"
            axes.text(column, row, f"{100 * share:.0f} %", ha="center", va="center", fontsize=9, color=ink)
    axes.set_xticks(range(len(columns)), columns, rotation=20, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    axes.set_title(title, fontsize=10)
    return _png(figure)


def _blank(inches: tuple[float, float] = (5, 4)) -> tuple[Figure, Axes]:
    figure = Figure(figsize=inches, dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})  # no version of matplotlib inside
    return picture.getvalue()


def _precision_recall(axes: Axes, is_bot: NDArray[np.bool_], scores: NDArray[np.float64]) -> None:
    precision, recall, _ = precision_recall_curve(is_bot, scores)
    axes.step(recall, precision, where="post", color=_BLUE)
    axes.axhline(is_bot.mean(), color=_GREY, linestyle=":", label="guessing")
    axes.set(xlabel="recall: bots caught", ylabel="precision: bots among those caught", xlim=(0, 1.01), ylim=(0, 1.01))
    axes.legend(frameon=False, loc="lower left")


def _reliability(axes: Axes, is_bot: NDArray[np.bool_], scores: NDArray[np.float64]) -> None:
    slices = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    counts = np.bincount(slices, minlength=BINS)
    held = counts > 0
    mean = np.bincount(slices, scores, minlength=BINS)[held] / counts[held]
    share = np.bincount(slices, is_bot, minlength=BINS)[held] / counts[held]
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle=":", label="perfect")
    axes.scatter(mean, share, s=12 + 140 * counts[held] / counts.max(), color=_BLUE, label="accounts (area: how many)")
    axes.set(xlabel="score", ylabel="share of bots", xlim=(-0.04, 1.04), ylim=(-0.04, 1.04))
    axes.legend(frameon=False, loc="upper left")


def _histogram(
    axes: Axes, is_bot: NDArray[np.bool_], scores: NDArray[np.float64], thresholds: dict[str, float]
) -> None:
    edges = [i / 40 for i in range(41)]
    axes.hist(scores[~is_bot], edges, color=_BLUE, alpha=0.6, label="humans")
    axes.hist(scores[is_bot], edges, color=_RED, alpha=0.6, label="bots")
    for threshold in thresholds.values():
        axes.axvline(threshold, color=_GREY, linewidth=0.8)
    axes.set(xlabel="score after the last event (lines: thresholds)", ylabel="accounts", yscale="log", xlim=(0, 1))
    axes.legend(frameon=False)
