"""A process that answers GPAW questions, one JSON line in, one JSON line out.

It runs under any Python that has GPAW and ASE and imports nothing of matscreen, so that a GPAW
of the operating system (Debian's `gpaw` and `gpaw-data` serve the system's Python only) can be
used from another environment. `matscreen.simulations.dft_calculators` starts it.

A question holds numbers, positions (Å), cell (Å), magmoms (Bohr magnetons), properties (energy,
forces, stress) and settings (cutoff in eV, kpts of ASE, width in eV). The answer holds energy and
free_energy (eV), forces (eV/Å) and stress (eV/Å³, Voigt) as asked for, or an error.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def answer(question: dict[str, Any], kept: dict[str, Any]) -> dict[str, Any]:
    """Compute what one question asks for.

    Args:
        question: See the module.
        kept: The calculator of the last question; the next one of the same atoms and settings
            starts from its wave functions.
    """
    from ase import Atoms

    atoms = Atoms(
        numbers=question["numbers"],
        positions=question["positions"],
        cell=question["cell"],
        pbc=True,
        magmoms=question.get("magmoms"),
    )
    settings = question["settings"]
    same = (settings, question["numbers"])
    if kept.get("same") != same:
        kept.clear()
        kept.update(same=same, calculator=calculator(settings))
    atoms.calc = kept["calculator"]
    properties = question.get("properties", ["energy"])
    found: dict[str, Any] = {
        "energy": float(atoms.get_potential_energy()),
        "free_energy": float(atoms.get_potential_energy(force_consistent=True)),
    }
    if "forces" in properties:
        found["forces"] = atoms.get_forces().tolist()
    if "stress" in properties:
        found["stress"] = atoms.get_stress().tolist()
    return found


def calculator(settings: dict[str, Any]) -> Any:
    """Return a GPAW calculator: plane waves, PBE, Fermi-Dirac occupation, no symmetry broken."""
    from gpaw import GPAW, PW, FermiDirac  # type: ignore[import-not-found,unused-ignore]

    return GPAW(
        mode=PW(settings["cutoff"]),
        xc="PBE",
        kpts=settings["kpts"],
        occupations=FermiDirac(settings["width"]),
        convergence={"energy": 1e-5},  # eV per valence electron
        txt=None,
    )


def main() -> None:
    """Answer questions until the input ends."""
    # GPAW and its libraries print; only answers may reach the asker.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    kept: dict[str, Any] = {}
    for line in sys.stdin:
        try:
            found = answer(json.loads(line), kept)
        except ImportError as error:
            found = {"missing": str(error)}
        except Exception as error:  # whatever GPAW raises is one failed question
            kept.clear()
            found = {"error": f"{type(error).__name__}: {error}"[:500]}
        answers.write(json.dumps(found) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
