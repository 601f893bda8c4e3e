"""Permutation importance of groups of columns: how much worse a model gets without them.

The values of all columns of a group are exchanged together between rows, which keeps what the
columns of a group say about one another and breaks what they say about the label (Breiman, Mach.
Learn. 45, 5 (2001); Gregorutti, Michel, Saint-Pierre, Stat. Comput. 27, 659 (2017)).

Two limits to keep in mind. Correlated groups share their importance: when two groups say the same,
the model does without either, and both look less important than they are together. And an
importance is that of a column to this model, not a cause in the material.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from matscreen.errors import InputError
from matscreen.structures import FloatArray

Predictor = Callable[[FloatArray], FloatArray]
"""From features, (n, k), to predictions in the unit of the property, (n,)."""

_BATCH_ROWS = 8192
"""Rows predicted at once: few calls, and the features stay under 25 MB."""


@dataclass(frozen=True, eq=False)
class Importances:
    """Permutation importances of named groups of columns; names follow scikit-learn.

    Attributes:
        names: Names of the groups, (g,).
        importances: Rise of the mean absolute error by each group in each repeat, in the unit of
            the property, (g, r). A small negative rise is chance: the group does not matter.
        row_errors: Standard error of the mean rise over the rows, (g,): what other rows would
            change.
        baseline: Mean absolute error without permutation, in the unit of the property.
        n_rows: Number of rows.
    """

    names: tuple[str, ...]
    importances: FloatArray
    row_errors: FloatArray
    baseline: float
    n_rows: int

    @property
    def importances_mean(self) -> FloatArray:
        """Mean rise over the repeats, (g,)."""
        return np.asarray(self.importances.mean(axis=1))

    @property
    def importances_std(self) -> FloatArray:
        """Standard deviation over the repeats, (g,)."""
        return np.asarray(self.importances.std(axis=1))

    @property
    def standard_errors(self) -> FloatArray:
        """Standard error of the mean rise, (g,): over repeats and over rows, in quadrature."""
        repeats = self.importances.shape[1]
        over_repeats = self.importances.std(axis=1, ddof=1) / np.sqrt(repeats)
        return np.asarray(np.hypot(over_repeats, self.row_errors))


def permutation_importance(
    predict: Predictor,
    X: FloatArray,
    y: FloatArray,
    columns: Mapping[str, Sequence[int]],
    *,
    n_repeats: int = 5,
    random_state: int = 0,
) -> Importances:
    """Measure how much the mean absolute error rises when groups of columns are permuted.

    Every group meets the same permutations, so that groups are compared without their chance.

    Args:
        predict: The model. It should not have seen the rows: on its own training rows a model
            flatters the columns that it has learned by heart.
        X: Features of the rows, (n, k).
        y: Labels of the rows, in the unit of the property, (n,).
        columns: Positions of the columns of each group.
        n_repeats: Permutations of each group, at least 2.
        random_state: Seed of the permutations.

    Raises:
        InputError: There are fewer than two rows or repeats, or `y` is of another length.
    """
    if len(y) != len(X) or len(y) < 2:
        raise InputError(
            f"permutation needs at least two rows with a label each, got {len(X)} rows and "
            f"{len(y)} labels"
        )
    if n_repeats < 2:
        raise InputError(f"a standard error needs at least two repeats, got {n_repeats}")
    generator = np.random.default_rng(random_state)
    orders = np.stack([generator.permutation(len(X)) for _ in range(n_repeats)])
    error = np.abs(predict(X) - y)
    rises = np.empty((len(columns), n_repeats, len(X)))
    together = max(1, _BATCH_ROWS // (n_repeats * len(X)))
    groups = list(columns.values())
    for start in range(0, len(groups), together):
        some = groups[start : start + together]
        batch = np.broadcast_to(X, (len(some), n_repeats, *X.shape)).copy()
        for changed, positions in zip(batch, some, strict=True):
            chosen = np.asarray(positions, dtype=np.int64)
            changed[:, :, chosen] = X[orders[:, :, None], chosen]
        found = predict(batch.reshape(-1, X.shape[1])).reshape(batch.shape[:3])
        rises[start : start + together] = np.abs(found - y) - error
    over_rows = rises.mean(axis=1)
    return Importances(
        names=tuple(columns),
        importances=rises.mean(axis=2),
        row_errors=over_rows.std(axis=1, ddof=1) / np.sqrt(len(X)),
        baseline=float(error.mean()),
        n_rows=len(X),
    )
