"""Choose, calibrate and fit the model of one property, in the transformed space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from matscreen.errors import InputError
from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates import portfolio, uncertainty
from matscreen.surrogates.domain import Domain, fit_domain
from matscreen.surrogates.space import Space
from matscreen.surrogates.uncertainty import Folds, Scale

MIN_GROUPS = 20
N_SPLITS = 5

Groups = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A calibrated model and the out-of-fold rows behind it.

    Attributes:
        name: What won: a regressor, `blend`, or `constant`.
        members: Regressors whose mean is the prediction.
        estimators: Fitted regressors by name; may hold a forest that only the scale needs.
        constant: Median label.
        scale: Size of the expected error.
        quantile: Half width over size.
        domain: Applicability domain.
        distance: Out-of-fold distance of each row, (n,).
        null: Out-of-fold prediction of the constant model, (n,).
        table: Out-of-fold value, lower and upper end in the unit of the property, (n,) each.
        selection: Interval score of each model and scale that was tried.
        n_splits: Number of folds.
        fallback: Why only a constant was fitted, or None.
    """

    name: str
    members: tuple[str, ...]
    estimators: Mapping[str, Any]
    constant: float
    scale: Scale
    quantile: float
    domain: Domain
    distance: FloatArray
    null: FloatArray
    table: tuple[FloatArray, FloatArray, FloatArray]
    selection: Mapping[str, float]
    n_splits: int
    fallback: str | None


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labelled rows, ready for fitting.

    Attributes:
        X: Informative features, (n, k).
        y: Transformed labels, (n,).
        groups: Chemical systems, (n,).
    """

    X: FloatArray
    y: FloatArray
    groups: Groups

    def fit(self, name: str, rows: IntArray | None = None, *, seed: int) -> Any:
        """Fit one regressor of the portfolio to the chosen rows, or to all."""
        chosen = np.arange(len(self.y)) if rows is None else rows
        return portfolio.fit_member(name, self.X[chosen], self.y[chosen], seed=seed)


@dataclass(frozen=True, eq=False)
class _Model:
    """The parts of `Fitted` that a model and the constant fallback fill differently."""

    name: str
    members: tuple[str, ...]
    estimators: Mapping[str, Any]
    scale: Scale
    quantile: float
    center: FloatArray
    half: FloatArray
    selection: Mapping[str, float]


def grouped_folds(groups: Groups, *, seed: int, n_splits: int = N_SPLITS) -> Folds:
    """Return shuffled folds that keep every group together: (train, test) index arrays.

    Raises:
        InputError: There are fewer groups than folds.
    """
    from sklearn.model_selection import GroupKFold

    found = len(np.unique(groups))
    if found < n_splits:
        raise InputError(f"{n_splits} folds need as many chemical systems, got {found}")
    splitter = GroupKFold(n_splits, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(groups)), groups=groups))


def fit(space: Space, data: Labelled, *, seed: int) -> Fitted:
    """Fit one property; `regression.train` prepares the arguments.

    Args:
        space: Space and bounds of the property.
        data: Labelled rows.
        seed: Seed of folds and models.
    """
    y, n_groups = data.y, len(np.unique(data.groups))
    fallback = None if n_groups >= MIN_GROUPS else "few_chemical_systems"
    if n_groups == 1:
        # Rows stand in for groups: there is nothing else to hold out.
        fallback, n_groups = "one_chemical_system", len(y)
        data = replace(data, groups=np.arange(len(y)).astype(str))
    splits = N_SPLITS if fallback is None else min(n_groups, MIN_GROUPS)
    folds = grouped_folds(data.groups, seed=seed, n_splits=splits)
    null = np.empty(len(y))
    for rows, held in folds:
        null[held] = np.median(y[rows])
    constant_half = uncertainty.constant_half_width(y, np.abs(y - null), data.groups)
    domain, distance = fit_domain(data.X, folds, constant_half=constant_half)
    model = (
        _best(space, data, null, folds, seed=seed)
        if fallback is None
        else _constant(data, null, folds, constant_half)
    )
    return Fitted(
        name=model.name,
        members=model.members,
        estimators=model.estimators,
        constant=float(np.median(y)),
        scale=model.scale,
        quantile=model.quantile,
        domain=domain,
        distance=distance,
        null=null,
        table=space.interval(model.center, domain.widen(model.half, distance)),
        selection=model.selection,
        n_splits=len(folds),
        fallback=fallback,
    )


def _constant(data: Labelled, null: FloatArray, folds: Folds, constant_half: float) -> _Model:
    y, groups = data.y, data.groups
    residual = np.abs(y - null)
    half = np.empty(len(y))
    for rows, held in folds:
        half[held] = uncertainty.constant_half_width(y[rows], residual[rows], groups[rows])
    return _Model(
        name=portfolio.CONSTANT,
        members=(),
        estimators={},
        scale=Scale("constant"),
        quantile=constant_half,
        center=null,
        half=half,
        selection={},
    )


def _best(space: Space, data: Labelled, null: FloatArray, folds: Folds, *, seed: int) -> _Model:
    X, y, groups = data.X, data.y, data.groups
    names = portfolio.member_names(len(y))
    votes = {name: np.empty(len(y)) for name in names}
    spread = np.zeros(len(y))
    for rows, held in folds:
        fitted = {name: data.fit(name, rows, seed=seed) for name in names}
        for name, estimator in fitted.items():
            votes[name][held] = estimator.predict(X[held])
        spread[held] = uncertainty.spread_of(fitted, X[held])
    votes[portfolio.BLEND] = np.mean([votes[name] for name in names], axis=0)
    votes = {name: space.clip(vote) for name, vote in votes.items()}
    votes[portfolio.CONSTANT] = null

    def score(center: FloatArray, sizes: FloatArray) -> float:
        half = uncertainty.out_of_fold_half_widths(np.abs(y - center), sizes, groups, folds)
        return uncertainty.winkler_score(y, center - half, center + half)

    ones = np.ones(len(y))
    models = {name: score(vote, ones) for name, vote in votes.items()}
    name = min(models, key=models.__getitem__)
    center = votes[name]
    errors = uncertainty.Residuals(X, center, spread, np.abs(y - center))
    sizes = {
        kind: uncertainty.out_of_fold_sizes(kind, errors, folds, seed=seed)
        for kind in uncertainty.scale_kinds(len(y), forest=portfolio.EXTRA_TREES in names)
    }
    scales = {kind: score(center, size) for kind, size in sizes.items()}
    kind = min(scales, key=scales.__getitem__)
    scale = uncertainty.fit_scale(kind, errors, seed=seed)

    members = {portfolio.BLEND: names, portfolio.CONSTANT: ()}.get(name, (name,))
    needed = dict.fromkeys((*members, *((portfolio.EXTRA_TREES,) if scale.needs_forest else ())))
    return _Model(
        name=name,
        members=members,
        estimators={member: data.fit(member, seed=seed) for member in needed},
        scale=scale,
        quantile=uncertainty.conformal_quantile(errors.size / sizes[kind], groups),
        center=center,
        half=uncertainty.out_of_fold_half_widths(errors.size, sizes[kind], groups, folds),
        selection=models | {f"error {name}": value for name, value in scales.items()},
    )
