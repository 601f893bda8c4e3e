"""Inputs of density functional theory for chosen candidates, to check what a screen found."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from matscreen.errors import InputError, StructureError
from matscreen.structures import Crystal

if TYPE_CHECKING:
    import pandas as pd

Code = Literal["vasp", "espresso", "gpaw"]
Task = Literal["relax", "double_well", "oxygen_vacancy"]

CUTOFF_EV = 700.0
"""Plane-wave cutoff of GPAW, eV; at 450 eV the sign of shallow wells is wrong."""
DENSITY = 3.5
"""k-points per 1/Å of reciprocal length (with the factor 2 pi): 6x6x6 for a cell of 4 Å."""

_MEASURES: Mapping[Task, str] = {
    "relax": "total energy and relaxed cell",
    "double_well": "well_depth = [E(nonpolar) - E(polar)] / V(polar)",
    "oxygen_vacancy": "E_f = E(vacancy) - E(perfect) + E(O2) / 2, O2 in the folder oxygen",
}

_GPAW = '''"""Relax positions{cell_text} with GPAW; run as: mpiexec -n 4 gpaw python run.py"""

from ase.io import read
from ase.optimize import BFGS
{cell_import}from gpaw import GPAW, PW, FermiDirac

atoms = read("structure.cif")
atoms.calc = GPAW(
    mode=PW({cutoff:g}),
    xc="PBE",
    kpts={{"density": {density:.3f}, "gamma": True}},
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

    - ``vasp``: the Materials Project relaxation set of pymatgen; without licensed
      pseudopotentials `POTCAR.spec` names those to use.
    - ``espresso``: a `pw.x` input by ASE; pseudopotentials are expected as ``Ti.UPF`` in
      ``pseudo/`` (for example the SSSP library renamed).
    - ``gpaw``: a script and a CIF.

    Args:
        crystals: Crystals by name (structure id or formula).
        folder: Where the folders go: ``<name>/<calculation>``.
        code: Program.
        task: ``relax``: the crystal; ``double_well``: the polar crystal and its nearest
            centrosymmetric reference; ``oxygen_vacancy``: perfect and defective supercell and O2.

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
            free_cell = task == "relax" or label == "polar"
            _WRITERS[code](cell, place, free_cell)
            rows.append((name, label, str(place), cell.nsites, None))
        about = {"task": task, "measures": _MEASURES[task], "code": code, "name": name}
        (Path(folder) / name / "about.json").write_text(json.dumps(about, indent=2) + "\n")
    return pd.DataFrame(rows, columns=["name", "calculation", "path", "n_atoms", "reason"])


def calculations(crystal: Crystal, task: Task) -> dict[str, Crystal]:
    """Return the cells that a task compares, by name.

    Raises:
        StructureError: ``no_reference`` or ``no_oxygen``.
    """
    if task == "relax":
        return {"relax": crystal}
    if task == "double_well":
        from matscreen.simulations.reference import centrosymmetric_references

        (reference,) = centrosymmetric_references(crystal, most=1)
        return {"polar": crystal, "nonpolar": reference.crystal}
    from matscreen.simulations.supercells import defect_repeats

    if 8 not in crystal.atomic_numbers:
        raise StructureError("no_oxygen", f"{crystal.formula} holds no oxygen to remove")
    perfect = crystal.to_ase().repeat(defect_repeats(crystal))
    vacancy = perfect.copy()
    del vacancy[int(np.flatnonzero(perfect.numbers == 8)[0])]
    return {
        "perfect": Crystal.from_ase(perfect),
        "vacancy": Crystal.from_ase(vacancy),
        "oxygen": _molecule(),
    }


def _molecule() -> Crystal:
    from ase import Atoms

    return Crystal.from_ase(
        Atoms("O2", positions=[[0, 0, 0], [1.23, 0, 0]], cell=[12.0, 12.1, 12.2], pbc=True)
    )


def _vasp(crystal: Crystal, place: Path, free_cell: bool) -> None:
    import warnings

    from pymatgen.io.vasp.sets import MPRelaxSet

    settings = {"ISIF": 3 if free_cell else 2, "EDIFFG": -0.01}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        inputs = MPRelaxSet(crystal.to_pymatgen(), user_incar_settings=settings)
        inputs.write_input(place, potcar_spec=True)


def _espresso(crystal: Crystal, place: Path, free_cell: bool) -> None:
    from ase.io import write

    atoms = crystal.to_ase()
    metals = {"occupations": "smearing", "smearing": "cold", "degauss": 0.01}
    data = {
        "control": {
            "calculation": "vc-relax" if free_cell else "relax",
            "pseudo_dir": "pseudo",
            "forc_conv_thr": 4e-4,
        },
        "system": {"ecutwfc": 60, "ecutrho": 480, **metals},
        "electrons": {"conv_thr": 1e-9},
    }
    pseudopotentials = {symbol: f"{symbol}.UPF" for symbol in set(atoms.get_chemical_symbols())}
    write(
        place / "pw.in",
        atoms,
        format="espresso-in",
        input_data=data,
        pseudopotentials=pseudopotentials,
        kspacing=1 / (2 * np.pi * DENSITY),  # ASE counts without 2 pi,
    )


def _gpaw(crystal: Crystal, place: Path, free_cell: bool) -> None:
    from ase.io import write

    write(place / "structure.cif", crystal.to_ase())
    script = _GPAW.format(
        cutoff=CUTOFF_EV,
        density=DENSITY,
        cell_text=" and cell" if free_cell else "",
        cell_import="from ase.filters import FrechetCellFilter\n" if free_cell else "",
        target="FrechetCellFilter(atoms)" if free_cell else "atoms",
    )
    (place / "run.py").write_text(script)


_WRITERS = {"vasp": _vasp, "espresso": _espresso, "gpaw": _gpaw}
