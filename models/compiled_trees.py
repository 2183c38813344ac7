"""LightGBM's trees as a few flat arrays: the same raw scores bit for bit, several times faster.

Vectorised QuickScorer. Source: Lucchese et al., "QuickScorer" (SIGIR 2015) and "Exploiting CPU SIMD
extensions to speed-up document scoring with tree ensembles" (SIGIR 2016). Each tree keeps a bit mask of the
leaves still reachable; splits are visited feature by feature in rising threshold order until no row of the
block exceeds the threshold; the lowest set bit is the exit leaf. Splits of one feature are kept in two lists,
by where a missing value goes.

The text of the model is all it reads, so scoring needs no LightGBM at run time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array
from numpy.typing import NDArray

from detector.contract.jit import scoring_kernel

LEAVES_MAX: Final = 64  # the bits of the widest mask
_ROWS: Final = 64  # rows a block: LLVM turns the inner loops into SIMD here, not at 32 (3 times slower)
_LANES: Final = 8  # rows compared at once
LARGEST: Final = float(np.finfo(np.float64).max)  # stands for infinity, so that a missing value can exceed it
ZERO: Final = float(np.float32(1e-35))  # LightGBM reads anything this close to zero as zero
_array_of: Final[Any] = make_array  # numba carries no types
_CATEGORICAL, _DEFAULT_LEFT = 1, 2  # bits of LightGBM's decision_type; bits 2 and 3 hold the missing type
_MISSING_NONE, _MISSING_ZERO = 0, 1

Split = tuple[float, int, int]  # threshold, tree, mask of the leaves left reachable by going right


@dataclass(frozen=True, slots=True)
class NotCompiled:
    """Why a model's trees stay with LightGBM's own predict."""

    reason: str


@dataclass(frozen=True, slots=True)
class CompiledTrees:
    """A model's trees, split by split in the order they are tried."""

    width: int  # features a row must have
    lists: NDArray[np.int64]  # 2 * feature, plus 1 where a missing value goes right
    starts: NDArray[np.int64]  # where each list begins in the three arrays below
    thresholds: NDArray[np.float64]
    trees: NDArray[np.int32]
    masks: NDArray[np.unsignedinteger[Any]]
    leaf_values: NDArray[np.float64]  # tree by leaf, leaves from left to right

    def raw_scores(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sum the leaves each row falls into, as ``Booster.predict(raw_score=True)`` does."""
        rows = rows_of(vectors, self.width)
        scores = np.empty(len(rows))
        full = self.masks.dtype.type(np.iinfo(self.masks.dtype).max)
        _score(
            rows,
            self.lists,
            self.starts,
            self.thresholds,
            self.trees,
            self.masks,
            self.leaf_values,
            full,
            scores,
        )
        return scores


def rows_of(vectors: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Lay vectors out for a kernel, which checks no bounds; ValueError if they are not of that width."""
    if vectors.ndim != 2 or vectors.shape[1] != width:
        msg = f"the model takes rows of {width} features, got an array of shape {vectors.shape}"
        raise ValueError(msg)
    return np.ascontiguousarray(vectors, dtype=np.float64)


def compile_trees(model_text: str) -> CompiledTrees | NotCompiled:
    """Compile a model from LightGBM's text format, or say why it cannot be."""
    header, trees = parse_trees(model_text)
    reason = refusal(header, trees)
    return NotCompiled(reason) if reason else _flatten(int(header["max_feature_idx"]) + 1, trees)


def header_of(model_text: str) -> dict[str, str]:
    """Read what a model's text says before its first tree; ValueError if it is no such text."""
    header = _pairs(model_text.partition("\nTree=")[0])
    if not header.get("max_feature_idx", "").isdigit():
        raise ValueError("expected a model in LightGBM's text format, got text without a max_feature_idx line")
    return header


def parse_trees(model_text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Read the header and each tree as plain ``key=value`` lines."""
    header = header_of(model_text)
    _, *blocks = model_text.partition("\nend of trees")[0].split("\nTree=")
    return header, [_pairs(block) for block in blocks]


def _pairs(block: str) -> dict[str, str]:
    lines = (line.partition("=") for line in block.splitlines())
    return {key: value if equals else "1" for key, equals, value in lines if key}


def refusal(header: dict[str, str], trees: list[dict[str, str]]) -> str:
    """Say what about a model the kernel cannot do; empty when it can do everything."""
    kinds = {int(kind) for tree in trees for kind in tree.get("decision_type", "").split()}
    checks = {
        "it has no trees": not trees,
        "it scores several classes": header.get("num_tree_per_iteration", "1") != "1",
        "it averages its trees": "average_output" in header,
        f"a tree has more than {LEAVES_MAX} leaves": any(int(t["num_leaves"]) > LEAVES_MAX for t in trees),
        "its trees are linear": any(t.get("is_linear", "0") != "0" for t in trees),
        "it splits on categories": any(kind & _CATEGORICAL for kind in kinds),
        "it takes zero for missing": any(kind >> 2 & 3 == _MISSING_ZERO for kind in kinds),
    }
    return "; ".join(reason for reason, holds in checks.items() if holds)


def _flatten(width: int, trees: list[dict[str, str]]) -> CompiledTrees:
    words = np.uint32 if max(int(tree["num_leaves"]) for tree in trees) <= 32 else np.uint64
    bits = np.iinfo(words).bits
    lists: list[list[Split]] = [[] for _ in range(2 * width)]
    leaf_values = np.zeros((len(trees), bits))
    for number, tree in enumerate(trees):
        leaves: list[int] = []
        for place, threshold, mask in _walk(tree, bits, leaves):
            lists[place].append((threshold, number, mask))
        values = np.array(tree["leaf_value"].split(), np.float64)
        leaf_values[number, : len(leaves)] = values[leaves]
    used = [place for place, splits in enumerate(lists) if splits]
    splits = [split for place in used for split in sorted(lists[place])]
    return CompiledTrees(
        width=width,
        lists=np.array(used, np.int64),
        starts=np.cumsum([0] + [len(lists[place]) for place in used], dtype=np.int64),
        thresholds=np.minimum([threshold for threshold, _, _ in splits], LARGEST),
        trees=np.array([tree for _, tree, _ in splits], np.int32),
        masks=np.array([mask for _, _, mask in splits], words),
        leaf_values=leaf_values,
    )


def _walk(tree: dict[str, str], bits: int, leaves: list[int]) -> Iterator[tuple[int, float, int]]:
    """Yield each split's list, threshold and mask; fill ``leaves`` with leaf numbers from left to right."""
    full = (1 << bits) - 1
    left, right, features, kinds = (
        [int(value) for value in tree.get(key, "").split()]
        for key in ("left_child", "right_child", "split_feature", "decision_type")
    )
    thresholds = [float(value) for value in tree.get("threshold", "").split()]

    def visit(node: int) -> Iterator[tuple[int, float, int]]:
        if node < 0:
            leaves.append(~node)
            return
        first = len(leaves)
        yield from visit(left[node])
        # Going right puts the leaves on the left out of reach.
        mask = full & ~(((1 << (len(leaves) - first)) - 1) << first)
        to_right = missing_goes_right(kinds[node], thresholds[node])
        yield 2 * features[node] + to_right, thresholds[node], mask
        yield from visit(right[node])

    return visit(0 if left else -1)


def missing_goes_right(kind: int, threshold: float) -> bool:
    """Say where a split sends a missing value: one that saw none in training reads it as zero."""
    return threshold < 0 if kind >> 2 & 3 == _MISSING_NONE else not kind & _DEFAULT_LEFT


@intrinsic
def _trailing_zeros(_context: Any, value: Any) -> Any:  # noqa: ANN401  # numba's own types
    def codegen(_target: Any, builder: Any, _signature: Any, args: Any) -> Any:  # noqa: ANN401  # as above
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return value(value), codegen


@intrinsic
def _keep_reachable(_context: Any, alive: Any, tree: Any, x: Any, threshold: Any, mask: Any) -> Any:  # noqa: ANN401, ARG001
    """Take the leaves not in the mask out of the tree's reach for the rows above a threshold.

    Written out as vectors: of the plain loop LLVM makes four times the instructions, since it compares no more rows at
    once than fit one register together with their masks.
    """

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401  # as above
        bits = signature.args[0].dtype.bitwidth
        masks, doubles = (ir.VectorType(of, _LANES) for of in (ir.IntType(bits), ir.DoubleType()))
        above, kept = _spread(builder, values[3], doubles), _spread(builder, values[4], masks)
        first = builder.mul(values[1], values[1].type(_ROWS))
        leaves = builder.gep(_array_of(signature.args[0])(context, builder, values[0]).data, [first])
        rows = _array_of(signature.args[2])(context, builder, values[2]).data
        for start in range(0, _ROWS, _LANES):
            place, of_rows = (
                builder.bitcast(builder.gep(data, [ir.IntType(64)(start)]), vector.as_pointer())
                for data, vector in ((leaves, masks), (rows, doubles))
            )
            before = builder.load(place, align=bits // 8)
            passed = builder.fcmp_ordered(">", builder.load(of_rows, align=8), above)
            builder.store(builder.select(passed, builder.and_(before, kept), before), place, align=bits // 8)
        return context.get_dummy_value()

    return types.void(alive, types.int64, x, threshold, mask), codegen


def _spread(builder: Any, value: Any, vector: Any) -> Any:  # noqa: ANN401  # as above
    """Put a value into every lane of a vector."""
    places = ir.VectorType(ir.IntType(32), _LANES)
    one = builder.insert_element(vector(ir.Undefined), value, ir.IntType(32)(0))
    return builder.shuffle_vector(one, vector(ir.Undefined), places([0] * _LANES))


@scoring_kernel
def _score(  # noqa: C901  # one kernel: calls between its loops would cost the SIMD
    rows: NDArray[np.float64],
    lists: NDArray[np.int64],
    starts: NDArray[np.int64],
    thresholds: NDArray[np.float64],
    trees: NDArray[np.int32],
    masks: NDArray[np.unsignedinteger[Any]],
    leaf_values: NDArray[np.float64],
    full: Any,  # noqa: ANN401  # a scalar of the masks' type
    scores: NDArray[np.float64],
) -> None:
    count = leaf_values.shape[0]
    alive = np.empty((count, _ROWS), masks.dtype)
    x = np.empty(_ROWS)
    highest = np.empty(_ROWS // 2)
    total = np.empty(_ROWS)
    for start in range(0, rows.shape[0], _ROWS):
        size = min(_ROWS, rows.shape[0] - start)
        for t in range(count):
            for k in range(_ROWS):
                alive[t, k] = full
        for u in range(lists.shape[0]):
            missing = np.inf if lists[u] & 1 else -np.inf
            feature = lists[u] >> 1
            for k in range(size, _ROWS):
                x[k] = -np.inf
            for k in range(size):  # without a branch, so that it becomes SIMD
                v = rows[start + k, feature]
                v = missing if v != v else LARGEST if v > LARGEST else v
                x[k] = 0.0 if abs(v) <= ZERO else v
            for k in range(32):  # the highest of 64, by halves: also SIMD
                highest[k] = x[k] if x[k] > x[k + 32] else x[k + 32]
            for k in range(16):
                highest[k] = highest[k] if highest[k] > highest[k + 16] else highest[k + 16]
            for k in range(8):
                highest[k] = highest[k] if highest[k] > highest[k + 8] else highest[k + 8]
            top = highest[0]
            for k in range(1, 8):
                top = highest[k] if highest[k] > top else top
            for j in range(starts[u], starts[u + 1]):
                if not top > thresholds[j]:
                    break
                _keep_reachable(alive, trees[j], x, thresholds[j], masks[j])  # type: ignore[call-arg]  # numba passes the context
        for k in range(_ROWS):
            total[k] = 0.0
        for t in range(count):
            for k in range(_ROWS):
                leaf = _trailing_zeros(alive[t, k])  # type: ignore[call-arg, var-annotated]  # as above
                total[k] += leaf_values[t, leaf]
        for k in range(size):
            scores[start + k] = total[k]
