"""Train a classifier of one label from labelled features, and predict with it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from matscreen.errors import InputError, ModelError
from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates import class_calibration, class_members
from matscreen.surrogates.card import library_versions
from matscreen.surrogates.class_calibration import Calibrator
from matscreen.surrogates.class_card import build_class_card
from matscreen.surrogates.class_fitting import FittedClasses, fit_classes
from matscreen.surrogates.domain import Domain
from matscreen.surrogates.elements import Elements
from matscreen.surrogates.familiar import Familiar
from matscreen.surrogates.portfolio import one_thread
from matscreen.surrogates.prediction import BoolArray
from matscreen.surrogates.rows import check_lengths, clean_features, informative
from matscreen.surrogates.uncertainty import LEVEL, LEVELS

MIN_LABELS: Final = 8
SCHEME: Final = "classifier-2"
"""Version of the training procedure; part of every `model_id`."""

_CHUNK = 20_000


@dataclass(frozen=True, eq=False)
class ClassPrediction:
    """Predicted classes, one row a material.

    A row without any feature has the shares of the classes among the labels, every class in its
    set, and is outside the domain.

    Attributes:
        classes: Names of the classes, (n_classes,).
        probabilities: Calibrated probability of each class, (n, n_classes).
        predicted: The likeliest class, (n,).
        sets: Classes of the prediction set (of 90 % unless asked otherwise), (n, n_classes).
        in_domain: Whether the row is near enough to labelled materials, (n,).
        distance: Distance to them over the threshold of the domain, (n,).
    """

    classes: tuple[str, ...]
    probabilities: FloatArray
    predicted: npt.NDArray[np.str_]
    sets: BoolArray
    in_domain: BoolArray
    distance: FloatArray

    def probability(self, name: str) -> FloatArray:
        """Return the probability of one class, (n,).

        Raises:
            InputError: No class has this name.
        """
        if name not in self.classes:
            raise InputError(f"no class {name!r}; there are {', '.join(self.classes)}")
        return self.probabilities[:, self.classes.index(name)]


@dataclass(frozen=True, eq=False)
class Classifier:
    """A fitted model of one label.

    Attributes:
        label: What is classified, such as `electronic_class`.
        classes: Names of the classes.
        card: What was trained on what and how well it does.
        n_features: Number of features that `predict` takes.
        columns: Which of the given features the model uses, indices.
        familiar: Values and elements that the labelled rows have.
        weights: Weight of each classifier; none means the shares of the classes.
        estimators: Fitted classifiers by name.
        calibrator: From their probabilities to calibrated ones.
        prior: Share of each class among the labels, (n_classes,).
        quantiles: Largest score of a class in the set, at every level of `uncertainty.LEVELS`.
        domain: Applicability domain.
    """

    label: str
    classes: tuple[str, ...]
    card: Mapping[str, Any]
    n_features: int
    columns: IntArray
    familiar: Familiar
    weights: Mapping[str, float]
    estimators: Mapping[str, Any]
    calibrator: Calibrator | None
    prior: FloatArray
    quantiles: FloatArray
    domain: Domain

    def predict(
        self, X: FloatArray, *, elements: Elements | None = None, level: float = LEVEL
    ) -> ClassPrediction:
        """Predict rows of features.

        Outside the domain probabilities fade into the shares of the classes, wholly so from twice
        the threshold on, and prediction sets grow with that.

        Args:
            X: Features in the order of `card["labels"]`, (n, k). NaN and infinity count as unknown.
            elements: Atomic numbers of the elements of each row; a row with one that no label has
                is outside the domain.
            level: Nominal coverage of the sets, one of 0.05, 0.10 ... 0.95.

        Raises:
            InputError: The number of columns differs from that of the training, `elements` is of
                another length, or the level is none of those.
        """
        features = clean_features(X)
        if features.shape[1] != self.n_features:
            raise InputError(
                f"the classifier of {self.label} knows {self.n_features} features, "
                f"got {features.shape[1]}"
            )
        at = np.flatnonzero(np.isclose(LEVELS, level))
        if not len(at):
            raise InputError(f"prediction sets have a level of 0.05, 0.10 ... 0.95, got {level:g}")
        strange = self.familiar.strange(features, elements)
        features = features[:, self.columns]
        known: BoolArray = np.any(np.isfinite(features), axis=1)
        p = np.tile(self.prior, (len(features), 1))
        distance = np.full(len(features), np.inf)
        with one_thread():
            for start in range(0, len(features), _CHUNK):
                rows = start + np.flatnonzero(known[start : start + _CHUNK])
                if len(rows):
                    p[rows], distance[rows] = self._predict_known(features[rows], strange[rows])
        sets = class_calibration.prediction_sets(p, float(self.quantiles[at[0]]))
        sets[~known] = True
        names = np.array(self.classes)
        inside = distance <= 1.0
        return ClassPrediction(self.classes, p, names[p.argmax(axis=1)], sets, inside, distance)

    def _predict_known(self, X: FloatArray, strange: BoolArray) -> tuple[FloatArray, FloatArray]:
        distance = self.domain.distance(X) / self.domain.threshold
        distance = np.where(strange, np.maximum(distance, 2.0), distance)
        p = np.tile(self.prior, (len(X), 1))
        if self.calibrator is not None:
            votes = class_members.probabilities(self.estimators, X, len(self.classes))
            p = self.calibrator.apply(class_members.weighted(votes, self.weights))
        fade = np.clip(distance - 1.0, 0.0, 1.0)[:, None]
        return (1.0 - fade) * p + fade * self.prior, distance


def train_classifier(
    X: FloatArray,
    y: Sequence[str] | npt.NDArray[np.str_],
    *,
    groups: Sequence[str],
    label: str,
    labels: Sequence[str],
    seed: int = 0,
    ids: Sequence[str] | None = None,
    descriptor_set: str = "",
    descriptor_version: str = "",
) -> Classifier:
    """Train the classifier of one label.

    Extremely randomised trees, gradient boosting, kernel logistic regression (up to 3,000 labels)
    and their mean compete by the log loss of out-of-fold probabilities, each calibrated on the
    other folds; the shares of the classes win where none is better. Folds keep a chemical system
    together and are shuffled. The winner is refitted on all labels; prediction sets are conformal
    (`class_calibration`). With fewer than 20 chemical systems the shares are returned.

    Args:
        X: Features, (n, k); rounded to float32, as tables store them. NaN is legal.
        y: Name of the class of each row; an empty one means unknown, and the row is left out.
        groups: Chemical system of each row.
        label: What is classified.
        labels: Name of each feature, (k,).
        seed: Seed of folds and models.
        ids: Structure id of each row, kept in the out-of-fold table.
        descriptor_set: Name of the descriptor set, for the card.
        descriptor_version: Its version; `class_files.load_classifier` refuses another.

    Raises:
        ModelError: Fewer than 8 usable labels, or all of one class.
        InputError: Shapes disagree.
    """
    started, cpu = time.perf_counter(), time.process_time()
    features = clean_features(X)
    n_features = features.shape[1]
    names = np.asarray(y, dtype=str).reshape(-1)
    systems = np.asarray(groups, dtype=str)
    if len(labels) != n_features:
        raise InputError(f"{n_features} features but {len(labels)} feature names")
    check_lengths(len(features), {"y": names, "groups": systems, "ids": ids})
    usable = (names != "") & np.isfinite(features).any(axis=1)
    if usable.sum() < MIN_LABELS:
        raise ModelError(
            f"{label}: {int(usable.sum())} usable labels, at least {MIN_LABELS} are needed"
        )
    features, names, systems = features[usable], names[usable], systems[usable]
    known, classes = np.unique(names, return_inverse=True)
    if len(known) < 2:
        raise ModelError(
            f"{label}: every label is {str(known[0])!r}, there is nothing to tell apart"
        )
    columns = informative(features)
    familiar = Familiar.of(features, labels, systems.tolist())
    features = features[:, columns]
    with one_thread():
        fitted = fit_classes(features, classes, systems, len(known), seed=seed)
    card = build_class_card(
        label,
        tuple(known.tolist()),
        fitted,
        classes=classes,
        groups=systems,
        ids=None if ids is None else np.asarray(ids, dtype=str)[usable],
        data={
            "labels": list(labels),
            "n_used_features": len(columns),
            "n_rejected": int((~usable).sum()),
            "descriptor_set": descriptor_set,
            "descriptor_version": descriptor_version,
            "data_hash": class_hash(
                X, y, groups=groups, label=label, labels=labels, seed=seed,
                descriptor_version=descriptor_version,
            ),
            "scheme": SCHEME,
            "seed": seed,
        },
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu,
    )  # fmt: skip
    return assembled(label, tuple(known.tolist()), card, fitted, n_features, columns, familiar)


def assembled(
    label: str,
    classes: tuple[str, ...],
    card: Mapping[str, Any],
    fitted: FittedClasses,
    n_features: int,
    columns: IntArray,
    familiar: Familiar,
) -> Classifier:
    """Return the classifier of what was fitted to some columns of the features."""
    return Classifier(
        label=label,
        classes=classes,
        card=card,
        n_features=n_features,
        columns=columns,
        familiar=familiar,
        weights=fitted.weights,
        estimators=fitted.estimators,
        calibrator=fitted.calibrator,
        prior=fitted.prior,
        quantiles=fitted.quantiles,
        domain=fitted.domain,
    )


def class_hash(
    X: FloatArray,
    y: Sequence[str] | npt.NDArray[np.str_],
    *,
    groups: Sequence[str],
    label: str,
    labels: Sequence[str],
    seed: int = 0,
    descriptor_version: str = "",
) -> str:
    """Return the sha256 of everything that decides a classifier."""
    parts = [SCHEME, label, str(seed), descriptor_version, *labels, *map(str, groups), *map(str, y)]
    parts += [f"{name}={version}" for name, version in library_versions().items()]
    digest = hashlib.sha256("\n".join(parts).encode())
    digest.update(np.ascontiguousarray(X, dtype=np.float32).tobytes())
    return digest.hexdigest()
