"""Identity: symmetry against the tables, and one id for every description of one crystal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter
from pymatgen.symmetry.groups import SpaceGroup

from matscreen import tables
from matscreen.errors import StructureError
from matscreen.identity import (
    SAME_STRUCTURE,
    Registry,
    analyze_symmetry,
    distance_invariant,
    structure_id,
)
from matscreen.structures import Crystal
from tests.crystal_copies import bundle_sample, described, relaxed

pytestmark = pytest.mark.filterwarnings(
    "ignore:Set OLD_ERROR_HANDLING:DeprecationWarning",
    "ignore:Issues encountered while parsing CIF:UserWarning",
    "ignore:The default value of primitive was changed:UserWarning",
)

# International Tables for Crystallography A: groups of the ten polar and the eleven
# centrosymmetric crystal classes.
POLAR = {
    1, *range(3, 10), *range(25, 47), *range(75, 81), *range(99, 111), *range(143, 147),
    *range(156, 162), *range(168, 174), *range(183, 187),
}  # fmt: skip
CENTROSYMMETRIC = {
    2, *range(10, 16), *range(47, 75), *range(83, 89), *range(123, 143), 147, 148,
    *range(162, 168), 175, 176, *range(191, 195), *range(200, 207), *range(221, 231),
}  # fmt: skip


def spacegroup_structure(group, lattice, species, coords):
    return Crystal.from_pymatgen(Structure.from_spacegroup(group, lattice, species, coords))


LITHIUM_NIOBATE = spacegroup_structure(
    "R3c", Lattice.hexagonal(5.148, 13.863), ["Li", "Nb", "O"],
    [[0, 0, 0.2787], [0, 0, 0], [0.0492, 0.3446, 0.0647]],
)  # fmt: skip
ILMENITE = spacegroup_structure(
    "R-3", Lattice.hexagonal(5.03, 13.71), ["Mg", "Ti", "O"],
    [[0, 0, 0.3555], [0, 0, 0.1451], [0.3155, 0.0214, 0.2463]],
)  # fmt: skip
HEXAGONAL = spacegroup_structure(
    "P6_3/mmc", Lattice.hexagonal(5.72, 14.05), ["Ba", "Ba", "Ti", "Ti", "O", "O"],
    [[0, 0, 0.25], [1 / 3, 2 / 3, 0.097], [0, 0, 0], [1 / 3, 2 / 3, 0.847],
     [0.519, 0.038, 0.25], [0.835, 0.67, 0.08]],
)  # fmt: skip
WURTZITE = spacegroup_structure(
    "P6_3mc", Lattice.hexagonal(3.25, 5.207), ["Zn", "O"],
    [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.3817]],
)  # fmt: skip
RUTILE = spacegroup_structure(
    "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.3048, 0.3048, 0]]
)  # fmt: skip
ORTHOFERRITE = spacegroup_structure(
    "Pnma", Lattice.orthorhombic(5.587, 7.858, 5.556), ["La", "Fe", "O", "O"],
    [[0.029, 0.25, 0.993], [0, 0, 0.5], [0.488, 0.25, 0.070], [0.278, 0.0385, 0.722]],
)  # fmt: skip
REAL = {
    "LiNbO3": (LITHIUM_NIOBATE, 161),
    "ilmenite": (ILMENITE, 148),
    "hexagonal BaTiO3": (HEXAGONAL, 194),
    "wurtzite": (WURTZITE, 186),
    "rutile": (RUTILE, 136),
    "Pnma LaFeO3": (ORTHOFERRITE, 62),
}
real = pytest.mark.parametrize(("crystal", "group"), REAL.values(), ids=REAL)


# --- symmetry ---------------------------------------------------------------------------------


def _lattice_of(group: int) -> Lattice:
    if group < 3:
        return Lattice.from_parameters(6.1, 7.3, 8.2, 81, 97, 104)
    if group < 16:
        return Lattice.monoclinic(6.1, 7.3, 8.2, 101)
    if group < 75:
        return Lattice.orthorhombic(6.1, 7.3, 8.2)
    if group < 143:
        return Lattice.tetragonal(7.1, 9.2)
    if group < 195:
        return Lattice.hexagonal(8.1, 10.2)
    return Lattice.cubic(11.0)


def _general_positions(group: int) -> Crystal:
    """Return a crystal of the group with two elements on general positions, none too near."""
    symbol = SpaceGroup.from_int_number(group).symbol
    for seed in range(20):
        coords = np.random.default_rng([group, seed]).random((2, 3))
        found = Structure.from_spacegroup(symbol, _lattice_of(group), ["Ti", "O"], coords)
        if found.is_valid(tol=0.2):
            return Crystal.from_pymatgen(found)
    raise AssertionError(group)


def test_space_groups_are_found_and_known_as_polar_or_centrosymmetric():
    wrong = {}
    # Every polar group and every fifth of all: large cells of the cubic groups take their time.
    for group in sorted(POLAR | set(range(1, 231, 5))):
        symmetry = analyze_symmetry(_general_positions(group))
        seen = (symmetry.number, symmetry.polar, symmetry.centrosymmetric)
        if seen != (group, group in POLAR, group in CENTROSYMMETRIC):
            wrong[group] = symmetry
    assert not wrong


@real
def test_symmetry_of_real_oxides(crystal, group):
    symmetry = analyze_symmetry(crystal)
    assert symmetry.number == group
    assert symmetry.polar is (group in POLAR)
    assert symmetry.centrosymmetric is (group in CENTROSYMMETRIC)


def test_symmetry_counts(srtio3, batio3):
    cubic, polar = analyze_symmetry(srtio3), analyze_symmetry(batio3)
    assert (cubic.number, cubic.n_operations, cubic.n_orbits, cubic.n_primitive) == (221, 48, 3, 5)
    assert (polar.number, polar.n_operations, polar.n_orbits) == (99, 8, 4)


def test_symmetry_does_not_depend_on_the_cell(srtio3, batio3):
    for crystal in (srtio3, batio3):
        doubled = crystal.to_pymatgen()
        doubled.make_supercell([[2, 0, 0], [1, 1, 0], [0, 0, 1]])
        symmetry = analyze_symmetry(Crystal.from_pymatgen(doubled))
        alone = analyze_symmetry(crystal)
        assert (symmetry.number, symmetry.polar, symmetry.centrosymmetric) == (
            alone.number,
            alone.polar,
            alone.centrosymmetric,
        )
        assert (symmetry.n_operations, symmetry.n_primitive) == (alone.n_operations, 5)


# --- invariant and registry -------------------------------------------------------------------


def test_first_distances_are_those_of_the_lattice(srtio3):
    invariant = distance_invariant(srtio3)
    # By atomic number: O has 4 Sr + 8 O at a/sqrt2 but first 2 Ti at a/2; Ti has 6 O at a/2.
    half = 3.905 / 2
    assert len(invariant) == 60 * 3 + 12 * 9
    oxygen, titanium = invariant[:60], invariant[60:120]
    assert np.allclose(oxygen[:2], half)
    assert np.allclose(oxygen[2:14], half * np.sqrt(2))
    assert np.allclose(titanium[:6], half)
    assert np.allclose(titanium[6:14], half * np.sqrt(3))


@st.composite
def descriptions(draw):
    """Draw another description of a crystal: order, origin, basis, supercell, turn and noise."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    basis = np.eye(3, dtype=int)
    for _ in range(draw(st.integers(0, 3))):
        i, j = draw(st.sampled_from([(0, 1), (1, 0), (1, 2), (2, 1), (0, 2), (2, 0)]))
        shear = np.eye(3, dtype=int)
        shear[i, j] = draw(st.sampled_from([-1, 1]))
        basis = shear @ basis
    size = draw(st.sampled_from([(1, 1, 1), (2, 1, 1), (1, 3, 1), (1, 1, 2), (2, 2, 1)]))
    noise = draw(st.sampled_from([0.0, 1e-4]))

    def describe(crystal: Crystal) -> Crystal:
        structure = crystal.to_pymatgen()
        structure.make_supercell(np.diag(size) @ basis, to_unit_cell=False)
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        lattice = structure.lattice.matrix @ turn
        order = rng.permutation(len(structure))
        coords = structure.frac_coords[order] + rng.random(3)
        coords += rng.uniform(-noise, noise, coords.shape) @ np.linalg.inv(lattice)
        return Crystal(lattice, np.array(structure.atomic_numbers)[order], coords)

    return describe


