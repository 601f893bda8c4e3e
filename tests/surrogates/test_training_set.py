from __future__ import annotations

import numpy as np
import pytest

from matscreen.errors import ModelError
from matscreen.surrogates.training_set import (
    FILE,
    TrainingSet,
    load_training_set,
    save_training_set,
)


def rows(n: int = 3) -> TrainingSet:
    X = np.arange(2.0 * n).reshape(n, 2)
    X[0, 0] = np.nan
    return TrainingSet(
        X=X,
        y=np.linspace(0.1, 0.3, n),
        groups=np.array(["Ba-O-Ti"] * n),
        labels=("a", "b c"),
        formulas=np.array(["BaTiO3"] * n),
        noise=np.array([np.nan] + [0.1] * (n - 1)),
        ids=np.array([f"s{i}" for i in range(n)]),
    )


def test_the_rows_come_back_as_they_were(tmp_path):
    given = rows()
    save_training_set(given, tmp_path)
    found = load_training_set(tmp_path)
    assert found.labels == given.labels
    for name in ("X", "y", "groups", "formulas", "noise", "ids"):
        np.testing.assert_array_equal(getattr(found, name), getattr(given, name))


def test_a_missing_or_damaged_file_says_so(tmp_path):
    with pytest.raises(ModelError, match="train again"):
        load_training_set(tmp_path)
    (tmp_path / FILE).write_bytes(b"no parquet")
    with pytest.raises(ModelError, match="not a readable training set"):
        load_training_set(tmp_path)
