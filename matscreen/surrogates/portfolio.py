"""The regressors that compete for a property, and how each is fitted.

All work in the transformed space of the property, take NaN features, and run on one thread.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates.metric import learn_metric

GRADIENT_BOOSTING = "gradient_boosting"
EXTRA_TREES = "extra_trees"
KERNEL = "kernel"
BLEND = "blend"
STACK = "stack"
CONSTANT = "constant"

_MANY, _LARGE = 2000, 5000
"""Labels from which larger trees pay, and from which they cost more than they bring."""
_KERNEL_MAX = 10_000
_STACKING_ROUNDS = 20
_LEADING, _LEADING_LARGE, _LEADING_EXTRA = 96, 48, 64

Systems = npt.NDArray[np.str_]


def member_names(n_labels: int) -> tuple[str, ...]:
    """Return the regressors worth their time at a number of labels.

    Kernel regression costs n^3; extremely randomised trees stop paying from 5,000 labels (0.20
    against 0.12 eV on 6,000 heats of formation of perovskites).
    """
    names = [GRADIENT_BOOSTING]
    if n_labels <= _KERNEL_MAX:
        names.append(KERNEL)
    if n_labels < _LARGE or n_labels > _KERNEL_MAX:
        names.append(EXTRA_TREES)
    return tuple(names)


def fit_members(
    names: tuple[str, ...],
    X: FloatArray,
    y: FloatArray,
    groups: Systems,
    *,
    settings: Any,
    seed: int,
    n_labels: int | None = None,
) -> dict[str, Any]:
    """Fit regressors to the same rows; `member_votes` predicts with them.

    Between 2,000 and 5,000 labels the trees are given one feature more, what the kernel regression
    says of a row when its chemical system is left out: they learn where it errs (0.537 against
    0.556 eV for the best mixture on 4,600 vacancy energies). With fewer labels that changes
    nothing, with more the inversion costs more than it brings.

    Labels are not weighed by their uncertainty: it is mostly the method's own error and grows with
    the value, so weights would teach a model that values are small (tried: they cost a third of
    the explained variance of the spontaneous polarization and doubled the bias at its upper end).
    Kernel regression gives outlying labels more noise where that pays.

    Args:
        names: Of `member_names`.
        X: Features, (n, k); NaN is legal.
        y: Transformed labels, (n,).
        groups: Chemical systems, (n,).
        settings: `kernel.KernelSettings` of the kernel regression.
        seed: Seed of every random choice.
        n_labels: Labels of the property, by which the trees are sized: a fold gets the trees of
            the whole. The number of rows by default.
    """
    unknown = ~np.isfinite(X).any(axis=0)
    if unknown.any():
        # A feature that no row of this fold has: the trees cannot bin it.
        X = np.where(unknown, 0.0, X)
    n = n_labels or len(y)
    fitted: dict[str, Any] = {}
    metric = None
    given = X
    if KERNEL in names:
        from matscreen.surrogates.kernel import MaternKernelRidge

        kernel = MaternKernelRidge(**asdict(settings), seed=seed)
        if _MANY <= n < _LARGE:
            given = np.column_stack([X, kernel.fit_held_out(X, y, groups)])
        else:
            kernel.fit(X, y)
        fitted[KERNEL] = kernel
        metric = kernel.metric_
    elif n >= _MANY:
        metric = learn_metric(X, y, seed=seed)

    def leading(estimator: Any, count: int) -> Any:
        if n < _MANY or metric is None:
            return estimator
        told = np.arange(X.shape[1], given.shape[1])
        return _on_columns(estimator, np.append(metric.leading(count), told))

    for name in names:
        if name == EXTRA_TREES:
            fitted[name] = leading(_extra_trees(n, seed), _LEADING_EXTRA).fit(given, y)
        elif name == GRADIENT_BOOSTING:
            count = _LEADING if n < _LARGE else _LEADING_LARGE
            fitted[name] = leading(_gradient_boosting(n, seed), count).fit(given, y)
    return fitted


def refit_members(
    fitted: Mapping[str, Any],
    names: Iterable[str],
    X: FloatArray,
    y: FloatArray,
    groups: Systems,
) -> dict[str, Any]:
    """Fit some regressors, with the settings of fitted ones, to other rows.

    Args:
        fitted: From `fit_members`.
        names: Those that are wanted; the kernel regression comes along where it tells them.
        X: Features, (n, k), as many as before; every column needs a known value.
        y: Transformed labels, (n,).
        groups: Chemical systems, (n,).
    """
    from sklearn.base import clone

    wanted = {name: fitted[name] for name in names}
    told = {name for name, estimator in wanted.items() if name != KERNEL and _is_told(estimator, X)}
    again: dict[str, Any] = {}
    given = X
    if told:
        again[KERNEL] = clone(fitted[KERNEL])
        given = np.column_stack([X, again[KERNEL].fit_held_out(X, y, groups)])
    for name, estimator in wanted.items():
        if name not in again:
            again[name] = clone(estimator).fit(given if name in told else X, y)
    return again


def member_votes(fitted: Mapping[str, Any], X: FloatArray) -> dict[str, FloatArray]:
    """Return what each regressor predicts, (n,) each.

    Args:
        fitted: From `fit_members`.
        X: Features, (n, k).
    """
    votes: dict[str, FloatArray] = {}
    if KERNEL in fitted:
        votes[KERNEL] = fitted[KERNEL].predict(X)
    for name, estimator in fitted.items():
        if name != KERNEL:
            votes[name] = estimator.predict(_seen(estimator, X, votes))
    return votes


def disagreement(
    fitted: Mapping[str, Any], X: FloatArray, votes: Mapping[str, FloatArray]
) -> FloatArray:
    """Return how much the members disagree, with the trees of a forest among them, (n,).

    The root of the variance over members plus the variance over trees.

    Args:
        fitted: From `fit_members`.
        X: Features, (n, k).
        votes: From `member_votes`.
    """
    if not votes:
        return np.zeros(len(X))
    variance = np.stack(list(votes.values())).var(axis=0)
    forest = fitted.get(EXTRA_TREES)
    if forest is not None:
        variance = variance + np.square(tree_spread(forest, _seen(forest, X, votes)))
    return np.asarray(np.sqrt(variance), dtype=np.float64)


def _seen(estimator: Any, X: FloatArray, votes: Mapping[str, FloatArray]) -> FloatArray:
    """Return what trees take: the features, and what the kernel regression says if they know it."""
    return np.column_stack([X, votes[KERNEL]]) if _is_told(estimator, X) else X


def _is_told(estimator: Any, X: FloatArray) -> bool:
    """Say whether trees were given what the kernel regression says, beside the features."""
    return bool(estimator.n_features_in_ > X.shape[1])


def stacking_weights(votes: Mapping[str, FloatArray], y: FloatArray) -> dict[str, float]:
    """Return the non-negative weights of sum one with the least absolute out-of-fold error.

    Non-negative least squares, reweighed until the errors themselves count (Schlossmacher 1973):
    squares would let a few broken labels choose (0.561 against 0.567 eV on vacancies).

    Args:
        votes: Out-of-fold predictions of each member, (n,).
        y: Transformed labels, (n,).
    """
    from scipy.optimize import nnls

    inputs = np.column_stack([vote - y for vote in votes.values()])
    least = 1e-2 * float(np.abs(inputs).mean()) + 1e-12
    found = np.full(inputs.shape[1], 1.0 / inputs.shape[1])
    for _ in range(_STACKING_ROUNDS):
        error = np.abs(inputs @ (found / found.sum()))
        weighed = inputs / np.sqrt(np.maximum(error, least))[:, None]
        # A heavy last row holds the sum at one.
        heavy = 1e3 * float(np.linalg.norm(weighed)) + 1.0
        found, _ = nnls(
            np.vstack([weighed, np.full(len(votes), heavy)]), np.append(np.zeros(len(y)), heavy)
        )
    return {
        name: float(weight)
        for name, weight in zip(votes, found / found.sum(), strict=True)
        if weight > 1e-6
    }


def one_thread() -> Any:
    """Return a context in which every numerical library uses one thread.

    Results then do not depend on the number of cores, and gradient boosting does not spin for
    cores that other processes hold (ten times slower when measured). A library loaded later would
    escape the limit, so scikit-learn's are loaded first.
    """
    import sklearn.ensemble
    import sklearn.neighbors  # noqa: F401
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def tree_spread(forest: Any, X: FloatArray) -> FloatArray:
    """Return the standard deviation of the predictions of the trees of a forest, (n,)."""
    if hasattr(forest, "steps"):
        choice, forest = (step for _, step in forest.steps)
        X = choice.transform(X)
    rounded = np.ascontiguousarray(X, dtype=np.float32)
    votes = np.stack([tree.predict(rounded) for tree in forest.estimators_])
    return np.asarray(votes.std(axis=0), dtype=np.float64)


def fit_residual_size(X: FloatArray, size: FloatArray, *, seed: int) -> Any:
    """Fit small boosted trees that predict the size of an out-of-fold residual.

    Gamma deviance with a logarithmic link suits a positive scale (zeros count as a hundredth of the
    median); leaves with many rows keep the extremes within the data.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    floor = max(0.01 * typical_size(size), 1e-12)
    return HistGradientBoostingRegressor(
        loss="gamma",
        learning_rate=0.08,
        max_iter=60,
        max_leaf_nodes=8,
        min_samples_leaf=max(15, len(size) // 60),
        max_bins=64,
        l2_regularization=5.0,
        max_features=0.5,
        early_stopping=False,
        random_state=seed,
    ).fit(X, np.maximum(size, floor))


def typical_size(size: FloatArray) -> float:
    """Return the median of absolute residuals; a tenth of the mean where most of them are zero."""
    return float(np.median(size)) or 0.1 * float(np.mean(size))


def _on_columns(estimator: Any, columns: IntArray) -> Any:
    """Return an estimator that sees some columns only."""
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import make_pipeline

    return make_pipeline(ColumnTransformer([("leading", "passthrough", columns)]), estimator)


def _gradient_boosting(n: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    if n < 250:
        rate, rounds, leaves, least, share = 0.1, 80, 8, max(3, n // 20), 0.2
    elif n < _MANY:
        rate, rounds, leaves, least, share = 0.08, 150, 15, min(20, n // 20), 0.2
    elif n < _LARGE:
        # 0.57 against 0.58 eV on 3,700 vacancy energies, in a blend with kernel regression.
        rate, rounds, leaves, least, share = 0.08, 250, 64, 3, 0.3
    else:
        # As good in the blend as 250 rounds of 31 leaves on 96 columns, at a third of the time.
        rate, rounds, leaves, least, share = 0.2, 150, 31, 10, 0.3
    return HistGradientBoostingRegressor(
        learning_rate=rate,
        max_iter=rounds,
        max_leaf_nodes=leaves,
        min_samples_leaf=least,
        l2_regularization=1.0,
        max_features=share,
        # Split finding over empty bins is most of the time with few rows; accuracy is the same.
        max_bins=min(255, max(32, n // 20)),
        early_stopping=False,
        random_state=seed,
    )


def _extra_trees(n: int, seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesRegressor

    if n < 600:
        trees, least, share = 100, 1, 0.3
    elif n < _MANY:
        trees, least, share = 40, 2, 0.3
    else:
        trees, least, share = 60, 1, 0.4
    return ExtraTreesRegressor(
        n_estimators=trees,
        min_samples_leaf=least,
        max_features=share,
        random_state=seed,
        n_jobs=1,
    )
