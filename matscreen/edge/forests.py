"""Boosted trees as flat arrays: what scikit-learn fitted, ready for the ONNX operator.

Thresholds are float32, rounded down, so that a float32 feature goes the same way as it did through
the float64 thresholds of the fitted trees.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from matscreen.structures import FloatArray, IntArray

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Forest:
    """Sum of regression trees; all nodes of all trees in one list.

    Attributes:
        roots: First node of each tree, (t,).
        feature: Feature that a node asks for, (s,).
        threshold: A row goes left when its feature is at most this, (s,).
        missing_left: Whether an unknown feature goes left, (s,).
        left: Next node, or -1 - leaf, (s,).
        right: Next node, or -1 - leaf, (s,).
        leaves: Value of each leaf, (l,).
        base: Added to the sum.
    """

    roots: IntArray
    feature: IntArray
    threshold: Float32
    missing_left: npt.NDArray[np.bool_]
    left: IntArray
    right: IntArray
    leaves: Float32
    base: float

    def predict(self, X: FloatArray) -> FloatArray:
        """Return the sum over the trees for rows of float32 features, NaN where unknown, (n,)."""
        rows = np.asarray(X, dtype=np.float32)
        total = np.full(len(rows), self.base)
        for root in self.roots:
            node = np.full(len(rows), root)
            while (inside := np.flatnonzero(node >= 0)).size:
                at = node[inside]
                value = rows[inside, self.feature[at]]
                left = np.where(np.isnan(value), self.missing_left[at], value <= self.threshold[at])
                node[inside] = np.where(left, self.left[at], self.right[at])
            total += self.leaves[-1 - node]
        return total

    def first(self, count: int) -> Forest:
        """Return the first trees only: boosting, cut short."""
        if count >= len(self.roots):
            return self
        end = int(self.roots[count])
        left, right = self.left[:end], self.right[:end]
        used = int(max((-1 - left).max(), (-1 - right).max())) + 1
        return replace(
            self,
            roots=self.roots[:count],
            feature=self.feature[:end],
            threshold=self.threshold[:end],
            missing_left=self.missing_left[:end],
            left=left,
            right=right,
            leaves=self.leaves[:used],
        )


def boost(
    X: FloatArray,
    y: FloatArray,
    *,
    n_trees: int,
    n_leaves: int,
    loss: str = "squared_error",
    min_leaf: int = 10,
    seed: int = 0,
) -> Forest:
    """Fit boosted trees; of the loss `gamma` the sum is the logarithm of the prediction.

    Args:
        X: Features, (n, k); rounded to float32.
        y: Targets, (n,).
        n_trees: Number of trees.
        n_leaves: Most leaves of one tree.
        loss: Loss of scikit-learn's histogram gradient boosting.
        min_leaf: Fewest rows of a leaf.
        seed: Seed of the features that each split may choose from.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(
        loss=loss,
        learning_rate=min(0.15, 15.0 / n_trees),
        max_iter=n_trees,
        max_leaf_nodes=n_leaves,
        min_samples_leaf=min_leaf,
        l2_regularization=1.0,
        max_features=0.3,
        early_stopping=False,
        random_state=seed,
    ).fit(np.asarray(X, dtype=np.float32).astype(np.float64), y)
    return from_boosting(model)


def from_boosting(model: Any) -> Forest:
    """Return the trees of a fitted `HistGradientBoostingRegressor` without categories."""
    base = float(np.ravel(model._baseline_prediction)[0])  # noqa: SLF001 - nowhere public
    roots, parts, leaves = [], [], [np.zeros(0)]
    n_nodes = n_leaves = 0
    for (predictor,) in model._predictors:  # noqa: SLF001
        nodes = predictor.nodes
        is_leaf = nodes["is_leaf"].astype(bool)
        if is_leaf[0]:
            base += float(nodes["value"][0])
            continue
        # Where each node goes: inner nodes and leaves are numbered apart.
        place = np.where(
            is_leaf, -(np.cumsum(is_leaf) + n_leaves), np.cumsum(~is_leaf) - 1 + n_nodes
        )
        inner = nodes[~is_leaf]
        roots.append(n_nodes)
        parts.append(
            (
                inner["feature_idx"].astype(np.int64),
                _round_down(inner["num_threshold"]),
                inner["missing_go_to_left"].astype(bool),
                place[inner["left"].astype(np.int64)],
                place[inner["right"].astype(np.int64)],
            )
        )
        leaves.append(nodes["value"][is_leaf])
        n_nodes += len(inner)
        n_leaves += int(is_leaf.sum())

    def joined(position: int, kind: type) -> npt.NDArray[Any]:
        return np.concatenate([np.zeros(0), *(part[position] for part in parts)]).astype(kind)

    return Forest(
        roots=np.array(roots, dtype=np.int64),
        feature=joined(0, np.int64),
        threshold=joined(1, np.float32),
        missing_left=joined(2, np.bool_),
        left=joined(3, np.int64),
        right=joined(4, np.int64),
        leaves=np.concatenate(leaves).astype(np.float32),
        base=base,
    )


def _round_down(values: FloatArray) -> Float32:
    """Return the largest float32 that is at most each value."""
    with np.errstate(over="ignore"):
        rounded = values.astype(np.float32)
    return np.where(rounded > values, np.nextafter(rounded, np.float32(-np.inf)), rounded)
