"""Labels of the same material as the source of a transfer.

Where another property, or a cheaper method, has already labelled the material that is asked for,
its label says more than any surrogate of it: a relaxed crystal has a simulated formation energy, a
phonon calculation an electronic permittivity. `transfer.transfer` then learns what is missing from
there to the property.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from matscreen.errors import InputError
from matscreen.properties import get_property
from matscreen.structures import FloatArray
from matscreen.surrogates.elements import Elements
from matscreen.surrogates.prediction import Prediction
from matscreen.surrogates.space import Space

KIND: Final = "label_source"


@dataclass(frozen=True)
class LabelSource:
    """A source that repeats labels: one feature, the label itself, in the unit of its property.

    Pass it to `transfer` with the labels as `source_X`, (n, 1), and to the `predict` of what comes
    back likewise. A row without the label is NaN or a guess, and outside the domain.

    Attributes:
        name: Registry name of the property that the labels are of.
    """

    name: str

    def __post_init__(self) -> None:
        get_property(self.name)

    @property
    def card(self) -> Mapping[str, Any]:
        """What stands for a card: the source learned from nothing."""
        digest = hashlib.sha256(f"{KIND}:{self.name}".encode()).hexdigest()
        return {
            "kind": KIND,
            "property": self.name,
            "unit": get_property(self.name).unit,
            "model_id": f"{KIND}-{self.name}",
            "data_hash": digest,
            "n_labels": 0,
            "n_groups": 0,
            "descriptor_set": "",
            "labels": [f"label_{self.name}"],
            "out_of_fold": {},
        }

    def predict(self, X: FloatArray, *, elements: Elements | None = None) -> Prediction:
        """Return the labels, without an error of their own.

        Args:
            X: Labels, (n, 1); NaN and values that the property cannot have count as unknown.
            elements: Not used: a label holds for whatever it was given for.

        Raises:
            InputError: There is more than one column.
        """
        del elements
        given = np.asarray(X, dtype=np.float64)
        if given.ndim != 2 or given.shape[1] != 1:
            raise InputError(
                f"labels of {self.name} come as one column, got an array of shape {given.shape}"
            )
        allowed = Space.of(self.name).allows(given[:, 0])
        value = np.where(allowed, given[:, 0], np.nan)
        none = np.where(allowed, 0.0, np.nan)
        return Prediction(
            mean=value,
            std=none,
            lower=value,
            upper=value,
            in_domain=allowed,
            std_epistemic=none,
            std_aleatoric=none,
            distance=np.where(allowed, 0.0, np.inf),
        )
