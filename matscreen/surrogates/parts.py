"""Fitted parts as plain arrays, and back: what a model file holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from matscreen.surrogates.domain import Domain, Landmarks
from matscreen.surrogates.familiar import Familiar


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
