"""Train a surrogate of one property from labelled features, and predict with it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matscreen.errors import InputError, ModelError
from matscreen.properties import get_property
from matscreen.structures import FloatArray
from matscreen.surrogates import uncertainty
from matscreen.surrogates.card import OutOfFold, build_card, library_versions
from matscreen.surrogates.domain import Domain
from matscreen.surrogates.elements import Elements
from matscreen.surrogates.familiar import ION_COLUMNS, Familiar
from matscreen.surrogates.fitting import Labelled, fit
from matscreen.surrogates.portfolio import disagreement, one_thread
from matscreen.surrogates.prediction import BoolArray, Prediction
from matscreen.surrogates.rows import check_lengths, clean_features, informative
from matscreen.surrogates.space import Space
from matscreen.surrogates.uncertainty import (
    LEVEL,
    Calibration,
    LabelError,
    Parts,
    Rows,
    Scale,
    fit_label_error,
)

MIN_LABELS = 8
SCHEME = "surrogate-3"
"""Version of the training procedure; part of every `model_id`."""

_CHUNK = 20_000


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A fitted model of one property.

    Attributes:
        property: Registry name.
        card: What was trained on what and how well it does; see `train`.
        n_features: Number of features that `predict` takes.
        columns: Which of the given features the model uses, indices.
        familiar: Values and elements that the labelled rows have.
        weights: Weight of each regressor in the prediction; none means the constant.
        estimators: Fitted regressors by name; those without a weight tell the disagreement.
        constant: Prediction of the constant model, transformed space.
        scale: Size of the expected error.
        calibration: Half width over expected error.
        parts: Split of the variance into epistemic and aleatoric.
        domain: Applicability domain.
        label_error: How uncertain labels are themselves.
    """

    property: str
    card: Mapping[str, Any]
    n_features: int
    columns: npt.NDArray[np.int64]
    familiar: Familiar
    weights: Mapping[str, float]
    estimators: Mapping[str, Any]
    constant: float
    scale: Scale
    calibration: Calibration
    parts: Parts
    domain: Domain
    label_error: LabelError

    def predict(
        self, X: FloatArray, *, elements: Elements | None = None, level: float = LEVEL
    ) -> Prediction:
        """Predict rows of features.

        Args:
            X: Features in the order of `card["labels"]`, (n, k). NaN and infinity count as unknown.
            elements: Atomic numbers of the elements of each row, such as `elements_of_systems`
                gives. A row with one that no label has is outside the domain, however near its
                features are. Without them only an element that a descriptor names is noticed.
            level: Nominal coverage of the intervals, 0.05 to 0.95.

        Raises:
            InputError: The number of columns differs from that of the training, `elements` is of
                another length, or the level is outside its range.
        """
        features = clean_features(X)
        if features.shape[1] != self.n_features:
            raise InputError(
                f"the surrogate of {self.property} knows {self.n_features} features, "
                f"got {features.shape[1]}"
            )
        if not uncertainty.LEVELS[0] <= level <= uncertainty.LEVELS[-1]:
            raise InputError(f"intervals have a level of 0.05 to 0.95, got {level:g}")
        strange = self.familiar.strange(features, elements)
        features = features[:, self.columns]
        known: BoolArray = np.any(np.isfinite(features), axis=1)
        outputs = np.full((7, len(features)), np.nan)
        for start in range(0, len(features), _CHUNK):
            rows = start + np.flatnonzero(known[start : start + _CHUNK])
            if len(rows):
                outputs[:, rows] = self._predict_known(features[rows], strange[rows], level)
        in_domain = np.nan_to_num(outputs[6], nan=np.inf) <= 1.0
        mean, std, lower, upper, epistemic, aleatoric, distance = outputs
        return Prediction(mean, std, lower, upper, in_domain, epistemic, aleatoric, distance)

    def _predict_known(self, X: FloatArray, strange: BoolArray, level: float) -> FloatArray:
        space = Space.of(self.property)
        with one_thread():
            votes = {name: member.predict(X) for name, member in self.estimators.items()}
            spread = (
                disagreement(self.estimators, X, np.stack(list(votes.values())))
                if votes
                else np.zeros(len(X))
            )
            center = np.full(len(X), self.constant)
            if self.weights:
                center = np.sum([w * votes[name] for name, w in self.weights.items()], axis=0)
            center = space.clip(center)
            distance = self.domain.distance(X)
            sizes = self.scale.sizes(Rows(X, center, spread, distance))
        distance = np.where(strange, np.maximum(distance, 2.0 * self.domain.threshold), distance)
        half = self.calibration.half_widths(sizes, level=level)
        widened = self.domain.widen(half, distance)
        noise = self.label_error.half_widths(center)
        total = np.hypot(widened, noise)
        mean, lower, upper = space.interval(center, total)
        std = (upper - lower) / uncertainty.SIGMAS
        doubt = np.square(widened) - np.square(half) * (1.0 - self.parts.epistemic_share(spread))
        share = np.clip(doubt / np.where(total > 0.0, np.square(total), 1.0), 0.0, 1.0)
        return np.stack(
            [
                mean,
                std,
                lower,
                upper,
                std * np.sqrt(share),
                std * np.sqrt(1.0 - share),
                distance / self.domain.threshold,
            ]
        )


