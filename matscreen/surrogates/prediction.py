"""What a surrogate says of a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matscreen.structures import FloatArray

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Prediction:
    """Predicted values with intervals (of 90 % unless asked otherwise), (n,) each.

    In the unit of the property.
    A row without any feature is NaN throughout and outside the domain.

    Attributes:
        mean: Expected value; of a property on a log scale the median.
        std: (upper - lower) / 3.29, the deviation of a Gaussian of that interval. On a log scale
            a log-normal of the interval is the better picture: its deviation in decades is
            log10(upper / lower) / 3.29.
        lower: Lower end of the interval, within the physical bounds. The interval holds the
            error of the surrogate and, where it was given, that of the labels.
        upper: Upper end of the interval, within the physical bounds.
        in_domain: Whether the row is near enough to labelled materials.
        std_epistemic: Part of `std` that more labels would shrink: what grows with the
            disagreement of the models, and all widening outside the domain. The squares of both
            parts add up to that of `std`.
        std_aleatoric: The rest: scatter of the labels at given features.
        distance: Distance to the labelled materials over the threshold of the domain.
    """

    mean: FloatArray
    std: FloatArray
    lower: FloatArray
    upper: FloatArray
    in_domain: BoolArray
    std_epistemic: FloatArray
    std_aleatoric: FloatArray
    distance: FloatArray
