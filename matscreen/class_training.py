"""Train classifiers on the labels of a published data set that are no numbers.

The descriptors come from the formula alone: the set `fast`, and beside it the lean averages over
sites of `edge.lean` (on 229 compounds with and without an insulator-metal transition they add two
hundredths to the balanced accuracy).
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from matscreen.errors import InputError
from matscreen.structures import FloatArray

if TYPE_CHECKING:
    from matscreen.sources.dataset_files import Downloader, Progress
    from matscreen.sources.dataset_tables import DatasetTable
    from matscreen.surrogates.classification import Classifier, ClassPrediction

DESCRIPTOR_SET: Final = "fast + lean"


@dataclass(frozen=True, eq=False)
class TrainedClasses:
    """A classifier of one label of a data set and where it is kept.

    Attributes:
        table: The set as it was read.
        classifier: The classifier; its card carries `training_data`.
        folder: Its folder.
    """

    table: DatasetTable
    classifier: Classifier
    folder: Path


def describe_formulas(formulas: Sequence[str]) -> tuple[FloatArray, tuple[str, ...]]:
    """Describe formulas for classifiers; return features, (n, k), and their names.

    A formula that cannot be read gives a row of NaN.
    """
    from matscreen.descriptors import featurize_formulas
    from matscreen.descriptors.composition import Compositions, parse_formula
    from matscreen.edge.lean import LABELS, lean_features

    described = featurize_formulas(list(formulas), with_sites=True)
    bad = {failure.row for failure in described.failures}
    good = [row for row in range(len(formulas)) if row not in bad]
    X = np.full((len(formulas), len(described.labels) + len(LABELS)), np.nan)
    if good:
        amounts = [parse_formula(formulas[row]) for row in good]
        lean = lean_features(Compositions.from_amounts(amounts))
        X[good] = np.hstack([described.values[good], lean])
    return X, (*described.labels, *LABELS)


def descriptor_version() -> str:
    """Return the version of what `describe_formulas` computes."""
    from matscreen.descriptors import get_descriptor_set
    from matscreen.edge.lean import VERSION

    return f"{get_descriptor_set('fast').version} + {VERSION}"


def train_dataset_classes(
    name: str,
    *,
    folder: str | os.PathLike[str] | None = None,
    mirror: str | os.PathLike[str] | None = None,
    seed: int = 0,
    downloader: Downloader | None = None,
    progress: Progress | None = None,
) -> tuple[TrainedClasses, ...]:
    """Train a classifier of each label of a published data set.

    Each is saved in `folder/LABEL` with its card.

    Args:
        name: Name of the set, such as `mit_classification`.
        folder: Where the models go; `models/NAME` by default.
        mirror: Folder that is searched before the network; `MATSCREEN_MIRROR` by default.
        seed: Seed of the folds and the models.
        downloader: Called instead of the https download.
        progress: Called with the stage, what is done and the total.

    Raises:
        InputError: The set is unknown or has no such label.
        SourceError: The set cannot be fetched or read.
        ModelError: A label has too few rows.
    """
    from matscreen.sources.dataset_tables import read_dataset
    from matscreen.surrogates.class_files import save_classifier
    from matscreen.surrogates.classification import train_classifier

    table = read_dataset(name, mirror, downloader=downloader, progress=progress)
    if not table.classes:
        raise InputError(f"{table.dataset.name} has no label to classify, only properties")
    X, labels = describe_formulas(table.formulas)
    home = Path(folder) if folder is not None else Path("models") / table.dataset.name
    found = []
    for label, y in table.classes.items():
        model = train_classifier(
            X,
            y,
            groups=table.groups.tolist(),
            label=label,
            labels=labels,
            seed=seed,
            ids=table.ids,
            descriptor_set=DESCRIPTOR_SET,
            descriptor_version=descriptor_version(),
        )
        card = {**model.card, "training_data": _origin(table, label)}
        model = dataclasses.replace(model, card=card)
        save_classifier(model, home / label)
        found.append(TrainedClasses(table, model, home / label))
    return tuple(found)


def classify_formulas(classifier: Classifier, formulas: Sequence[str]) -> ClassPrediction:
    """Predict the classes of formulas with a classifier of `train_dataset_classes`.

    Raises:
        InputError: The classifier was trained on other descriptors.
    """
    from matscreen.descriptors.composition import parse_formula
    from matscreen.errors import StructureError

    X, labels = describe_formulas(formulas)
    if list(labels) != list(classifier.card["labels"]):
        raise InputError(
            f"the classifier of {classifier.label} takes descriptors of "
            f"{classifier.card['descriptor_set'] or 'another set'!r}, not {DESCRIPTOR_SET!r}"
        )

    def elements(formula: str) -> frozenset[int]:
        try:
            return frozenset(parse_formula(formula))
        except StructureError:
            return frozenset()

    return classifier.predict(X, elements=[elements(formula) for formula in formulas])


def _origin(table: DatasetTable, label: str) -> dict[str, Any]:
    dataset, origin = table.dataset, table.origin
    evidence = {each.name: each.evidence for each in dataset.classes}
    return {
        "source": f"dataset:{dataset.name}",
        "version": f"sha256 {origin.sha256}",
        "licence": dataset.licence,
        "citation": dataset.citation,
        "home_page": dataset.home_page,
        "evidence": evidence[label],
        "rows_in_file": table.n_rows,
        "rows_unreadable": len(table.failures),
    }
