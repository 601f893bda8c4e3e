from __future__ import annotations

import sys
from functools import partial

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.emt import EMT
from ase.calculators.lj import LennardJones
from ase.config import Config

from matscreen.errors import InputError, MissingDependencyError, StructureError
from matscreen.simulations import get_potential
from matscreen.simulations.calculators import (
    MP2020_OXIDE_CORRECTION,
    describe_calculator,
    evidence_of,
    oxide_correction_of,
)
from matscreen.simulations.dft_calculators import (
    DftCalculator,
    find_pseudopotentials,
    starting_moments,
    unpaired_electrons,
)
from matscreen.simulations.gpaw_process import GPAW_PYTHON, GpawProcess
from matscreen.simulations.relaxing import attach, energy_of, relax_cell
from tests.simulations.conftest import perovskite

FAKE_GPAW = """
import os
from ase.calculators.emt import EMT

__version__ = "0.1"
setup_paths = [os.environ["FAKE_SETUPS"]]


def PW(cutoff):
    return cutoff


FermiDirac = PW


class GPAW(EMT):
    def __init__(self, mode, xc, kpts, occupations, convergence, txt):
        print("chatter of a program that answers must not mix with")
        assert (mode, xc, kpts["density"], occupations) == (700, "PBE", 3.5, 0.05)
        EMT.__init__(self)

    def calculate(self, *arguments):
        EMT.calculate(self, *arguments)
        self.results["magmom"] = 0.0
        if 79 in self.atoms.numbers:
            os._exit(3)
"""


@pytest.fixture
def fake_gpaw(tmp_path, monkeypatch):
    """A Python whose GPAW is ASE's EMT."""
    (tmp_path / "gpaw.py").write_text(FAKE_GPAW)
    (tmp_path / "O.PBE.gz").touch()
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH={tmp_path} exec {sys.executable} "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv(GPAW_PYTHON, str(python))
    monkeypatch.setenv("FAKE_SETUPS", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_configuration(monkeypatch):
    """ASE as on a machine where nothing was set up."""
    empty = Config()
    monkeypatch.setattr("ase.config.cfg", empty)
    monkeypatch.setattr("ase.calculators.vasp.vasp.cfg", empty)
    monkeypatch.setattr("ase.calculators.vasp.create_input.cfg", empty)
    for name in ("ASE_VASP_COMMAND", "VASP_COMMAND", "VASP_SCRIPT", "VASP_PP_PATH"):
        monkeypatch.delenv(name, raising=False)
    return empty


@pytest.mark.parametrize(("name", "kind"), [("emt", EMT), ("lj", LennardJones)])
def test_any_ase_calculator_is_a_potential(name, kind):
    potential = get_potential(name)
    assert isinstance(potential.calculator(), kind)
    assert potential.calculator() is not potential.calculator()
    assert potential.version == describe_calculator(name)
    assert (potential.oxide_correction, potential.evidence) == (0.0, "mlip")


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match="7net-0, 7net-l3i5, 7net-mf-0, chgnet, mace, gpaw"):
        get_potential("wishes")


def test_gga_energies_of_oxides_are_shifted_and_corrected_ones_are_not():
    for name in ("7net-0", "7net-l3i5", "mace", "gpaw", "espresso", "vasp"):
        assert oxide_correction_of(name) == MP2020_OXIDE_CORRECTION
    for name in ("chgnet", "emt"):
        assert oxide_correction_of(name) == 0.0
    assert [evidence_of(name) for name in ("gpaw", "7net-0")] == ["dft", "mlip"]


def test_a_missing_package_names_the_extra(monkeypatch):
    for module in ("chgnet.model", "mace.calculators", "sevenn.calculator"):
        monkeypatch.setitem(sys.modules, module, None)
    for name, extra in (("chgnet", "second-opinion"), ("mace", "second-opinion")):
        with pytest.raises(MissingDependencyError, match=rf"matscreen\[{extra}\]"):
            get_potential(name)


def test_gpaw_answers_from_another_python(fake_gpaw):
    potential = get_potential("gpaw")
    assert potential.version == "gpaw-0.1-PBE-700eV-k3.5"
    assert potential.evidence == "dft"
    atoms = bulk("Cu", a=3.7)
    attach(atoms, potential)
    own = bulk("Cu", a=3.7)
    own.calc = EMT()
    assert energy_of(atoms) == pytest.approx(own.get_potential_energy())
    np.testing.assert_allclose(atoms.get_stress(), own.get_stress(), atol=1e-8)
    relax_cell(atoms)
    relax_cell(own)
    assert atoms.cell.cellpar()[0] == pytest.approx(own.cell.cellpar()[0], abs=1e-4)


def test_a_failure_of_gpaw_is_that_of_one_structure(fake_gpaw):
    potential = get_potential("gpaw")
    with pytest.raises(StructureError, match=r"calculator_failed.*NotImplementedError"):
        energy_of(attach(bulk("W"), potential))  # unknown to EMT: an error inside the process
    with pytest.raises(StructureError, match="ended without an answer"):
        energy_of(attach(bulk("Au"), potential))  # the process dies
    assert np.isfinite(energy_of(attach(bulk("Cu"), potential)))


def test_a_python_without_gpaw_or_datasets_says_what_to_set(fake_gpaw, monkeypatch, tmp_path):
    (fake_gpaw / "O.PBE.gz").unlink()
    with pytest.raises(InputError, match="GPAW_SETUP_PATH"):
        get_potential("gpaw")
    (fake_gpaw / "gpaw.py").write_text("raise ImportError('broken')")
    (fake_gpaw / "python").rename(fake_gpaw / "other")  # a name not asked before
    with pytest.raises(InputError, match=f"broken.*set {GPAW_PYTHON} to a Python"):
        GpawProcess(str(fake_gpaw / "other"), {})
    monkeypatch.setenv(GPAW_PYTHON, str(tmp_path / "absent"))
    with pytest.raises(InputError, match="does not run"):
        describe_calculator("gpaw")


