from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from ase.io import read

from matscreen.errors import InputError
from matscreen.identity import analyze_symmetry
from matscreen.simulations.dft_inputs import calculations, write_dft_inputs
from matscreen.structures import Crystal
from tests.simulations.conftest import perovskite


def polar() -> Crystal:
    cubic = perovskite()
    coords = cubic.frac_coords.copy()
    coords[1, 2] += 0.02
    coords[2:, 2] -= 0.01
    return Crystal(cubic.lattice @ np.diag([1, 1, 1.03]), cubic.atomic_numbers, coords)


def test_a_double_well_is_the_polar_crystal_and_a_centrosymmetric_one(tmp_path):
    cells = calculations(polar(), "double_well")
    assert not analyze_symmetry(cells["polar"]).centrosymmetric
    assert analyze_symmetry(cells["nonpolar"]).centrosymmetric
    rows = write_dft_inputs({"BaTiO3": polar()}, tmp_path, code="gpaw", task="double_well")
    assert rows["calculation"].tolist() == ["polar", "nonpolar"]
    for path in rows["path"]:
        script = (tmp_path / path / "run.py").read_text()
        compile(script, "run.py", "exec")
        assert "PW(700)" in script
        assert "CellFilter(atoms), traj" in script
        atoms = read(tmp_path / path / "structure.xyz")
        assert atoms.get_chemical_formula() == "BaO3Ti"
        assert "initial_magmoms" not in atoms.arrays  # no open shell, no spin
        found = analyze_symmetry(Crystal.from_ase(atoms), symprec=1e-5)
        assert found.centrosymmetric == path.endswith("nonpolar")
    assert "well_depth" in json.loads((tmp_path / "BaTiO3/about.json").read_text())["measures"]


def test_vasp_inputs_read_back(tmp_path):
    from pymatgen.io.vasp import Incar, Poscar

    (path,) = write_dft_inputs({"x": polar()}, tmp_path, code="vasp")["path"]
    incar = Incar.from_file(f"{path}/INCAR")
    assert (incar["ISIF"], incar["ENCUT"]) == (3, 520)
    structure = Poscar.from_file(f"{path}/POSCAR").structure
    assert structure.composition.reduced_formula == "BaTiO3"
    assert "Ti" in (tmp_path / "x/relax/POTCAR.spec").read_text()


def test_espresso_inputs_read_back_and_a_vacancy_lacks_one_oxygen(tmp_path):
    rows = write_dft_inputs(
        {"x": perovskite()}, tmp_path, code="espresso", task="oxygen_vacancy"
    ).set_index("calculation")
    cells = {name: read(f"{row.path}/pw.in", format="espresso-in") for name, row in rows.iterrows()}
    assert list(cells) == ["perfect", "vacancy-O2", "oxygen"]
    missing = cells["perfect"].symbols.formula.count()["O"] - 1
    assert cells["vacancy-O2"].symbols.formula.count()["O"] == missing
    assert cells["oxygen"].get_chemical_formula() == "O2"
    text = (tmp_path / "x/vacancy-O2/pw.in").read_text()
    assert "calculation      = 'relax'" in text
    assert "Ti.UPF" in text
    assert nspin(text) == 1
    assert nspin((tmp_path / "x/oxygen/pw.in").read_text()) == 2  # the triplet molecule
    assert json.loads((tmp_path / "x/about.json").read_text())["measures"].startswith("E_f")


def nspin(text: str) -> int:
    (line,) = [line for line in text.splitlines() if "nspin" in line]
    return int(line.split("=")[1])


def test_open_shells_are_spin_polarised(tmp_path):
    crystal = perovskite(57, 26, 8)
    (gpaw,) = write_dft_inputs({"g": crystal}, tmp_path, code="gpaw")["path"]
    moments = read(f"{gpaw}/structure.xyz").get_initial_magnetic_moments()
    assert moments.tolist() == [0, 5, 0, 0, 0]
    (pw,) = write_dft_inputs({"e": crystal}, tmp_path, code="espresso")["path"]
    assert nspin(Path(pw, "pw.in").read_text()) == 2


def test_each_kind_of_oxygen_gets_its_vacancy(tmp_path):
    cells = calculations(polar(), "oxygen_vacancy")
    # P4mm: two equal oxygens in the plane, the apical one comes second.
    assert [name for name in cells if name.startswith("vacancy")] == ["vacancy-O3", "vacancy-O2"]
    perfect = cells["perfect"].to_ase()
    for name, left in (("vacancy-O3", 3), ("vacancy-O2", 2)):
        expected = perfect.copy()
        del expected[left]
        np.testing.assert_allclose(cells[name].to_ase().positions, expected.positions)


def test_what_cannot_be_computed_is_a_row_and_mistakes_are_named(tmp_path):
    rows = write_dft_inputs({"x": perovskite(56, 22, 16)}, tmp_path, task="oxygen_vacancy")
    assert rows["reason"].tolist() == ["no_oxygen: BaTiS3 holds no oxygen to remove"]
    rows = write_dft_inputs({"x": perovskite()}, tmp_path, task="double_well")
    assert rows["reason"].tolist() == ["nonpolar: space group 221 has no polar axis"]
    with pytest.raises(InputError, match="unknown code 'abinit'"):
        write_dft_inputs({"x": polar()}, tmp_path, code="abinit")
    with pytest.raises(InputError, match="unknown task 'dance'"):
        write_dft_inputs({"x": polar()}, tmp_path, task="dance")
