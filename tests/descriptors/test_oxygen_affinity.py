"""Energies of binary oxides as descriptors."""

import numpy as np
import pytest

from matscreen.descriptors import featurize_formulas, get_descriptor_set
from matscreen.descriptors.oxygen_affinity import (
    COLUMNS,
    oxide_energy,
    oxide_hulls,
    oxide_slopes,
)

TI, MN, BA, GOLD, HELIUM = 22, 25, 56, 79, 2
LABELS = [label for label, _ in COLUMNS]


def at(function, z, *oxygen):
    return function(np.full(len(oxygen), z), np.array(oxygen))


def test_between_two_oxides_lies_their_mixture():
    low, middle, high = at(oxide_energy, TI, 1.5, 1.75, 2.0)
    assert high < low < 0
    assert middle == pytest.approx((low + high) / 2)


def test_beyond_the_highest_oxide_oxygen_is_left_over():
    assert at(oxide_energy, BA, 1.0)[0] == pytest.approx(at(oxide_energy, BA, 3.0)[0])
    reduction, oxidation = at(oxide_slopes, BA, 3.0)
    assert reduction[0] == oxidation[0] == 0.0


def test_slopes_are_the_derivatives():
    step = 1e-2
    for z in (TI, MN):
        x = np.array([0.9, 1.2, 1.7])
        numbers = np.full(3, z)
        below = (oxide_energy(numbers, x - step) - oxide_energy(numbers, x)) / step
        reduction, oxidation = oxide_slopes(numbers, x)
        assert reduction == pytest.approx(below, abs=1e-6)
        above = (oxide_energy(numbers, x) - oxide_energy(numbers, x + step)) / step
        assert oxidation == pytest.approx(above, abs=1e-6)


def test_at_an_oxide_reducing_and_oxidising_differ():
    reduction, oxidation = at(oxide_slopes, TI, 1.5)
    assert reduction[0] > oxidation[0] > 0


def test_hulls_are_convex_and_go_down():
    hulls = oxide_hulls()
    for z in np.flatnonzero(hulls.known):
        slopes = hulls.slope[z][hulls.slope[z] != 0]
        assert (slopes < 0).all()
        assert (np.diff(slopes) > 0).all()


def test_unknown_stays_unknown():
    assert np.isnan(at(oxide_energy, HELIUM, 1.0)).all()
    assert np.isnan(at(oxide_energy, TI, np.nan, -1.0)).all()
    assert np.isnan(at(oxide_slopes, TI, np.nan)[0]).all()


def test_chemistry_is_right():
    """Ba and Ti hold oxygen, Co at 4+ gives it away, noble metals hardly bind it."""
    found = featurize_formulas(["BaTiO3", "SrCoO3", "SrFeO3"], with_sites=True)
    least = found.values[:, list(found.labels).index("reduction_energy_min")]
    assert least[0] > 3.0
    assert (least[1:] < 1.5).all()
    assert at(oxide_energy, GOLD, 0.5)[0] > at(oxide_energy, TI, 0.5)[0]


def test_mixture_is_the_sum_over_cations():
    found = featurize_formulas(["BaTiO3"], with_sites=True)
    row = dict(zip(found.labels, found.values[0], strict=True))
    assert row["oxide_energy_per_atom"] == pytest.approx(
        (row["oxide_energy_a"] + row["oxide_energy_b"]) / 5
    )
    assert row["reduction_energy_min"] == min(row["reduction_energy_a"], row["reduction_energy_b"])


def test_columns_are_part_of_the_sets():
    for name in ("fast", "standard", "full"):
        assert set(LABELS) <= set(get_descriptor_set(name).labels)
    assert not set(LABELS) & set(get_descriptor_set("composition").labels)


def of(formula, *names):
    found = featurize_formulas([formula], with_sites=True)
    return [found.values[0, list(found.labels).index(name)] for name in names]


DECOMPOSED = (
    "decomposition_energy_per_atom",
    "decomposition_reduction_energy",
    "decomposition_oxidation_energy",
)


def test_a_balanced_oxide_decomposes_into_its_oxides():
    energy, reduction, oxidation, mixture = of("BaTiO3", *DECOMPOSED, "oxide_energy_per_atom")
    assert energy == pytest.approx(mixture, abs=1e-4)
    assert reduction > 4.0
    assert oxidation == 0.0


def test_too_little_oxygen_goes_where_it_gains_most():
    """Ba and Ti with one oxygen: the steepest oxide takes it, the other stays a metal."""
    energy = of("BaTiO", DECOMPOSED[0])[0]
    alone = max(-at(oxide_energy, BA, 1.0)[0], -at(oxide_energy, TI, 1.0)[0])
    assert energy == pytest.approx(-alone / 3, abs=1e-4)


def test_oxygen_that_no_cation_wants_costs_nothing():
    """Sr holds one oxygen, Fe one and a half: the rest of SrFeO3 is free."""
    energy, reduction, oxidation = of("SrFeO3", *DECOMPOSED)
    strontium, iron = at(oxide_energy, 38, 1.0)[0], at(oxide_energy, 26, 1.5)[0]
    assert energy == pytest.approx((strontium + iron) / 5, abs=1e-4)
    assert reduction == oxidation == 0.0


def test_decomposition_needs_every_cation():
    assert np.isnan(of("SrHeO3", *DECOMPOSED)).all()
