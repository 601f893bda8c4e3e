"""Inputs of density functional theory for chosen candidates, to check what a screen found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from matscreen.errors import InputError, StructureError
from matscreen.identity import analyze_symmetry
from matscreen.simulations.dft_calculators import GPAW_CUTOFF, K_DENSITY, starting_moments
from matscreen.structures import Crystal

if TYPE_CHECKING:
    import pandas as pd
    from ase import Atoms

Code = Literal["vasp", "espresso", "gpaw"]
Task = Literal["relax", "double_well", "oxygen_vacancy"]

_MEASURES: Mapping[Task, str] = {
    "relax": "total energy and relaxed cell",
    "double_well": "well_depth = [E(nonpolar) - E(polar)] / V(polar), meV/Å³",
    "oxygen_vacancy": (
        "E_f = E(vacancy) - E(perfect) + E(O2) / 2 + 0.687 eV, the lowest over the sites; O2 is in "
        "the folder oxygen, 0.687 eV is the MP2020 oxide correction of PBE; relax the crystal first"
    ),
}

_GPAW = '''"""Relax {moved} with GPAW; run as: mpiexec -n 4 gpaw python run.py"""

from ase.io import read
from ase.optimize import BFGS
from gpaw import GPAW, PW, FermiDirac

try:
    from ase.filters import FrechetCellFilter as CellFilter
except ImportError:  # ASE before 3.23
    from ase.constraints import ExpCellFilter as CellFilter

atoms = read("structure.xyz")  # with starting moments where shells are open
atoms.calc = GPAW(
    mode=PW({cutoff:g}),
    xc="PBE",
    kpts={{"density": {density:g}, "gamma": True}},
    occupations=FermiDirac(0.05),
    txt="gpaw.txt",
)
BFGS({target}, trajectory="relax.traj").run(fmax=0.01)
print(atoms.get_potential_energy())
'''


def write_dft_inputs(
    crystals: Mapping[str, Crystal],
    folder: str | Path,
    *,
    code: Code = "vasp",
    task: Task = "relax",
) -> pd.DataFrame:
    """Write one folder of ready inputs a calculation.

    - ``vasp``: the Materials Project relaxation set of pymatgen (GGA+U for oxides of V, Cr, Mn,
      Fe, Co, Ni, Mo and W, all moments ferromagnetic); where pymatgen knows no licensed
      pseudopotentials (`PMG_VASP_PSP_DIR`), `POTCAR.spec` names those to use.
    - ``espresso``: a `pw.x` input by ASE, PBE; pseudopotentials are expected as ``Ti.UPF`` in
      ``pseudo/`` (for example the SSSP library renamed).
    - ``gpaw``: a script and the atoms, PBE.

    The last two are spin-polarised where shells are open, with the moments of
    `matscreen.simulations.dft_calculators.starting_moments`.

    Args:
        crystals: Crystals by name (structure id or formula).
        folder: Where the folders go: ``<name>/<calculation>``.
        code: Program.
        task: ``relax``: the crystal; ``double_well``: the polar crystal and its nearest
            centrosymmetric reference, both relaxed with their cells; ``oxygen_vacancy``: the
            perfect supercell, one with a vacancy for each of the three most common kinds of
            oxygen, and O2, all at fixed cell.

    Returns:
        Columns name, calculation, path, n_atoms, reason (why there is none).

    Raises:
        InputError: Code or task is unknown.
    """
    import pandas as pd

    if code not in ("vasp", "espresso", "gpaw"):
        raise InputError(f"unknown code {code!r}; known: vasp, espresso, gpaw")
    if task not in _MEASURES:
        raise InputError(f"unknown task {task!r}; known: {', '.join(_MEASURES)}")
    rows: list[tuple[str, str, str | None, int, str | None]] = []
    for name, crystal in crystals.items():
        try:
            cells = calculations(crystal, task)
        except StructureError as error:
            rows.append((name, task, None, 0, f"{error.reason}: {error.detail}"))
            continue
        for label, cell in cells.items():
            place = Path(folder) / name / label
            place.mkdir(parents=True, exist_ok=True)
            _WRITERS[code](cell, place, task != "oxygen_vacancy")
            rows.append((name, label, str(place), cell.nsites, None))
        about = {"task": task, "measures": _MEASURES[task], "code": code, "name": name}
        (Path(folder) / name / "about.json").write_text(json.dumps(about, indent=2) + "\n")
    return pd.DataFrame(rows, columns=["name", "calculation", "path", "n_atoms", "reason"])


def calculations(crystal: Crystal, task: Task) -> dict[str, Crystal]:
    """Return the cells that a task compares, by name.

    Raises:
        StructureError: ``nonpolar``, ``no_reference`` or ``no_oxygen``.
    """
    if task == "relax":
        return {"relax": crystal}
    if task == "double_well":
        from matscreen.simulations.reference import centrosymmetric_references

        symmetry = analyze_symmetry(crystal)
        if not symmetry.polar:
            raise StructureError("nonpolar", f"space group {symmetry.number} has no polar axis")
        (reference,) = centrosymmetric_references(crystal, most=1)
        return {"polar": crystal, "nonpolar": reference.crystal}
    from matscreen.simulations.oxygen_vacancy import MAX_SITES
    from matscreen.simulations.supercells import defect_repeats, site_orbits

    orbits = site_orbits(crystal)
    oxygens = np.flatnonzero(crystal.atomic_numbers == 8)
    if not len(oxygens):
        raise StructureError("no_oxygen", f"{crystal.formula} holds no oxygen to remove")
    _, first, counts = np.unique(orbits[oxygens], return_index=True, return_counts=True)
    sites = oxygens[first[np.argsort(-counts, kind="stable")]][:MAX_SITES]
    perfect = crystal.to_ase().repeat(defect_repeats(crystal))
    cells = {"perfect": Crystal.from_ase(perfect)}
    for site in sites:  # the first copy keeps the numbers of the crystal
        vacancy = perfect.copy()
        del vacancy[int(site)]
        cells[f"vacancy-O{site}"] = Crystal.from_ase(vacancy)
    return {**cells, "oxygen": _molecule()}


def _molecule() -> Crystal:
    from ase import Atoms

    return Crystal.from_ase(
        Atoms("O2", positions=[[0, 0, 0], [1.23, 0, 0]], cell=[12.0, 12.1, 12.2], pbc=True)
    )


def _vasp(crystal: Crystal, place: Path, free_cell: bool) -> None:
    import warnings

    from pymatgen.core import SETTINGS
    from pymatgen.io.vasp.sets import MPRelaxSet

    settings = {"ISIF": 3 if free_cell else 2, "EDIFFG": -0.01}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = MPRelaxSet(crystal.to_pymatgen(), user_incar_settings=settings)
        inputs.write_input(place, potcar_spec="PMG_VASP_PSP_DIR" not in SETTINGS)


def _espresso(crystal: Crystal, place: Path, free_cell: bool) -> None:
    from ase.io import write

    atoms = _dressed(crystal)
    metals = {"occupations": "smearing", "smearing": "cold", "degauss": 0.01}
    data = {
        "control": {
            "calculation": "vc-relax" if free_cell else "relax",
            "pseudo_dir": "pseudo",
            "forc_conv_thr": 4e-4,
        },
        "system": {"ecutwfc": 60, "ecutrho": 480, "nspin": _spins(atoms), **metals},
        "electrons": {"conv_thr": 1e-9},
    }
    pseudopotentials = {symbol: f"{symbol}.UPF" for symbol in set(atoms.get_chemical_symbols())}
    write(
        place / "pw.in",
        atoms,
        format="espresso-in",
        input_data=data,
        pseudopotentials=pseudopotentials,
        kspacing=1 / (2 * np.pi * K_DENSITY),  # ASE counts without 2 pi
    )


def _gpaw(crystal: Crystal, place: Path, free_cell: bool) -> None:
    from ase.io import write

    atoms = _dressed(crystal)
    if _spins(atoms) == 1:
        atoms.set_initial_magnetic_moments(None)
    write(place / "structure.xyz", atoms, format="extxyz")
    script = _GPAW.format(
        cutoff=GPAW_CUTOFF,
        density=K_DENSITY,
        moved="positions and cell" if free_cell else "positions",
        target="CellFilter(atoms)" if free_cell else "atoms",
    )
    (place / "run.py").write_text(script)


def _dressed(crystal: Crystal) -> Atoms:
    """Return the atoms with their starting moments."""
    atoms = crystal.to_ase()
    atoms.set_initial_magnetic_moments(starting_moments(atoms))
    return atoms


def _spins(atoms: Atoms) -> int:
    return 2 if atoms.get_initial_magnetic_moments().any() else 1


_WRITERS = {"vasp": _vasp, "espresso": _espresso, "gpaw": _gpaw}
