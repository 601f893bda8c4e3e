"""What there is to compress: a surrogate, its rows, and the features its student will see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from matscreen.descriptors.composition import Compositions, parse_formula
from matscreen.descriptors.sets import featurize_compositions
from matscreen.edge import augmentation
from matscreen.edge.lean import LABELS as LEAN_LABELS
from matscreen.edge.lean import lean_features
from matscreen.edge.student import Level
from matscreen.edge.variants import Lessons
from matscreen.errors import ModelError, StructureError
from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates import Prediction, TrainingSet
from matscreen.surrogates.elements import labelled_elements
from matscreen.surrogates.space import Space

FORMULA_SETS: Final = ("composition", "fast")
STRUCTURE_SETS: Final = ("standard", "full")
MIN_GROUPS: Final = 20
MOST_EXTRA: Final = 12_000
FEWEST_EXTRA: Final = 4_000
EXTRA_PER_LABEL: Final = 4

_LABEL_SHARE: Final = 0.5
_LABEL_WEIGHT: Final = 3


class Teacher(Protocol):
    """Anything that predicts a property as a `Surrogate` does."""

    def predict(self, X: FloatArray) -> Prediction:
        """Predict rows of features."""
        ...


@dataclass(frozen=True, eq=False)
class Task:
    """Labelled rows, as the teacher and as the student see them.

    Attributes:
        property_name: Registry name.
        level: What the student scores.
        descriptor_set: Set of the teacher.
        X: Features of the teacher, (n, k).
        F: Features of the student, (n, f).
        labels: Names of the features of the student, (f,).
        y: Labels in the unit of the property, (n,).
        groups: Chemical systems, (n,).
        compositions: Of the rows; None where the student sees structures.
    """

    property_name: str
    level: Level
    descriptor_set: str
    X: FloatArray
    F: FloatArray
    labels: tuple[str, ...]
    y: FloatArray
    groups: npt.NDArray[np.str_]
    compositions: Compositions | None

    @property
    def target(self) -> FloatArray:
        """Labels in the space of the property, (n,)."""
        return Space.of(self.property_name).forward(self.y)

    @property
    def unseen(self) -> FloatArray:
        """1 for elements that no row holds, by atomic number, (119,); zeros where none is known."""
        if self.compositions is not None:
            seen = self.compositions.numbers[self.compositions.present]
        else:
            seen = labelled_elements(self.groups.tolist())
        unseen = np.full(119, float(len(seen) > 0))
        unseen[seen] = 0.0
        unseen[0] = 0.0
        return unseen

    @property
    def n_extra(self) -> int:
        """How many rows a teacher labels for its students: four a label, 4,000 to 12,000."""
        return min(max(EXTRA_PER_LABEL * len(self.y), FEWEST_EXTRA), MOST_EXTRA)

    def lessons(self, teacher: Teacher, rows: IntArray, *, n_extra: int, seed: int) -> Lessons:
        """Make what a student learns from: labelled rows, and rows that the teacher labels.

        A labelled row is taught half its label and half what the teacher says, which the teacher
        has smoothed over like rows. Compounds with exchanged elements follow; where the teacher
        sees structures, rows between labelled ones.

        Args:
            teacher: A teacher that was fitted to the same rows.
            rows: Labelled rows to use.
            n_extra: Number of rows to make.
            seed: Seed of the made rows.
        """
        if self.compositions is not None:
            known = Compositions(self.compositions.numbers[rows], self.compositions.amounts[rows])
            made = augmentation.substituted(known, n_extra, seed=seed)
            extra, extra_seen = teacher_features(made, self.descriptor_set), lean_features(made)
        else:
            extra = augmentation.between(self.X[rows], n_extra, seed=seed)
            extra_seen = extra
        space = Space.of(self.property_name)
        said = space.forward(teacher.predict(self.X[rows]).mean)
        said = np.where(np.isfinite(said), said, self.target[rows])
        taught = _LABEL_SHARE * self.target[rows] + (1.0 - _LABEL_SHARE) * said
        imagined = space.forward(teacher.predict(extra).mean)
        kept = np.isfinite(imagined)
        return Lessons(
            X=np.concatenate([self.F[rows], extra_seen[kept]]),
            y=np.concatenate([taught, imagined[kept]]),
            weight=np.concatenate(
                [np.full(len(rows), _LABEL_WEIGHT), np.ones(int(kept.sum()), np.int64)]
            ),
            n_labelled=len(rows),
        )


def teacher_features(compositions: Compositions, descriptor_set: str) -> FloatArray:
    """Describe compositions as the teacher of a formula-level set saw them."""
    values = featurize_compositions(compositions, with_sites=descriptor_set == "fast")
    return np.asarray(values.astype(np.float32).astype(np.float64))


def make_task(property_name: str, card: Mapping[str, Any], rows: TrainingSet) -> Task:
    """Prepare the compression of a surrogate.

    Args:
        property_name: Registry name.
        card: Card of the surrogate.
        rows: The rows that it was trained on.

    Raises:
        ModelError: The surrogate is a constant, its descriptors are not ones that a bundle can
            compute, or too few of its rows have a formula.
    """
    name = str(card["descriptor_set"])
    if card["model"] == "constant":
        raise ModelError(
            f"{property_name}: the surrogate is a constant ({card['fallback'] or 'no model'} "
            "predicts better): there is nothing to compress; add labels of other chemical systems"
        )
    if name not in (*FORMULA_SETS, *STRUCTURE_SETS):
        raise ModelError(
            f"{property_name}: trained on the descriptor set {name!r}; a bundle can compute "
            f"{', '.join((*FORMULA_SETS, *STRUCTURE_SETS))}: train on one of these"
        )
    usable = Space.of(property_name).allows(rows.y) & np.isfinite(rows.X).any(axis=1)
    compositions = None
    if name in FORMULA_SETS:
        parsed = [_parsed(formula) for formula in rows.formulas]
        usable &= np.array([one is not None for one in parsed])
        compositions = Compositions.from_amounts(
            [one for one, use in zip(parsed, usable, strict=True) if use and one is not None]
        )
    groups = rows.groups[usable]
    if len(np.unique(groups)) < MIN_GROUPS:
        raise ModelError(
            f"{property_name}: {int(usable.sum())} usable rows of "
            f"{len(np.unique(groups))} chemical systems; calibration needs at least {MIN_GROUPS} "
            "systems" + ("" if compositions is None else ", and the formula of every row")
        )
    X = rows.X[usable]
    return Task(
        property_name=property_name,
        level="structure" if compositions is None else "formula",
        descriptor_set=name,
        X=X,
        F=X if compositions is None else lean_features(compositions),
        labels=rows.labels if compositions is None else LEAN_LABELS,
        y=rows.y[usable],
        groups=groups,
        compositions=compositions,
    )


def _parsed(formula: str) -> dict[int, float] | None:
    try:
        return parse_formula(formula)
    except StructureError:
        return None