def test_codes_that_are_not_set_up_say_what_to_set(no_configuration, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"\[espresso\]"):
        get_potential("espresso")
    no_configuration.parser["espresso"] = {"command": "pw.x", "pseudo_dir": str(tmp_path / "no")}
    with pytest.raises(InputError, match="is no folder"):
        get_potential("espresso")
    with pytest.raises(InputError, match="ASE_VASP_COMMAND"):
        get_potential("vasp")
    monkeypatch.setenv("ASE_VASP_COMMAND", "vasp_std")
    with pytest.raises(InputError, match="VASP_PP_PATH"):
        get_potential("vasp")


def test_espresso_gets_its_input(no_configuration, tmp_path):
    for name in ("Ba.upf", "fe_pbe_v1.5.uspp.F.UPF", "O.pbe-n-kjpaw_psl.0.1.UPF"):
        (tmp_path / name).touch()
    program = tmp_path / "pw.x"
    program.write_text(f"#!/bin/sh\ncp espresso.pwi {tmp_path}/seen\nexit 1\n")
    program.chmod(0o755)
    no_configuration.parser["espresso"] = {"command": str(program), "pseudo_dir": str(tmp_path)}
    potential = get_potential("espresso")
    with pytest.raises(StructureError, match="calculator_failed"):
        energy_of(attach(perovskite(56, 26, 8).to_ase(), potential))
    words = (tmp_path / "seen").read_text().split()
    assert words[words.index("ecutwfc") + 2] == "80.0"
    assert words[words.index("nspin") + 2] == "2"  # Fe4+ has four unpaired electrons
    assert "fe_pbe_v1.5.uspp.F.UPF" in words
    assert words[words.index("K_POINTS") + 2 :][:3] == ["6", "6", "6"]


def test_vasp_gets_its_input(no_configuration, tmp_path, monkeypatch):
    for setup in ("Ba_sv", "Ti_pv", "O"):
        folder = tmp_path / "potpaw_PBE" / setup
        folder.mkdir(parents=True)
        (folder / "POTCAR").write_text(f"{setup}\n")
    program = tmp_path / "vasp"
    program.write_text(f"#!/bin/sh\ncp INCAR POTCAR {tmp_path}\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("ASE_VASP_COMMAND", str(program))
    monkeypatch.setenv("VASP_PP_PATH", str(tmp_path))
    with pytest.raises(StructureError, match="calculator_failed"):
        energy_of(attach(perovskite(56, 22, 8).to_ase(), get_potential("vasp")))
    incar = dict(
        line.split(" = ") for line in (tmp_path / "INCAR").read_text().splitlines() if "=" in line
    )
    incar = {key.strip(): value.strip() for key, value in incar.items()}
    assert float(incar["ENCUT"]) == 520
    assert float(incar["KSPACING"]) == pytest.approx(1 / 3.5, abs=1e-5)
    assert incar["ISPIN"] == "1"  # no open shell in BaTiO3
    assert (tmp_path / "POTCAR").read_text().split() == ["Ba_sv", "Ti_pv", "O"]


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        ("SrTiO3", [0, 0, 0, 0, 0]),
        ("LaFeO3", [0, 5, 0, 0, 0]),  # Fe3+, d5 high spin
        ("SrRuO3", [0, 2, 0, 0, 0]),  # Ru4+, d4 low spin
        ("GdAlO3", [7, 0, 0, 0, 0]),
        ("CeO2", [0, 0, 0]),
        ("ZnO", [0, 0]),
        ("O2", [1, 1]),  # the triplet molecule
        ("Fe", [2]),
        ("Al", [0]),
    ],
)
def test_open_shells_start_with_their_unpaired_electrons(symbols, expected):
    assert starting_moments(Atoms(symbols)).tolist() == expected


def test_unpaired_electrons_follow_hunds_rule():
    assert [unpaired_electrons(24, charge) for charge in (2, 3, 6)] == [4, 3, 0]
    assert unpaired_electrons(29, 2) == 1
    assert unpaired_electrons(8, -2) == 0


def test_given_moments_are_kept_and_one_calculator_serves_a_relaxation():
    seen = []

    def build(atoms):
        seen.append(atoms.get_initial_magnetic_moments().tolist())
        return EMT()

    atoms = bulk("Ni", a=3.6)
    atoms.set_initial_magnetic_moments([0.0])
    atoms.calc = DftCalculator(build)
    relax_cell(atoms)
    assert seen == [[2.0]]
    atoms = bulk("Ni", a=3.6)
    atoms.set_initial_magnetic_moments([0.6])
    atoms.calc = DftCalculator(build)
    energy_of(atoms)
    assert seen[1:] == [[0.6]]


def test_pseudopotentials_are_told_apart_by_the_whole_symbol(tmp_path):
    for name in ("Ca.upf", "co_pbe.uspp.UPF", "C.pbe-n-kjpaw_psl.1.0.0.UPF", "readme.txt"):
        (tmp_path / name).touch()
    find = partial(find_pseudopotentials, tmp_path)
    assert find({"C", "Co"}) == {"C": "C.pbe-n-kjpaw_psl.1.0.0.UPF", "Co": "co_pbe.uspp.UPF"}
    with pytest.raises(FileNotFoundError, match=r"no pseudopotential of O \(O.UPF\)"):
        find({"O"})
