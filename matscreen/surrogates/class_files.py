"""Save and load classifiers with skops: a listed set of types, never a pickle.

A folder holds one classifier: `card.json` and `model-<hash>.skops`, as that of a surrogate does.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from matscreen.errors import ModelError
from matscreen.surrogates.card_schema import check_card
from matscreen.surrogates.classification import Classifier
from matscreen.surrogates.parts import classifier_of, classifier_parts
from matscreen.surrogates.persistence import (
    card_of,
    check_descriptors,
    load_card,
    read_sealed,
    write_sealed,
)


def save_classifier(classifier: Classifier, directory: str | os.PathLike[str]) -> Path:
    """Write a classifier into its own folder, replacing the one that is there.

    Returns:
        The path of the card.

    Raises:
        ModelError: The card is incomplete, or a fitted part is of a type that `load_classifier`
            would refuse.
    """
    check_card(classifier.card, f"the classifier of {classifier.label}")
    return write_sealed(Path(directory), classifier.card, classifier_parts(classifier))


def load_classifier(
    directory: str | os.PathLike[str], *, descriptor_version: str | None = None
) -> Classifier:
    """Read a classifier that `save_classifier` wrote.

    Args:
        directory: Its folder.
        descriptor_version: Version of the descriptors to predict from; None skips the comparison.

    Raises:
        ModelError: The folder holds no classifier, its file was changed or holds a type that is
            not trusted, or it was trained with other descriptors or another scikit-learn.
    """
    folder = Path(directory)
    card = load_card(folder)
    if card.get("kind") != "classifier":
        raise ModelError(
            f"{folder}: a surrogate of {card.get('property')!r}, no classifier: read it with "
            "`surrogates.load`"
        )
    check_descriptors(card, folder, descriptor_version)
    return read_sealed(folder, card, partial(classifier_of, card_of(card)))
