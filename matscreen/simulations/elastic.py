"""Elastic tensor by finite strains with relaxed ions, and the heat transport that follows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from matscreen.errors import StructureError
from matscreen.identity import SYMPREC, analyze_symmetry
from matscreen.simulations import thermal
from matscreen.simulations.base import Label, Simulated
from matscreen.simulations.calculators import Potential
from matscreen.simulations.relaxing import attach, energy_of, relax_cell, relax_positions
from matscreen.structures import Crystal, FloatArray

if TYPE_CHECKING:
    from ase import Atoms

STRAIN = 0.01
"""Amount of each normal strain, and of each off-diagonal element of a shear strain."""
ION_FMAX = 0.003
"""Largest force after the ions followed a strain, eV/Å.

At 0.01 eV/Å the stress of a soft oxide may be off by some per cent of what 1 % strain causes.
"""
MAX_SHIFT = 0.25
"""Longest way of an ion while it follows 1 % of strain, Å; longer means another phase."""
EOS_STRETCH = (-0.03, -0.02, -0.01, 0.0, 0.01, 0.02, 0.03)
"""Changes of the edges at which an equation of state is sampled."""
TEMPERATURE = 300.0
"""Temperature of the thermal labels, K."""

GPA_PER_EV_A3 = 160.21766208
_KG_M3_PER_U_A3 = thermal.AMU * 1e30

# One-sigma errors relative to the value, from the comparison with measured values that
# `tests/benchmarks/bench_labels.py` prints, rounded up. The potential is soft: bulk moduli are 9 %
# low (rms 10 %), shear moduli 19 % (rms 20 %), Debye temperatures 10 % (rms 11 %); heat capacities
# are 10 % off in rms. Slack's relation on top scatters by 0.4 decades where ceramics and films are
# left out and by 0.6 with them, no less than a guess from mass and size (`matscreen.priors`).
_BULK_STD = 0.15
_SHEAR_STD = 0.25
_DEBYE_STD = 0.12
_HEAT_STD = 0.10
_KAPPA_STD = 0.90


class Elastic:
    """Strain a crystal in each independent direction and fit the stress.

    The crystal is relaxed inside its space group first (nothing moves when it already is). Each
    of six strains is applied with both signs, skipping those that a symmetry of the crystal turns
    into another; the ions follow inside the symmetry that the strain leaves, so that an unstable
    phonon outside it is not followed. Central differences of the stress give the tensor.

    Labels bulk_modulus and shear_modulus (Voigt-Reuss-Hill), debye_temperature from the sound
    velocities (Anderson 1963), heat_capacity (Debye) and thermal_conductivity (Slack) at 300 K.
    A calculator without stress gets the bulk modulus of its equation of state only.

    The moduli are those of the phase that was given, also when a phonon of it is unstable; only
    an elastically unstable phase (Born) is rejected.
    """

    property = "bulk_modulus"
    method = "elastic"
    version = "1"

    def run(
        self,
        crystal: Crystal,
        potential: Potential,
        *,
        phases: Mapping[str, Crystal] | None = None,
    ) -> Simulated:
        """Strain one crystal.

        Raises:
            StructureError: ``elastically_unstable`` (an eigenvalue of the tensor is not
                positive), ``strain_transition`` (an ion moved more than 0.25 Å),
                ``no_minimum`` (an equation of state without one) or what a relaxation may
                raise: ``not_converged``, ``collapsed``, ``unsupported_element``,
                ``calculator_failed``, ``symmetry_failed``, ``exploded_volume``.
        """
        del phases  # part of the protocol; one crystal is enough here
        atoms = attach(crystal.to_ase(), potential)
        if "stress" not in atoms.calc.implemented_properties:
            bulk, notes = equation_of_state(crystal, potential)
            return Simulated((_label("bulk_modulus", bulk, _BULK_STD, path="eos"),), notes=notes)
        relax_cell(atoms)
        relaxed = Crystal.from_ase(atoms)
        tensor, strains = elastic_tensor(relaxed, potential)
        return moduli_labels(relaxed, tensor, {"strains_relaxed": float(strains)})


def elastic_tensor(crystal: Crystal, potential: Potential) -> tuple[FloatArray, int]:
    """Return the relaxed-ion elastic tensor (6, 6) in Voigt order, GPa, and the strains run.

    Args:
        crystal: A relaxed crystal.
        potential: A calculator with stress.

    Raises:
        StructureError: As `Elastic.run`, except ``elastically_unstable``.
    """
    from pymatgen.analysis.elasticity import ElasticTensor, Strain
    from pymatgen.core.tensors import Tensor, symmetry_reduce

    strains = [
        Strain.from_index_amount(pair, sign * STRAIN)
        for pair in ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))
        for sign in (1, -1)
    ]
    structure = crystal.to_pymatgen()
    unique = symmetry_reduce(strains, structure, tol=1e-3 * STRAIN, symprec=SYMPREC)
    pairs: list[tuple[Any, Any]] = []
    for strain, operations in unique.items():
        stress = Tensor(_strained_stress(crystal, np.asarray(strain), potential))
        pairs.append((strain, stress))
        pairs += [(strain.transform(op), stress.transform(op)) for op in operations]
    tensor = np.zeros((6, 6))
    for column in range(6):
        # Only the strains of this column have this element; +1 % and -1 % cancel the curvature.
        slopes = [
            np.asarray(stress.voigt) / strain.voigt[column]
            for strain, stress in pairs
            if abs(strain.voigt[column]) > STRAIN / 2
        ]
        tensor[:, column] = np.mean(slopes, axis=0)
    fitted = ElasticTensor.from_voigt((tensor + tensor.T) / 2)
    symmetric = fitted.fit_to_structure(structure, symprec=SYMPREC)
    return np.asarray(symmetric.voigt), len(unique)


def _strained_stress(crystal: Crystal, strain: FloatArray, potential: Potential) -> FloatArray:
    """Cauchy stress (3, 3) of the strained crystal after its ions relaxed, GPa."""
    from ase.constraints import FixSymmetry

    atoms = attach(crystal.to_ase(), potential)
    # A symmetric deformation turns nothing, so symmetric strains have symmetric stresses.
    values, vectors = np.linalg.eigh(2.0 * strain + np.eye(3))
    deformation = (vectors * np.sqrt(values)) @ vectors.T
    atoms.set_cell(crystal.lattice @ deformation, scale_atoms=True)
    before = atoms.get_scaled_positions(wrap=False)
    try:
        constraint = FixSymmetry(atoms, symprec=1e-3)
    except (RuntimeError, TypeError, ValueError, AttributeError) as error:
        raise StructureError("symmetry_failed", str(error)[:200]) from error
    relax_positions(atoms, fmax=ION_FMAX, constraint=constraint)
    moved = (atoms.get_scaled_positions(wrap=False) - before) @ atoms.cell.array
    longest = float(np.linalg.norm(moved - moved.mean(axis=0), axis=1).max())
    if longest > MAX_SHIFT:
        raise StructureError(
            "strain_transition", f"an ion moved {longest:.2f} Å under {STRAIN:.0%} of strain"
        )
    stress = np.asarray(_stress_of(atoms)) * GPA_PER_EV_A3
    if not np.isfinite(stress).all():
        raise StructureError("calculator_failed", "the stress is not a finite number")
    return stress


def _stress_of(atoms: Atoms) -> FloatArray:
    try:
        return np.asarray(atoms.get_stress(voigt=False))
    except (ValueError, KeyError, NotImplementedError, RuntimeError) as error:
        raise StructureError(
            "calculator_failed", f"{type(error).__name__}: {error}"[:200]
        ) from error


def moduli_labels(
    crystal: Crystal, tensor: FloatArray, notes: Mapping[str, float | str]
) -> Simulated:
    """Turn an elastic tensor into labels.

    Args:
        crystal: The relaxed crystal.
        tensor: Elastic tensor (6, 6), GPa.
        notes: What else should be noted.

    Raises:
        StructureError: ``elastically_unstable``.
    """
    from ase.data import atomic_masses
    from pymatgen.analysis.elasticity import ElasticTensor

    lowest = float(np.linalg.eigvalsh(tensor)[0])
    if lowest <= 0.0:
        raise StructureError(
            "elastically_unstable",
            f"the lowest eigenvalue of the elastic tensor is {lowest:.1f} GPa",
        )
    elastic = ElasticTensor.from_voigt(tensor)
    bulk, shear = float(elastic.k_vrh), float(elastic.g_vrh)
    masses = atomic_masses[crystal.atomic_numbers]
    density = float(masses.sum()) / crystal.volume * _KG_M3_PER_U_A3
    number = crystal.nsites / crystal.volume * 1e30
    velocity = thermal.mean_velocity(*thermal.sound_velocities(bulk * 1e9, shear * 1e9, density))
    debye = thermal.debye_temperature(velocity, number)
    heat = thermal.debye_heat_capacity(debye, TEMPERATURE, number)
    gruneisen = thermal.gruneisen_parameter(thermal.poisson_ratio(bulk, shear))
    kappa = thermal.slack_conductivity(
        debye,
        mean_mass=float(masses.mean()),
        volume_per_atom=crystal.volume / crystal.nsites,
        n_atoms=analyze_symmetry(crystal).n_primitive,
        gruneisen=gruneisen,
        temperature=TEMPERATURE,
    )
    return Simulated(
        (
            _label("bulk_modulus", bulk, _BULK_STD),
            _label("shear_modulus", shear, _SHEAR_STD),
            _label("debye_temperature", debye, _DEBYE_STD),
            _label("heat_capacity", heat, _HEAT_STD, temperature=TEMPERATURE),
            _label("thermal_conductivity", kappa, _KAPPA_STD, temperature=TEMPERATURE),
        ),
        notes={
            **notes,
            "lowest_eigenvalue_GPa": lowest,
            "gruneisen": gruneisen,
            "universal_anisotropy": float(elastic.universal_anisotropy),
            **{
                f"C{i + 1}{j + 1}_GPa": float(tensor[i, j])
                for i in range(6)
                for j in range(i, 6)
                if abs(tensor[i, j]) > 0.05
            },
        },
    )


def equation_of_state(
    crystal: Crystal, potential: Potential
) -> tuple[float, dict[str, float | str]]:
    """Return the bulk modulus of a Birch-Murnaghan fit, GPa, and notes.

    Seven volumes of one shape, ions relaxed at each.

    Raises:
        StructureError: ``no_minimum`` when the energies have none inside the range, or what
            a relaxation may raise.
    """
    from ase.eos import EquationOfState

    volumes, energies = [], []
    for stretch in EOS_STRETCH:
        atoms = attach(crystal.to_ase(), potential)
        atoms.set_cell(crystal.lattice * (1.0 + stretch), scale_atoms=True)
        relax_positions(atoms, fmax=0.01)
        volumes.append(float(atoms.get_volume()))
        energies.append(energy_of(atoms))
    try:
        fit = EquationOfState(volumes, energies, eos="birchmurnaghan").fit(warn=False)
    except (ValueError, RuntimeError, ArithmeticError, np.linalg.LinAlgError) as error:
        raise StructureError("no_minimum", f"{type(error).__name__}: {error}"[:200]) from error
    volume, bulk = float(fit[0]), float(fit[2]) * GPA_PER_EV_A3
    if not (min(volumes) < volume < max(volumes) and bulk > 0.0):
        raise StructureError("no_minimum", f"V = {volume:.1f} Å³, B = {bulk:.0f} GPa")
    return bulk, {"eos_volume_ratio": volume / crystal.volume}


def _label(
    name: str,
    value: float,
    relative: float,
    *,
    temperature: float | None = None,
    path: str | None = None,
) -> Label:
    return Label(name, value, std=relative * value, temperature=temperature, path=path)
