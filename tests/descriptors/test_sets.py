"""Every set keeps the contract: named columns, invariance, failures as rows, guarded versions."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from matscreen.descriptors import (
    DESCRIPTOR_SETS,
    DescriptorSet,
    Features,
    featurize_formulas,
    get_descriptor_set,
    sets,
)
from matscreen.errors import InputError
from matscreen.structures import Crystal, CrystalBatch

DATA = Path(__file__).parent / "data"


@pytest.mark.parametrize("name", DESCRIPTOR_SETS)
def test_contract(name, crystals):
    described = get_descriptor_set(name)
    assert isinstance(described, DescriptorSet)
    assert described.name == name
    assert described.citation
    assert len(described.labels) == len(described.units) == len(set(described.labels))
    batch = CrystalBatch.from_crystals(crystals.values(), list(crystals))
    found = described.featurize(batch)
    assert found.values.shape == (len(batch), len(described.labels))
    assert found.values.dtype == np.float64
    assert not found.failures
    assert found.labels == described.labels
    assert not np.isinf(found.values).any()
    # Single rows are the rows of the batch.
    for i, crystal in enumerate(batch):
        alone = described.featurize(CrystalBatch.from_crystals([crystal])).values[0]
        np.testing.assert_allclose(found.values[i], alone, rtol=1e-9, atol=1e-9)


def test_sets_are_nested():
    small, middle, large = (DESCRIPTOR_SETS[n].labels for n in ("composition", "fast", "standard"))
    assert middle[: len(small)] == small
    assert large[: len(middle)] == middle


def test_empty_batch():
    for described in DESCRIPTOR_SETS.values():
        found = described.featurize(CrystalBatch.from_crystals([]))
        assert found.values.shape == (0, len(described.labels))
        assert found.failures == ()


def supercell(crystal, matrix):
    matrix = np.array(matrix)
    inverse = np.linalg.inv(matrix)
    points = np.stack(np.meshgrid(*[np.arange(-3, 6)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = points @ inverse
    shifts = inside[((inside > -1e-9) & (inside < 1 - 1e-9)).all(axis=1)]
    coords = ((crystal.frac_coords @ inverse)[:, None] + shifts).reshape(-1, 3)
    return Crystal(matrix @ crystal.lattice, np.repeat(crystal.atomic_numbers, len(shifts)), coords)


def permuted(crystal, rng):
    order = rng.permutation(crystal.nsites)
    return Crystal(crystal.lattice, crystal.atomic_numbers[order], crystal.frac_coords[order])


TRANSFORMS = {
    "permutation": permuted,
    "origin": lambda c, rng: Crystal(
        c.lattice, c.atomic_numbers, c.frac_coords + rng.normal(size=3)
    ),
    "rotation": lambda c, rng: Crystal(
        c.lattice @ Rotation.random(rng=rng).as_matrix(), c.atomic_numbers, c.frac_coords
    ),
    "basis": lambda c, rng: supercell(c, [[1, 1, 0], [0, 1, 0], [0, 1, 1]]),
    "supercell": lambda c, rng: supercell(c, [[2, 0, 0], [0, 1, 0], [0, 0, 1]]),
    "odd supercell": lambda c, rng: supercell(c, [[1, 1, 0], [-1, 1, 0], [0, 0, 2]]),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_invariance(transform, crystals):
    rng = np.random.default_rng(3)
    described = get_descriptor_set("standard")
    before = described.featurize(CrystalBatch.from_crystals(crystals.values()))
    changed = [TRANSFORMS[transform](crystal, rng) for crystal in crystals.values()]
    after = described.featurize(CrystalBatch.from_crystals(changed))
    assert not after.failures
    for row, name in enumerate(crystals):
        wrong = ~np.isclose(
            before.values[row], after.values[row], rtol=1e-6, atol=1e-4, equal_nan=True
        )
        assert not wrong.any(), (name, [described.labels[j] for j in np.flatnonzero(wrong)])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_invariance_of_random_crystals(seed):
    rng = np.random.default_rng(seed)
    lattice = np.diag(rng.uniform(4, 7, 3)) + rng.normal(scale=0.5, size=(3, 3))
    crystal = Crystal(lattice, np.array([56, 22, 8, 8, 8]), rng.random((5, 3)))
    described = get_descriptor_set("standard")
    found = described.featurize(
        CrystalBatch.from_crystals([crystal, *(t(crystal, rng) for t in TRANSFORMS.values())])
    )
    # Random atoms may overlap; then they do so in every setting.
    assert len(found.failures) in (0, 1 + len(TRANSFORMS))
    for row in found.values[1:]:
        np.testing.assert_allclose(row, found.values[0], rtol=1e-6, atol=1e-4, equal_nan=True)


def bad_batch(good):
    """Good, bad and good structures in arrays that no `Crystal` would accept."""
    lattice, coords = good.lattice, good.frac_coords
    flat = lattice.copy()
    flat[2] = flat[1]
    undefined = coords.copy()
    undefined[0, 0] = np.nan
    same = coords.copy()
    same[1] = same[0]
    alien = good.atomic_numbers.copy()
    alien[0] = 120
    rows = [
        (lattice, good.atomic_numbers, coords),
        (flat, good.atomic_numbers, coords),
        (lattice, good.atomic_numbers, undefined),
        (lattice, good.atomic_numbers, same),
        (lattice, alien, coords),
        (lattice, good.atomic_numbers[:0], coords[:0]),
        (lattice, good.atomic_numbers, coords),
    ]
    sizes = [len(row[1]) for row in rows]
    return CrystalBatch(
        np.stack([row[0] for row in rows]),
        np.concatenate([row[1] for row in rows]),
        np.concatenate([row[2] for row in rows]),
        np.concatenate([[0], np.cumsum(sizes)]),
        [str(i) for i in range(len(rows))],
    )


def test_bad_structures_are_failures(crystals):
    described = get_descriptor_set("standard")
    good = crystals["BaTiO3 tetragonal"]
    found = described.featurize(bad_batch(good))
    assert [(f.row, f.reason) for f in found.failures] == [
        (1, "flat_cell"),
        (2, "not_finite"),
        (3, "overlapping_atoms"),
        (4, "unknown_element"),
        (5, "no_sites"),
    ]
    assert all(detail for _, _, detail in found.failures)
    assert np.isnan(found.values[1:6]).all()
    alone = described.featurize(CrystalBatch.from_crystals([good])).values[0]
    np.testing.assert_allclose(found.values[[0, 6]], [alone, alone], rtol=1e-9, atol=1e-9)


def test_an_unexpected_error_hits_one_row_only(crystals, monkeypatch):
    original = sets.symmetry.analyze_symmetry

    def fail_for_zinc(crystal):
        if 30 in crystal.atomic_numbers:
            raise RuntimeError("no luck")
        return original(crystal)

    monkeypatch.setattr(sets.symmetry, "analyze_symmetry", fail_for_zinc)
    found = get_descriptor_set("standard").featurize(CrystalBatch.from_crystals(crystals.values()))
    (failure,) = found.failures
    assert list(crystals)[failure.row] == "ZnO wurtzite"
    assert failure.reason == "descriptor_error"
    assert failure.detail == "RuntimeError: no luck"
    assert np.isnan(found.values).all(axis=1).sum() == 1


def test_chunks_do_not_matter(crystals, monkeypatch):
    described = get_descriptor_set("standard")
    batch = CrystalBatch.from_crystals(crystals.values())
    whole = described.featurize(batch).values
    monkeypatch.setattr(sets, "_CHUNK_SITES", 7)
    np.testing.assert_allclose(described.featurize(batch).values, whole, rtol=1e-9, atol=1e-9)


def test_formulas_equal_structures(crystals):
    described = get_descriptor_set("composition")
    values = described.featurize(CrystalBatch.from_crystals(crystals.values())).values
    found = featurize_formulas([crystal.formula for crystal in crystals.values()])
    np.testing.assert_allclose(found.values, values, rtol=1e-9, atol=1e-9)
    assert found.labels == described.labels


def test_bad_formulas_are_failures():
    found = featurize_formulas(["BaTiO3", "Quartz", "SiO2"])
    assert isinstance(found, Features)
    assert [(f.row, f.reason) for f in found.failures] == [(1, "bad_formula")]
    assert np.isnan(found.values[1]).all()
    assert np.isfinite(found.values[[0, 2], :132]).all()
    assert featurize_formulas([]).values.shape == (0, len(DESCRIPTOR_SETS["composition"].labels))


def test_unknown_set():
    with pytest.raises(InputError, match="standard"):
        get_descriptor_set("no-such-set")


def test_a_set_from_outside(monkeypatch):
    from importlib import metadata

    class Outside:
        name, version, citation = "outside", "1", "nobody"
        labels, units = ("n",), ("1",)

        def featurize(self, batch):
            return Features(np.diff(batch.offsets).astype(float)[:, None])

    class Entry:
        def load(self):
            return Outside

    def entry_points(*, group, name):
        return [Entry()] if (group, name) == ("matscreen.descriptors", "outside") else []

    monkeypatch.setattr(metadata, "entry_points", entry_points)
    described = get_descriptor_set("outside")
    assert isinstance(described, DescriptorSet)
    assert described.labels == ("n",)


@pytest.mark.parametrize("name", DESCRIPTOR_SETS)
def test_values_move_only_with_the_version(name, crystals):
    """A change that moves values must bump the version of every set that it touches.

    After a bump run this test once with MATSCREEN_REMAKE_GOLDEN=1 and delete the old file.
    """
    described = get_descriptor_set(name)
    path = DATA / f"golden_{name}_v{described.version}.csv"
    values = described.featurize(CrystalBatch.from_crystals(crystals.values())).values
    if os.environ.get("MATSCREEN_REMAKE_GOLDEN") and not path.exists():
        with path.open("w", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["label", *crystals])
            for label, column in zip(described.labels, values.T, strict=True):
                writer.writerow([label, *(f"{value:.9g}" for value in column)])
    assert path.exists(), "no golden values for this version"
    with path.open() as file:
        header, *rows = csv.reader(file)
    assert header[1:] == list(crystals)
    assert [row[0] for row in rows] == list(described.labels)
    golden = np.array([[float(x) for x in row[1:]] for row in rows]).T
    moved = ~np.isclose(values, golden, rtol=1e-6, atol=1e-5, equal_nan=True)
    labels = sorted({described.labels[j] for j in np.argwhere(moved)[:, 1]})
    assert not moved.any(), f"values moved, bump the version: {labels}"
