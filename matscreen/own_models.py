"""Models of your own labels: tables in, a surrogate and tables out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matscreen.errors import InputError, ModelError, StructureError
from matscreen.structures import FloatArray

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.surrogates import Surrogate, TrainingSet
    from matscreen.surrogates.transferred import Transferred


@dataclass(frozen=True, eq=False)
class Model:
    """A surrogate of one property with the rows that it learned from.

    Attributes:
        surrogate: The surrogate; one that was transferred predicts, but cannot be explained.
        rows: Its training rows.
    """

    surrogate: Surrogate | Transferred
    rows: TrainingSet

    @property
    def card(self) -> Mapping[str, Any]:
        """What was trained on what, and how well it does on systems that it has not seen."""
        return self.surrogate.card

    @property
    def out_of_fold(self) -> pd.DataFrame:
        """Every label beside its prediction by models that never saw its chemical system.

        Columns: group, y, mean, lower, upper, in_domain; in the unit of the property.
        """
        import pandas as pd

        return pd.DataFrame(dict(self.card["out_of_fold"]))

    @cached_property
    def explanation(self) -> Mapping[str, Any]:
        """What the surrogate looks at, made on first use; `importances` gives it as a table.

        Raises:
            ModelError: The surrogate was transferred.
        """
        from matscreen.surrogates import Surrogate
        from matscreen.surrogates.explaining import explain

        if not isinstance(self.surrogate, Surrogate):
            raise ModelError(
                f"the model of {self.surrogate.property} is transferred from that of other labels "
                "and cannot be explained: explain its source, or a model of one kind of label"
            )
        return explain(self.surrogate, self.rows)

    def predict(self, X: pd.DataFrame) -> pd.DataFrame:
        """Predict rows of descriptors, with 90 % intervals, in the unit of the property.

        Args:
            X: Descriptors; columns are found by name, others are ignored.

        Returns:
            Columns mean, std, std_epistemic, std_aleatoric, lower, upper and in_domain, with the
            index of `X`.

        Raises:
            InputError: A descriptor that the model needs is not there.
        """
        import pandas as pd

        missing = [name for name in self.rows.labels if name not in X.columns]
        if missing:
            raise InputError(
                f"the model of {self.surrogate.property} needs {len(missing)} descriptors that the "
                f"table lacks ({', '.join(missing[:3])}...); describe with the set "
                f"{self.card['descriptor_set'] or 'it was trained on'!r}"
            )
        found = self.surrogate.predict(_values(X[list(self.rows.labels)]))
        return pd.DataFrame(
            {
                "mean": found.mean,
                "std": found.std,
                "std_epistemic": found.std_epistemic,
                "std_aleatoric": found.std_aleatoric,
                "lower": found.lower,
                "upper": found.upper,
                "in_domain": found.in_domain,
            },
            index=X.index,
        )

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the model into its own folder: card, fitted parts, training rows."""
        from matscreen.surrogates import save_training_set
        from matscreen.surrogates.transfer_files import save_any

        card = save_any(self.surrogate, folder)
        save_training_set(self.rows, folder)
        return card.parent


def fit(
    X: pd.DataFrame,
    y: Sequence[float] | pd.Series | FloatArray,
    property: str,  # noqa: A002 - the column name of the labels table
    *,
    formulas: Sequence[str] | None = None,
    noise: Sequence[float] | None = None,
    seed: int = 0,
) -> Model:
    """Train a surrogate on your own labels.

    Regressors compete in cross-validation that keeps a chemical system together, and the winner
    gets calibrated 90 % intervals and an applicability domain.

    Args:
        X: Descriptors, one row a label, as `featurize` or `describe` give them; columns that hold
            no numbers (structure id, version) are left out.
        y: Labels in the unit of the property.
        property: Name in the registry of properties.
        formulas: Formula of each row; the index of `X` by default.
        noise: Standard deviation of each label, where it is known.
        seed: Seed of folds and models.

    Returns:
        The model: `predict`, `save`, and a `card` of what was measured of it.

    Raises:
        ModelError: There are too few usable labels.
        InputError: Lengths disagree, a formula cannot be read, or the property is unknown.
    """
    from matscreen.surrogates import TrainingSet, train

    names = [str(name) for name in X.columns[[d.kind in "fiub" for d in X.dtypes]]]
    texts = [str(text) for text in (X.index if formulas is None else formulas)]
    values = np.asarray(y, dtype=np.float64).reshape(-1)
    errors = np.full(len(values), np.nan) if noise is None else np.asarray(noise, np.float64)
    if not len(X) == len(values) == len(texts) == len(errors):
        raise InputError(
            f"{len(X)} rows of descriptors, {len(values)} labels, {len(texts)} formulas and "
            f"{len(errors)} errors of labels: one each is needed"
        )
    rows = TrainingSet(
        X=_values(X[names]),
        y=values,
        groups=np.array([_chemical_system(text) for text in texts], dtype=str),
        labels=tuple(names),
        formulas=np.array(texts, dtype=str),
        noise=errors,
        ids=np.array([""] * len(values), dtype=str),
    )
    known = _descriptor_set(names)
    surrogate = train(
        rows.X,
        rows.y,
        groups=rows.groups.tolist(),
        property=property,
        labels=names,
        noise=None if noise is None else errors,
        seed=seed,
        descriptor_set=known[0],
        descriptor_version=known[1],
    )
    return Model(surrogate, rows)


def load_model(folder: str | os.PathLike[str]) -> Model:
    """Read a model that `Model.save`, `train` or `train_dataset` left in a folder.

    Args:
        folder: The folder; nothing in it is executed.

    Returns:
        The model, with the rows that it learned from.

    Raises:
        ModelError: The folder holds no surrogate, or not the rows that it learned from.
    """
    from matscreen.surrogates import load_training_set
    from matscreen.surrogates.transfer_files import load_any

    return Model(load_any(folder), load_training_set(folder))


def _values(table: pd.DataFrame) -> FloatArray:
    return table.to_numpy(np.float32).astype(np.float64)


def _chemical_system(formula: str) -> str:
    from matscreen.formulas import chemical_system

    try:
        return chemical_system(formula)
    except StructureError as error:
        raise InputError(
            f"{formula!r} is no formula ({error.detail}): give `formulas`, or a table whose index "
            "holds them"
        ) from error


def _descriptor_set(names: Sequence[str]) -> tuple[str, str]:
    """Return name and version of the shipped set with these columns; empty when there is none."""
    from matscreen.descriptors import DESCRIPTOR_SETS

    for known in DESCRIPTOR_SETS.values():
        if list(known.labels) == list(names):
            return known.name, known.version
    return "", ""
