"""The blocks of the set `full`, against closed forms, other libraries and themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matscreen.descriptors import get_descriptor_set, oxidation
from matscreen.descriptors.composition import Compositions, parse_formula
from matscreen.descriptors.electrostatics import COULOMB, ewald_energies, site_potentials
from matscreen.descriptors.radial import radial_distribution
from matscreen.descriptors.sets import Analysis, featurize_compositions, featurize_formulas
from matscreen.descriptors.voronoi import voronoi_cells, voronoi_features
from matscreen.structures import Crystal, CrystalBatch

PEROVSKITE = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]


def cubic(a: float = 3.9, numbers=(38, 22, 8, 8, 8)) -> Crystal:
    return Crystal(np.eye(3) * a, np.array(numbers), np.array(PEROVSKITE))


def doubled(crystal: Crystal) -> Crystal:
    lattice = crystal.lattice * np.array([[2.0], [1.0], [1.0]])
    coords = np.concatenate(
        [(crystal.frac_coords + np.array([k, 0, 0])) / [2.0, 1.0, 1.0] for k in (0, 1)]
    )
    return Crystal(lattice, np.tile(crystal.atomic_numbers, 2), coords)


def tilted(degrees: float, sign: int) -> Crystal:
    """SrTiO3 with octahedra turned about c: sign 1 in phase along c, -1 out of phase."""
    turn = np.radians(degrees)
    a = 3.9
    cell = np.diag([2 * a * np.cos(turn), 2 * a * np.cos(turn), 2 * a])
    numbers, places = [], []
    for i in range(2):
        for j in range(2):
            for k in range(2):
                centre = np.array([i, j, k]) * np.diag(cell) / 2
                angle = turn * (-1) ** (i + j) * (1 if sign > 0 else (-1) ** k)
                numbers += [22, 8, 8, 8, 38]
                places.append(centre)
                for arm in ([a / 2, 0, 0], [0, a / 2, 0], [0, 0, a / 2]):
                    x, y, z = arm
                    places.append(
                        centre
                        + np.array(
                            [
                                x * np.cos(angle) - y * np.sin(angle),
                                x * np.sin(angle) + y * np.cos(angle),
                                z,
                            ]
                        )
                    )
                places.append(centre + np.diag(cell) / 4)
    return Crystal(cell, np.array(numbers), np.array(places) @ np.linalg.inv(cell))


def column(crystal: Crystal, name: str) -> float:
    full = get_descriptor_set("full")
    values = full.featurize(CrystalBatch.from_crystals([crystal])).values[0]
    return float(values[list(full.labels).index(name)])


def test_cells_fill_the_volume_and_the_sphere():
    rng = np.random.default_rng(0)
    crystals = [cubic()]
    for n in (1, 2, 7, 20):
        lattice = np.eye(3) * 5 + rng.normal(scale=1.0, size=(3, 3))
        crystals.append(Crystal(lattice, np.full(n, 8), rng.random((n, 3))))
    batch = CrystalBatch.from_crystals(crystals)
    cells = voronoi_cells(batch)
    row = Analysis(batch).row
    volumes = np.bincount(row, cells.volume)
    np.testing.assert_allclose(volumes, np.abs(np.linalg.det(batch.lattices)), rtol=1e-7)
    np.testing.assert_allclose(cells.solid_angle.sum(axis=1), 4 * np.pi, rtol=1e-6)


def test_simple_cubic_cell_is_a_cube():
    cells = voronoi_cells(
        CrystalBatch.from_crystals([Crystal(np.eye(3) * 3, np.array([29]), np.zeros((1, 3)))])
    )
    assert cells.n_faces[0] == 6
    assert cells.reach[0] == pytest.approx(3 * np.sqrt(3) / 2)
    np.testing.assert_allclose(cells.area[0, :6], 9.0)


def test_bond_order_of_a_simple_cubic_crystal():
    # Q4 = 0.764, Q6 = 0.354 for six neighbours on the axes (Steinhardt et al. 1983).
    values = voronoi_features(
        CrystalBatch.from_crystals([Crystal(np.eye(3) * 3, np.array([29]), np.zeros((1, 3)))]),
        np.zeros(1, dtype=np.int64),
    )[0]
    assert values[12 + 3] == pytest.approx(0.7637626, abs=1e-6)
    assert values[12 + 5] == pytest.approx(0.3535534, abs=1e-6)


def test_packing_of_close_packed_spheres():
    fcc = Crystal(
        np.array([[0, 2, 2], [2, 0, 2], [2, 2, 0]], dtype=float), np.array([29]), np.zeros((1, 3))
    )
    assert column(fcc, "maximum_packing_efficiency") == pytest.approx(np.pi / np.sqrt(18))


def test_rock_salt_has_the_madelung_energy():
    salt = Crystal(
        np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]) * 5.64,
        np.array([11, 17]),
        np.array([[0, 0, 0], [0.5, 0.5, 0.5]]),
    )
    batch = CrystalBatch.from_crystals([salt, salt])
    energy = ewald_energies(batch, np.array([1.0, -1.0, 1.0, -1.0]))
    np.testing.assert_allclose(energy, -1.7475645946331822 * COULOMB / 2.82, rtol=1e-10)


def test_charged_and_unknown_cells_have_no_potential():
    batch = CrystalBatch.from_crystals([cubic(), cubic()])
    charges = np.array([2, 4, -2, -2, -2, 2, 4, -2, -2, np.nan], dtype=float)
    potentials = site_potentials(batch, charges)
    assert np.isfinite(potentials[:5]).all()
    assert np.isnan(potentials[5:]).all()
    charges[9] = -1.0
    assert np.isnan(site_potentials(batch, charges)[5:]).all()


def test_ewald_agrees_with_pymatgen():
    from pymatgen.analysis.ewald import EwaldSummation

    rng = np.random.default_rng(1)
    crystal = Crystal(
        np.diag([3.9, 4.1, 4.3]) + rng.normal(scale=0.2, size=(3, 3)),
        np.array([38, 22, 8, 8, 8]),
        np.array(PEROVSKITE) + rng.normal(scale=0.02, size=(5, 3)),
    )
    charges = [2.0, 4.0, -2.0, -2.0, -2.0]
    structure = crystal.to_pymatgen()
    structure.add_oxidation_state_by_site(charges)
    theirs = EwaldSummation(structure, acc_factor=12).total_energy
    mine = ewald_energies(CrystalBatch.from_crystals([crystal]), np.array(charges))[0]
    assert mine == pytest.approx(theirs, rel=1e-8)


def test_radial_distribution_counts_shells_and_tends_to_one():
    batch = CrystalBatch.from_crystals([cubic(4.0)])
    found = radial_distribution(batch, cutoff=20.0, bin_size=0.1)[0]
    edges = np.arange(0, 20.1, 0.1)
    shell = 4 / 3 * np.pi * (edges[1:] ** 3 - edges[:-1] ** 3)
    counts = found * shell * 5 / 64.0
    # Ti-O at 2.0 Å: 6 from Ti and 2 from each O, over five sites.
    assert counts[20] == pytest.approx((6 + 3 * 2) / 5)
    assert found[150:].mean() == pytest.approx(1.0, abs=0.1)
    twice = radial_distribution(CrystalBatch.from_crystals([doubled(cubic(4.0))]))[0]
    np.testing.assert_allclose(twice, found, atol=1e-9)


@pytest.mark.parametrize(("sign", "phase"), [(1, 1.0), (-1, -1.0)])
def test_rotations_of_octahedra_are_found_with_their_phase(sign, phase):
    crystal = tilted(8.0, sign)
    assert column(crystal, "rotation_max") == pytest.approx(8.0, abs=0.3)
    assert column(crystal, "octahedral_share_b") == 1.0
    # Only the axis of the turn links alike octahedra; the links in the plane see none of it.
    assert column(crystal, "rotation_phase") == pytest.approx(phase, abs=1e-6)
    assert column(cubic(), "rotation_max") == pytest.approx(0.0, abs=1e-6)


def test_order_of_rock_salt_double_perovskites_and_of_columns():
    ordered = Crystal(
        np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]) * 8.0,
        np.array([56, 56, 12, 74, *[8] * 6]),
        np.array(
            [
                [0.25, 0.25, 0.25],
                [0.75, 0.75, 0.75],
                [0, 0, 0],
                [0.5, 0.5, 0.5],
                [0.75, 0.25, 0.25],
                [0.25, 0.75, 0.75],
                [0.25, 0.75, 0.25],
                [0.75, 0.25, 0.75],
                [0.25, 0.25, 0.75],
                [0.75, 0.75, 0.25],
            ]
        ),
    )
    assert column(ordered, "ordering_b") == pytest.approx(2.0)
    assert np.isnan(column(ordered, "ordering_a"))


def test_spins_and_networks():
    manganite = cubic(3.9, (57, 25, 8, 8, 8))  # Mn3+, d4
    assert column(manganite, "unpaired_electrons_b") == 4.0
    assert column(manganite, "jahn_teller_share_b") == 1.0
    assert column(cubic(), "jahn_teller_share_b") == 0.0
    assert column(cubic(), "network_dimensionality") == 3.0
    layer = Crystal(
        np.diag([4.0, 4.0, 15.0]),
        np.array([22, 8, 8]),
        np.array([[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0]]),
    )
    assert column(layer, "network_dimensionality") == 2.0


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_voronoi_and_ewald_do_not_see_the_choice_of_cell(seed):
    rng = np.random.default_rng(seed)
    crystal = Crystal(
        np.eye(3) * 4 + rng.normal(scale=0.15, size=(3, 3)),
        np.array([38, 22, 8, 8, 8]),
        np.array(PEROVSKITE) + rng.normal(scale=0.02, size=(5, 3)),
    )
    order = rng.permutation(5)
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    other = Crystal(
        crystal.lattice @ rotation,
        crystal.atomic_numbers[order],
        crystal.frac_coords[order] + rng.random(3),
    )
    full = get_descriptor_set("full")
    values = full.featurize(CrystalBatch.from_crystals([crystal, other, doubled(crystal)])).values
    np.testing.assert_allclose(values[1], values[0], rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(values[2], values[0], rtol=1e-5, atol=1e-4)


def test_compiled_and_plain_oxidation_states_are_equal(monkeypatch):
    formulas = ["BaTiO3", "Fe3O4", "La0.7Sr0.3MnO3", "Na2O2", "SrFe0.5Nb0.5O3", "XeF2", "TiAl"]
    packed = Compositions.from_amounts([parse_formula(formula) for formula in formulas])
    fast = oxidation.oxidation_states(packed)
    monkeypatch.setattr(oxidation, "COMPILED", False)
    np.testing.assert_array_equal(oxidation.oxidation_states(packed), fast)


def test_formulas_get_sites_by_radius():
    found = featurize_formulas(["BaTiO3", "LaAlO3", "what"], with_sites=True)
    labels = list(found.labels)
    assert [failure.row for failure in found.failures] == [2]
    assert found.values[0, labels.index("site_a_number")] == 56
    assert found.values[1, labels.index("site_b_number")] == 13
    assert found.values[1, labels.index("tolerance_factor")] == pytest.approx(1.009, abs=0.02)
    packed = Compositions.from_amounts([parse_formula("BaTiO3")] * 3)
    arrays = featurize_compositions(packed, with_sites=True)
    np.testing.assert_array_equal(arrays[2], found.values[0])


@pytest.mark.parametrize(
    ("crystal", "reason"),
    [
        (Crystal(np.eye(3) * 4, np.array([8, 8]), np.array([[0, 0, 0], [0, 0, 1e-4]])), "overlap"),
    ],
)
def test_overlapping_atoms_are_a_failure_row(crystal, reason):
    found = get_descriptor_set("full").featurize(CrystalBatch.from_crystals([crystal, cubic()]))
    assert [failure.row for failure in found.failures] == [0]
    assert found.failures[0].reason.startswith(reason)
    assert np.isfinite(found.values[1]).any()


def test_one_atom_and_hydrogen_are_described():
    one = Crystal(np.eye(3) * 3.2, np.array([26]), np.zeros((1, 3)))
    hydroxide = Crystal(
        np.diag([3.1, 3.1, 4.7]),
        np.array([12, 8, 8, 1, 1]),
        np.array(
            [
                [0, 0, 0],
                [1 / 3, 2 / 3, 0.22],
                [2 / 3, 1 / 3, 0.78],
                [1 / 3, 2 / 3, 0.43],
                [2 / 3, 1 / 3, 0.57],
            ]
        ),
    )
    found = get_descriptor_set("full").featurize(CrystalBatch.from_crystals([one, hydroxide]))
    assert found.failures == ()
    assert np.isfinite(found.values).any(axis=1).all()
