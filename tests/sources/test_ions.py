from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matscreen.sources._ions import Ion, bartel_tau, bond_valence_r0, cations, goldschmidt, radius
from matscreen.sources._perovskites import template


@pytest.mark.parametrize(
    ("a", "b", "t", "tau"),
    [
        (Ion("Sr", 2), Ion("Ti", 4), 1.00, 3.80),
        (Ion("Ba", 2), Ion("Ti", 4), 1.06, 3.75),
        (Ion("Sr", 2), Ion("Zr", 4), 0.95, 3.72),
        (Ion("Ca", 2), Ion("Ti", 4), 0.97, 3.88),
        (Ion("Ni", 2), Ion("Ti", 4), 0.74, 15.66),
        (Ion("La", 3), Ion("V", 3), 0.96, 1.64),
    ],
)
def test_tolerance_factors_are_the_published_ones(a: Ion, b: Ion, t: float, tau: float) -> None:
    assert goldschmidt(a, b) == pytest.approx(t, abs=0.006)
    assert bartel_tau(a, b) == pytest.approx(tau, abs=0.006)


def test_tau_tells_perovskites_from_others() -> None:
    perovskites = [("Ca", 2, "Ti", 4), ("Na", 1, "Nb", 5), ("Gd", 3, "Fe", 3), ("Pb", 2, "Zr", 4)]
    others = [("Mg", 2, "Ti", 4), ("Li", 1, "Nb", 5), ("Co", 2, "Ti", 4), ("Sc", 3, "Fe", 3)]
    assert all(bartel_tau(Ion(a, n), Ion(b, m)) < 4.18 for a, n, b, m in perovskites)
    assert all(bartel_tau(Ion(a, n), Ion(b, m)) > 4.18 for a, n, b, m in others)


def test_tau_is_infinite_where_its_formula_does_not_hold() -> None:
    assert bartel_tau(Ion("Al", 3), Ion("La", 3)) == np.inf


def test_radii_are_shannons() -> None:
    assert radius("Ti", 4, 6) == 0.605
    assert radius("Sr", 2, 12) == 1.44
    assert radius("Fe", 3, 6) == 0.645  # high spin
    assert radius("Bi", 3, 12) == 1.17  # eight-coordinate is the highest tabulated
    with pytest.raises(KeyError, match="Ne"):
        radius("Ne", 1, 6)


def test_bond_valence_lengths_agree_with_tabulated_ones() -> None:
    # Brese and O'Keeffe (1991).
    for symbol, charge, tabulated in [
        ("Ti", 4, 1.815),
        ("Sr", 2, 2.118),
        ("Mg", 2, 1.693),
        ("Al", 3, 1.651),
        ("La", 3, 2.172),
        ("Nb", 5, 1.911),
    ]:
        assert bond_valence_r0(symbol, charge) == pytest.approx(tabulated, abs=0.06)


@given(st.integers(1, 6), st.data())
def test_scaled_cells_hold_the_total_charge(charge: int, data: st.DataObject) -> None:
    shape = template("perovskite-Pm-3m", 0.0, False)
    a = data.draw(st.sampled_from(cations(min(charge, 3))))
    b = data.draw(st.sampled_from(cations(6 - min(charge, 3))))
    ions = {"A": a, "B": b}
    factor = shape.scale(ions)
    total = sum(
        np.exp((bond_valence_r0(ion.symbol, ion.charge) - factor * shape.bonds[role]) / 0.37).sum()
        for role, ion in ions.items()
    )
    assert total == pytest.approx(6.0, rel=1e-6)
    assert shape.is_neutral(ions)
