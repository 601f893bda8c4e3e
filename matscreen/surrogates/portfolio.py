"""The regressors that compete for a property, and how each is fitted.

All work in the transformed space of the property, take NaN features, and run on one thread.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from matscreen.structures import FloatArray

GRADIENT_BOOSTING = "gradient_boosting"
EXTRA_TREES = "extra_trees"
GAUSSIAN_PROCESS = "gaussian_process"
BLEND = "blend"
CONSTANT = "constant"

_MANY = 2000
"""Labels from which longer boosting pays: on 6,000 heats of formation of perovskites the error
falls from 0.18 to 0.13 eV, for six times the time."""
_GAUSSIAN_PROCESS_MAX = 300
_EXTRA_TREES_MAX = 20_000


def member_names(n_labels: int) -> tuple[str, ...]:
    """Return the regressors worth their time at a number of labels.

    A Gaussian process costs n^3 and leads only with few labels; extremely randomised trees cost
    memory and stop paying beyond a few thousand.
    """
    names = [GRADIENT_BOOSTING]
    if n_labels <= _EXTRA_TREES_MAX:
        names.append(EXTRA_TREES)
    if n_labels <= _GAUSSIAN_PROCESS_MAX:
        names.append(GAUSSIAN_PROCESS)
    return tuple(names)


def fit_member(name: str, X: FloatArray, y: FloatArray, *, seed: int) -> Any:
    """Fit one regressor.

    Labels are not weighed by their uncertainty: it is mostly the method's own error and grows with
    the value, so weights would teach a model that values are small (tried: they cost a third of
    the explained variance of the spontaneous polarization and doubled the bias at its upper end).

    Args:
        name: One of `member_names`.
        X: Features, (n, k); NaN is legal.
        y: Transformed labels, (n,).
        seed: Seed of every random choice.
    """
    unknown = ~np.isfinite(X).any(axis=0)
    if unknown.any():
        # A feature that no row of this fold has: the trees cannot bin it.
        X = np.where(unknown, 0.0, X)
    if name == GAUSSIAN_PROCESS:
        return _fit_gaussian_process(X, y, seed=seed)
    if name == EXTRA_TREES:
        return _extra_trees(len(y), seed).fit(X, y)
    return _gradient_boosting(len(y), seed).fit(X, y)


def one_thread() -> Any:
    """Return a context in which every numerical library uses one thread.

    Results then do not depend on the number of cores, and gradient boosting does not spin for
    cores that other processes hold (ten times slower when measured). A library loaded later would
    escape the limit, so scikit-learn's are loaded first.
    """
    import sklearn.ensemble
    import sklearn.gaussian_process
    import sklearn.neighbors  # noqa: F401
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def tree_spread(forest: Any, X: FloatArray) -> FloatArray:
    """Return the standard deviation of the predictions of the trees of a forest, (n,)."""
    rounded = np.ascontiguousarray(X, dtype=np.float32)
    votes = np.stack([tree.predict(rounded) for tree in forest.estimators_])
    return np.asarray(votes.std(axis=0), dtype=np.float64)


def fit_residual_size(X: FloatArray, size: FloatArray, *, seed: int) -> Any:
    """Fit a forest with large leaves that predicts the size of an out-of-fold residual.

    A leaf average of absolute residuals is positive and bounded by the data, so that no
    exponential of an extrapolated logarithm can blow an interval up.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    return ExtraTreesRegressor(
        n_estimators=30,
        min_samples_leaf=max(5, len(size) // 60),
        max_features=0.3,
        random_state=seed,
        n_jobs=1,
    ).fit(X, size)


def standardise(X: FloatArray, *, n_components: int | None = None) -> Any:
    """Fit a pipeline: impute medians, standardise, optionally keep the leading components."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline

    steps = _impute_and_scale()
    if n_components is not None:
        steps.append(PCA(n_components, svd_solver="full"))
    return make_pipeline(*steps).fit(X)


def _gradient_boosting(n: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    few, many = n < 250, n >= _MANY
    return HistGradientBoostingRegressor(
        learning_rate=0.05 if many else 0.1 if few else 0.08,
        max_iter=800 if many else 80 if few else 150,
        max_leaf_nodes=31 if many else 8 if few else 15,
        min_samples_leaf=10 if many else max(3, min(20, n // 20)),
        l2_regularization=1.0,
        max_features=0.3 if many else 0.2,
        # Split finding over empty bins is most of the time with few rows; accuracy is the same.
        max_bins=min(255, max(32, n // 20)),
        early_stopping=False,
        random_state=seed,
    )


def _extra_trees(n: int, seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesRegressor

    few = n < 600
    return ExtraTreesRegressor(
        n_estimators=100 if few else 40,
        min_samples_leaf=1 if few else 2,
        max_features=0.3,
        random_state=seed,
        n_jobs=1,
    )


def _fit_gaussian_process(X: FloatArray, y: FloatArray, *, seed: int) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
    from sklearn.pipeline import make_pipeline

    # The distance between two standardised rows grows with the square root of the columns.
    length = float(np.sqrt(X.shape[1]))
    kernel = ConstantKernel(1.0, (1e-2, 1e3)) * Matern(
        length, (0.05 * length, 100.0 * length), nu=2.5
    ) + WhiteKernel(0.1, (1e-5, 1e1))
    model = make_pipeline(
        *_impute_and_scale(),
        GaussianProcessRegressor(kernel, alpha=1e-8, normalize_y=True, random_state=seed),
    )
    with warnings.catch_warnings():
        # A hyperparameter at its bound is an answer, not a failure.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y)


def _impute_and_scale() -> list[Any]:
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    # A column without a value in one fold must not change the number of columns.
    return [SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler()]
