"""The regressors of a surrogate, with their settings, fitted to other rows."""

from __future__ import annotations

import numpy as np

from matscreen.structures import FloatArray
from matscreen.surrogates.importance import Predictor
from matscreen.surrogates.portfolio import one_thread
from matscreen.surrogates.regression import Surrogate
from matscreen.surrogates.space import Space


def refit(surrogate: Surrogate, X: FloatArray, y: FloatArray) -> Predictor:
    """Fit what a surrogate predicts with to other rows, without choosing or calibrating anew.

    A full training would choose the regressors again by cross-validation, for about ten times the
    time; here only their trees or weights are learned anew.

    Args:
        surrogate: Where the regressors and their settings come from.
        X: Features of the rows, (n, k), in the order that `surrogate.predict` takes.
        y: Labels in the unit of the property, (n,).

    Returns:
        From features, (m, k), to values in the unit of the property, (m,).
    """
    from sklearn.base import clone

    space = Space.of(surrogate.property)
    used = surrogate.columns
    # A feature that none of these rows has: trees cannot bin it.
    absent = ~np.isfinite(X[:, used]).any(axis=0)

    def features(rows: FloatArray) -> FloatArray:
        return np.where(absent, 0.0, rows[:, used])

    target = space.forward(y)
    with one_thread():
        fitted = [
            (weight, clone(surrogate.estimators[name]).fit(features(X), target))
            for name, weight in surrogate.weights.items()
        ]

    def predict(rows: FloatArray) -> FloatArray:
        given = features(rows)
        if not fitted:
            return space.backward(np.full(len(rows), np.median(target)))
        with one_thread():
            votes = [weight * regressor.predict(given) for weight, regressor in fitted]
        return space.backward(np.sum(votes, axis=0))

    return predict
