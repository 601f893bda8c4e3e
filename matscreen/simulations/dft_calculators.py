"""Density functional theory as a potential: GPAW, Quantum ESPRESSO and VASP, through ASE.

All three use PBE without a Hubbard U, plane waves, k-points of 3.5 per 1/Å centred on Gamma
(6x6x6 for a cell of 4 Å) and smearing of 0.05 eV. Compositions with open d or f shells are
spin-polarised and start ferromagnetic (`starting_moments`); other magnetic orders are not
searched. Five atoms take seconds, a defect cell of 40 atoms hours on one core.

What has to be set up is checked before the first crystal is touched:

- ``gpaw`` runs in a process of its own, under the Python named by ``MATSCREEN_GPAW_PYTHON`` (for
  example ``/usr/bin/python3`` with Debian's packages `gpaw` and `gpaw-data`), by default this one.
  ``GPAW_SETUP_PATH`` may name further datasets: Debian's lack the lanthanides.
- ``espresso`` needs the section ``[espresso]`` with ``command`` and ``pseudo_dir`` in the
  configuration file of ASE (``~/.config/ase/config.ini``); in ``pseudo_dir`` each element has one
  file whose name starts with its symbol, as in SSSP (``Ti.UPF``, ``ti_pbe_v1.4.uspp.F.UPF``).
- ``vasp`` needs ``ASE_VASP_COMMAND`` (or ``VASP_COMMAND``) and ``VASP_PP_PATH``.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from matscreen.errors import InputError
from matscreen.simulations.calculators import MP2020_OXIDE_CORRECTION, Potential
from matscreen.simulations.gpaw_process import GpawProcess, gpaw_python, gpaw_version
from matscreen.simulations.reference import nominal_charges
from matscreen.structures import FloatArray

if TYPE_CHECKING:
    from ase import Atoms

K_DENSITY = 3.5
"""k-points per 1/Å of reciprocal length (with the factor 2 pi): 6x6x6 for edges 3.7 to 4.4 Å.

4x4x4 is too few for wells: by it the polar phases of SrTiO3 and KNbO3 lie 8 and 25 meV per formula
unit lower than by 6x6x6 (`tests/benchmarks/spot_check_gpaw.py`).
"""
SMEARING = 0.05
"""Width of the occupation, eV."""
GPAW_CUTOFF = 700.0
"""Plane-wave cutoff of GPAW, eV; at 450 eV the curvature of BaZrO3 has the wrong sign, and
at 900 and 1200 eV wells change by less than 2 meV per formula unit."""
VASP_CUTOFF = 520.0
"""Plane-wave cutoff of VASP, eV, that of the Materials Project."""
ESPRESSO_CUTOFF = 80.0
"""Plane-wave cutoff of Quantum ESPRESSO, Ry; eight times as much for the density."""
GPAW_SETTINGS: Mapping[str, Any] = {
    "cutoff": GPAW_CUTOFF,
    "kpts": {"density": K_DENSITY, "gamma": True},
    "width": SMEARING,
}
"""What `matscreen.simulations.gpaw_worker` is asked for by default."""

_RY = 13.605693122990
DFT_CODES = ("gpaw", "espresso", "vasp")


def get_dft_potential(name: str) -> Potential:
    """Return one of `DFT_CODES` as a potential.

    Raises:
        InputError: The code is not set up; the message says what to set.
    """
    builders = {"gpaw": _gpaw, "espresso": _espresso, "vasp": _vasp}
    build = builders[name]()
    return Potential(
        name,
        describe_dft(name),
        lambda: DftCalculator(build),
        oxide_correction=MP2020_OXIDE_CORRECTION,
        evidence="dft",
    )


def describe_dft(name: str) -> str:
    """Return program version and settings, such as ``gpaw-22.8.0-PBE-700eV-k3.5``.

    ASE cannot ask Quantum ESPRESSO and VASP for their versions without running them; ASE's own
    stands for the interface.

    Raises:
        InputError: GPAW is not set up.
    """
    if name == "gpaw":
        return f"gpaw-{gpaw_version(gpaw_python())}-PBE-{GPAW_CUTOFF:g}eV-k{K_DENSITY:g}"
    cutoff = {"espresso": f"{ESPRESSO_CUTOFF:g}Ry", "vasp": f"{VASP_CUTOFF:g}eV"}[name]
    return f"{name}-ase-{version('ase')}-PBE-{cutoff}-k{K_DENSITY:g}"


class DftCalculator(Calculator):  # type: ignore[misc]
    """Sets starting moments and hands over to a calculator made for the first atoms it sees.

    Args:
        build: Makes the calculator for atoms that carry their starting moments.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, build: Callable[[Atoms], Any]) -> None:
        super().__init__()
        self._build = build
        self._inner: Any = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        """Compute the asked properties.

        Raises:
            RuntimeError: The program failed.
        """
        super().calculate(atoms, properties, system_changes)
        dressed = self.atoms.copy()
        dressed.set_constraint()
        if not dressed.get_initial_magnetic_moments().any():
            dressed.set_initial_magnetic_moments(starting_moments(dressed))
        try:
            if self._inner is None:
                self._inner = self._build(dressed)
            dressed.calc = self._inner
            wanted = dict.fromkeys(("energy", *properties))
            found = {name: self._inner.get_property(name, dressed) for name in wanted}
        except Exception as error:  # each program has its own kinds of failure
            self._inner = None
            raise RuntimeError(f"{type(error).__name__}: {error}") from error
        self.results: dict[str, Any] = {"free_energy": found["energy"], **found}


