"""Choose, calibrate and fit the model of one property, in the transformed space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from matscreen.errors import InputError
from matscreen.structures import FloatArray
from matscreen.surrogates import portfolio, uncertainty
from matscreen.surrogates.domain import (
    Domain,
    Landmarks,
    constant_domain,
    fit_domain,
    held_out_elements,
    out_of_fold_distance,
)
from matscreen.surrogates.extrapolation import Narrowing, extrapolate
from matscreen.surrogates.kernel import KernelSettings, choose_settings
from matscreen.surrogates.metric import ROUNDS, learn_metric
from matscreen.surrogates.space import Space
from matscreen.surrogates.uncertainty import Calibration, Folds, Parts, Rows, Scale

MIN_GROUPS = 20

_NO_METRIC_BELOW = 200
NARROWED_FROM = 500
"""Labels from which intervals are narrowed by what the model of all rows knows more than those of
the folds. With few labels the promise of conformal intervals, without that, is worth more."""
_SIZE_COLUMNS = 32

Groups = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class OutOfFoldRows:
    """Out-of-fold predictions of the labelled rows, (n,) each, transformed space.

    Attributes:
        center: Predictions.
        half: Half widths at every level of `uncertainty.LEVELS`, widened outside the domain,
            (levels, n).
        null: Predictions of the constant model.
        distance: Distance to the rows of the other folds.
    """

    center: FloatArray
    half: FloatArray
    null: FloatArray
    distance: FloatArray


@dataclass(frozen=True, eq=False)
class Fitted:
    """A calibrated model and the out-of-fold rows behind it.

    Attributes:
        name: What won: a regressor, `blend`, `stack` or `constant`.
        weights: Weight of each regressor in the prediction; none for a constant.
        estimators: Fitted regressors by name; those without a weight still tell the disagreement.
        constant: Median label.
        scale: Size of the expected error.
        calibration: Half width over expected error, of the model of all rows.
        parts: Split of the variance.
        domain: Applicability domain.
        out_of_fold: Out-of-fold rows.
        selection: Interval score of each model and scale that was tried.
        n_splits: Number of folds.
        fallback: Why only a constant was fitted, or None.
        narrowing: Error of the model of all rows over that of the folds.
        extrapolation: What was measured on left-out elements and on fewer labels.
    """

    name: str
    weights: Mapping[str, float]
    estimators: Mapping[str, Any]
    constant: float
    scale: Scale
    calibration: Calibration
    parts: Parts
    domain: Domain
    out_of_fold: OutOfFoldRows
    selection: Mapping[str, float]
    n_splits: int
    fallback: str | None
    narrowing: Narrowing
    extrapolation: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labelled rows, ready for fitting.

    Attributes:
        X: Informative features, (n, k).
        y: Transformed labels, (n,).
        groups: Chemical systems, (n,).
        ion_columns: Columns that name the ion of a site.
    """

    X: FloatArray
    y: FloatArray
    groups: Groups
    ion_columns: tuple[int, ...] = ()


def _n_splits(n_labels: int) -> int:
    """Return the number of folds: ten where a tenth of the labels is felt, fewer where time is."""
    return 10 if n_labels < 2000 else 5 if n_labels < 5000 else 3


def grouped_folds(groups: Groups, *, seed: int, n_splits: int = 5) -> Folds:
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
    elif fallback is None and np.ptp(y) == 0.0:
        fallback = "constant_labels"
    splits = _n_splits(len(y))
    if fallback is not None:
        splits = min(n_groups, MIN_GROUPS)
    folds = grouped_folds(data.groups, seed=seed, n_splits=splits)
    null = np.empty(len(y))
    for rows, held in folds:
        null[held] = np.median(y[rows])
    if fallback is None:
        return _fit_model(space, data, null, folds, seed=seed)
    return _fit_constant(data, null, folds, fallback, seed=seed)


def _fit_constant(
    data: Labelled, null: FloatArray, folds: Folds, fallback: str, *, seed: int
) -> Fitted:
    y, groups = data.y, data.groups
    residual = np.abs(y - null)
    half = np.empty((len(uncertainty.LEVELS), len(y)))
    for rows, held in folds:
        width = uncertainty.constant_half_width(y[rows], residual[rows], groups[rows])
        half[:, held] = Calibration.of_constant(width).factors
    constant_half = uncertainty.constant_half_width(y, residual, groups)
    metric = learn_metric(data.X, y, rounds=0, seed=seed)
    landmarks, drawn = Landmarks.draw(metric, data.X, seed=seed)
    distance = out_of_fold_distance(landmarks, drawn, data.X, folds)
    domain = constant_domain(landmarks, distance, constant_half)
    return Fitted(
        name=portfolio.CONSTANT,
        weights={},
        estimators={},
        constant=float(np.median(y)),
        scale=Scale("constant"),
        calibration=Calibration.of_constant(constant_half),
        parts=Parts(),
        domain=domain,
        out_of_fold=OutOfFoldRows(null, _widened(domain, half, distance), null, distance),
        selection={},
        n_splits=len(folds),
        fallback=fallback,
        narrowing=Narrowing(),
        extrapolation={},
    )


