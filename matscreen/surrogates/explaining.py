"""Explain a surrogate: what it looks at, and how its predictions follow the leading columns."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from matscreen.errors import InputError, ModelError
from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates.importance import Importances, Predictor, permutation_importance
from matscreen.surrogates.meaning import group_columns, group_of
from matscreen.surrogates.partial_dependence import PartialDependence, partial_dependence
from matscreen.surrogates.refit import refit
from matscreen.surrogates.space import Space
from matscreen.surrogates.surrogate import Surrogate
from matscreen.surrogates.training_set import TrainingSet

SCHEME = "explanation-1"
"""Version of the protocol; an explanation of another one is made anew."""

PROTOCOL = (
    "rise of the mean absolute error when the columns of a group are permuted together between "
    "rows of chemical systems that were held out; the regressors of the surrogate, with their "
    "settings, were fitted to rows of the other systems. Correlated groups share importance"
)
"""How importances were measured, kept with every explanation."""

HELD_OUT = 0.2
_MOST_FITTED = 3000
_MOST_HELD = 200
_ROWS_OF_COLUMNS = 100
_GROUPS_OF_COLUMNS = 6
_LISTED_COLUMNS = 12
_DRAWN_COLUMNS = 4
_GRID = 15
_CURVES = 40


def explain(surrogate: Surrogate, rows: TrainingSet, *, seed: int = 0) -> dict[str, Any]:
    """Explain a surrogate by the rows that it learned from.

    A surrogate is fitted to all of its rows, and on rows that it has seen permutation flatters.
    So its regressors are fitted once more, with their settings, to the rows of four fifths of the
    chemical systems (at most 3,000), and the columns are permuted in up to 200 rows of the other
    systems. Within the six leading groups single columns are then permuted in the same way. Partial
    dependence is that of the surrogate itself, over its training rows.

    Args:
        surrogate: The surrogate.
        rows: What it was trained on.
        seed: Seed of the split, the permutations and the draws.

    Returns:
        Plain JSON types: `groups` and `columns` (each with `importance`, `standard_error`, `n`
        and the unit of the property), the four leading columns' `partial_dependence`, the error
        `mae_held` before permutation, `n_fitted` and `n_held` rows, and what identifies the
        model. A constant model looks at nothing: its lists are empty.

    Raises:
        ModelError: The rows are not those of the surrogate.
    """
    if tuple(surrogate.card["labels"]) != rows.labels:
        raise ModelError(
            f"the surrogate of {surrogate.property} knows {len(surrogate.card['labels'])} "
            f"features, the rows beside it have {len(rows.labels)} or name them differently: "
            "train again"
        )
    started = time.process_time()
    rows = _usable(rows, surrogate.property)
    content = {
        "scheme": SCHEME,
        "protocol": PROTOCOL,
        "property": surrogate.property,
        "unit": surrogate.card["unit"],
        "model": surrogate.card["model"],
        "model_id": surrogate.card["model_id"],
        "data_hash": surrogate.card["data_hash"],
        "n_fitted": 0,
        "n_held": 0,
        "mae_held": None,
        "groups": [],
        "columns": [],
        "partial_dependence": [],
    }
    split = _split(rows, seed=seed) if surrogate.weights else None
    if split is not None:
        fitted, held = split
        predict = refit(surrogate, rows.X[fitted], rows.y[fitted], rows.groups[fitted])
        groups = group_importances(predict, rows, held, seed=seed)
        columns = column_importances(predict, rows, held, groups, seed=seed)
        units = column_units(surrogate.card)
        content |= {
            "n_fitted": len(fitted),
            "n_held": len(held),
            "mae_held": groups.baseline,
            "groups": _ranked(groups, "group", group_columns(rows.labels)),
            "columns": [
                {**row, "group": group_of(row["column"]), "column_unit": units.get(row["column"])}
                for row in _ranked(columns, "column")[:_LISTED_COLUMNS]
            ],
            "partial_dependence": [
                {"column_unit": units.get(name), **_curve(dependence_of(surrogate, rows, [name]))}
                for name in _drawn(columns)
            ],
        }
    return {**content, "cpu_seconds": round(time.process_time() - started, 3)}


def group_importances(
    predict: Predictor, rows: TrainingSet, held: IntArray, *, seed: int
) -> Importances:
    """Permute each group of columns together; see `importance`."""
    return permutation_importance(
        predict,
        rows.X[held],
        rows.y[held],
        group_columns(rows.labels),
        n_repeats=int(np.clip(1000 // len(held), 5, 20)),
        random_state=seed,
    )


def column_importances(
    predict: Predictor, rows: TrainingSet, held: IntArray, groups: Importances, *, seed: int
) -> Importances:
    """Permute single columns of the leading groups.

    A column hardly matters more than its group, and most of the time would go into the others.
    """
    leading = [groups.names[i] for i in np.argsort(-groups.importances_mean, kind="stable")]
    positions = group_columns(rows.labels)
    chosen = [at for name in leading[:_GROUPS_OF_COLUMNS] for at in positions[name]]
    held = held[:_ROWS_OF_COLUMNS]
    return permutation_importance(
        predict,
        rows.X[held],
        rows.y[held],
        {rows.labels[at]: (at,) for at in chosen},
        n_repeats=int(np.clip(300 // len(held), 3, 10)),
        random_state=seed,
    )


def dependence_of(
    surrogate: Surrogate,
    rows: TrainingSet,
    columns: Sequence[str],
    *,
    grid_resolution: int = _GRID,
    max_rows: int = _CURVES,
    seed: int = 0,
) -> PartialDependence:
    """Compute the partial dependence of a surrogate over the rows that it learned from."""
    return partial_dependence(
        surrogate.predict,
        _usable(rows, surrogate.property).X,
        columns,
        labels=rows.labels,
        property=surrogate.property,
        grid_resolution=grid_resolution,
        max_rows=max_rows,
        random_state=seed,
    )


def column_units(card: Mapping[str, Any]) -> dict[str, str]:
    """Return the unit of each column of the descriptor set of a card; empty for an unknown set."""
    from matscreen.descriptors import get_descriptor_set

    try:
        known = get_descriptor_set(str(card.get("descriptor_set", "")))
    except InputError:
        return {}
    return dict(zip(known.labels, known.units, strict=True))


def _usable(rows: TrainingSet, name: str) -> TrainingSet:
    """Return the rows that training can use, with features as it takes them."""
    with np.errstate(over="ignore"):
        X = rows.X.astype(np.float32).astype(np.float64)
    X[~np.isfinite(X)] = np.nan
    usable = Space.of(name).allows(rows.y) & np.isfinite(X).any(axis=1)
    return replace(rows, X=X[usable], y=rows.y[usable], groups=rows.groups[usable])


def _split(rows: TrainingSet, *, seed: int) -> tuple[IntArray, IntArray] | None:
    """Return rows to fit and rows to permute, of different chemical systems, in random order."""
    from sklearn.model_selection import GroupShuffleSplit

    if len(np.unique(rows.groups)) < 2:
        return None
    splitter = GroupShuffleSplit(1, test_size=HELD_OUT, random_state=seed)
    fitted, held = next(splitter.split(rows.X, groups=rows.groups))
    generator = np.random.default_rng(seed)
    fitted = np.sort(generator.permutation(fitted)[:_MOST_FITTED])
    held = generator.permutation(held)[:_MOST_HELD]
    return (fitted, held) if len(held) >= 2 else None


def _ranked(
    found: Importances, key: str, positions: Mapping[str, Sequence[int]] | None = None
) -> list[dict[str, Any]]:
    mean, error = found.importances_mean, found.standard_errors
    return [
        {
            key: found.names[i],
            "importance": float(mean[i]),
            "standard_error": float(error[i]),
            **({"n_columns": len(positions[found.names[i]])} if positions else {}),
        }
        for i in np.argsort(-mean, kind="stable")
    ]


def _drawn(found: Importances) -> list[str]:
    """Return the leading columns, one of each group: relatives would show the same curve."""
    best: dict[str, str] = {}
    for row in _ranked(found, "column"):
        if row["importance"] > 0.0:
            best.setdefault(group_of(row["column"]), row["column"])
    return list(best.values())[:_DRAWN_COLUMNS]


def _curve(found: PartialDependence) -> dict[str, Any]:
    return {
        "column": found.columns[0],
        "grid_values": _plain(found.grid_values[0]),
        "average": _plain(found.average),
        "lower": _plain(found.lower),
        "upper": _plain(found.upper),
        "in_domain": _plain(found.in_domain),
        "individual": [_plain(curve) for curve in found.individual],
        "values": _plain(_thinned(found.observed[0])),
    }


def _thinned(values: FloatArray, limit: int = 100) -> FloatArray:
    ordered = np.sort(values)
    places = np.linspace(0, len(ordered) - 1, min(limit, len(ordered)))
    return np.asarray(ordered[places.astype(np.int64)])


def _plain(values: FloatArray) -> list[float]:
    """Return numbers in five digits: more would not be seen, and weigh on the file."""
    return [float(f"{value:.5g}") for value in values]