def starting_moments(atoms: Atoms) -> FloatArray:
    """Return ferromagnetic starting moments, one an atom, Bohr magnetons.

    A cation in its nominal oxidation state starts with the unpaired electrons of its d or f
    shell: high spin for 3d and 4f ions, low spin in an octahedron for 4d and 5d ions. Pure oxygen
    starts as the triplet molecule. Without balanced charges (metals) the 3d elements V to Ni start
    with 2, all others with 0. A self-consistent solution may end elsewhere.
    """
    symbols = atoms.get_chemical_symbols()
    counts = {symbol: symbols.count(symbol) for symbol in sorted(set(symbols))}
    if set(counts) == {"O"}:
        return np.ones(len(atoms))
    charges = nominal_charges(counts) if len(counts) > 1 else None
    if charges is None:
        return np.array([2.0 if 23 <= z <= 28 else 0.0 for z in atoms.numbers])
    moments = {z: unpaired_electrons(z, charge) for z, charge in charges.items()}
    return np.array([moments[int(z)] for z in atoms.numbers])


def unpaired_electrons(z: int, charge: float) -> float:
    """Return the unpaired d or f electrons of an ion; 0 for ions of the main groups.

    Args:
        z: Atomic number.
        charge: Oxidation state; a mixed one is rounded.
    """
    from pymatgen.core import Element

    element = Element.from_Z(z)
    if element.is_lanthanoid or element.is_actinoid:
        f = round(z - (54 if element.is_lanthanoid else 86) - charge)
        return float(min(f, 14 - f)) if 0 < f < 14 else 0.0
    if not element.is_transition_metal:
        return 0.0
    d = round(element.group - charge)
    if not 0 < d < 10:
        return 0.0
    if z <= 30:
        return float(min(d, 10 - d))
    return float(d if d <= 3 else max(6 - d, 0) if d <= 6 else 10 - d)


class _Gpaw(Calculator):  # type: ignore[misc]
    """ASE's view of a `GpawProcess`."""

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress"]

    def __init__(self, process: GpawProcess) -> None:
        super().__init__()
        self._process = process

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = all_changes,
    ) -> None:
        super().calculate(atoms, properties, system_changes)
        found = self._process.ask(self.atoms, properties)
        for name, value in found.items():
            self.results[name] = np.array(value) if isinstance(value, list) else value


