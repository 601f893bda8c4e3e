"""Tests of matscreen.sources.ordering, supercells and disorder."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from matscreen.errors import InputError, StructureError
from matscreen.identity import structure_id
from matscreen.sources.base import Failure, Page
from matscreen.sources.cleaning import Cleaned, clean
from matscreen.sources.disorder import DisorderedCrystal, DisorderError
from matscreen.sources.flags import flag_name
from matscreen.sources.ordering import OrderingLimits, order, order_page
from matscreen.sources.supercells import primitive_parent, supercells
from matscreen.structures import Crystal

PEROVSKITE = np.array(
    [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], dtype=float
)


def pzt(zirconium: float = 0.5, *, edge: float = 4.1) -> DisorderedCrystal:
    b_site = {40: zirconium, 22: 1 - zirconium}
    return DisorderedCrystal(np.eye(3) * edge, PEROVSKITE, ({82: 1.0}, b_site, *[{8: 1.0}] * 3))


@pytest.mark.parametrize(
    ("lattice", "counts"),
    [
        # Derivative superlattices by size, Hart and Forcade 2008.
        (np.eye(3), {1: 1, 2: 3, 3: 3, 4: 9, 5: 5, 6: 13}),
        ((np.ones((3, 3)) - np.eye(3)) / 2, {1: 1, 2: 2, 3: 3, 4: 7, 5: 5, 6: 10}),
        ((np.ones((3, 3)) - 2 * np.eye(3)) / 2, {1: 1, 2: 2, 3: 3, 4: 7, 5: 5, 6: 10}),
    ],
    ids=["simple cubic", "face centred", "body centred"],
)
def test_superlattices_are_as_many_as_published(
    lattice: np.ndarray, counts: dict[int, int]
) -> None:
    parent = primitive_parent(lattice * 4, np.zeros((1, 3)), np.array([1]), symprec=0.01)
    assert {size: len(list(supercells(parent, size))) for size in counts} == counts


def test_permutations_are_symmetries_of_the_supercell() -> None:
    parent = primitive_parent(np.eye(3) * 4, PEROVSKITE, np.array([0, 1, 2, 2, 2]), symprec=0.01)
    for cell in supercells(parent, 2):
        assert abs(np.linalg.det(cell.lattice)) == pytest.approx(128)
        for permutation in cell.permutations:
            assert sorted(permutation) == list(range(10))
            assert (cell.kinds[permutation] == cell.kinds).all()


def test_half_and_half_gives_the_three_known_orderings() -> None:
    found = order(pzt(), OrderingLimits(max_sites=10))
    assert [each.rank for each in found] == [1, 2, 3]
    assert {each.crystal.formula for each in found} == {"Pb2ZrTiO6"}
    assert {each.distinct for each in found} == {3}
    assert len({structure_id(each.crystal) for each in found}) == 3
    # Equal charges: electrostatics cannot tell them apart, so the most symmetric comes first.
    assert found[0].energy == pytest.approx(found[2].energy, abs=2e-3)
    assert all(isinstance(verdict, Cleaned) for verdict in clean([f.crystal for f in found]))


def test_charges_decide_which_ordering_is_best() -> None:
    # Pb(Sc,Ta)O3: unlike neighbours are best, so rock-salt order (Fm-3m) wins over layers.
    shared = DisorderedCrystal(
        np.eye(3) * 4.07, PEROVSKITE, ({82: 1.0}, {21: 0.5, 73: 0.5}, *[{8: 1.0}] * 3)
    )
    best, second, third = order(shared, OrderingLimits(max_sites=10))
    assert best.energy < second.energy - 0.01 < third.energy
    scandium, tantalum = (
        best.crystal.to_pymatgen().indices_from_symbol(symbol)[0] for symbol in ("Sc", "Ta")
    )
    distance = best.crystal.to_pymatgen().get_distance(scandium, tantalum)
    same = best.crystal.to_pymatgen().get_neighbors(
        best.crystal.to_pymatgen()[scandium], 4.07 * 1.05
    )
    assert distance == pytest.approx(4.07)
    assert not [site for site in same if site.specie.symbol == "Sc"]


def test_split_sites_are_never_filled_both() -> None:
    # Oxygen on either side of its mirror, 0.4 Å apart.
    halves = [[0.5, 0.5, 0.05], [0.5, 0.5, -0.05]]
    split = DisorderedCrystal(
        np.eye(3) * 4.0,
        np.array([*PEROVSKITE[:2], *halves, *PEROVSKITE[3:]]),
        ({56: 1.0}, {22: 1.0}, {8: 0.5}, {8: 0.5}, {8: 1.0}, {8: 1.0}),
    )
    (only,) = order(split, OrderingLimits())
    assert (only.crystal.formula, only.crystal.nsites) == ("BaTiO3", 5)


def test_elements_that_are_not_screened_are_not_ordered() -> None:
    alloy = DisorderedCrystal(np.eye(3) * 3.0, np.zeros((1, 3)), ({28: 0.5, 26: 0.5},))
    with pytest.raises(StructureError, match=r"not ordered: Ni0\.5 Fe0\.5 has no oxygen"):
        order(alloy, OrderingLimits())


def test_an_ordering_that_is_no_crystal_is_passed_over() -> None:
    # The other place of the oxygen lies 1.44 Å from an oxygen: a peroxide.
    coords = np.array([*PEROVSKITE, [0.5, 0.0, 0.86]])
    occupancies = ({56: 1.0}, {22: 1.0}, {8: 0.5}, {8: 1.0}, {8: 1.0}, {8: 0.5})
    (only,) = order(DisorderedCrystal(np.eye(3) * 4.0, coords, occupancies), OrderingLimits())
    assert only.distinct == 2
    assert structure_id(only.crystal) == structure_id(
        Crystal(np.eye(3) * 4.0, np.array([56, 22, 8, 8, 8]), PEROVSKITE)
    )


def test_vacancies_leave_their_site_empty() -> None:
    occupancies = ({56: 1.0}, {22: 1.0}, {8: 2 / 3}, {8: 2 / 3}, {8: 2 / 3})
    found = order(DisorderedCrystal(np.eye(3) * 4.0, PEROVSKITE, occupancies), OrderingLimits())
    assert {each.crystal.formula for each in found} == {"BaTiO2"}
    assert len(found) == 1  # the three oxygens of the cubic cell are equal


@pytest.mark.parametrize(
    ("crystal", "limits", "seen"),
    [
        (pzt(0.1), OrderingLimits(max_sites=24), "no cell of at most 24 sites"),
        (pzt(0.5), OrderingLimits(max_sites=10, max_decorations=3), "more than 3 ways"),
    ],
)
def test_what_is_not_small_is_refused_with_the_number(
    crystal: DisorderedCrystal, limits: OrderingLimits, seen: str
) -> None:
    with pytest.raises(StructureError, match=seen) as caught:
        order(crystal, limits)
    assert caught.value.reason == "disordered"


def test_a_search_that_runs_into_dead_ends_gives_up() -> None:
    # Oxygen every 0.4 Å along a line: more than half of the places cannot be filled.
    places = [[0.5, 0.5, k / 25] for k in range(25)]
    line = DisorderedCrystal(
        np.diag([6.0, 6.0, 10]), np.array([[0.0, 0, 0], *places]), ({56: 1.0}, *[{8: 0.6}] * 25)
    )
    with pytest.raises(StructureError, match="the search gave up"):
        order(line, OrderingLimits(max_sites=26, max_decorations=10))
    with pytest.raises(StructureError, match="every ordering"):
        order(line, OrderingLimits(max_sites=26, max_decorations=10_000))


@pytest.mark.parametrize("sites", [0, 5000])
def test_limits_that_no_candidate_meets_are_refused(sites: int) -> None:
    with pytest.raises(InputError, match=f"at most {sites} sites"):
        OrderingLimits(max_sites=sites)


def test_a_page_gets_its_ordered_crystals_with_flag_and_parent() -> None:
    page = Page(
        (),
        (
            Failure("a", "disordered", "shared", pzt(), licence="CC-BY-4.0"),
            Failure("b", "disordered", "shared", pzt(0.1)),
            Failure("c", "unreadable", "torn"),
        ),
        cursor="next",
    )
    ordered = order_page(page, OrderingLimits(max_sites=10, kept=2), "files")
    assert [item.source_id for item in ordered.items] == ["a~1", "a~2"]
    assert {item.licence for item in ordered.items} == {"CC-BY-4.0"}
    for item in ordered.items:
        (text,) = item.flags
        assert flag_name(text) == "ordered_from_disorder"
        assert "Pb1 Zr0.5 Ti0.5 O3" in text
    assert [failure.source_id for failure in ordered.failures] == ["b", "c"]
    assert "no cell of at most 10 sites" in ordered.failures[0].detail
    assert ordered.cursor == "next"


def test_a_disordered_crystal_is_checked_and_travels_with_its_error() -> None:
    with pytest.raises(StructureError, match="occupancies of a site"):
        DisorderedCrystal(np.eye(3), np.zeros((1, 3)), ({8: 1.4},))
    with pytest.raises(StructureError, match="2 occupancies"):
        DisorderedCrystal(np.eye(3), np.zeros((1, 3)), ({8: 1.0}, {8: 1.0}))
    error = pickle.loads(pickle.dumps(DisorderError("shared", pzt())))
    assert error.reason == "disordered"
    assert error.crystal.formula == "Pb1 Zr0.5 Ti0.5 O3"


def test_an_ordered_crystal_keeps_its_volume_per_site() -> None:
    for each in order(pzt(1 / 3), OrderingLimits(max_sites=15)):
        crystal: Crystal = each.crystal
        assert crystal.volume / crystal.nsites == pytest.approx(4.1**3 / 5)
