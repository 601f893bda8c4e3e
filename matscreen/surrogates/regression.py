"""Train a surrogate of one property from labelled features, and predict with it."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from matscreen.errors import InputError, ModelError
from matscreen.properties import get_property
from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates import uncertainty
from matscreen.surrogates.card import OutOfFold, build_card, library_versions
from matscreen.surrogates.familiar import ION_COLUMNS, Familiar
from matscreen.surrogates.fitting import NARROWED_FROM, Fitted, Labelled, fit
from matscreen.surrogates.hurdle import (
    Hurdle,
    OutOfFoldMixture,
    fit_hurdle,
    hurdle_card,
    mixed_table,
    needs_hurdle,
    out_of_fold_mixture,
)
from matscreen.surrogates.portfolio import one_thread
from matscreen.surrogates.prediction import BoolArray
from matscreen.surrogates.rows import check_lengths, clean_features, informative
from matscreen.surrogates.space import Space
from matscreen.surrogates.surrogate import Surrogate
from matscreen.surrogates.uncertainty import LEVEL, Calibration, LabelError, fit_label_error

MIN_LABELS = 8
SCHEME = "surrogate-7"
"""Version of the training procedure; part of every `model_id`."""


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
    (`uncertainty`), from 500 labels a little narrower than out of fold, as the final model
    knows all labels, and widened outside the applicability domain (`domain`), whose end is where
    errors on left-out elements grow (`extrapolation`).

    Where more than a fifth of the labels lie exactly on the lower physical bound, such as the gap
    of metals, a calibrated classifier tells those rows and the rest is learned from the others
    (`hurdle`).

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
    rows = _Rows(
        X=features[usable],
        values=values[usable],
        groups=systems[usable],
        noise=np.zeros(len(values))[usable] if noise is None else np.asarray(noise, float)[usable],
        ids=None if ids is None else np.asarray(ids, dtype=str)[usable],
    )
    familiar = Familiar.of(rows.X, labels, rows.groups.tolist())
    hurdle = None
    learned = rows
    if needs_hurdle(space, rows.values, rows.groups):
        hurdle = fit_hurdle(
            space, rows.X, rows.values, groups=rows.groups, labels=labels, seed=seed
        )
        learned = rows.take(rows.values > space.lower)
    core = _fit(space, learned, labels, seed=seed)
    model = Surrogate(
        property=property,
        card={},
        n_features=n_features,
        columns=core.columns,
        familiar=familiar,
        weights=core.fitted.weights,
        estimators=core.fitted.estimators,
        constant=core.fitted.constant,
        scale=core.fitted.scale,
        calibration=core.calibration(len(rows.values)),
        parts=core.fitted.parts,
        domain=core.fitted.domain,
        label_error=core.label_error,
        hurdle=hurdle,
    )
    more: dict[str, Any] = {}
    if hurdle is None:
        table = _table(space, rows, core.fitted)
    else:
        held = _mixture_rows(model, hurdle, rows, core.fitted)
        table = mixed_table(space, held, seed=seed)
        more["hurdle"] = hurdle_card(hurdle, held, seed=seed)
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
            "model": core.fitted.name if hurdle is None else f"hurdle, {core.fitted.name}",
            "weights": dict(core.fitted.weights),
            "fallback": core.fitted.fallback,
            "scale": core.fitted.scale.kind,
            "selection": core.fitted.selection,
            "threshold": (core.fitted if hurdle is None else hurdle.chance).domain.threshold,
            "label_error": {"floor": core.label_error.floor, "slope": core.label_error.slope},
            "n_splits": core.fitted.n_splits,
            "extrapolation": dict(core.fitted.extrapolation),
        },
        data={
            "labels": list(labels),
            "n_used_features": len(core.columns),
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
    return replace(model, card={**card, **more})


@dataclass(frozen=True, eq=False)
class _Rows:
    """Usable labelled rows, (n,) each, with all features, (n, k)."""

    X: FloatArray
    values: FloatArray
    groups: npt.NDArray[np.str_]
    noise: FloatArray
    ids: npt.NDArray[np.str_] | None

    def take(self, rows: BoolArray) -> _Rows:
        return _Rows(
            self.X[rows],
            self.values[rows],
            self.groups[rows],
            self.noise[rows],
            None if self.ids is None else self.ids[rows],
        )


@dataclass(frozen=True, eq=False)
class _Core:
    """What was fitted to rows, to which of their features, and how uncertain their labels are."""

    fitted: Fitted
    columns: IntArray
    label_error: LabelError

    def calibration(self, n_labels: int) -> Calibration:
        """Return the calibration for a set of so many labels, of which some were fitted to.

        From 500 labels intervals are narrowed by what the model of all rows knows more; the rows
        off the bound may be fewer than that.
        """
        found, n_fitted = self.fitted.calibration, len(self.fitted.out_of_fold.center)
        late = n_fitted < NARROWED_FROM <= n_labels and bool(self.fitted.weights)
        return found.scaled(self.fitted.narrowing.at(found.centers)) if late else found


def _fit(space: Space, rows: _Rows, labels: Sequence[str], *, seed: int) -> _Core:
    columns = informative(rows.X)
    ions = tuple(i for i, column in enumerate(columns) if labels[column] in ION_COLUMNS)
    target = space.forward(rows.values)
    label_error = fit_label_error(target, space.noise(rows.values, rows.noise))
    with one_thread():
        data = Labelled(rows.X[:, columns], target, rows.groups, ions)
        return _Core(fit(space, data, seed=seed), columns, label_error)


def _table(space: Space, rows: _Rows, fitted: Fitted) -> OutOfFold:
    held = fitted.out_of_fold
    at_level = int(np.argmin(np.abs(uncertainty.LEVELS - LEVEL)))
    mean, lower, upper = space.interval(held.center, held.half[at_level])
    return OutOfFold(
        y=rows.values,
        mean=mean,
        lower=lower,
        upper=upper,
        null=space.backward(held.null),
        in_domain=fitted.domain.contains(held.distance),
        groups=rows.groups,
        ids=rows.ids,
        inside=np.abs(space.forward(rows.values) - held.center) <= held.half,
        size=held.half[-1],
    )


def _mixture_rows(
    model: Surrogate, hurdle: Hurdle, rows: _Rows, fitted: Fitted
) -> OutOfFoldMixture:
    """Return the out-of-fold distributions of all rows.

    Off the bound they are those of the folds. Rows on it are predicted by the surrogate of all
    rows off the bound, which never learned from one of them.
    """
    off = rows.values > hurdle.bound
    center, half = np.empty(len(off)), np.empty((len(uncertainty.LEVELS), len(off)))
    center[off], half[:, off] = fitted.out_of_fold.center, fitted.out_of_fold.half
    on = model.distribution(rows.X[~off])
    center[~off], half[:, ~off] = on.center, on.half
    return out_of_fold_mixture(hurdle, center, half, rows.values, rows.groups, rows.ids)


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