def _gpaw() -> Callable[[Atoms], Any]:
    process = GpawProcess(gpaw_python(), GPAW_SETTINGS)
    return lambda _atoms: _Gpaw(process)


def _espresso() -> Callable[[Atoms], Any]:
    from ase.calculators.espresso import Espresso, EspressoProfile
    from ase.config import cfg

    try:
        profile = EspressoProfile.from_config(cfg, "espresso")
    except Exception as error:
        raise InputError(
            "Quantum ESPRESSO is not set up: give `command` (such as pw.x) and `pseudo_dir` in the "
            "section [espresso] of ASE's configuration file, ~/.config/ase/config.ini or the one "
            "named by ASE_CONFIG_PATH"
        ) from error
    if not Path(profile.pseudo_dir).is_dir():
        raise InputError(f"the pseudo_dir of [espresso], {profile.pseudo_dir}, is no folder")

    def build(atoms: Atoms) -> Any:
        polarised = bool(atoms.get_initial_magnetic_moments().any())
        folder = tempfile.TemporaryDirectory(prefix="matscreen-espresso-")
        calculator = Espresso(
            profile=profile,
            directory=folder.name,
            pseudopotentials=find_pseudopotentials(profile.pseudo_dir, set(atoms.symbols)),
            input_data={
                "control": {"tprnfor": True, "tstress": True},
                "system": {
                    "ecutwfc": ESPRESSO_CUTOFF,
                    "ecutrho": 8 * ESPRESSO_CUTOFF,
                    "occupations": "smearing",
                    "smearing": "fermi-dirac",
                    "degauss": SMEARING / _RY,
                    "nspin": 2 if polarised else 1,
                },
                "electrons": {"conv_thr": 1e-9},
            },
            kspacing=1 / (2 * np.pi * K_DENSITY),  # without 2 pi; ASE fails on a density here
        )
        calculator.folder = folder  # removed together with the calculator
        return calculator

    return build


def find_pseudopotentials(folder: str | os.PathLike[str], symbols: set[str]) -> dict[str, str]:
    """Return the file of each element: the first one whose name starts with its symbol.

    Raises:
        FileNotFoundError: An element has none.
    """
    names = sorted(path.name for path in Path(folder).iterdir())
    found = {}
    for symbol in sorted(symbols):
        pattern = re.compile(rf"{symbol}([._-].*)?\.upf", re.IGNORECASE)
        matches = [name for name in names if pattern.fullmatch(name)]
        if not matches:
            raise FileNotFoundError(f"{folder} holds no pseudopotential of {symbol} ({symbol}.UPF)")
        found[symbol] = matches[0]
    return found


def _vasp() -> Callable[[Atoms], Any]:
    from ase.calculators.vasp import Vasp
    from ase.config import cfg

    if not any(name in cfg for name in Vasp.env_commands):
        raise InputError(
            "VASP is not set up: set ASE_VASP_COMMAND to the command that runs it, such as "
            "'mpiexec -n 4 vasp_std'"
        )
    if "VASP_PP_PATH" not in cfg or not Path(cfg["VASP_PP_PATH"]).is_dir():
        raise InputError(
            "VASP has no pseudopotentials: set VASP_PP_PATH to the folder that holds potpaw_PBE"
        )

    def build(atoms: Atoms) -> Any:
        polarised = bool(atoms.get_initial_magnetic_moments().any())
        folder = tempfile.TemporaryDirectory(prefix="matscreen-vasp-")
        calculator = Vasp(
            directory=folder.name,
            txt="vasp.out",
            xc="pbe",
            setups="materialsproject",
            encut=VASP_CUTOFF,
            prec="Accurate",
            ediff=1e-6,
            ismear=0,
            sigma=SMEARING,
            kspacing=1 / K_DENSITY,
            kgamma=True,
            ispin=2 if polarised else 1,
            isif=2,
            lreal=False,
            lasph=True,
            lwave=False,
            lcharg=False,
        )
        calculator.folder = folder  # removed together with the calculator
        return calculator

    return build
