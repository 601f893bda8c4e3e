"""Published data sets in the notebook: what there is, its values, and surrogates of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.sources.dataset_tables import DatasetTable


def list_datasets() -> pd.DataFrame:
    """Return the published data sets that can be read by name, one row a set.

    Returns:
        Columns `name`, `title`, `properties`, `structures` (whether it holds crystals),
        `citation`, `licence` and `home_page`.

    Examples:
        >>> import matscreen as ms
        >>> "wolverton_oxides" in set(ms.list_datasets()["name"])
        True
    """
    import pandas as pd

    from matscreen.sources import dataset_registry

    rows = [
        {
            "name": dataset.name,
            "title": dataset.title,
            "properties": ", ".join(target.property for target in dataset.targets),
            "structures": dataset.has_structures,
            "citation": dataset.citation,
            "licence": dataset.licence,
            "home_page": dataset.home_page,
        }
        for dataset in dataset_registry.list_datasets()
    ]
    return pd.DataFrame(rows)


def read_dataset(name: str, mirror: str | Path | None = None) -> DatasetTable:
    """Read a published data set: formulas, crystals and sites where it has them, and values.

    Args:
        name: A name of `list_datasets()`, such as `wolverton_oxides`.
        mirror: Folder that is searched before the network; `MATSCREEN_MIRROR` by default.

    Returns:
        The values in the unit of the registry, NaN where unknown; `.to_pandas()` gives them as a
        table, `.failures` and `.omitted` what could not be used and why, `.dataset` citation and
        licence.

    Raises:
        InputError: No set has this name, or it is neither in the mirror nor at a known address.
        SourceError: It cannot be fetched or read, or is not the file that the registry knows.
    """
    from matscreen.sources import dataset_tables

    return dataset_tables.read_dataset(name, mirror)


def train_dataset(
    name: str,
    properties: Sequence[str] | None = None,
    *,
    set: str = "fast",  # noqa: A002
    folder: str | Path | None = None,
    mirror: str | Path | None = None,
    max_rows: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Train a surrogate for each property of a published data set, and keep it.

    Args:
        name: A name of `list_datasets()`.
        properties: Registry names; everything that the set holds by default.
        set: Descriptor set; `fast` and `composition` work from formulas, others need crystals.
        folder: Where the models go, one folder a property; `models/NAME` by default.
        mirror: Folder that is searched before the network; `MATSCREEN_MIRROR` by default.
        max_rows: Learn from at most this many rows, drawn at random.
        seed: Seed of the draw, the folds and the models.

    Returns:
        One row a property: property, unit, n_labels, the cross-validated metrics, cpu_seconds and
        the folder, which `matscreen.surrogates.load` reads.

    Raises:
        InputError: The set or a property is unknown, or the descriptors need crystals.
        SourceError: The set cannot be fetched or read.
        ModelError: None of the properties has enough labels.
    """
    import pandas as pd

    from matscreen import dataset_training

    finished = dataset_training.train_dataset(
        name,
        properties,
        descriptor_set=set,
        folder=folder,
        mirror=mirror,
        max_rows=max_rows,
        seed=seed,
    )
    rows = [
        {
            "property": trained.target.property,
            "unit": trained.card["unit"],
            "n_labels": trained.card["n_labels"],
            **trained.card["metrics"],
            "cpu_seconds": trained.card["cpu_seconds"],
            "folder": str(trained.folder),
        }
        for trained in finished.trained
    ]
    return pd.DataFrame(rows)
