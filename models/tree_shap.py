"""What each feature contributed to a score: SHAP values of LightGBM's trees, several times sooner than from LightGBM.

A leaf is reached if, for every feature on its path, the row passes that feature's splits (1 or 0); where a feature is
unknown, a share of the training rows passes them: path-dependent SHAP (Lundberg et al., "From local explanations to
global understanding with explainable AI for trees", 2020). For one leaf the SHAP value of a feature is the integral
over t from 0 to 1 of its own step, times the product over the other features of (share + (passed - share) * t) (Owen,
"Multilinear extensions of games", 1972). That is a polynomial of t, so that a few Gauss-Legendre points integrate it
exactly; and what the leaves below an edge share is added up before it is divided by (as Yu et al., "Linear TreeShap",
2022, do with the coefficients). All factors are positive, so nothing cancels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from detector.contract.jit import scoring_kernel
from models.compiled_trees import LARGEST, ZERO, NotCompiled, missing_goes_right, parse_trees, refusal, rows_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POINTS: Final = 8
"""Integrate 16 features on a path exactly; more take twice, three times as many."""


@dataclass(frozen=True, slots=True)
class TreeShap:
    """A model's splits, those of one tree together and a node before those below it; two edges lead on from each."""

    width: int  # features a row must have
    starts: NDArray[np.int64]  # of each tree, and the end
    features: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    missing_right: NDArray[np.bool_]
    into: NDArray[np.int64]  # the edge into each node, counted within its tree; -1 at the top
    below: NDArray[np.int64]  # by edge: the node it leads to, counted within its tree; -1 where that is a leaf
    values: NDArray[np.float64]  # by edge: that leaf's value
    shares: NDArray[np.float64]  # by edge: of the node's training rows
    above: NDArray[np.int64]  # by edge: the nearest one on the way to it that asks for the same feature, or -1
    points: NDArray[np.float64]
    weights: NDArray[np.float64]

    def contributions(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return SHAP values in log-odds, shape (n, width), as ``Booster.predict(pred_contrib=True)`` does."""
        rows = rows_of(vectors, self.width)
        found = np.zeros(rows.shape)
        _explain(
            rows,
            self.starts,
            self.features,
            self.thresholds,
            self.missing_right,
            self.into,
            self.below,
            self.values,
            self.shares,
            self.above,
            self.points,
            self.weights,
            found,
        )
        return found


class _Edges:
    """What the trees have, one node after the other."""

    def __init__(self) -> None:
        self.starts, self.depth = [0], 1
        self.features: list[int] = []
        self.thresholds: list[float] = []
        self.missing_right: list[bool] = []
        self.into: list[int] = []
        self.below: list[int] = []
        self.values: list[float] = []
        self.shares: list[float] = []
        self.above: list[int] = []

    def add(self, tree: dict[str, str]) -> None:
        """Add a tree's nodes, as they are met on the way down."""
        left, right, features, kinds, counts, leaf_counts = (
            [int(value) for value in tree.get(key, "").split()]
            for key in ("left_child", "right_child", "split_feature", "decision_type", "internal_count", "leaf_count")
        )
        thresholds, values = ([float(v) for v in tree.get(key, "").split()] for key in ("threshold", "leaf_value"))
        first = len(self.features)

        def visit(node: int, into: int, asked: dict[int, int]) -> int:
            place, feature = len(self.features) - first, features[node]
            self.features.append(feature)
            self.thresholds.append(thresholds[node])
            self.missing_right.append(missing_goes_right(kinds[node], thresholds[node]))
            self.into.append(into)
            self.depth = max(self.depth, len(asked | {feature: 0}))
            for child in (left[node], right[node]):
                count = leaf_counts[~child] if child < 0 else counts[child]
                self.shares.append(count / counts[node])
                self.values.append(values[~child] if child < 0 else 0.0)
                self.above.append(asked.get(feature, -1))
                self.below.append(-1)
            for edge, child in ((2 * place, left[node]), (2 * place + 1, right[node])):
                if child >= 0:
                    self.below[2 * first + edge] = visit(child, edge, asked | {feature: edge})
            return place

        if left:
            visit(0, -1, {})
        self.starts.append(len(self.features))


def compile_shap(model_text: str) -> TreeShap | NotCompiled:
    """Make a model's trees ready to explain, or say why LightGBM has to."""
    header, trees = parse_trees(model_text)
    if reason := refusal(header, trees):
        return NotCompiled(reason)
    edges = _Edges()
    for tree in trees:
        edges.add(tree)
    if not all(edges.shares):
        return NotCompiled("a leaf had no training rows")
    points, weights = np.polynomial.legendre.leggauss(_POINTS * -(-edges.depth // (2 * _POINTS)))
    return TreeShap(
        width=int(header["max_feature_idx"]) + 1,
        starts=np.array(edges.starts, np.int64),
        features=np.array(edges.features, np.int64),
        thresholds=np.minimum(np.array(edges.thresholds), LARGEST),
        missing_right=np.array(edges.missing_right, np.bool_),
        into=np.array(edges.into, np.int64),
        below=np.array(edges.below, np.int64),
        values=np.array(edges.values),
        shares=np.array(edges.shares),
        above=np.array(edges.above, np.int64),
        points=(points + 1) / 2,
        weights=weights / 2,
    )


@scoring_kernel
def _explain(  # noqa: C901  # one kernel: calls between its loops would cost the SIMD
    rows: NDArray[np.float64],
    starts: NDArray[np.int64],
    features: NDArray[np.int64],
    thresholds: NDArray[np.float64],
    missing_right: NDArray[np.bool_],
    into: NDArray[np.int64],
    below: NDArray[np.int64],
    values: NDArray[np.float64],
    shares: NDArray[np.float64],
    above: NDArray[np.int64],
    points: NDArray[np.float64],
    weights: NDArray[np.float64],
    found: NDArray[np.float64],
) -> None:
    edges_max = 2 * np.max(starts[1:] - starts[:-1])
    products = np.empty((edges_max + 1, _POINTS))  # of the path to each edge, and last that of no path
    products[edges_max] = 1.0
    inverse = np.empty((edges_max, _POINTS))  # of an edge's own factor
    passed, share = np.empty(edges_max), np.empty(edges_max)
    sums = np.empty((rows.shape[1], _POINTS))
    for row in range(rows.shape[0]):
        sums[:] = 0.0
        for first in range(0, points.shape[0], _POINTS):
            for tree in range(starts.shape[0] - 1):
                start, end = starts[tree], starts[tree + 1]
                for node in range(start, end):
                    right = _goes_right(rows[row, features[node]], thresholds[node], missing_right[node])
                    before = into[node] if into[node] >= 0 else edges_max
                    for side in range(2):
                        edge, same = 2 * (node - start) + side, above[2 * node + side]
                        passed[edge] = (1.0 if right == (side == 1) else 0.0) * (passed[same] if same >= 0 else 1.0)
                        share[edge] = shares[2 * node + side] * (share[same] if same >= 0 else 1.0)
                        for k in range(_POINTS):
                            factor = share[edge] + (passed[edge] - share[edge]) * points[first + k]
                            inverse[edge, k] = 1.0 / factor
                            products[edge, k] = products[before, k] * factor
                        if same >= 0:
                            for k in range(_POINTS):
                                products[edge, k] *= inverse[same, k]
                for node in range(end - 1, start - 1, -1):
                    for side in range(2):
                        edge, same = 2 * (node - start) + side, above[2 * node + side]
                        leads_to = 2 * below[2 * node + side]
                        for k in range(_POINTS):
                            if leads_to < 0:
                                products[edge, k] *= values[2 * node + side] * weights[first + k]
                            else:  # what lies below has been added up by now
                                products[edge, k] = products[leads_to, k] + products[leads_to + 1, k]
                        step = passed[edge] - share[edge]
                        for k in range(_POINTS):
                            sums[features[node], k] += step * products[edge, k] * inverse[edge, k]
                        if same >= 0:
                            step = passed[same] - share[same]
                            for k in range(_POINTS):
                                sums[features[node], k] -= step * products[edge, k] * inverse[same, k]
        for feature in range(rows.shape[1]):
            for k in range(_POINTS):
                found[row, feature] += sums[feature, k]


@scoring_kernel
def _goes_right(value: float, threshold: float, missing_right: bool) -> bool:
    if value != value:
        return missing_right
    return (0.0 if abs(value) <= ZERO else min(value, LARGEST)) > threshold
