"""The regressors of a surrogate, with their settings, fitted to other rows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from matscreen.structures import FloatArray
from matscreen.surrogates.class_members import fit_members, probabilities, weighted
from matscreen.surrogates.hurdle import ON_BOUND, Hurdle
from matscreen.surrogates.importance import Predictor
from matscreen.surrogates.portfolio import member_votes, one_thread, refit_members
from matscreen.surrogates.prediction import BoolArray
from matscreen.surrogates.space import Space
from matscreen.surrogates.surrogate import Surrogate


def refit(
    surrogate: Surrogate, X: FloatArray, y: FloatArray, groups: npt.NDArray[np.str_]
) -> Predictor:
    """Fit what a surrogate predicts with to other rows, without choosing or calibrating anew.

    A full training would choose the regressors again by cross-validation, for about ten times the
    time; here only their trees or weights are learned anew.

    Of a surrogate with a hurdle the classifier too is fitted anew, and the value is that of the
    side of the bound that is the likelier one.

    Args:
        surrogate: Where the regressors and their settings come from.
        X: Features of the rows, (n, k), in the order that `surrogate.predict` takes.
        y: Labels in the unit of the property, (n,).
        groups: Chemical systems, (n,).

    Returns:
        From features, (m, k), to values in the unit of the property, (m,).
    """
    space = Space.of(surrogate.property)
    used = surrogate.columns
    off_bound = None
    if surrogate.hurdle is not None:
        off_bound = _refit_hurdle(surrogate.hurdle, X, y)
        off = y > space.lower
        X, y, groups = X[off], y[off], groups[off]
    # A feature that none of these rows has: trees cannot bin it.
    absent = ~np.isfinite(X[:, used]).any(axis=0)

    def features(rows: FloatArray) -> FloatArray:
        return np.where(absent, 0.0, rows[:, used])

    target = space.forward(y)
    with one_thread():
        fitted = refit_members(surrogate.estimators, surrogate.weights, features(X), target, groups)

    def predict(rows: FloatArray) -> FloatArray:
        given = features(rows)
        if not fitted:
            return space.backward(np.full(len(rows), np.median(target)))
        with one_thread():
            votes = member_votes(fitted, given)
        weighed = [weight * votes[name] for name, weight in surrogate.weights.items()]
        found = space.backward(np.sum(weighed, axis=0))
        return found if off_bound is None else np.where(off_bound(rows), found, space.lower)

    return predict


def _refit_hurdle(
    hurdle: Hurdle, X: FloatArray, y: FloatArray
) -> Callable[[FloatArray], BoolArray]:
    """Fit the classifiers of a hurdle to other rows; return what says which rows are off the bound.

    Their probabilities are calibrated as those of the hurdle are.
    """
    chance = hurdle.chance
    columns, names = chance.columns, tuple(chance.weights)
    on = chance.classes.index(ON_BOUND)
    classes = np.where(y > hurdle.bound, 1 - on, on)
    with one_thread():
        fitted = fit_members(names, X[:, columns], classes, seed=0)

    def off_bound(rows: FloatArray) -> BoolArray:
        with one_thread():
            votes = probabilities(fitted, rows[:, columns], len(chance.classes))
        if chance.calibrator is None:
            return np.full(len(rows), chance.prior[on] < 0.5)
        p = chance.calibrator.apply(weighted(votes, chance.weights))
        return np.asarray(p[:, on] < 0.5)

    return off_bound
