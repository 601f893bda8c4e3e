from __future__ import annotations

import json

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
        atoms = read(tmp_path / path / "structure.cif")
        assert atoms.get_chemical_formula() == "BaO3Ti"
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
    assert len(cells["perfect"]) - len(cells["vacancy"]) == 1
    assert cells["oxygen"].get_chemical_formula() == "O2"
    text = (tmp_path / "x/vacancy/pw.in").read_text()
    assert "calculation      = 'relax'" in text
    assert "Ti.UPF" in text


def test_what_cannot_be_computed_is_a_row_and_mistakes_are_named(tmp_path):
    rows = write_dft_inputs({"x": perovskite(56, 22, 16)}, tmp_path, task="oxygen_vacancy")
    assert rows["reason"].tolist() == ["no_oxygen: BaTiS3 holds no oxygen to remove"]
    with pytest.raises(InputError, match="unknown code 'abinit'"):
        write_dft_inputs({"x": polar()}, tmp_path, code="abinit")
    with pytest.raises(InputError, match="unknown task 'dance'"):
        write_dft_inputs({"x": polar()}, tmp_path, task="dance")
