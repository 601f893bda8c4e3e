"""Ion properties agree with the published tables and are interpolated without surprises."""

import numpy as np
import pytest

from matscreen.descriptors.elements import (
    bond_valence_parameters,
    d_electrons,
    element_table,
    f_electrons,
    has_lone_pair,
    ionic_radius,
    ionization_energy,
)


def one(function, *arguments):
    return float(function(*(np.array([x]) for x in arguments))[0])


@pytest.mark.parametrize(
    ("z", "charge", "coordination", "radius"),
    [
        (22, 4.0, 6.0, 0.605),
        (56, 2.0, 12.0, 1.61),
        (38, 2.0, 12.0, 1.44),
        (8, -2.0, 6.0, 1.40),
        (26, 3.0, 6.0, 0.645),  # high spin
        (26, 2.5, 6.0, (0.78 + 0.645) / 2),
        (22, 4.0, 5.5, (0.51 + 0.605) / 2),
        (83, 3.0, 12.0, 1.17),  # beyond the list: the nearest listed coordination, 8
        (57, 3.0, 12.0, 1.36),
    ],
)
def test_shannon_radius(z, charge, coordination, radius):
    assert one(ionic_radius, z, charge, coordination) == pytest.approx(radius, abs=1e-9)


def test_radius_is_nan_where_unknown():
    assert np.isnan(one(ionic_radius, 22, np.nan, 6.0))
    assert np.isnan(one(ionic_radius, 22, 4.0, np.nan))
    assert np.isnan(one(ionic_radius, 2, 2.0, 6.0))
    assert np.isnan(one(ionic_radius, 22, -2.0, 6.0))


def test_radius_is_continuous():
    charges = np.linspace(1.5, 4.5, 301)
    radii = ionic_radius(np.full(301, 25), charges, np.full(301, 6.3))
    assert np.isfinite(radii).all()
    assert np.abs(np.diff(radii)).max() < 0.01


def test_d_and_f_electrons():
    assert one(d_electrons, 22, 4.0) == 0
    assert one(d_electrons, 25, 3.3) == pytest.approx(3.7)
    assert one(d_electrons, 30, 2.0) == 10
    assert one(d_electrons, 82, 2.0) == 0
    assert np.isnan(one(d_electrons, 22, np.nan))
    assert one(f_electrons, 64, 3.0) == 7
    assert one(f_electrons, 57, 3.0) == 0
    assert one(f_electrons, 92, 4.0) == 2


def test_lone_pairs():
    assert [one(has_lone_pair, z, q) for z, q in [(82, 2.0), (82, 4.0), (83, 3.0), (56, 2.0)]] == [
        1,
        0,
        1,
        0,
    ]


def test_ionization_energies():
    table = element_table()
    assert table.ionization[22, 1] == pytest.approx(6.828, abs=0.01)
    assert one(ionization_energy, 22, 4.0) == pytest.approx(43.27, abs=0.02)
    low, high = one(ionization_energy, 26, 2.0), one(ionization_energy, 26, 3.0)
    assert one(ionization_energy, 26, 2.5) == pytest.approx((low + high) / 2)
    assert np.isnan(one(ionization_energy, 8, -2.0))


def test_bond_valence_lengths():
    R = bond_valence_parameters()
    # O'Keeffe and Brese give 1.79 Å for Ti-O and 2.29 Å for Ba-O in their tables.
    assert R[22, 8] == pytest.approx(1.79, abs=0.03)
    assert R[56, 8] == pytest.approx(2.29, abs=0.03)
    np.testing.assert_allclose(R, R.T)
