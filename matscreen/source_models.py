"""A kept model as the source of another: read it with its rows, and learn on top of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matscreen.errors import ModelError

if TYPE_CHECKING:
    from matscreen.surrogates import Surrogate, TrainingSet
    from matscreen.surrogates.transferred import Transferred


@dataclass(frozen=True, eq=False)
class SourceModel:
    """A kept model.

    Attributes:
        model: The surrogate.
        rows: What it learned from.
        folder: Its folder.
    """

    model: Surrogate | Transferred
    rows: TrainingSet
    folder: Path


def read_source_model(folder: str | os.PathLike[str]) -> SourceModel:
    """Read a kept model and the rows that it learned from.

    Raises:
        ModelError: The folder holds none, its rows were not kept, or its descriptors are of
            another version than this installation's.
    """
    from matscreen.descriptors import get_descriptor_set
    from matscreen.surrogates import load_training_set
    from matscreen.surrogates.transfer_files import load_any

    model = load_any(folder)
    name, version = model.card["descriptor_set"], model.card["descriptor_version"]
    present = get_descriptor_set(name).version if name else version
    if version != present:
        raise ModelError(
            f"{folder}: trained on descriptors {name!r} version {version!r}, this installation "
            f"computes version {present!r}: train it again"
        )
    return SourceModel(model, load_training_set(folder), Path(folder))


def learn(
    rows: TrainingSet, source: SourceModel | None = None, **options: Any
) -> Surrogate | Transferred:
    """Train a surrogate of labelled rows, on top of a kept model where one is given.

    Args:
        rows: Labelled rows.
        source: A model of another fidelity of the property, or of a related one.
        **options: Further options of `surrogates.train`: property, seed, noise...

    Raises:
        ModelError: There are too few labels.
        InputError: The descriptors of the source are not among those of the rows.
    """
    from matscreen.surrogates import train
    from matscreen.surrogates.transfer import transfer

    given = {
        "groups": rows.groups.tolist(),
        "labels": list(rows.labels),
        "ids": rows.ids.tolist(),
        **options,
    }
    if source is None:
        return train(rows.X, rows.y, **given)
    return transfer(
        source.model,
        rows.X,
        rows.y,
        source_rows=source.rows,
        formulas=rows.formulas.tolist(),
        **given,
    )
