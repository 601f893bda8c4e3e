"""The nonpolar reference of a polar crystal: midway between it and its inverted twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import linear_sum_assignment

from matscreen.errors import StructureError
from matscreen.identity import analyze_symmetry
from matscreen.structures import Crystal, FloatArray, IntArray

E_PER_A2 = 1602.176634
"""One elementary charge per Å², in µC/cm²."""
MAX_SHIFT = 1.3
"""Largest displacement from the reference, Å; beyond it another mapping is the real path."""
_ITERATIONS = 4


@dataclass(frozen=True, eq=False)
class Reference:
    """A centrosymmetric crystal half way from P to -P.

    Attributes:
        crystal: The reference in the cell and site order of the polar crystal.
        displacements: From the reference to the polar crystal, mean zero, (n, 3), Å.
    """

    crystal: Crystal
    displacements: FloatArray


def centrosymmetric_references(crystal: Crystal, *, most: int = 3) -> list[Reference]:
    """Find the centrosymmetric crystals nearest to a polar one.

    The twin is the crystal inverted through a point; each atom is paired with the nearest atom of
    its element in the twin (Hungarian assignment on squared distances) and the mean displacement
    is subtracted. The midpoint of the pairs is a reference. Different inversion points give
    different references, that is, different homogeneous paths from P to -P.

    Args:
        crystal: The polar crystal.
        most: Return at most this many references, least motion first.

    Raises:
        StructureError: ``no_reference`` when no pairing within 1.3 Å is centrosymmetric.
    """
    coords, numbers = crystal.frac_coords, crystal.atomic_numbers
    found: list[tuple[float, FloatArray]] = []
    for first, second in _anchors(numbers):
        shift = coords[first] + coords[second]
        for _ in range(_ITERATIONS):
            _, vectors = _pair(crystal, shift)
            drift = vectors.mean(axis=0)
            shift = shift - drift
            if np.abs(drift @ crystal.lattice).max() < 1e-7:
                break
        order, vectors = _pair(crystal, shift)
        if not (order[order] == np.arange(len(order))).all():
            continue  # not an involution: the midpoint would not be centrosymmetric
        lengths = np.linalg.norm(vectors @ crystal.lattice, axis=1) / 2
        motion = float((lengths**2).sum())
        if lengths.max() <= MAX_SHIFT and all(abs(motion - m) > 1e-3 for m, _ in found):
            found.append((motion, vectors))
    references = []
    for _, vectors in sorted(found, key=lambda pair: pair[0]):
        midpoint = Crystal(crystal.lattice, numbers, coords + vectors / 2)
        if analyze_symmetry(midpoint, symprec=1e-3).centrosymmetric:
            references.append(Reference(midpoint, -(vectors @ crystal.lattice) / 2))
        if len(references) == most:
            break
    if not references:
        raise StructureError(
            "no_reference", f"no inverted twin pairs with the crystal within {MAX_SHIFT} Å"
        )
    return references


def _anchors(numbers: IntArray) -> list[tuple[int, int]]:
    pairs = []
    for z in np.unique(numbers):
        sites = np.flatnonzero(numbers == z)
        pairs += [(int(sites[0]), int(other)) for other in sites]
    return pairs


def _pair(crystal: Crystal, shift: FloatArray) -> tuple[IntArray, FloatArray]:
    """Pair each atom with one of the twin `shift - x`; return order and fractional vectors."""
    coords, numbers = crystal.frac_coords, crystal.atomic_numbers
    twin = shift - coords
    order = np.empty(len(numbers), dtype=np.int64)
    for z in np.unique(numbers):
        sites = np.flatnonzero(numbers == z)
        delta = twin[sites][None, :, :] - coords[sites][:, None, :]
        delta -= np.round(delta)
        cost = ((delta @ crystal.lattice) ** 2).sum(axis=-1)
        # Ties are broken by index so that equal pairings give an involution.
        cost += 1e-9 * np.abs(np.arange(len(sites))[:, None] - np.arange(len(sites))[None, :])
        rows, columns = linear_sum_assignment(cost)
        order[sites[rows]] = sites[columns]
    vectors = twin[order] - coords
    return order, vectors - np.round(vectors)


def polarization(crystal: Crystal, displacements: FloatArray) -> float | None:
    """Return |P| from nominal charges, µC/cm², or None when no charges balance.

    P = e / V sum_i q_i u_i with oxidation states q_i and displacements u_i from the nonpolar
    reference. Born effective charges of d0 cations and their oxygens are up to twice the nominal
    ones (Zhong, King-Smith and Vanderbilt 1994), so the value is low by a factor of up to two.

    Args:
        crystal: The polar crystal.
        displacements: (n, 3), Å.
    """
    charges = nominal_charges(crystal.counts)
    if charges is None:
        return None
    per_site = np.array([charges[int(z)] for z in crystal.atomic_numbers])
    dipole = per_site @ displacements
    return float(np.linalg.norm(dipole) / crystal.volume * E_PER_A2)


def nominal_charges(counts: Mapping[str, int]) -> dict[int, float] | None:
    """Return the most likely oxidation state of each element, by atomic number."""
    return _charges(tuple(sorted(counts.items())))


@lru_cache(maxsize=4096)
def _charges(counts: tuple[tuple[str, int], ...]) -> dict[int, float] | None:
    from pymatgen.core import Composition, Element

    guesses = Composition(dict(counts)).reduced_composition.oxi_state_guesses()
    if not guesses:
        return None
    return {int(Element(symbol).Z): float(charge) for symbol, charge in guesses[0].items()}
