import numpy as np
import pandas as pd
import pytest

from matscreen.properties import get_property
from matscreen.sampling import draw, normals, sigma_of


def _table(**columns):
    return pd.DataFrame({"std": [np.nan], "lower": [np.nan], "upper": [np.nan], **columns})


@pytest.mark.parametrize(
    ("name", "mean", "lower", "upper"),
    [
        ("well_depth", 0.0, 0.0, 2.0),  # a well cut at none
        ("well_depth", 0.4, 0.0, 2.0),
        ("spontaneous_polarization", 290.0, 240.0, 300.0),
        ("oxygen_migration_barrier", 0.06, 0.05, 0.3),
    ],
)
def test_draws_reach_the_end_that_a_bound_has_not_cut(name, mean, lower, upper):
    """A tenth or less of the draws, not a thousandth, lie beyond the open end."""
    entry = get_property(name)
    sigma = sigma_of(entry, _table(mean=[mean], lower=[lower], upper=[upper]))
    drawn = draw(entry, np.array([mean]), sigma, normals(1, 20_000, name))
    beyond = np.mean(drawn > upper) if upper < entry.upper else np.mean(drawn < lower)
    assert 0.04 < beyond < 0.11


def test_whole_intervals_and_standard_deviations_are_taken_as_they_are():
    linear, log = get_property("well_depth"), get_property("oxygen_migration_barrier")
    whole = _table(mean=[3.0], lower=[1.0], upper=[4.0])
    assert sigma_of(linear, whole) == pytest.approx(1.5 / 1.645, rel=1e-3)
    assert sigma_of(linear, _table(mean=[3.0], std=[0.7])) == pytest.approx(0.7)
    assert sigma_of(log, _table(mean=[1.0], lower=[0.5], upper=[2.0])) == pytest.approx(
        np.log10(2.0) / 1.645, rel=1e-3
    )
    assert sigma_of(linear, _table(mean=[3.0])) == 0.0


def test_an_interval_from_bound_to_bound_is_half_of_it():
    entry = get_property("spontaneous_polarization")
    everything = _table(mean=[10.0], lower=[0.0], upper=[300.0])
    assert sigma_of(entry, everything) == pytest.approx(150.0 / 1.645, rel=1e-3)


def test_a_value_under_its_physical_bound_has_the_error_of_the_bound():
    entry = get_property("relative_permittivity")
    sigma = sigma_of(entry, _table(mean=[0.0], std=[5.0]))
    assert sigma == pytest.approx(np.log10(1.0 + 5.0 / entry.lower))
