from __future__ import annotations

import warnings

import numpy as np
import pytest

from matscreen.exports import write_cifs, write_poscars
from matscreen.identity import structure_id
from matscreen.structures import Crystal


@pytest.fixture
def written(ranking, crystals, tmp_path):
    return write_cifs(ranking, crystals, tmp_path / "structures", top_k=10)


def _items(path) -> dict:
    from pymatgen.io.cif import CifFile

    (block,) = CifFile.from_file(path).data.values()
    return block.data


def test_one_file_a_structure_in_the_order_of_the_ranking(written, ranking):
    names = [path.name for path in written]
    best = list(dict.fromkeys(ranking["structure_id"]))
    assert len(names) == 4
    assert names[0] == f"001_BaTiO3_{best[0][:8]}.cif"
    assert names[1] == f"002_LiNbO3_{best[1][:8]}.cif"
    assert sorted(path.name for path in written[0].parent.iterdir()) == sorted(names)


def test_pymatgen_reads_back_the_same_structure(written, crystals):
    from pymatgen.core import Structure

    for path in written:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            again = Crystal.from_pymatgen(Structure.from_file(path))
        expected = _items(path)["_matscreen_structure_id"]
        assert structure_id(again) == expected
        assert again.nsites == crystals[expected].nsites
        assert again.volume == pytest.approx(crystals[expected].volume, rel=1e-9)


def test_ase_reads_back_the_same_structure(written, crystals):
    import ase.io

    for path in written:
        again = Crystal.from_ase(ase.io.read(path))
        expected = _items(path)["_matscreen_structure_id"]
        assert structure_id(again) == expected
        original = crystals[expected]
        assert again.atomic_numbers.tolist() == original.atomic_numbers.tolist()
        offset = again.frac_coords - original.frac_coords
        assert np.abs(offset - np.round(offset)).max() < 1e-11


def test_the_rows_of_the_ranking_stand_in_data_items(written):
    items = _items(written[0])
    assert items["_matscreen_mechanism"] == ["ferroelectric", "valence_change"]
    assert items["_matscreen_rank"] == ["1", "3"]
    assert items["_matscreen_feasible"] == ["yes", "no"]
    assert [float(value) for value in items["_matscreen_energy_nominal_J"]] == [1.23457e-18, 0.0]
    assert items["_matscreen_source"] == "files"
    lonely = _items(written[2])
    assert lonely["_matscreen_energy_nominal_J"] == ["?"]
    assert lonely["_matscreen_energy_above_hull_eV_per_atom"] == "?"
    assert lonely["_matscreen_source"] == "?"


def test_two_runs_give_the_same_bytes(written, ranking, crystals, tmp_path):
    other = write_cifs(ranking, crystals, tmp_path / "again", top_k=10)
    assert [path.read_bytes() for path in written] == [path.read_bytes() for path in other]


def test_coordinates_print_in_the_cell(written):
    for path in written:
        text = path.read_text()
        assert "-0.000000000000" not in text
        assert " 1.000000000000" not in text


def test_a_new_ranking_replaces_the_old_files_and_only_those(written, ranking, crystals):
    folder = written[0].parent
    (folder / "mine.cif").write_text("keep")
    (folder / "001_notes.txt").write_text("keep")
    later = ranking.iloc[::-1]
    now = write_cifs(later, crystals, folder, top_k=2)
    assert len(now) == 2
    assert now[0].name.startswith("001_LiNbO3")
    assert {path.name for path in folder.iterdir()} == {
        "mine.cif",
        "001_notes.txt",
        *(path.name for path in now),
    }


def test_a_candidate_without_a_crystal_keeps_its_number(ranking, crystals, tmp_path):
    first = ranking["structure_id"].iloc[0]
    known = {name: crystal for name, crystal in crystals.items() if name != first}
    names = [path.name for path in write_cifs(ranking, known, tmp_path, top_k=3)]
    assert [name[:3] for name in names] == ["002", "003"]


def test_odd_formulas_make_plain_file_names(batio3, tmp_path):
    import pandas as pd

    table = pd.DataFrame({"structure_id": ["../../x"], "formula": ["Ca3(PO4)2"]})
    (path,) = write_cifs(table, {"../../x": batio3}, tmp_path, top_k=1)
    assert path.parent == tmp_path
    assert path.name == "001_Ca3-PO4-2_x.cif"


def test_nothing_to_write_makes_an_empty_folder(ranking, crystals, tmp_path):
    assert write_cifs(ranking.iloc[:0], crystals, tmp_path / "s", top_k=5) == ()
    assert (tmp_path / "s").is_dir()


@pytest.fixture
def poscars(awkward, crystals, tmp_path):
    return write_poscars(awkward, crystals, tmp_path / "poscar")


def test_pymatgen_and_ase_read_a_poscar_by_its_name_alone(poscars, crystals):
    import ase.io
    from pymatgen.core import Structure

    assert [path.name[:10] for path in poscars] == [
        "001_BaTiO3",
        "002_LiNbO3",
        "003_SrTiO3",
        "004_Mg5Zr3",
    ]
    originals = list(crystals.items())
    for path, place in zip(poscars, (0, 2, 1, 3), strict=True):
        expected, original = originals[place]
        for again in (
            Crystal.from_pymatgen(Structure.from_file(path)),
            Crystal.from_ase(ase.io.read(path)),
        ):
            assert structure_id(again) == expected
            np.testing.assert_allclose(again.lattice, original.lattice, atol=1e-11)
            _same_sites(again, original)


def _same_sites(one: Crystal, other: Crystal) -> None:
    """Compare sites whatever their order, coordinates modulo the cell."""
    assert sorted(one.atomic_numbers) == sorted(other.atomic_numbers)
    for z, coords in zip(one.atomic_numbers, one.frac_coords, strict=True):
        offsets = other.frac_coords[other.atomic_numbers == z] - coords
        assert np.abs(offsets - np.round(offsets)).max(axis=1).min() < 1e-11


def test_each_element_stands_once_in_a_poscar(poscars):
    symbols = poscars[1].read_text().splitlines()[5].split()
    assert sorted(symbols) == ["Li", "Nb", "O"]


def test_the_first_line_of_a_poscar_says_what_was_ranked(poscars):
    first = poscars[0].read_text().splitlines()[0]
    words = first.split()
    assert words[:5] == ["BaTiO3", "rank", "1", "ferroelectric", "1.23e-18"]
    assert "(90 %: 1e-19 to 1e-17 J) mlip" in first
    assert words[-1] == "1000017"


def test_a_left_handed_cell_is_inverted_for_vasp(batio3, tmp_path):
    from pymatgen.core import Structure

    left = Crystal(-batio3.lattice, batio3.atomic_numbers, batio3.frac_coords)
    rows = _one_row(left)
    (path,) = write_poscars(rows, {"x": left}, tmp_path)
    again = Structure.from_file(path)
    assert np.linalg.det(again.lattice.matrix) > 0
    assert structure_id(Crystal.from_pymatgen(again)) == structure_id(batio3)


def _one_row(crystal: Crystal):
    import pandas as pd

    return pd.DataFrame({"structure_id": ["x"], "formula": [crystal.formula]})


def test_a_new_ranking_replaces_old_poscars_and_only_those(poscars, awkward, crystals):
    folder = poscars[0].parent
    (folder / "POSCAR").write_text("keep")
    (folder / "001_BaTiO3_x.cif").write_text("keep")
    now = write_poscars(awkward.iloc[3:4], crystals, folder)
    assert {path.name for path in folder.iterdir()} == {"POSCAR", "001_BaTiO3_x.cif", now[0].name}
