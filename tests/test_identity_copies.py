"""Must-show of identity: descriptions share a structure, relaxed copies a material, phases neither."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Element, Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from matscreen.errors import StructureError
from matscreen.fingerprints import phase_symmetry
from matscreen.identity import Registry, analyze_symmetry
from matscreen.spacegroups import symmetry_and_misfit
from matscreen.structures import Crystal
from tests.crystal_copies import bundle_sample, described, operations, relaxed, shaken

MIRROR = os.environ.get("MATSCREEN_MIRROR")

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")


def settled(crystal: Crystal) -> bool:
    """Whether the group is beyond doubt, and its cell such that a relaxation keeps all of it."""
    found = [analyze_symmetry(crystal, symprec=x) for x in (0.001, 0.01, 0.05)]
    expected = found[1].n_operations * crystal.nsites // found[1].n_primitive
    return len({x.number for x in found}) == 1 and len(operations(crystal)) == expected


@pytest.fixture(scope="module")
def sample() -> list[Crystal]:
    return bundle_sample(1)


def test_the_sample_is_varied(sample):
    groups = {analyze_symmetry(crystal).number for crystal in sample}
    assert len(groups) > 25
    assert min(groups) < 20
    assert len(sample) > 60


def test_every_description_has_the_id_of_its_crystal(sample):
    rng = np.random.default_rng(1)
    registry = Registry()
    first = registry.assign_batch(sample)
    for _ in range(2):
        again = registry.assign_batch([described(crystal, rng) for crystal in sample])
        assert [x.structure_id for x in again] == [x.structure_id for x in first]
        assert not any(x.is_new for x in again)


def test_every_setting_of_pymatgen_has_the_id_of_its_crystal(sample):
    registry = Registry()
    first = registry.assign_batch(sample)
    wrong = []
    for crystal, leader in zip(sample, first, strict=True):
        if not settled(crystal):  # pymatgen moves sites onto the group it sees
            continue
        structure = crystal.to_pymatgen()
        analyzer = SpacegroupAnalyzer(structure, symprec=0.01)
        settings = [
            analyzer.get_primitive_standard_structure(),
            analyzer.get_conventional_standard_structure(),
            structure.get_primitive_structure(),
            structure.get_reduced_structure("niggli"),
            structure.get_reduced_structure("LLL"),
        ]
        found = registry.assign_batch([Crystal.from_pymatgen(one) for one in settings])
        wrong += [(leader, one) for one in found if one.structure_id != leader.structure_id]
    assert not wrong


@pytest.mark.parametrize(("strain", "shift"), [(0.005, 0.01), (0.01, 0.02), (0.02, 0.02)])
def test_relaxed_copies_share_the_material(sample, strain, shift):
    rng = np.random.default_rng(2)
    clear = [crystal for crystal in sample if settled(crystal)]
    assert len(clear) >= 40
    registry = Registry()
    first = registry.assign_batch(clear)
    copies = registry.assign_batch(
        [relaxed(crystal, rng, strain=strain, shift=shift) for crystal in clear]
    )
    wrong = [(a, b) for a, b in zip(first, copies, strict=True) if a.material_id != b.material_id]
    assert not wrong
    assert np.mean([b.is_new for b in copies]) > 0.8  # other structures all the same


@pytest.mark.parametrize(("strain", "shift"), [(0.01, 0.01), (-0.02, 0.02)])
def test_noise_on_every_site_hardly_hides_the_material(sample, strain, shift):
    rng = np.random.default_rng(3)
    registry = Registry()
    first = registry.assign_batch(sample)
    copies = registry.assign_batch(
        [shaken(crystal, rng, strain=strain, shift=shift) for crystal in sample]
    )
    same = [a.material_id == b.material_id for a, b in zip(first, copies, strict=True)]
    lost = [a.spacegroup != b.spacegroup for a, b in zip(first, copies, strict=True)]
    assert np.mean(lost) > 0.9
    assert np.mean(same) > 0.93


def test_the_noisy_copy_may_come_first(batio3):
    noisy = shaken(batio3, np.random.default_rng(4), strain=0.0, shift=0.01)
    registry = Registry()
    first, second = registry.assign(noisy), registry.assign(batio3)
    assert first.structure_id != second.structure_id
    assert first.material_id == second.material_id == first.structure_id


def test_an_exact_subgroup_is_not_noise(polar_perovskite):
    slightly = polar_perovskite(56, 22, shift=0.005)  # atoms 0.02 Å off the inversion centre
    symmetry, misfit = symmetry_and_misfit(slightly)
    assert (symmetry.number, analyze_symmetry(slightly, symprec=0.1).number) == (99, 221)
    assert phase_symmetry(slightly, symmetry, misfit) == symmetry


def test_cubic_and_tetragonal_strontium_titanate_stay_apart(srtio3):
    tilted = Structure.from_spacegroup(
        "I4/mcm", Lattice.tetragonal(5.5225, 7.812), ["Sr", "Ti", "O", "O"],
        [[0, 0.5, 0.25], [0, 0, 0], [0, 0, 0.25], [0.244, 0.744, 0]],
    )  # fmt: skip
    stretched = srtio3.lattice * [1, 1, 1.02]
    crystals = [
        srtio3,
        Crystal.from_pymatgen(tilted),
        Crystal(stretched, srtio3.atomic_numbers, srtio3.frac_coords),
    ]
    found = Registry().assign_batch(crystals)
    assert [x.spacegroup for x in found] == [221, 140, 123]
    assert len({x.structure_id for x in found}) == len({x.material_id for x in found}) == 3


def test_polytypes_of_one_space_group_stay_apart():
    def carbide(layers: str) -> Crystal:
        """Stack SiC bilayers; A, B and C are the three places."""
        place = {"A": (0, 0), "B": (1 / 3, 2 / 3), "C": (2 / 3, 1 / 3)}
        n = len(layers)
        silicon = [(*place[x], i / n) for i, x in enumerate(layers)]
        carbon = [(x, y, z + 0.75 / n) for x, y, z in silicon]
        lattice = Lattice.hexagonal(3.08, 2.52 * n).matrix
        return Crystal(lattice, np.array([14] * n + [6] * n), np.array(silicon + carbon))

    found = Registry().assign_batch([carbide("ABAC"), carbide("ABCACB")])
    assert {x.spacegroup for x in found} == {186}
    assert len({x.material_id for x in found}) == 2


@pytest.mark.skipif(MIRROR is None, reason="MATSCREEN_MIRROR names no folder of published sets")
@pytest.mark.parametrize("nonpolar", ["nonpolar", "nonpolar_in_polar_setting"])
def test_polar_and_nonpolar_members_of_published_pairs_stay_apart(nonpolar):
    with gzip.open(Path(str(MIRROR)) / "smidt_structure_pairs.json.gz") as file:
        pairs = list(json.load(file).values())
    members = [_crystal(pair[name]) for pair in pairs for name in ("polar", nonpolar)]
    found = Registry().assign_batch(members)
    compared, merged = 0, []
    for polar, other in zip(found[::2], found[1::2], strict=True):
        if isinstance(polar, StructureError) or isinstance(other, StructureError):
            continue
        compared += 1
        if polar.structure_id == other.structure_id or polar.material_id == other.material_id:
            merged.append((polar, other))
    assert compared >= len(pairs) - 1 > 250
    assert not merged


def _crystal(entry: dict) -> Crystal:
    numbers = np.array([Element(symbol).Z for symbol in entry["species"]])
    return Crystal(np.array(entry["lattice"]), numbers, np.array(entry["frac_coords"]))
