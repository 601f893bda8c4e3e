"""Choose, calibrate and fit the classifier of one label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates import class_calibration, class_members
from matscreen.surrogates.class_calibration import Calibrator
from matscreen.surrogates.domain import Domain, Landmarks, constant_domain, out_of_fold_distance
from matscreen.surrogates.metric import ROUNDS, Metric, learn_metric
from matscreen.surrogates.prediction import BoolArray
from matscreen.surrogates.uncertainty import LEVEL, LEVELS, Folds

MIN_GROUPS: Final = 20
N_SPLITS: Final = 5
AT_LEVEL: Final = int(np.argmin(np.abs(LEVELS - LEVEL)))

_NO_METRIC_BELOW = 200
_MATURED_FROM = 500
"""Labels from which a calibration is drawn from folds to all labels, as intervals are."""

Groups = npt.NDArray[np.str_]


@dataclass(frozen=True, eq=False)
class ClassRows:
    """Out-of-fold classes of the labelled rows.

    Attributes:
        p: Calibrated probabilities, (n, n_classes).
        sets: Classes in the 90 % prediction set, (n, n_classes).
        distance: Distance to the rows of the other folds, (n,).
        null: Share of each class among the rows of the other folds, (n, n_classes).
    """

    p: FloatArray
    sets: BoolArray
    distance: FloatArray
    null: FloatArray


@dataclass(frozen=True, eq=False)
class FittedClasses:
    """A calibrated classifier and the out-of-fold rows behind it.

    Attributes:
        name: What won: a classifier, `blend` or `prior`.
        weights: Weight of each classifier; none for the shares of the classes alone.
        estimators: Fitted classifiers by name.
        calibrator: From their probabilities to calibrated ones; None without classifiers.
        prior: Share of each class, (n_classes,).
        quantiles: Largest score of a class in the set, at every level of `uncertainty.LEVELS`.
        domain: Applicability domain.
        out_of_fold: Out-of-fold rows.
        selection: Log loss of each model and calibration that was tried.
        n_splits: Number of folds.
        fallback: Why only the shares are predicted, or None.
    """

    name: str
    weights: Mapping[str, float]
    estimators: Mapping[str, Any]
    calibrator: Calibrator | None
    prior: FloatArray
    quantiles: FloatArray
    domain: Domain
    out_of_fold: ClassRows
    selection: Mapping[str, float]
    n_splits: int
    fallback: str | None


def fit_classes(
    X: FloatArray, classes: IntArray, groups: Groups, n_classes: int, *, seed: int
) -> FittedClasses:
    """Fit one label; `classification.train_classifier` prepares the arguments.

    Args:
        X: Informative features, (n, k).
        classes: Class of each row as a number, (n,).
        groups: Chemical systems, (n,).
        n_classes: Number of classes.
        seed: Seed of folds and models.
    """
    n_groups = len(np.unique(groups))
    fallback = None if n_groups >= MIN_GROUPS else "few_chemical_systems"
    if n_groups == 1:
        # Rows stand in for groups: there is nothing else to hold out.
        fallback, groups = "one_chemical_system", np.arange(len(classes)).astype(str)
    folds = stratified_folds(classes, groups, seed=seed)
    null = np.empty((len(classes), n_classes))
    for rows, held in folds:
        null[held] = shares(classes[rows], n_classes)
    selection: dict[str, float] = {"prior": class_calibration.log_loss(null, classes)}
    votes: dict[str, FloatArray] = {}
    chosen: tuple[str, str] | None = None
    p = null
    names = class_members.member_names(len(classes))
    models = class_members.models(names)
    if fallback is None:
        votes = _out_of_fold_votes(X, classes, n_classes, names, folds, seed=seed)
        best = selection["prior"]
        for name, weights in models.items():
            raw = class_members.weighted(votes, weights)
            for kind in class_calibration.calibrator_kinds(len(classes)):
                found = class_calibration.cross_calibrated(kind, raw, classes, folds)
                loss = class_calibration.log_loss(found, classes)
                selection[f"{name}, {kind}"] = loss
                if loss < best:
                    best, chosen, p = loss, (name, kind), found
    weights = models[chosen[0]] if chosen else {}
    domain, distance = _domain(X, classes, n_classes, folds, seed=seed)
    sets = class_calibration.out_of_fold_sets(p, classes, groups, folds, level=AT_LEVEL)
    return FittedClasses(
        name=chosen[0] if chosen else class_members.PRIOR,
        weights=weights,
        estimators=class_members.fit_members(tuple(weights), X, classes, seed=seed),
        calibrator=_calibrator(
            chosen[1], X, classes, groups, votes, weights, n_splits=len(folds), seed=seed
        )
        if chosen
        else None,
        prior=shares(classes, n_classes),
        quantiles=class_calibration.set_quantiles(p, classes, groups),
        domain=domain,
        out_of_fold=ClassRows(p, sets, distance, null),
        selection=selection,
        n_splits=len(folds),
        fallback=fallback,
    )


def _calibrator(
    kind: str,
    X: FloatArray,
    classes: IntArray,
    groups: Groups,
    votes: Mapping[str, FloatArray],
    weights: Mapping[str, float],
    *,
    n_splits: int,
    seed: int,
) -> Calibrator:
    """Return the calibration of the chosen model, for the many labels that it has in the end."""
    p = class_members.weighted(votes, weights)
    calibrator = class_calibration.fit_calibrator(kind, p, classes)
    if len(classes) < _MATURED_FROM or n_splits <= 2:
        return calibrator
    halves = stratified_folds(classes, groups, most=2, seed=seed)
    of_half = class_members.weighted(
        _out_of_fold_votes(X, classes, p.shape[1], tuple(weights), halves, seed=seed), weights
    )
    power = class_calibration.power_of_all_labels(p, of_half, classes, n_splits=n_splits)
    return replace(calibrator, power=power)


def stratified_folds(
    classes: IntArray, groups: Groups, *, most: int = N_SPLITS, seed: int
) -> Folds:
    """Return shuffled folds that keep every group together and share the classes out evenly."""
    import warnings

    from sklearn.model_selection import StratifiedGroupKFold

    n_splits = min(most, len(np.unique(groups)))
    splitter = StratifiedGroupKFold(n_splits, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # A class of fewer rows than folds is absent from some of them; that is no mistake here.
        warnings.filterwarnings("ignore", message="The least populated class")
        return list(splitter.split(np.zeros(len(classes)), classes, groups=groups))


def shares(classes: IntArray, n_classes: int) -> FloatArray:
    """Return the share of each class, one added to every count, (n_classes,)."""
    counts = np.bincount(classes, minlength=n_classes) + 1.0
    return np.asarray(counts / counts.sum())


def _out_of_fold_votes(
    X: FloatArray,
    classes: IntArray,
    n_classes: int,
    names: tuple[str, ...],
    folds: Folds,
    *,
    seed: int,
) -> dict[str, FloatArray]:
    votes = {name: np.empty((len(classes), n_classes)) for name in names}
    for rows, held in folds:
        fitted = class_members.fit_members(names, X[rows], classes[rows], seed=seed)
        for name, found in class_members.probabilities(fitted, X[held], n_classes).items():
            votes[name][held] = found
    return votes


def _domain(
    X: FloatArray, classes: IntArray, n_classes: int, folds: Folds, *, seed: int
) -> tuple[Domain, FloatArray]:
    """Return the applicability domain and the out-of-fold distances, (n,)."""
    rounds = ROUNDS if len(X) >= _NO_METRIC_BELOW else 0
    metric = class_metric(X, classes, n_classes, rounds=rounds, seed=seed)
    landmarks, drawn = Landmarks.draw(metric, X, seed=seed)
    distance = out_of_fold_distance(landmarks, drawn, X, folds)
    return constant_domain(landmarks, distance, 0.0), distance


def class_metric(
    X: FloatArray, classes: IntArray, n_classes: int, *, rounds: int, seed: int
) -> Metric:
    """Return the mean of the metrics that tell one class from the others.

    Args:
        X: Features, (n, k).
        classes: Class of each row as a number, (n,).
        n_classes: Number of classes; two share one metric.
        rounds: As in `metric.learn_metric`.
        seed: Seed of the draw of rows.
    """
    hits = class_members.indicator(classes, n_classes).astype(np.float64)
    asked = hits.T if n_classes > 2 and rounds else hits.T[:1]
    found = [learn_metric(X, hit, rounds=rounds, seed=seed) for hit in asked]
    return replace(
        found[0],
        weight=np.mean([one.weight for one in found], axis=0),
        reach=np.mean([one.reach for one in found], axis=0),
    )
