import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from matscreen.band_gaps import METAL, estimate_gaps
from matscreen.priors import prior
from matscreen.properties import get_property
from matscreen.sampling import draw


def test_ions_tell_insulators_from_metals():
    found = estimate_gaps(["KNbO3", "HfO2", "BiFeO3", "SrRuO3", "LaNiO3", "LiReO3"])
    assert (found.metal[:3] < 0.3).all()
    assert (found.metal[3:] > 0.5).all()
    assert (found.mean[3:] == 0).all()
    assert found.mean[1] > found.mean[0] > 1.5


def test_the_spread_says_how_likely_a_metal_is():
    found = estimate_gaps(["SrRuO3", "LaNiO3"])
    np.testing.assert_allclose(norm.cdf(METAL, found.mean, found.sigma), found.metal, atol=1e-6)


def test_unreadable_formulas_get_the_mean_of_all():
    found = estimate_gaps(["what is this", "MgO"])
    assert np.isfinite(found.mean).all()


def test_negative_gaps_are_metals_not_insulators():
    entry = get_property("band_gap")
    drawn = draw(entry, np.array([0.0]), np.array([1.0]), np.array([[-2.0, -0.5, 0.5]]))
    np.testing.assert_allclose(drawn, [[0.0, 0.0, 0.5]])


def test_prior_is_the_estimate():
    table = prior("band_gap", pd.DataFrame({"formula": ["KNbO3"]}))
    assert table["mean"].iloc[0] == pytest.approx(estimate_gaps(["KNbO3"]).mean[0])
    assert "Materials Project" in table["method"].iloc[0]
