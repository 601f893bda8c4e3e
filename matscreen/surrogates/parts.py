"""Fitted parts as plain arrays, and back: what a model file holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from matscreen.surrogates.class_calibration import calibrator_of, calibrator_parts
from matscreen.surrogates.classification import Classifier
from matscreen.surrogates.domain import Domain, Landmarks
from matscreen.surrogates.familiar import Familiar
from matscreen.surrogates.hurdle import Hurdle


def familiar_parts(familiar: Familiar) -> dict[str, Any]:
    """Return what `familiar_of` reads."""
    return {
        "fixed": familiar.fixed,
        "ion_columns": familiar.ion_columns,
        "ions": familiar.ions,
        "elements": familiar.elements,
    }


def familiar_of(parts: Mapping[str, Any]) -> Familiar:
    """Return what `familiar_parts` was given."""
    return Familiar(
        fixed=np.asarray(parts["fixed"], dtype=np.float64),
        ion_columns=np.asarray(parts["ion_columns"], dtype=np.int64),
        ions=np.asarray(parts["ions"], dtype=np.float64),
        elements=np.asarray(parts["elements"], dtype=np.int64),
    )


def domain_parts(domain: Domain) -> dict[str, Any]:
    """Return what `domain_of` reads."""
    return {
        "metric": domain.landmarks.metric,
        "landmarks": domain.landmarks.points,
        "threshold": domain.threshold,
        "knots": domain.knots,
        "growth": domain.growth,
        "constant_half": domain.constant_half,
    }


def domain_of(parts: Mapping[str, Any]) -> Domain:
    """Return what `domain_parts` was given."""
    return Domain(
        Landmarks(parts["metric"], parts["landmarks"]),
        float(parts["threshold"]),
        parts["knots"],
        parts["growth"],
        float(parts["constant_half"]),
    )


def classifier_parts(classifier: Classifier) -> dict[str, Any]:
    """Return the fitted parts that `classifier_of` reads."""
    calibrator = classifier.calibrator
    return {
        "label": classifier.label,
        "classes": list(classifier.classes),
        "n_features": classifier.n_features,
        "columns": classifier.columns,
        "familiar": familiar_parts(classifier.familiar),
        "weights": dict(classifier.weights),
        "estimators": dict(classifier.estimators),
        "calibrator": None if calibrator is None else calibrator_parts(calibrator),
        "prior": classifier.prior,
        "quantiles": classifier.quantiles,
        "domain": domain_parts(classifier.domain),
    }


def classifier_of(card: Mapping[str, Any], parts: Mapping[str, Any]) -> Classifier:
    """Return the classifier of a card and fitted parts."""
    calibrator = parts["calibrator"]
    return Classifier(
        label=str(parts["label"]),
        classes=tuple(map(str, parts["classes"])),
        card=card,
        n_features=int(parts["n_features"]),
        columns=np.asarray(parts["columns"], dtype=np.int64),
        familiar=familiar_of(parts["familiar"]),
        weights={str(name): float(weight) for name, weight in parts["weights"].items()},
        estimators=dict(parts["estimators"]),
        calibrator=None if calibrator is None else calibrator_of(calibrator),
        prior=np.asarray(parts["prior"], dtype=np.float64),
        quantiles=np.asarray(parts["quantiles"], dtype=np.float64),
        domain=domain_of(parts["domain"]),
    )


def hurdle_parts(hurdle: Hurdle | None) -> dict[str, Any] | None:
    """Return what `hurdle_of` reads; the card of the surrogate tells of its classifier."""
    if hurdle is None:
        return None
    return {"bound": hurdle.bound, "chance": classifier_parts(hurdle.chance)}


def hurdle_of(card: Mapping[str, Any], parts: Mapping[str, Any] | None) -> Hurdle | None:
    """Return what `hurdle_parts` was given, with what the card says of it."""
    if parts is None:
        return None
    return Hurdle(float(parts["bound"]), classifier_of(card["hurdle"], parts["chance"]))