def train(
    X: FloatArray,
    y: FloatArray,
    *,
    groups: Sequence[str],
    property: str,  # noqa: A002 - the column name of the labels table
    labels: Sequence[str],
    noise: FloatArray | None = None,
    seed: int = 0,
    ids: Sequence[str] | None = None,
    descriptor_set: str = "",
    descriptor_version: str = "",
) -> Surrogate:
    """Train the surrogate of one property.

    Labels are transformed by the registry's scale (log: log10). Gradient boosting, kernel
    regression in a learned metric, extremely randomised trees, their mean, their best mixture and
    a constant compete by the interval score of out-of-fold predictions; then three scales of the
    error do. Folds keep a chemical system together and are shuffled (published tables are often
    sorted). The winner is refitted on all labels. Intervals are normalised conformal
    (`uncertainty`), from 2,000 labels a little narrower than out of fold, as the final model
    knows all labels, and widened outside the applicability domain (`domain`), whose end is where
    errors on left-out elements grow (`extrapolation`).

    With fewer than 20 chemical systems no model can be told from luck: the constant model with its
    wide interval is returned. Rows with a label that is not finite or outside the physical bounds,
    or without any feature, are left out and counted in the card.

    Args:
        X: Features, (n, k); rounded to float32, as tables store them. NaN is legal.
        y: Labels in the unit of the registry, (n,).
        groups: Chemical system of each row.
        property: Registry name.
        labels: Name of each feature, (k,).
        noise: Standard deviation of each label in its unit, (n,); NaN means unknown. It widens
            the intervals of `predict` in quadrature, so that a prediction is never held to be
            better than a label; the out-of-fold intervals of the card, which are compared with
            labels, leave it out.
        seed: Seed of folds and models. The result depends on data, seed and library versions only.
        ids: Structure id of each row, kept in the out-of-fold table.
        descriptor_set: Name of the descriptor set, for the card.
        descriptor_version: Version of the descriptor set; `load` refuses another.

    Raises:
        ModelError: Fewer than 8 usable labels.
        InputError: Shapes disagree, or the property is unknown.
    """
    started, cpu = time.perf_counter(), time.process_time()
    get_property(property)
    features = clean_features(X)
    n_features = features.shape[1]
    values = np.asarray(y, dtype=np.float64).reshape(-1)
    systems = np.asarray(groups, dtype=str)
    if len(labels) != n_features:
        raise InputError(f"{n_features} features but {len(labels)} feature names")
    check_lengths(len(features), {"y": values, "groups": systems, "noise": noise, "ids": ids})
    space = Space.of(property)
    usable = space.allows(values) & np.isfinite(features).any(axis=1)
    if usable.sum() < MIN_LABELS:
        raise ModelError(
            f"{property}: {int(usable.sum())} usable labels, at least {MIN_LABELS} are needed"
        )
    features, values, systems = features[usable], values[usable], systems[usable]
    columns = informative(features)
    familiar = Familiar.of(features, labels, systems.tolist())
    features = features[:, columns]
    ions = tuple(i for i, column in enumerate(columns) if labels[column] in ION_COLUMNS)
    target = space.forward(values)
    stated = np.zeros(len(values)) if noise is None else np.asarray(noise, np.float64)[usable]
    label_error = fit_label_error(target, space.noise(values, stated))

    with one_thread():
        fitted = fit(space, Labelled(features, target, systems, ions), seed=seed)
    held = fitted.out_of_fold
    at_level = int(np.argmin(np.abs(uncertainty.LEVELS - LEVEL)))
    mean, lower, upper = space.interval(held.center, held.half[at_level])
    table = OutOfFold(
        y=values,
        mean=mean,
        lower=lower,
        upper=upper,
        null=space.backward(held.null),
        in_domain=fitted.domain.contains(held.distance),
        groups=systems,
        ids=None if ids is None else np.asarray(ids, dtype=str)[usable],
        residual=np.abs(target - held.center),
        half=held.half,
    )
    digest = data_hash(
        X,
        y,
        groups=groups,
        property=property,
        labels=labels,
        noise=noise,
        seed=seed,
        descriptor_version=descriptor_version,
    )
    card = build_card(
        property,
        table,
        model={
            "model": fitted.name,
            "weights": dict(fitted.weights),
            "fallback": fitted.fallback,
            "scale": fitted.scale.kind,
            "selection": fitted.selection,
            "threshold": fitted.domain.threshold,
            "label_error": {"floor": label_error.floor, "slope": label_error.slope},
            "n_splits": fitted.n_splits,
            "extrapolation": dict(fitted.extrapolation),
        },
        data={
            "labels": list(labels),
            "n_used_features": len(columns),
            "n_rejected": int((~usable).sum()),
            "descriptor_set": descriptor_set,
            "descriptor_version": descriptor_version,
            "data_hash": digest,
            "scheme": SCHEME,
            "seed": seed,
        },
        seconds=time.perf_counter() - started,
        cpu_seconds=time.process_time() - cpu,
    )
    return Surrogate(
        property=property,
        card=card,
        n_features=n_features,
        columns=columns,
        familiar=familiar,
        weights=fitted.weights,
        estimators=fitted.estimators,
        constant=fitted.constant,
        scale=fitted.scale,
        calibration=fitted.calibration,
        parts=fitted.parts,
        domain=fitted.domain,
        label_error=label_error,
    )


def data_hash(
    X: FloatArray,
    y: FloatArray,
    *,
    groups: Sequence[str],
    property: str,  # noqa: A002 - the column name of the labels table
    labels: Sequence[str],
    noise: FloatArray | None = None,
    seed: int = 0,
    descriptor_version: str = "",
) -> str:
    """Return the sha256 of everything that decides a surrogate: data, seed, procedure, libraries.

    Equal to `card["data_hash"]` of the surrogate that `train` would return, so unchanged data need
    no training.
    """
    parts = [SCHEME, property, str(seed), descriptor_version, *labels, *map(str, groups)]
    parts += [f"{name}={version}" for name, version in library_versions().items()]
    digest = hashlib.sha256("\n".join(parts).encode())
    digest.update(np.ascontiguousarray(X, dtype=np.float32).tobytes())
    digest.update(np.ascontiguousarray(y, dtype=np.float64).tobytes())
    if noise is not None:
        digest.update(np.ascontiguousarray(noise, dtype=np.float64).tobytes())
    return digest.hexdigest()
