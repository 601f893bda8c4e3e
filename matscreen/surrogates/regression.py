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
from matscreen.surrogates.fitting import Labelled, fit
from matscreen.surrogates.portfolio import one_thread
from matscreen.surrogates.space import Space
from matscreen.surrogates.uncertainty import LabelError, Scale, fit_label_error

MIN_LABELS = 8
SCHEME = "surrogate-2"
"""Version of the training procedure; part of every `model_id`."""

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted values with 90 % intervals, (n,) each, in the unit of the property.

    A row without any feature is NaN throughout and outside the domain.

    Attributes:
        mean: Expected value; of a property on a log scale the median.
        std: (upper - lower) / 3.29, the deviation of a Gaussian of that interval. On a log scale
            a log-normal of the interval is the better picture: its deviation in decades is
            log10(upper / lower) / 3.29.
        lower: Lower end of the 90 % interval, within the physical bounds. The interval holds the
            error of the surrogate and, where it was given, that of the labels.
        upper: Upper end of the 90 % interval, within the physical bounds.
        in_domain: Whether the row is near enough to labelled materials.
    """

    mean: FloatArray
    std: FloatArray
    lower: FloatArray
    upper: FloatArray
    in_domain: BoolArray


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A fitted model of one property.

    Attributes:
        property: Registry name.
        card: What was trained on what and how well it does; see `train`.
        n_features: Number of features that `predict` takes.
        columns: Which of the given features the model uses, indices.
        members: Names of the regressors whose mean is the prediction; none means the constant.
        estimators: Fitted regressors by name; may hold a forest that only the scale needs.
        constant: Prediction of the constant model, transformed space.
        scale: Size of the expected error.
        quantile: Half width over size.
        domain: Applicability domain.
        label_error: How uncertain labels are themselves.
    """

    property: str
    card: Mapping[str, Any]
    n_features: int
    columns: npt.NDArray[np.int64]
    members: tuple[str, ...]
    estimators: Mapping[str, Any]
    constant: float
    scale: Scale
    quantile: float
    domain: Domain
    label_error: LabelError

    def predict(self, X: FloatArray) -> Prediction:
        """Predict rows of features.

        Args:
            X: Features in the order of `card["labels"]`, (n, k). NaN and infinity count as unknown.

        Raises:
            InputError: The number of columns differs from that of the training.
        """
        features = _clean_features(X)
        if features.shape[1] != self.n_features:
            raise InputError(
                f"the surrogate of {self.property} knows {self.n_features} features, "
                f"got {features.shape[1]}"
            )
        features = features[:, self.columns]
        known = np.isfinite(features).any(axis=1)
        outputs = np.full((4, len(features)), np.nan)
        in_domain = np.zeros(len(features), dtype=bool)
        if known.any():
            outputs[:, known], in_domain[known] = self._predict_known(features[known])
        return Prediction(outputs[0], outputs[1], outputs[2], outputs[3], in_domain)

    def _predict_known(self, X: FloatArray) -> tuple[FloatArray, BoolArray]:
        with one_thread():
            votes = [self.estimators[name].predict(X) for name in self.members]
            center = np.mean(votes, axis=0) if votes else np.full(len(X), self.constant)
            space = Space.of(self.property)
            center = space.clip(center)
            spread = (
                uncertainty.spread_of(self.estimators, X)
                if self.scale.needs_forest
                else np.zeros(len(X))
            )
            half = self.quantile * self.scale.sizes(X, center, spread)
            distance = self.domain.distance(X)
        half = np.hypot(self.domain.widen(half, distance), self.label_error.half_widths(center))
        mean, lower, upper = space.interval(center, half)
        std = (upper - lower) / uncertainty.SIGMAS
        return np.stack([mean, std, lower, upper]), self.domain.contains(distance)


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

    Labels are transformed by the registry's scale (log: log10). Gradient boosting, extremely
    randomised trees, with few labels a Gaussian process, their mean, and a constant compete by
    the interval score of out-of-fold predictions; then three scales of the error do. Folds keep a
    chemical system together and are shuffled (published tables are often sorted). The winner is
    refitted on all labels. Intervals are normalised conformal (`uncertainty`), widened outside the
    applicability domain (`domain`).

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
    features = _clean_features(X)
    n_features = features.shape[1]
    values = np.asarray(y, dtype=np.float64).reshape(-1)
    systems = np.asarray(groups, dtype=str)
    if len(labels) != n_features:
        raise InputError(f"{n_features} features but {len(labels)} feature names")
    _check_lengths(len(features), {"y": values, "groups": systems, "noise": noise, "ids": ids})
    space = Space.of(property)
    usable = space.allows(values) & np.isfinite(features).any(axis=1)
    if usable.sum() < MIN_LABELS:
        raise ModelError(
            f"{property}: {int(usable.sum())} usable labels, at least {MIN_LABELS} are needed"
        )
    features, values, systems = features[usable], values[usable], systems[usable]
    columns = _informative(features)
    features = features[:, columns]
    target = space.forward(values)
    stated = np.zeros(len(values)) if noise is None else np.asarray(noise, np.float64)[usable]
    label_error = fit_label_error(target, space.noise(values, stated))

    with one_thread():
        fitted = fit(space, Labelled(features, target, systems), seed=seed)
    table = OutOfFold(
        y=values,
        mean=fitted.table[0],
        lower=fitted.table[1],
        upper=fitted.table[2],
        null=space.backward(fitted.null),
        in_domain=fitted.domain.contains(fitted.distance),
        groups=systems,
        ids=None if ids is None else np.asarray(ids, dtype=str)[usable],
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
            "members": list(fitted.members),
            "fallback": fitted.fallback,
            "scale": fitted.scale.kind,
            "quantile": fitted.quantile,
            "selection": fitted.selection,
            "threshold": fitted.domain.threshold,
            "label_error": {"floor": label_error.floor, "slope": label_error.slope},
            "n_splits": fitted.n_splits,
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
        members=fitted.members,
        estimators=fitted.estimators,
        constant=fitted.constant,
        scale=fitted.scale,
        quantile=fitted.quantile,
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


def _clean_features(X: FloatArray) -> FloatArray:
    """Return float64 features as a table of float32 would give them back; infinity becomes NaN."""
    given = np.asarray(X)
    if given.ndim != 2:
        raise InputError(f"features must have two dimensions, got {given.ndim}")
    with np.errstate(over="ignore"):
        rounded = given.astype(np.float32).astype(np.float64)
    rounded[~np.isfinite(rounded)] = np.nan
    return rounded


def _informative(X: FloatArray) -> npt.NDArray[np.int64]:
    """Return the columns that hold at least two different values (one column when none does)."""
    known = np.isfinite(X)
    lowest = np.where(known, X, np.inf).min(axis=0)
    highest = np.where(known, X, -np.inf).max(axis=0)
    varying = np.flatnonzero(highest > lowest)
    return varying if len(varying) else np.flatnonzero(known.any(axis=0))[:1]


def _check_lengths(n_rows: int, columns: Mapping[str, Any]) -> None:
    for name, item in columns.items():
        if item is not None and len(item) != n_rows:
            raise InputError(f"{n_rows} rows of features but {len(item)} of {name}")
