"""What a surrogate looks at, as tables and figures for a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from matscreen.errors import InputError, ModelError
from matscreen.own_models import Model, load_model

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from matscreen.report.explanations import Curve
    from matscreen.store import Store

_DRAWN = 40
_BUTTONS = 26


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


def figure(*tables: pd.DataFrame) -> go.Figure:
    """Draw tables of `importances` or `partial_dependence` in the style of the report.

    Several tables of partial dependence on one descriptor each become small multiples over one
    scale; a table of a pair becomes a heat map.

    Raises:
        InputError: No such table, or several that do not go into one figure.
    """
    from matscreen.report import explanation_figures as figures
    from matscreen.report.explanations import Bar
    from matscreen.report.palette import LIGHT

    kinds = {str(table.attrs.get("kind")) for table in tables}
    single = tables[0] if len(tables) == 1 else None
    if kinds == {"importances"} and single is not None:
        attrs = single.attrs
        rows = zip(single[attrs["by"]], single["importance"], single["standard_error"], strict=True)
        drawn = figures.importance_figure(
            [Bar(str(name), float(rise), float(error)) for name, rise, error in rows],
            unit=attrs["unit"],
            spelled=attrs["by"] == "column",
        )
        if drawn is None:
            raise InputError("a constant model looks at nothing: there is no bar to draw")
    elif kinds == {"partial_dependence"} and single is not None and _is_pair(single):
        first, second = single.attrs["columns"]
        plane = single.pivot(index=first, columns=second, values="average")
        drawn = figures.pair_figure(
            (plane.index.to_numpy(float).tolist(), plane.columns.to_numpy(float).tolist()),
            plane.to_numpy().tolist(),
            columns=(first, second),
            units=tuple(single.attrs["column_units"]),
            unit=single.attrs["unit"],
            name=single.attrs["property"],
        )
    elif kinds == {"partial_dependence"} and not any(map(_is_pair, tables)):
        drawn = _panels(tables)
    else:
        raise InputError(
            "figure draws one table of importances, one of partial dependence on a pair, or "
            f"several of partial dependence on one descriptor; got {len(tables)} of "
            f"{', '.join(sorted(kinds)) or 'nothing'}"
        )
    width = 720 if len(tables) > 1 else 620
    # A notebook may be dark, and its buttons lie over the top of a figure.
    return drawn.figure.update_layout(
        height=drawn.height + _BUTTONS,
        width=width,
        margin={"t": 8 + _BUTTONS},
        paper_bgcolor=LIGHT["paper"],
        plot_bgcolor=LIGHT["paper"],
    )


def _panels(tables: Sequence[pd.DataFrame]) -> Any:
    from matscreen.properties import PROPERTIES
    from matscreen.report.explanation_figures import dependence_figure

    named = {table.attrs["property"] for table in tables}
    if len(named) > 1:
        raise InputError(f"panels share the scale of one property, got {', '.join(sorted(named))}")
    (name,) = named
    entry = PROPERTIES.get(name)
    return dependence_figure(
        [_curve(table) for table in tables],
        name=name,
        unit=tables[0].attrs["unit"],
        logarithmic=entry is not None and entry.scale == "log",
    )


def _curve(table: pd.DataFrame) -> Curve:
    from matscreen.report.explanations import Curve

    attrs = table.attrs
    (column,) = attrs["columns"]
    return Curve(
        column=column,
        unit=attrs["column_units"][0],
        grid=tuple(table[column]),
        average=tuple(table["average"]),
        lower=tuple(table["lower"]),
        upper=tuple(table["upper"]),
        in_domain=tuple(table["in_domain"]),
        individual=tuple(map(tuple, attrs["individual"])),
        values=tuple(attrs["values"]),
    )


def _is_pair(table: pd.DataFrame) -> bool:
    return len(table.attrs["columns"]) == 2


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
