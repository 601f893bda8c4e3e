"""The classifiers that compete for a label, and how each is fitted.

All take NaN features, give the probability of every class, and run on one thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from matscreen.structures import FloatArray, IntArray

EXTRA_TREES: Final = "extra_trees"
GRADIENT_BOOSTING: Final = "gradient_boosting"
KERNEL_LOGISTIC: Final = "kernel_logistic"
BLEND: Final = "blend"
PRIOR: Final = "prior"

_FEW = 600
_KERNEL_MAX = 3000
_CENTRES = 300


def member_names(n_labels: int) -> tuple[str, ...]:
    """Return the classifiers worth their time at a number of labels."""
    names = (EXTRA_TREES, GRADIENT_BOOSTING)
    return (*names, KERNEL_LOGISTIC) if n_labels <= _KERNEL_MAX else names


def fit_members(
    names: tuple[str, ...], X: FloatArray, classes: IntArray, *, seed: int
) -> dict[str, Any]:
    """Fit classifiers to the same rows.

    Args:
        names: Of `member_names`.
        X: Features, (n, k); NaN is legal.
        classes: Class of each row as a number, (n,).
        seed: Seed of every random choice.
    """
    unknown = ~np.isfinite(X).any(axis=0)
    if unknown.any():
        # A feature that no row of this fold has: the trees cannot bin it.
        X = np.where(unknown, 0.0, X)
    makers = {
        EXTRA_TREES: _extra_trees,
        GRADIENT_BOOSTING: _gradient_boosting,
        KERNEL_LOGISTIC: _kernel_logistic,
    }
    return {name: makers[name](len(classes), seed).fit(X, classes) for name in names}


def probabilities(
    fitted: Mapping[str, Any], X: FloatArray, n_classes: int
) -> dict[str, FloatArray]:
    """Return the probability of every class by each member, (n, n_classes).

    A class that the rows of a member lacked has the probability zero.
    """
    found = {}
    for name, member in fitted.items():
        given = np.zeros((len(X), n_classes))
        given[:, np.asarray(member.classes_, dtype=np.int64)] = member.predict_proba(X)
        found[name] = given
    return found


def weighted(votes: Mapping[str, FloatArray], weights: Mapping[str, float]) -> FloatArray:
    """Return the weighted mean of the probabilities of members, (n, n_classes)."""
    return np.asarray(sum(weight * votes[name] for name, weight in weights.items()))


def models(names: tuple[str, ...]) -> dict[str, dict[str, float]]:
    """Return the weights of each model that competes: the members, and their mean."""
    single = {name: {name: 1.0} for name in names}
    return {**single, BLEND: dict.fromkeys(names, 1.0 / len(names))}


def indicator(classes: IntArray, n_classes: int) -> npt.NDArray[np.bool_]:
    """Return which class each row has, (n, n_classes)."""
    return np.asarray(classes[:, None] == np.arange(n_classes)[None, :])


def _extra_trees(n: int, seed: int) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    forest = ExtraTreesClassifier(
        n_estimators=300 if n < _FEW else 100,
        min_samples_leaf=1 if n < _FEW else 2,
        max_features=0.3,
        random_state=seed,
        n_jobs=1,
    )
    return make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), forest)


def _gradient_boosting(n: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    few = n < _FEW
    return HistGradientBoostingClassifier(
        learning_rate=0.08,
        max_iter=60 if few else 200,
        max_leaf_nodes=8 if few else 31,
        min_samples_leaf=max(3, min(10, n // 40)),
        l2_regularization=1.0,
        max_features=0.25,
        max_bins=min(255, max(32, n // 20)),
        early_stopping=False,
        random_state=seed,
    )


def _kernel_logistic(n: int, seed: int) -> Any:
    """Logistic regression on a kernel's distances to at most 300 rows (Nyström)."""
    from sklearn.impute import SimpleImputer
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(
        SimpleImputer(strategy="median", keep_empty_features=True),
        StandardScaler(),
        # By default the kernel's width is that of as many standardised columns.
        Nystroem(kernel="rbf", n_components=min(_CENTRES, n), random_state=seed),
        LogisticRegression(C=3.0, max_iter=300),
    )
