"""Partial dependence: what a surrogate predicts when one column, or a pair, takes given values.

The rows keep all their other columns; the average over rows is the partial dependence (Friedman,
Ann. Stat. 29, 1189 (2001)), the rows themselves are the individual conditional expectations
(Goldstein et al., J. Comput. Graph. Stat. 24, 44 (2015)). Where columns are correlated, some of
the rows so made are no possible material; `in_domain` says how many the surrogate would vouch for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matscreen.errors import InputError
from matscreen.structures import FloatArray
from matscreen.surrogates.prediction import Prediction
from matscreen.surrogates.space import Space

PERCENTILES = (0.05, 0.95)
"""Range of the grid: beyond it there are too few rows to speak of."""


@dataclass(frozen=True, eq=False)
class PartialDependence:
    """Partial dependence on one column or on a pair; names follow scikit-learn.

    Averages are taken in the space of the property: of one on a log scale they are geometric.

    Attributes:
        columns: The column, or the two.
        grid_values: Values of each column, (a,) and for a pair (b,).
        average: Mean prediction, (a,) or (a, b), in the unit of the property.
        lower: Mean lower end of the 90 % intervals of the rows, of the same shape: the interval of
            a typical row, not of the average.
        upper: Mean upper end, of the same shape.
        in_domain: Share of the rows inside the applicability domain, of the same shape.
        individual: Predictions of each row, (n, a) or (n, a, b).
        observed: Values of the columns in all rows that have them, (m,) each.
    """

    columns: tuple[str, ...]
    grid_values: tuple[FloatArray, ...]
    average: FloatArray
    lower: FloatArray
    upper: FloatArray
    in_domain: FloatArray
    individual: FloatArray
    observed: tuple[FloatArray, ...]


def partial_dependence(
    predict: Callable[[FloatArray], Prediction],
    X: FloatArray,
    columns: Sequence[str],
    *,
    labels: Sequence[str],
    property: str,  # noqa: A002 - the column name of the labels table
    grid_resolution: int = 20,
    percentiles: tuple[float, float] = PERCENTILES,
    max_rows: int = 100,
    random_state: int = 0,
) -> PartialDependence:
    """Compute the partial dependence on one column or on a pair of columns.

    A column with at most `grid_resolution` different values gets those as its grid, any other one
    evenly spaced values between two percentiles of the rows. Rows without a value of the column
    (the A site of a binary oxide) have no say in it and are left out.

    Args:
        predict: From features to predictions with intervals, as `Surrogate.predict`.
        X: Features of the training rows, (n, k).
        columns: One name or two.
        labels: Name of each feature, (k,).
        property: Registry name.
        grid_resolution: Most values of each column.
        percentiles: Ends of the grid as shares of the rows.
        max_rows: Rows that are averaged, drawn at random where there are more.
        random_state: Seed of the draw.

    Raises:
        InputError: A column is unknown, given twice or unknown in every row, or there are not one
            or two of them.
    """
    names = tuple(columns)
    if len(names) not in (1, 2) or len(set(names)) < len(names):
        raise InputError(f"partial dependence takes one column or two different ones, got {names}")
    known = list(labels)
    for name in names:
        if name not in known:
            raise InputError(
                f"no column {name!r} among the {len(known)} features; {_near(name, known)}"
            )
    positions = [known.index(name) for name in names]
    rows = X[np.isfinite(X[:, positions]).all(axis=1)]
    if not len(rows):
        raise InputError(f"no training row has a value of {' and '.join(names)}")
    values = tuple(rows[:, position].copy() for position in positions)
    grids = tuple(_grid(column, grid_resolution, percentiles) for column in values)
    if len(rows) > max_rows:
        drawn = np.random.default_rng(random_state).choice(len(rows), max_rows, replace=False)
        rows = rows[np.sort(drawn)]
    points = np.stack([each.ravel() for each in np.meshgrid(*grids, indexing="ij")], axis=1)
    batch = np.repeat(rows[:, None, :], len(points), axis=1)
    batch[:, :, positions] = points
    found = predict(batch.reshape(-1, X.shape[1]))
    shape = tuple(len(grid) for grid in grids)
    space = Space.of(property)

    def average(part: FloatArray) -> FloatArray:
        center = space.forward(part.reshape(len(rows), *shape)).mean(axis=0)
        return space.backward(np.asarray(center))

    return PartialDependence(
        columns=names,
        grid_values=grids,
        average=average(found.mean),
        lower=average(found.lower),
        upper=average(found.upper),
        in_domain=found.in_domain.reshape(len(rows), *shape).mean(axis=0),
        individual=found.mean.reshape(len(rows), *shape),
        observed=values,
    )


def _grid(values: FloatArray, resolution: int, percentiles: tuple[float, float]) -> FloatArray:
    distinct = np.unique(values)
    if len(distinct) <= resolution:
        return distinct
    low, high = np.quantile(values, percentiles)
    if low == high:
        # Nearly all rows share one value: the few others are all there is to compare with.
        low, high = distinct[0], distinct[-1]
    return np.asarray(np.linspace(low, high, resolution))


def _near(name: str, known: list[str]) -> str:
    from difflib import get_close_matches

    near: list[Any] = get_close_matches(name, known, n=3)
    return f"did you mean {', '.join(near)}?" if near else "`card['labels']` lists them"
