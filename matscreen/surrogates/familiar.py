"""What all labelled rows of a model share: a row with anything else is strange to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates.elements import Elements, holds_unlabelled, labelled_elements
from matscreen.surrogates.prediction import BoolArray
from matscreen.surrogates.rows import shared_values

ION_COLUMNS: Final = ("site_a_number", "site_b_number", "site_x_number")
"""Descriptors that name the ion of a site: equal values are the same ion."""

ELEMENT_COLUMNS: Final = (*ION_COLUMNS, "magpie_minimum_number", "magpie_maximum_number")
"""Descriptors that name an element. One that shares its site with others, and is neither the
lightest nor the heaviest, goes unnamed: `Familiar.strange` is told of it by `elements`."""


@dataclass(frozen=True, eq=False)
class Familiar:
    """Values and elements that labelled rows have.

    Attributes:
        fixed: Value of each feature that all labelled rows share, (k,); NaN for the others.
        ion_columns: Which features name an element, indices.
        ions: Atomic numbers that the labelled rows have in any of them.
        elements: Atomic numbers of all elements of the labelled rows; empty where their groups
            were no chemical systems.
    """

    fixed: FloatArray
    ion_columns: IntArray
    ions: FloatArray
    elements: IntArray

    @classmethod
    def of(cls, X: FloatArray, labels: Sequence[str], groups: Sequence[str]) -> Familiar:
        """Return what rows have in common.

        Args:
            X: Features of the labelled rows, (n, k).
            labels: Name of each feature.
            groups: Chemical system of each row.
        """
        named = np.array(
            [i for i, label in enumerate(labels) if label in ELEMENT_COLUMNS], np.int64
        )
        ions = np.unique(X[:, named])
        return cls(shared_values(X), named, ions[np.isfinite(ions)], labelled_elements(groups))

    def strange(self, X: FloatArray, elements: Elements | None = None) -> BoolArray:
        """Say which rows have a value or an element that no labelled row has, (n,).

        Args:
            X: Features, (n, k).
            elements: Atomic numbers of the elements of each row, where they are known.

        Raises:
            InputError: `elements` is of another length.
        """
        # Such as sulphur, where all labelled materials are oxides.
        off = np.abs(X - self.fixed) > 1e-6 * (1.0 + np.abs(self.fixed))
        ions = X[:, self.ion_columns]
        unseen = (ions == np.round(ions)) & ~np.isin(ions, self.ions)
        found: BoolArray = np.any(off, axis=1) | np.any(unseen, axis=1)
        return found | holds_unlabelled(elements, self.elements, len(X))
