import io

import numpy as np
import pandas as pd
import pytest

from matscreen.errors import InputError
from matscreen.fabrication import match_substrates
from matscreen.structures import Crystal


def cubic(a: float) -> Crystal:
    positions = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    return Crystal(np.eye(3) * a, [38, 22, 8, 8, 8], positions)


def test_a_crystal_fits_itself():
    row = match_substrates({"sto": cubic(3.905)}, substrates=["SrTiO3"]).iloc[0]
    assert row["substrate"] == "SrTiO3"
    assert row["mismatch"] == pytest.approx(0.0, abs=1e-9)
    assert row["match_area"] == pytest.approx(3.905**2)


def test_planes_survive_a_csv_file():
    table = match_substrates({"sto": cubic(3.905)}, substrates=["SrTiO3"])
    again = pd.read_csv(io.StringIO(table.to_csv(index=False))).iloc[0]
    assert again["substrate_plane"] == again["film_plane"] == "(001)"


def test_strain_is_the_difference_of_the_edges():
    row = match_substrates({"film": cubic(3.988)}, substrates=["SrTiO3"]).iloc[0]
    assert row["mismatch"] == pytest.approx(100 * (1 - 3.905 / 3.988), rel=1e-6)


def test_a_turn_of_45_degrees_is_found():
    row = match_substrates({"sto": cubic(3.905)}, substrates=["Si"]).iloc[0]
    assert row["mismatch"] == pytest.approx(100 * (1 - 5.431 / (3.905 * np.sqrt(2))), rel=0.01)


def test_what_fits_nowhere_is_missing():
    row = match_substrates({"huge": cubic(60.0)}).iloc[0]
    assert row["structure_id"] == "huge"
    assert np.isnan(row["mismatch"])
    assert match_substrates({}).empty


def test_an_unknown_substrate_is_an_error():
    with pytest.raises(InputError, match="unknown substrate 'Ge'; known: Al2O3"):
        match_substrates({}, substrates=["Ge"])