@settings(max_examples=60)
@given(describe=descriptions(), name=st.sampled_from(sorted(REAL)))
def test_every_description_of_a_crystal_has_the_id_of_its_leader(describe, name):
    crystal, group = REAL[name]
    other = describe(crystal)
    registry = Registry()
    leader = registry.assign(crystal)
    assert leader.is_new
    found = registry.assign(other)
    assert (found.structure_id, found.material_id) == (leader.structure_id, leader.material_id)
    assert found.spacegroup == group
    assert not found.is_new


@settings(max_examples=30)
@given(
    describe=descriptions(), elements=st.sampled_from([(56, 22), (82, 22), (19, 41), (11, 73)]),
    shift=st.floats(0.02, 0.05),
)  # fmt: skip
def test_polar_is_not_nonpolar(describe, elements, shift, polar_perovskite):
    polar = polar_perovskite(*elements, shift=shift)
    nonpolar = polar_perovskite(*elements, shift=0.0)
    registry = Registry()
    first, second = registry.assign(polar), registry.assign(nonpolar)
    assert (first.spacegroup, second.spacegroup) == (99, 123)
    assert first.structure_id != second.structure_id
    assert first.material_id != second.material_id
    assert registry.assign(describe(polar)).structure_id == first.structure_id


def test_polar_variants_are_one_structure(batio3):
    mirrored = Crystal(batio3.lattice, batio3.atomic_numbers, -batio3.frac_coords)
    registry = Registry()
    assert registry.assign(batio3).structure_id == registry.assign(mirrored).structure_id


