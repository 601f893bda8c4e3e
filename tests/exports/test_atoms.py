from __future__ import annotations

import math

import ase.io
import numpy as np
import pytest
from ase.db import connect

from matscreen.exports import write_ase_db, write_extxyz
from matscreen.structures import Crystal


@pytest.fixture
def ranked(awkward):
    return list(dict.fromkeys(awkward["structure_id"]))


def _same_crystal(again: Crystal, original: Crystal, *, within: float) -> None:
    assert again.atomic_numbers.tolist() == original.atomic_numbers.tolist()
    np.testing.assert_allclose(again.lattice, original.lattice, atol=1e-14)
    apart = again.frac_coords @ again.lattice - original.frac_coords @ original.lattice
    assert np.abs(apart).max() < within


def test_ase_reads_the_extended_xyz_in_the_order_of_the_ranking(
    awkward, crystals, ranked, tmp_path
):
    images = ase.io.read(write_extxyz(awkward, crystals, tmp_path / "c.extxyz"), index=":")
    assert [atoms.info["structure_id"] for atoms in images] == ranked
    for atoms, name in zip(images, ranked, strict=True):
        _same_crystal(Crystal.from_ase(atoms), crystals[name], within=1e-8)


def test_info_holds_the_best_row_with_units_in_the_keys(awkward, crystals, best, ranked, tmp_path):
    images = ase.io.read(write_extxyz(awkward, crystals, tmp_path / "c.extxyz"), index=":")
    for atoms, name in zip(images, ranked, strict=True):
        info, row = atoms.info, best[name]
        assert info["rank"] == row["rank"]
        assert info["mechanism"] == row["mechanism"]
        assert info["evidence"] == row["evidence"]
        assert info["feasible"] is bool(row["feasible"])
        for column, key in (
            ("energy_nominal_J", "energy_nominal_J"),
            ("energy_lower_J", "energy_lower_J"),
            ("energy_upper_J", "energy_upper_J"),
            ("energy_above_hull", "energy_above_hull_eV_per_atom"),
            ("band_gap", "band_gap_eV"),
        ):
            if math.isfinite(row[column]):
                assert info[key] == row[column]
            else:
                assert key not in info
    first = images[0].info
    assert first["spacegroup"] == 99
    assert isinstance(first["spacegroup"], int | np.integer)


def test_texts_that_look_like_numbers_stay_texts(awkward, crystals, tmp_path):
    images = ase.io.read(write_extxyz(awkward, crystals, tmp_path / "c.extxyz"), index=":")
    assert images[0].info["source_id"] == "1000017"
    assert images[0].info["film_plane"] == "001"
    assert images[0].info["prototype"] == "T"
    assert images[1].info["film_plane"] == "True"
    assert images[1].info["prototype"] == 'say "a b"'
    assert images[1].info["source"] == "µ-source"
    assert "source" not in images[2].info  # the third has none


def test_an_ase_database_gives_back_crystals_and_ranking(awkward, crystals, best, ranked, tmp_path):
    with connect(write_ase_db(awkward, crystals, tmp_path / "c.db")) as database:
        rows = list(database.select())
        assert [row.structure_id for row in rows] == ranked
        for row, name in zip(rows, ranked, strict=True):
            _same_crystal(Crystal.from_ase(row.toatoms()), crystals[name], within=1e-12)
            expected = best[name]
            assert row.reduced_formula == crystals[name].formula
            assert row.rank == expected["rank"]
            if math.isfinite(expected["energy_nominal_J"]):
                assert row.energy_nominal_J == expected["energy_nominal_J"]
        (found,) = database.select("energy_nominal_J<1e-17")
        assert found.structure_id == ranked[0]


def test_what_ase_has_no_key_for_is_in_the_data(awkward, crystals, tmp_path):
    with connect(write_ase_db(awkward, crystals, tmp_path / "c.db")) as database:
        row = database.get(id=1)
        assert row.film_plane == "'001'"
        assert row.data["ranking"]["film_plane"] == "001"
        assert row.data["ranking"]["source_id"] == "1000017"
        assert row.data["units"]["energy_above_hull"] == "eV/atom"
        assert [each["mechanism"] for each in row.data["by_mechanism"]] == [
            "ferroelectric",
            "valence_change",
        ]


def test_a_database_is_replaced_and_not_added_to(awkward, crystals, tmp_path):
    write_ase_db(awkward, crystals, tmp_path / "c.db")
    path = write_ase_db(awkward, crystals, tmp_path / "c.db", top_k=1)
    assert len(connect(path)) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["c.db"]


def test_a_failed_write_leaves_the_old_database(awkward, crystals, ranked, tmp_path):
    path = write_ase_db(awkward, crystals, tmp_path / "c.db")
    before = path.read_bytes()
    with pytest.raises(AttributeError):
        write_ase_db(awkward, {**crystals, ranked[2]: None}, path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["c.db"]


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('a"b', 'a"b'),
        ("it's = [1]", "it's = [1]"),
        ("C:\\cifs\\", "C:/cifs/"),
        ("a\n2\n", "a 2"),
        ("_JSON {", "{"),
        ("1 2 3 _", "1 2 3 _"),
    ],
)
def test_no_text_of_a_database_breaks_a_file(awkward, crystals, tmp_path, text, read):
    hostile = awkward.assign(source_id=text)
    images = ase.io.read(write_extxyz(hostile, crystals, tmp_path / "c.xyz"), index=":")
    assert [atoms.info["source_id"] for atoms in images] == [read] * 4
    assert images[0].info["film_plane"] == "001"
