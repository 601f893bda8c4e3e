"""What a source surrogate says about the rows of another label set, without having seen them.

A source often learned from materials that the target labels too (another fidelity of the same
material). Its prediction there is in-sample, closer to its label than to a new material, and a
model that learns from such predictions trusts the source too much. Those rows therefore get the
source's out-of-fold prediction, which its card keeps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from matscreen.errors import InputError, ModelError
from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates.elements import Elements
from matscreen.surrogates.prediction import Prediction
from matscreen.surrogates.space import Space
from matscreen.surrogates.training_set import TrainingSet


class Source(Protocol):
    """Anything that predicts one property and has a card: a surrogate, or a transferred one."""

    @property
    def card(self) -> Mapping[str, Any]:
        """What it was trained on."""

    def predict(self, X: FloatArray, *, elements: Elements | None = None) -> Prediction:
        """Predict rows of features, (n, k), of known elements."""


@dataclass(frozen=True, eq=False)
class SourceView:
    """Predictions of a source for some rows, (n,) each, in the space of its own property.

    Attributes:
        mean: Predicted value.
        half: Half width of its 90 % interval.
        in_domain: Whether the row is in the domain of the source.
        distance: Distance to the source's materials over the threshold of its domain.
        known: Whether the source learned from this material; then the rest is out of fold.
    """

    mean: FloatArray
    half: FloatArray
    in_domain: npt.NDArray[np.bool_]
    distance: FloatArray
    known: npt.NDArray[np.bool_]

    def take(self, rows: IntArray) -> SourceView:
        """Return the chosen rows."""
        return SourceView(
            self.mean[rows],
            self.half[rows],
            self.in_domain[rows],
            self.distance[rows],
            self.known[rows],
        )


def source_columns(source: Source, labels: Sequence[str]) -> IntArray:
    """Return where the source's descriptors stand among others, by name.

    Raises:
        InputError: Some are missing.
    """
    place = {name: i for i, name in enumerate(labels)}
    asked = [str(name) for name in source.card["labels"]]
    missing = [name for name in asked if name not in place]
    if missing:
        raise InputError(
            f"the source predicts from {len(asked)} descriptors of set "
            f"{source.card.get('descriptor_set') or 'unnamed'!r}, and {len(missing)} of them "
            f"({', '.join(missing[:3])}...) are not among the {len(labels)} given: describe the "
            "rows with that set too and pass them as source_X"
        )
    return np.array([place[name] for name in asked], dtype=np.int64)


def predicted_view(source: Source, X: FloatArray, elements: Elements | None = None) -> SourceView:
    """Return what the source predicts for rows of its own descriptors, (n, k)."""
    found = source.predict(X, elements=elements)
    mean, half = _in_space(source, found.mean, found.lower, found.upper)
    return SourceView(mean, half, found.in_domain, found.distance, np.zeros(len(X), dtype=bool))


def unseen_view(
    source: Source,
    X: FloatArray,
    *,
    ids: Sequence[str] | None,
    formulas: Sequence[str] | None,
    source_rows: TrainingSet | None,
) -> SourceView:
    """Return what the source says of each row without having learned from that material.

    A row is known to the source by its structure id, else by its reduced formula; of several
    source rows of one formula the nearest in the standardised descriptors speaks. A material whose
    chemical system, but not itself, is in the source counts as unseen.

    Args:
        source: The source surrogate.
        X: Descriptors of the source, (n, k).
        ids: Structure id of each row, or None.
        formulas: Formula of each row, or None.
        source_rows: What the source learned from; without it only ids can tell.

    Raises:
        ModelError: `source_rows` are not the rows of the source.
    """
    view = predicted_view(source, X)
    matched = _matches(source, X, ids, formulas, source_rows)
    known = matched >= 0
    if not known.any():
        return view
    table = source.card["out_of_fold"]
    taken = matched[known]
    mean, half = _in_space(
        source, *(np.asarray(table[name], float)[taken] for name in ("mean", "lower", "upper"))
    )
    view.mean[known], view.half[known] = mean, half
    view.in_domain[known] = np.asarray(table["in_domain"], dtype=bool)[taken]
    return replace(view, known=known)


def reduced_formulas(formulas: Sequence[str]) -> list[str]:
    """Return formulas that are equal for equal compositions; unreadable ones stay as they are."""
    from pymatgen.core import Composition

    kept: dict[str, str] = {}
    for formula in formulas:
        if formula not in kept:
            try:
                kept[formula] = Composition(formula).reduced_formula
            except ValueError:
                kept[formula] = formula
    return [kept[formula] for formula in formulas]


def _property(source: Source) -> str:
    return str(source.card["property"])


def _in_space(
    source: Source, mean: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray]:
    forward = Space.of(_property(source)).forward
    return np.array(forward(mean)), np.array(0.5 * (forward(upper) - forward(lower)))


def _matches(
    source: Source,
    X: FloatArray,
    ids: Sequence[str] | None,
    formulas: Sequence[str] | None,
    source_rows: TrainingSet | None,
) -> IntArray:
    """Row of the out-of-fold table that is the same material, -1 where there is none."""
    matched = np.full(len(X), -1, dtype=np.int64)
    table = source.card["out_of_fold"]
    if ids is not None and "structure_id" in table:
        place = {str(name): i for i, name in enumerate(table["structure_id"]) if name}
        matched = np.array([place.get(str(name), -1) for name in ids], dtype=np.int64)
    if formulas is None or source_rows is None:
        return matched
    learned = _usable_rows(source, source_rows)
    by_formula: dict[str, list[int]] = {}
    names = reduced_formulas(source_rows.formulas[learned].tolist())
    for i, name in enumerate(names):
        by_formula.setdefault(name, []).append(i)
    known = source_rows.X[learned]
    with np.errstate(invalid="ignore"):
        spread = np.nanstd(np.where(np.isfinite(known), known, np.nan), axis=0)
    spread = np.where(spread > 0.0, spread, 1.0)
    for row, name in enumerate(reduced_formulas([str(formula) for formula in formulas])):
        same = by_formula.get(name) if name and matched[row] < 0 else None
        if same:
            gap = np.square((known[same] - X[row]) / spread)
            gap = np.where(np.isfinite(gap), gap, 0.0).sum(axis=1)
            matched[row] = same[int(np.argmin(gap))]
    return matched


def _usable_rows(source: Source, rows: TrainingSet) -> IntArray:
    """Rows of a training set that are rows of the out-of-fold table, in its order."""
    usable = np.flatnonzero(
        Space.of(_property(source)).allows(rows.y) & np.isfinite(rows.X).any(axis=1)
    )
    stated = np.asarray(source.card["out_of_fold"]["y"], dtype=np.float64)
    if len(usable) != len(stated) or not np.allclose(rows.y[usable], stated):
        raise ModelError(
            f"the {len(rows.y)} source rows ({len(usable)} usable) are not the "
            f"{len(stated)} rows that the surrogate of {_property(source)} learned from: give the "
            "training set kept beside it"
        )
    return usable