def test_a_strained_cell_is_another_structure_of_the_same_material(srtio3, cubic_perovskite):
    registry = Registry()
    first = registry.assign(srtio3)
    strained = registry.assign(cubic_perovskite(38, 22, cell=3.93))
    assert strained.is_new
    assert strained.structure_id != first.structure_id
    assert strained.material_id == first.material_id == first.structure_id


def test_other_elements_are_another_material(cubic_perovskite):
    registry = Registry()
    ids = {registry.assign(cubic_perovskite(a, 22)).material_id for a in (20, 38, 56)}
    assert len(ids) == 3


def test_the_nearest_leader_is_taken(cubic_perovskite):
    # The 60th neighbour of a cell of 3.9 Å moves by about 1.7 times the change of the cell.
    registry = Registry()
    cells = [3.9000, 3.9064]
    leaders = [registry.assign(cubic_perovskite(38, 22, cell=cell)) for cell in cells]
    assert all(leader.is_new for leader in leaders)
    between = cubic_perovskite(38, 22, cell=3.9036)
    gaps = [
        np.abs(
            distance_invariant(between) - distance_invariant(cubic_perovskite(38, 22, cell=cell))
        ).max()
        for cell in cells
    ]
    assert gaps[1] < gaps[0] < SAME_STRUCTURE
    assert registry.assign(between).structure_id == leaders[1].structure_id


def test_leaders_come_back_from_the_table(srtio3, batio3):
    registry = Registry()
    rows = []
    for crystal in (srtio3, batio3):
        identity = registry.assign(crystal)
        rows.append(
            tables.candidate_row(
                crystal,
                structure_id=identity.structure_id,
                spacegroup=identity.spacegroup,
                material_id=identity.material_id,
            )
        )
    rows.append({"structure_id": "bare", "formula": "SrTiO3", "chemsys": "O-Sr-Ti"})
    again = Registry.from_candidates(tables.from_rows("candidates", rows))
    for crystal, row in zip((srtio3, batio3), rows, strict=False):
        identity = again.assign(crystal)
        assert (identity.structure_id, identity.is_new) == (row["structure_id"], False)
    assert Registry.from_candidates(None).assign(srtio3).is_new


def test_the_id_of_a_crystal_is_reproducible(srtio3):
    assert structure_id(srtio3) == structure_id(srtio3) == Registry().assign(srtio3).structure_id
    assert len(structure_id(srtio3)) == 16


@real
@pytest.mark.parametrize("symprec", [None, 0.01])
def test_a_cif_file_gives_the_same_id(crystal, group, symprec):
    # Readers move coordinates near 1/3 and 2/3 onto them; twelve digits keep the rest.
    text = str(CifWriter(crystal.to_pymatgen(), symprec=symprec, significant_figures=12))
    read = Crystal.from_pymatgen(Structure.from_str(text, fmt="cif"))
    assert structure_id(read) == structure_id(crystal)


