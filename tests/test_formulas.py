"""Amounts and masses of formulas agree with pymatgen's, which reads them a hundred times slower."""

import math

import pytest
from pymatgen.analysis.hhi import HHIModel
from pymatgen.core import Composition

from matscreen.errors import StructureError
from matscreen.fabrication import supply_concentration
from matscreen.formulas import REMEMBERED, atomic_mass, chemical_system, reduced_amounts, spelling

FORMULAS = [
    "BaTiO3",
    "Ba2Ti2O6",
    "Li2O2",
    "O2",
    "La0.7Sr0.3MnO3",
    "Ca3(PO4)2",
    "Pb0.5Zr0.25Ti0.75O3",
]


@pytest.mark.parametrize("formula", FORMULAS)
def test_amounts_and_weight_are_those_of_pymatgen(formula):
    expected = Composition(formula).reduced_composition
    found = reduced_amounts(formula)
    assert dict(found) == pytest.approx(expected.get_el_amt_dict())
    weight = sum(n * atomic_mass(symbol) for symbol, n in found)
    assert weight == pytest.approx(float(expected.weight), rel=1e-12)


@pytest.mark.parametrize("formula", ["BaTiO3", "La0.7Sr0.3MnO3", "Pb0.5Zr0.25Ti0.75O3", "VO2"])
def test_market_concentration_is_that_of_pymatgen(formula):
    expected = HHIModel().get_hhi(Composition(formula))
    assert supply_concentration(formula) == pytest.approx(expected, rel=1e-12)


def test_an_element_without_a_market_leaves_it_unknown():
    assert all(math.isnan(value) for value in supply_concentration("XeO3Ba"))


def test_one_spelling_for_one_composition():
    assert spelling("PbTiO3") == spelling("TiPbO3") == spelling("Ti2Pb2O6") != spelling("PbZrO3")


def test_what_is_remembered_is_bounded():
    assert reduced_amounts.cache_info().maxsize == REMEMBERED
    assert spelling.cache_info().maxsize == REMEMBERED


def test_text_is_refused():
    with pytest.raises(StructureError, match="bad_formula"):
        reduced_amounts("quartz")


def test_a_chemical_system_names_each_element_once():
    assert chemical_system("SrTiO3") == chemical_system("O6Ti2Sr2") == "O-Sr-Ti"
    with pytest.raises(StructureError):
        chemical_system("Qq2")
