"""Distil a surrogate into small students, and say honestly how well each does.

Every figure comes from five folds that keep a chemical system together. For each fold a teacher is
fitted without it, students learn from that teacher, and they are compared with the labels of the
fold, which neither of them ever saw. The intervals are conformal on those residuals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from matscreen.edge.forests import Forest, boost
from matscreen.edge.networks import Network
from matscreen.edge.student import (
    ErrorSize,
    Landmarks,
    Standardiser,
    Student,
    centers,
    fit_standardiser,
    place_landmarks,
)
from matscreen.edge.task import Task, Teacher
from matscreen.edge.variants import Lessons, Variant
from matscreen.structures import FloatArray
from matscreen.surrogates import Surrogate, train
from matscreen.surrogates.space import Space
from matscreen.surrogates.uncertainty import (
    conformal_quantile,
    constant_half_width,
    coverage,
    winkler_score,
)

FitTeacher = Callable[[FloatArray, FloatArray, Sequence[str]], Teacher]
"""From features, labels and groups to a teacher: how one is fitted without a fold."""
Progress = Callable[[str], None]

N_SPLITS: Final = 5
DOMAIN_QUANTILE: Final = 0.95
_ERROR_TREES: Final = 40
_ERROR_LEAVES: Final = 8
_MIN_ROWS_FOR_SIZE: Final = 200


@dataclass(frozen=True, eq=False)
class Graded:
    """One variant and how it did on rows that neither it nor its teacher saw.

    Attributes:
        variant: What was fitted.
        student: The calibrated student, fitted to all rows.
        metrics: mae, rmse, winkler, coverage_90, coverage_worst_fifth, mean_width in the unit of
            the property, fraction_in_domain.
    """

    variant: Variant
    student: Student
    metrics: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Compression:
    """All variants, and the surrogate on the same folds.

    Attributes:
        task: What was compressed.
        graded: One entry a variant.
        teacher: Metrics of the surrogate, fitted without the fold each time.
    """

    task: Task
    graded: tuple[Graded, ...]
    teacher: Mapping[str, float]


@dataclass(frozen=True, eq=False)
class _Taught:
    """Everything fitted to one choice of rows; the variants share inputs and landmarks."""

    lessons: Lessons
    inputs: Standardiser
    landmarks: Landmarks
    regressors: Mapping[str, Network | Forest]

    def centers(self, name: str, variant: str, X: FloatArray) -> FloatArray:
        scaling = self.lessons.scaling
        return centers(name, self.inputs, self.regressors[variant], scaling, X)


def fit_like(surrogate: Surrogate, *, seed: int = 0) -> FitTeacher:
    """Return how a teacher like a surrogate is fitted: `train` anew, with all its choices."""
    labels, name = list(surrogate.card["labels"]), surrogate.property

    def fit_teacher(X: FloatArray, y: FloatArray, groups: Sequence[str]) -> Teacher:
        return train(X, y, groups=groups, property=name, labels=labels, seed=seed)

    return fit_teacher


def compress(
    surrogate: Teacher,
    task: Task,
    variants: Sequence[Variant],
    fit_teacher: FitTeacher,
    *,
    label_error: tuple[float, float] = (0.0, 0.0),
    n_extra: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Compression:
    """Fit and grade every variant.

    Args:
        surrogate: The teacher that was fitted to all rows.
        task: The rows.
        variants: What to try.
        fit_teacher: How a teacher is fitted without a fold.
        label_error: Deviation of a label of value zero, and its growth with the value; it widens
            the intervals of the student as it does those of the surrogate.
        n_extra: Unlabelled rows that a teacher labels for its students; `Task.n_extra` when None.
        seed: Seed of folds, made rows and students.
        progress: Called with what is being done.
    """
    from matscreen.surrogates.portfolio import one_thread

    with one_thread():
        return _compress(
            surrogate,
            task,
            variants,
            fit_teacher,
            label_error=label_error,
            n_extra=task.n_extra if n_extra is None else n_extra,
            seed=seed,
            say=progress or (lambda _: None),
        )


def _compress(
    surrogate: Teacher,
    task: Task,
    variants: Sequence[Variant],
    fit_teacher: FitTeacher,
    *,
    label_error: tuple[float, float],
    n_extra: int,
    seed: int,
    say: Progress,
) -> Compression:
    n, y, space = len(task.y), task.target, Space.of(task.property_name)
    folds = _folds(task.groups, seed=seed)
    votes = {variant.name: np.empty(n) for variant in variants}
    distance, null = np.empty(n), np.empty(n)
    reference = np.empty((3, n))
    for number, (rows, held) in enumerate(folds, start=1):
        say(f"fold {number} of {len(folds)}: a teacher without it")
        teacher = fit_teacher(task.X[rows], task.y[rows], task.groups[rows].tolist())
        said = teacher.predict(task.X[held])
        reference[:, held] = said.mean, said.lower, said.upper
        say(f"fold {number} of {len(folds)}: its students")
        taught = _teach(task, teacher, variants, rows, n_extra=n_extra, seed=seed)
        for variant in variants:
            votes[variant.name][held] = taught.centers(
                task.property_name, variant.name, task.F[held]
            )
        distance[held] = taught.landmarks.distance(taught.inputs.free(task.F[held]))
        null[held] = np.median(y[rows])
    say("the students of all rows")
    threshold = max(float(np.quantile(distance, DOMAIN_QUANTILE)), 1e-9)
    constant_half = constant_half_width(y, np.abs(y - null), task.groups)
    taught = _teach(task, surrogate, variants, np.arange(n), n_extra=n_extra, seed=seed)
    domain = replace(taught.landmarks, threshold=threshold, constant_half=constant_half)
    offset, spread = taught.lessons.scaling
    graded = []
    for variant in variants:
        found = _calibrate(task, votes[variant.name], folds, seed=seed)
        half = domain.widen(found.half, distance)
        ends = space.interval(votes[variant.name], half)
        student = Student(
            property=task.property_name,
            level=task.level,
            n_features=task.F.shape[1],
            inputs=taught.inputs,
            regressor=taught.regressors[variant.name],
            offset=offset,
            spread=spread,
            error=found.error,
            quantile=found.quantile,
            domain=domain,
            label_error=label_error,
            unseen=task.unseen,
        )
        graded.append(Graded(variant, student, _metrics(task.y, ends, distance <= threshold)))
    inside = np.ones(n, dtype=bool)
    return Compression(task, tuple(graded), _metrics(task.y, tuple(reference), inside))


def _teach(
    task: Task,
    teacher: Teacher,
    variants: Sequence[Variant],
    rows: npt.NDArray[np.int64],
    *,
    n_extra: int,
    seed: int,
) -> _Taught:
    lessons = task.lessons(teacher, rows, n_extra=n_extra, seed=seed)
    inputs = fit_standardiser(lessons.X)
    landmarks = place_landmarks(inputs.free(task.F[rows]), inputs, seed=seed)
    fitted: dict[Any, Network | Forest] = {}
    for variant in variants:
        if variant.recipe not in fitted:
            fitted[variant.recipe] = variant.fit(lessons, inputs, seed=seed)
    regressors = {variant.name: variant.derive(fitted[variant.recipe]) for variant in variants}
    return _Taught(lessons, inputs, landmarks, regressors)


@dataclass(frozen=True, eq=False)
class _Calibrated:
    error: ErrorSize
    quantile: float
    half: FloatArray


def _calibrate(task: Task, center: FloatArray, folds: Any, *, seed: int) -> _Calibrated:
    """Choose the size of the error by the interval score, and its conformal factor.

    The half width of a row uses a size and a quantile that come from the other folds.
    """
    y, groups = task.target, task.groups
    residual = np.abs(y - center)
    options: list[tuple[float, FloatArray, FloatArray]] = []
    for modelled in (False, True)[: 1 + (len(y) >= _MIN_ROWS_FOR_SIZE)]:
        sizes, half = np.ones(len(y)), np.empty(len(y))
        for rows, held in folds:
            if modelled:
                sizes[held] = _fit_size(task.F[rows], residual[rows], seed).sizes(task.F[held])
        for rows, held in folds:
            half[held] = conformal_quantile(residual[rows] / sizes[rows], groups[rows])
        half *= sizes
        options.append((winkler_score(y, center - half, center + half), sizes, half))
    best = min(range(len(options)), key=lambda i: options[i][0])
    _, sizes, half = options[best]
    error = _fit_size(task.F, residual, seed) if best else ErrorSize()
    return _Calibrated(error, conformal_quantile(residual / sizes, groups), half)


def _fit_size(F: FloatArray, residual: FloatArray, seed: int) -> ErrorSize:
    """Fit trees to absolute residuals by the gamma deviance; sizes stay within the usual ones."""
    small = max(float(np.quantile(residual, 0.05)), 1e-3 * float(residual.mean()), 1e-12)
    forest = boost(
        F,
        np.maximum(residual, small),
        n_trees=_ERROR_TREES,
        n_leaves=_ERROR_LEAVES,
        loss="gamma",
        min_leaf=max(20, len(residual) // 100),
        seed=seed,
    )
    if not len(forest.roots):
        return ErrorSize()
    logs = np.log(np.maximum(residual, small))
    return ErrorSize(forest, float(logs.min()), float(np.quantile(logs, 0.99)))


def _metrics(
    y: FloatArray, ends: tuple[FloatArray, ...], inside: npt.NDArray[np.bool_]
) -> dict[str, float]:
    mean, lower, upper = ends
    width = upper - lower
    fifths = np.array_split(np.argsort(width, kind="stable"), 5)
    return {
        "mae": float(np.mean(np.abs(mean - y))),
        "rmse": float(np.sqrt(np.mean(np.square(mean - y)))),
        "winkler": winkler_score(y, lower, upper),
        "coverage_90": coverage(y, lower, upper),
        "coverage_worst_fifth": min(coverage(y[f], lower[f], upper[f]) for f in fifths),
        "mean_width": float(np.mean(width)),
        "fraction_in_domain": float(np.mean(inside)),
    }


def _folds(groups: npt.NDArray[np.str_], *, seed: int) -> list[Any]:
    from sklearn.model_selection import GroupKFold

    splitter = GroupKFold(N_SPLITS, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(groups)), groups=groups))