def test_coordinates_near_a_third_are_what_a_reader_makes_of_them():
    near = WURTZITE.frac_coords.copy()
    near[np.isclose(near, 1 / 3)] = 0.33333
    near[np.isclose(near, 2 / 3)] = 0.66667
    moved = Crystal(WURTZITE.lattice, WURTZITE.atomic_numbers, near)
    assert structure_id(moved) == structure_id(WURTZITE)


def test_what_has_no_symmetry_is_a_bad_structure_not_a_crash():
    overlapping = Crystal(np.eye(3) * 4, [8, 8], [[0, 0, 0], [0.0005, 0, 0]])
    with pytest.raises(StructureError) as caught:
        Registry().assign(overlapping)
    assert caught.value.reason in {"no_symmetry", "no_invariant"}


# --- batches, order and near-ties -------------------------------------------------------------


def test_a_batch_is_assigned_as_one_by_one_however_it_is_cut():
    rng = np.random.default_rng(0)
    sample = bundle_sample(1)[:40]
    copies = [described(crystal, rng) for crystal in sample[:20]]
    strained = [relaxed(crystal, rng, strain=0.01, shift=0.01) for crystal in sample[:20]]
    crystals = [*sample, *copies, *strained]
    crystals = [crystals[i] for i in rng.permutation(len(crystals))]
    alone, whole, cut = Registry(), Registry(), Registry()
    one_by_one = [alone.assign(crystal) for crystal in crystals]
    assert whole.assign_batch(crystals) == one_by_one
    assert cut.assign_batch(crystals[:7]) + cut.assign_batch(crystals[7:]) == one_by_one
    assert sum(identity.is_new for identity in one_by_one) < len(crystals) - 15


def test_two_processes_assign_as_one(monkeypatch):
    monkeypatch.setattr("matscreen.fingerprints._CHUNK", 10)
    crystals = bundle_sample(1)[:25]
    assert Registry().assign_batch(crystals, workers=2) == Registry().assign_batch(crystals)


def test_a_chain_depends_on_the_order_of_arrival_only(cubic_perovskite):
    # The 60th neighbour moves by 1.73 times the cell: neighbours in the chain are 0.0078 Å apart.
    first, middle, last = (cubic_perovskite(38, 22, cell=cell) for cell in (3.9, 3.9045, 3.909))
    ends_first = Registry().assign_batch([first, last, middle])
    assert ends_first[0].structure_id != ends_first[1].structure_id
    assert ends_first[2].structure_id in {x.structure_id for x in ends_first[:2]}
    middle_first = Registry().assign_batch([middle, first, last])
    assert len({x.structure_id for x in middle_first}) == 1
    assert Registry().assign_batch([first, last, middle]) == ends_first


def test_the_first_to_come_represents_a_structure(cubic_perovskite):
    first, second = (cubic_perovskite(38, 22, cell=cell) for cell in (3.9, 3.902))
    registry = Registry()
    leader, follower = registry.assign_batch([first, second])
    assert leader.structure_id == structure_id(first) == follower.structure_id
    assert (leader.is_new, follower.is_new) == (True, False)


def test_a_material_does_not_drift_away_from_its_first_structure(
    cubic_perovskite, polar_perovskite
):
    # Each is within 4 % of the one before, the last far from the first.
    chain = [polar_perovskite(56, 22, c_over_a=1 + 0.02 * i, shift=0.03) for i in range(7)]
    found = Registry().assign_batch(chain)
    assert found[1].material_id == found[0].material_id
    assert found[-1].material_id != found[0].material_id
    # Volume alone is no difference.
    cubic = [cubic_perovskite(38, 22, cell=cell) for cell in (3.6, 3.9, 4.2)]
    assert len({x.material_id for x in Registry().assign_batch(cubic)}) == 1


def test_a_phase_that_lost_its_founder_keeps_its_material(cubic_perovskite):
    crystals = [cubic_perovskite(38, 22, cell=cell) for cell in (3.9, 3.93, 3.96)]
    identities = Registry().assign_batch(crystals)
    rows = [
        tables.candidate_row(
            crystal, structure_id=identity.structure_id, material_id=identity.material_id
        )
        for crystal, identity in zip(crystals, identities, strict=True)
    ]
    later = Registry.from_candidates(tables.from_rows("candidates", rows[1:]))
    assert later.assign(crystals[0]).material_id == identities[0].material_id
