"""The canonical crystal: what it refuses, and the ways to pymatgen, ASE and Arrow and back."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from ase.build import bulk, molecule
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pymatgen.core import Composition, DummySpecies, Lattice, Structure

from matscreen import tables
from matscreen.errors import StructureError
from matscreen.structures import Crystal, CrystalBatch, reduced_formula

pytestmark = pytest.mark.filterwarnings("ignore:No Pauling electronegativity:UserWarning")

CELL = np.diag([3.0, 4.0, 5.0])


@st.composite
def crystals(draw):
    sites = draw(st.integers(1, 6))
    return Crystal(
        np.diag(draw(arrays(float, 3, elements=st.floats(2, 9)))),
        draw(arrays(np.int64, sites, elements=st.integers(1, 94))),
        draw(arrays(float, (sites, 3), elements=st.floats(-2, 2))),
    )


def same(a: Crystal, b: Crystal) -> bool:
    return a.content_hash == b.content_hash


@pytest.mark.parametrize(
    ("lattice", "numbers", "coords", "reason"),
    [
        (CELL, [8, 8], [[0, 0, 0]], "bad_sites"),
        (CELL, [], [], "bad_sites"),
        (CELL, [8], [[0, np.nan, 0]], "not_finite"),
        (np.full((3, 3), np.inf), [8], [[0, 0, 0]], "not_finite"),
        (np.ones((3, 3)), [8], [[0, 0, 0]], "flat_cell"),
        (CELL, [0], [[0, 0, 0]], "unknown_element"),
        (CELL, [119], [[0, 0, 0]], "unknown_element"),
    ],
)
def test_no_crystal(lattice, numbers, coords, reason):
    with pytest.raises(StructureError) as caught:
        Crystal(lattice, np.array(numbers), np.array(coords, dtype=float))
    assert caught.value.reason == reason


def test_lists_and_flat_arrays_become_arrays():
    crystal = Crystal([3, 0, 0, 0, 4, 0, 0, 0, 5], [38], [0, 0, 0])  # type: ignore[arg-type]
    assert crystal.lattice.shape == (3, 3)
    assert crystal.frac_coords.shape == (1, 3)
    assert crystal.lattice.dtype == np.float64
    assert crystal.volume == pytest.approx(60.0)


def test_what_it_says_of_itself(srtio3):
    assert srtio3.formula == "SrTiO3"
    assert srtio3.chemsys == "O-Sr-Ti"
    assert srtio3.counts == {"Sr": 1, "Ti": 1, "O": 3}
    assert srtio3.nsites == 5
    left_handed = Crystal(srtio3.lattice[[1, 0, 2]], srtio3.atomic_numbers, srtio3.frac_coords)
    assert left_handed.volume == pytest.approx(3.905**3)


@given(crystals())
def test_formula_is_that_of_the_composition(crystal):
    composition: Composition = crystal.to_pymatgen().composition
    assert Composition(crystal.formula) == composition.reduced_composition
    assert sum(crystal.counts.values()) == crystal.nsites


@given(crystals())
def test_there_and_back(crystal):
    assert same(Crystal.from_pymatgen(crystal.to_pymatgen()), crystal)
    back = Crystal.from_ase(crystal.to_ase())
    assert np.array_equal(back.atomic_numbers, crystal.atomic_numbers)
    assert np.allclose(back.lattice, crystal.lattice)
    assert np.allclose(back.frac_coords, crystal.frac_coords)


def test_from_pymatgen_drops_oxidation_states_and_refuses_disorder_and_dummies(srtio3):
    structure = srtio3.to_pymatgen()
    structure.add_oxidation_state_by_element({"Sr": 2, "Ti": 4, "O": -2})
    assert same(Crystal.from_pymatgen(structure), srtio3)

    lattice = Lattice.cubic(4)
    for species, reason in [
        ({"O": 0.5}, "disordered"),
        ({"O": 0.5, "F": 0.5}, "disordered"),
        (DummySpecies("X"), "unknown_element"),
    ]:
        with pytest.raises(StructureError) as caught:
            Crystal.from_pymatgen(Structure(lattice, [species], [[0, 0, 0]]))
        assert caught.value.reason == reason


def test_from_ase_wants_three_periodic_directions():
    assert Crystal.from_ase(bulk("MgO", "rocksalt", 4.2)).formula == "MgO"
    with pytest.raises(StructureError, match="not_periodic"):
        Crystal.from_ase(molecule("H2O"))


def test_content_hash_sees_every_bit(srtio3):
    moved = srtio3.frac_coords.copy()
    moved[1, 2] = np.nextafter(moved[1, 2], 1)
    other = Crystal(srtio3.lattice, srtio3.atomic_numbers, moved)
    assert other.content_hash != srtio3.content_hash
    again = Crystal(srtio3.lattice.copy(), srtio3.atomic_numbers.copy(), srtio3.frac_coords.copy())
    assert again.content_hash == srtio3.content_hash


def test_crystals_are_frozen(srtio3):
    with pytest.raises(AttributeError):
        srtio3.lattice = CELL


def _table(items, first=0):
    rows = [
        tables.candidate_row(crystal, structure_id=f"s{first + i}")
        for i, crystal in enumerate(items)
    ]
    return tables.from_rows("candidates", rows)


@given(st.lists(crystals(), max_size=5))
def test_a_batch_gives_its_crystals_back(items):
    batch = CrystalBatch.from_crystals(items)
    assert len(batch) == len(items)
    assert all(same(a, b) for a, b in zip(batch, items, strict=True))
    assert list(batch.ids) == [str(i) for i in range(len(items))]


@given(st.lists(crystals(), min_size=1, max_size=3), st.lists(crystals(), max_size=3))
def test_a_batch_from_arrow_reads_every_chunk_and_slice(first, second):
    # Cut the first row off: the offsets of the list columns then no longer begin at 0.
    table = pa.concat_tables([_table(first), _table(second, len(first))]).slice(1)
    batch = CrystalBatch.from_arrow(table)
    expected = (first + second)[1:]
    assert len(batch) == len(expected)
    assert all(same(a, b) for a, b in zip(batch, expected, strict=True))
    assert list(batch.ids) == [f"s{i}" for i in range(1, 1 + len(expected))]


def test_a_candidate_without_a_cell_is_not_read_as_another(srtio3):
    bare = {"structure_id": "s9", "formula": "SrTiO3", "chemsys": "O-Sr-Ti"}
    table = pa.concat_tables([_table([srtio3]), tables.from_rows("candidates", [bare])])
    with pytest.raises(StructureError, match="no_cell: 1 of 2 candidates"):
        CrystalBatch.from_arrow(table)


@pytest.mark.parametrize(
    "amounts",
    [
        {"Sr": 4, "Ti": 4, "O": 12},
        {"Ba": 2, "Fe": 1, "Mo": 1, "O": 6},
        {"Li": 2, "O": 2},
        {"O": 4},
        {"H": 2, "O": 2},
        {"Cl": 6, "Na": 6},
        {"Ca": 3, "H": 2, "O": 2},
        {"Bi": 1, "Fe": 0.5, "Mn": 0.5, "O": 3},
    ],
)
def test_the_quick_way_to_a_reduced_formula_agrees_with_pymatgen(amounts):
    reduced, _ = Composition(amounts).get_reduced_composition_and_factor()
    assert Composition(reduced_formula(amounts)) == reduced
