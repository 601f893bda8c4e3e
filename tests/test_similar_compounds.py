import numpy as np
import pandas as pd
import pytest

from matscreen.priors import prior
from matscreen.similar_compounds import similar_compounds


def test_a_known_compound_pulls_its_relatives():
    known = similar_compounds("critical_temperature")
    cuprate, niobate = known.estimate(pd.Series(["HgBa2Ca2Cu3O8", "LiNbO3"]))
    assert cuprate > niobate


def test_leaving_out_is_reported_beside_a_constant():
    for name in ("transition_temperature", "critical_temperature"):
        known = similar_compounds(name)
        assert 0.0 < known.error < 1.5
        assert known.constant_error > 0.0
        assert len(known.values) == len(known.fractions)


def test_foreign_cations_get_the_background():
    known = similar_compounds("transition_temperature")
    (estimate,) = known.estimate(pd.Series(["BeO"]))
    assert estimate == pytest.approx(known.values.mean())
    assert known.likeness(pd.Series(["BeO"]))[0] == 0.0


def test_rows_of_low_confidence_teach_nothing():
    known = similar_compounds("critical_temperature")
    assert "Tl" not in known.elements  # the only thallium cuprate is recalled


def test_score_is_certain_for_measured_compounds_and_small_for_others():
    info = pd.DataFrame(
        {"formula": ["VO2", "V4O7", "BaTiO3"], "transition_temperature": [340.0, np.nan, np.nan]}
    )
    found = prior("transition_score", info)
    assert found["mean"].iloc[0] == 6.0
    assert found["std"].iloc[0] == 0.0
    like, foreign = found["mean"].iloc[1], found["mean"].iloc[2]
    assert foreign < like < 0.0
