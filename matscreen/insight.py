"""What a surrogate looks at, as tables that `figure` draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from matscreen.errors import InputError, ModelError
from matscreen.own_models import Model, load_model

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.store import Store

_DRAWN = 40


def importances(
    model: Model | Store | str | Path,
    property: str | None = None,  # noqa: A002 - the column name of the labels table
    *,
    by: Literal["group", "column"] = "group",
    set: str = "standard",  # noqa: A002
) -> pd.DataFrame:
    """Return how much worse a surrogate gets without a group of descriptors, or without one.

    The regressors of the surrogate are fitted once more to four fifths of the chemical systems;
    the columns of a group are permuted together between rows of the others, several times.
    Correlated groups share their importance, and none of it is a cause.

    Args:
        model: A model of `fit` or `load_model`, the folder of one, or a store, which trains the
            surrogate of `property` from its labels unless it has done so.
        property: Registry name; needed with a store only.
        by: `group` of physical meaning, or single `column` of the leading groups.
        set: Descriptor set; counts with a store only.

    Returns:
        One row a group or column, most important first: its name, `importance` (rise of the mean
        absolute error in the unit of the property), `standard_error`, and `n_columns` or `group`.
        `attrs` hold property, unit, the error `mae_held` before permutation and the numbers of
        rows; `figure` draws it. Empty for a constant model.

    Raises:
        InputError: A store without a property, or `by` is neither.
        ModelError: There is no model, or too few labels to train one.
    """
    import pandas as pd

    if by not in ("group", "column"):
        raise InputError(f"importances are by 'group' or by 'column', not by {by!r}")
    found = _explanation(model, property, set)
    columns = [by, "importance", "standard_error", "n_columns" if by == "group" else "group"]
    table = pd.DataFrame(found[f"{by}s"], columns=columns)
    kept = ("property", "unit", "mae_held", "n_held", "n_fitted", "model_id")
    table.attrs |= {"kind": "importances", "by": by, **{name: found[name] for name in kept}}
    return table


def partial_dependence(
    model: Model | Store | str | Path,
    columns: str | Sequence[str],
    property: str | None = None,  # noqa: A002
    *,
    grid_resolution: int = 20,
    set: str = "standard",  # noqa: A002
) -> pd.DataFrame:
    """Return what a surrogate predicts when a descriptor, or a pair, takes given values.

    All other descriptors of the training rows stay as they are. Where descriptors go together,
    some of the rows so made are no possible material: `in_domain` says for how many the surrogate
    would vouch.

    Args:
        model: As for `importances`.
        columns: Name of a descriptor, or two names.
        property: Registry name; needed with a store only.
        grid_resolution: Most values of each descriptor, between its 5th and 95th percentile.
        set: Descriptor set; counts with a store only.

    Returns:
        One row a value (or pair of values): the descriptors, `average`, the average ends `lower`
        and `upper` of the 90 % interval of a row, and the share `in_domain`. `attrs` hold the
        curves of single rows (`individual`) and the training values (`values`); `figure` draws it.

    Raises:
        InputError: A descriptor is unknown, or a store was given without a property.
        ModelError: There is no model, or too few labels to train one.
    """
    import numpy as np
    import pandas as pd

    from matscreen.surrogates import Surrogate
    from matscreen.surrogates.explaining import column_units, dependence_of

    known = _model(model, property, set)
    if not isinstance(known.surrogate, Surrogate):
        raise ModelError(
            f"the surrogate of {known.surrogate.property} was transferred: look at its source and "
            "at a surrogate of its labels alone instead"
        )
    names = [columns] if isinstance(columns, str) else list(columns)
    found = dependence_of(
        known.surrogate,
        known.rows,
        names,
        grid_resolution=grid_resolution,
        max_rows=_DRAWN if len(names) == 1 else _DRAWN // 2,
    )
    grids = np.meshgrid(*found.grid_values, indexing="ij")
    table = pd.DataFrame(
        {
            **{name: grid.ravel() for name, grid in zip(names, grids, strict=True)},
            "average": found.average.ravel(),
            "lower": found.lower.ravel(),
            "upper": found.upper.ravel(),
            "in_domain": found.in_domain.ravel(),
        }
    )
    units = column_units(known.card)
    table.attrs |= {
        "kind": "partial_dependence",
        "property": known.surrogate.property,
        "unit": known.card["unit"],
        "columns": names,
        "column_units": [units.get(name, "") for name in names],
    }
    if len(names) == 1:
        table.attrs |= {
            "individual": found.individual.tolist(),
            "values": np.sort(found.observed[0]).tolist(),
        }
    return table


def _explanation(
    model: Model | Store | str | Path, name: str | None, descriptor_set: str
) -> Mapping[str, Any]:
    from matscreen.surrogates.explanation_file import explanation_of

    if isinstance(model, Model):
        return model.explanation
    return explanation_of(_folder(model, name, descriptor_set))


def _model(model: Model | Store | str | Path, name: str | None, descriptor_set: str) -> Model:
    return model if isinstance(model, Model) else load_model(_folder(model, name, descriptor_set))


def _folder(model: Store | str | Path, name: str | None, descriptor_set: str) -> Path:
    """Return the folder of a model; that of a store is trained there where it is missing."""
    if isinstance(model, str | Path):
        return Path(model)
    from matscreen.training import card_folder, property_model

    if name is None:
        raise InputError("a store has a surrogate for each property: say which property")
    return card_folder(model, property_model(model, name, descriptor_set).card)