def _fit_model(
    space: Space, data: Labelled, null: FloatArray, folds: Folds, *, seed: int
) -> Fitted:
    X, y, groups = data.X, data.y, data.groups
    names = portfolio.member_names(len(y))
    settings = choose_settings(X, y, groups, ion_columns=data.ion_columns, seed=seed)
    votes, spread = _out_of_fold_votes(data, names, folds, settings, seed=seed)
    constant_half = uncertainty.constant_half_width(y, np.abs(y - null), groups)
    metric = learn_metric(X, y, rounds=ROUNDS if len(y) >= _NO_METRIC_BELOW else 0, seed=seed)
    metric = metric.with_ions(X, settings.ion_columns, settings.apart)
    landmarks, drawn = Landmarks.draw(metric, X, seed=seed)
    distance = out_of_fold_distance(landmarks, drawn, X, folds)

    def score(center: FloatArray, sizes: FloatArray) -> float:
        half = uncertainty.out_of_fold_half_widths(np.abs(y - center), sizes, groups, folds)
        return uncertainty.winkler_score(y, center - half, center + half)

    weights = _combinations(votes, y)
    centers = {name: space.clip(_weighted(votes, each)) for name, each in weights.items()}
    centers[portfolio.CONSTANT] = null
    ones = np.ones(len(y))
    models = {name: score(center, ones) for name, center in centers.items()}
    name = min(models, key=models.__getitem__)
    center, chosen = centers[name], weights.get(name, {})

    residual = np.abs(y - center)
    rows = Rows(X, center, spread, distance)
    columns = metric.leading(_SIZE_COLUMNS)
    kinds = uncertainty.scale_kinds(len(y)) if chosen else ("constant",)
    sizes = {
        kind: uncertainty.out_of_fold_sizes(kind, rows, residual, folds, columns=columns, seed=seed)
        for kind in kinds
    }
    scales = {kind: score(center, size) for kind, size in sizes.items()}
    kind = min(scales, key=scales.__getitem__)
    half = uncertainty.out_of_fold_calibrated(residual, sizes[kind], groups, folds)
    found = extrapolate(
        X,
        y,
        groups,
        half=half[_AT_LEVEL],
        sizes=sizes[kind],
        landmarks=landmarks,
        landmark_rows=drawn,
        settings=settings,
        n_splits=len(folds),
        seed=seed,
    )
    domain = fit_domain(landmarks, distance, found.left_out, constant_half=constant_half)
    calibration = uncertainty.calibrate(residual, sizes[kind], groups)
    return Fitted(
        name=name,
        weights=chosen,
        estimators=portfolio.fit_members(names, X, y, groups, settings=settings, seed=seed)
        if chosen
        else {},
        constant=float(np.median(y)),
        scale=uncertainty.fit_scale(kind, rows, residual, columns=columns, seed=seed),
        calibration=calibration.scaled(found.narrowing.at(calibration.centers))
        if chosen and len(y) >= NARROWED_FROM
        else calibration,
        parts=uncertainty.fit_parts(residual, spread),
        domain=domain,
        out_of_fold=OutOfFoldRows(center, _widened(domain, half, distance), null, distance),
        selection=models | {f"error {name}": value for name, value in scales.items()},
        n_splits=len(folds),
        fallback=None,
        narrowing=found.narrowing,
        extrapolation={
            "held_out_elements": held_out_elements(domain, found.left_out),
            "error_of_all_rows_over_out_of_fold": found.narrowing.overall,
            "error_after_doubling_labels": found.doubling_factor,
        },
    )


_AT_LEVEL = int(np.argmin(np.abs(uncertainty.LEVELS - uncertainty.LEVEL)))


def _out_of_fold_votes(
    data: Labelled,
    names: tuple[str, ...],
    folds: Folds,
    settings: KernelSettings,
    *,
    seed: int,
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Return out-of-fold predictions of every member, and their disagreement, (n,) each."""
    votes = {name: np.empty(len(data.y)) for name in names}
    spread = np.empty(len(data.y))
    for rows, held in folds:
        fitted = portfolio.fit_members(
            names,
            data.X[rows],
            data.y[rows],
            data.groups[rows],
            settings=settings,
            seed=seed,
            n_labels=len(data.y),
        )
        found = portfolio.member_votes(fitted, data.X[held])
        spread[held] = portfolio.disagreement(fitted, data.X[held], found)
        for name, vote in found.items():
            votes[name][held] = vote
    return votes, spread


def _combinations(votes: Mapping[str, FloatArray], y: FloatArray) -> dict[str, dict[str, float]]:
    """Return the weights of each model that competes: members, their mean, their best mixture."""
    models = {name: {name: 1.0} for name in votes}
    models[portfolio.BLEND] = dict.fromkeys(votes, 1.0 / len(votes))
    models[portfolio.STACK] = portfolio.stacking_weights(votes, y)
    return models


def _weighted(votes: Mapping[str, FloatArray], weights: Mapping[str, float]) -> FloatArray:
    return np.asarray(sum(weight * votes[name] for name, weight in weights.items()))


def _widened(domain: Domain, half: FloatArray, distance: FloatArray) -> FloatArray:
    return np.stack([domain.widen(row, distance) for row in half])
