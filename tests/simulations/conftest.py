from __future__ import annotations

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes
from ase.neighborlist import neighbor_list

from matscreen.simulations.calculators import Potential
from matscreen.structures import Crystal

EDGE = 4.0
CUBIC = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])


def perovskite(a: int = 56, b: int = 22, x: int = 8, *, edge: float = EDGE) -> Crystal:
    return Crystal(np.eye(3) * edge, np.array([a, b, x, x, x]), CUBIC)


class Landau(Calculator):
    """A perovskite whose B ion sits in an anisotropic double well; everything is a polynomial.

    Per cell, with u the displacement of B from the mean of its six anions,
    E = -alpha |u|^2 + beta |u|^4 + gamma (ux^2 uy^2 + uy^2 uz^2 + uz^2 ux^2)
        + k/2 sum (other displacements)^2 + bulk/2 (strain)^2.
    gamma > 0 favours P along an axis (P4mm), gamma < 0 along the diagonal (R3m).
    """

    implemented_properties = ("energy", "forces", "stress", "free_energy")

    def __init__(self, alpha=4.0, beta=40.0, gamma=20.0, k=6.0, bulk=120.0, edge=EDGE):
        super().__init__()
        self.par = (alpha, beta, gamma, k, bulk, edge)

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        positions, cell = atoms.positions, atoms.cell.array
        energy, forces = self.terms(positions, cell)
        stress = np.zeros((3, 3))
        step = 1e-5
        volume = abs(np.linalg.det(cell))
        scaled = np.linalg.solve(cell.T, positions.T).T
        for i in range(3):
            for j in range(i, 3):
                strain = np.zeros((3, 3))
                strain[i, j] += step / 2
                strain[j, i] += step / 2
                values = []
                for sign in (1, -1):
                    new = cell @ (np.eye(3) + sign * strain)
                    values.append(self.terms(scaled @ new, new)[0])
                stress[i, j] = stress[j, i] = (values[0] - values[1]) / (2 * step) / volume
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": forces,
            "stress": stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]],
        }

    def terms(self, positions, cell):
        alpha, beta, gamma, k, bulk, edge = self.par
        scaled = np.linalg.solve(cell.T, positions.T).T
        delta = scaled - CUBIC
        delta -= np.round(delta)
        shift = delta @ cell  # displacement of each of the five ions, Å
        anions = shift[2:].mean(axis=0)
        u = shift[1] - anions
        energy, grad_u = 0.0, np.zeros(3)
        r2 = u @ u
        energy += -alpha * r2 + beta * r2**2
        grad_u += -2 * alpha * u + 4 * beta * r2 * u
        sq = u**2
        energy += gamma * (sq[0] * sq[1] + sq[1] * sq[2] + sq[2] * sq[0])
        grad_u += gamma * 2 * u * (sq.sum() - sq)
        forces = np.zeros((5, 3))
        forces[1] -= grad_u
        forces[2:] += grad_u / 3
        a = shift[0] - anions
        energy += k / 2 * (a @ a)
        forces[0] -= k * a
        forces[2:] += k * a / 3
        rest = shift[2:] - anions
        energy += k / 2 * (rest**2).sum()
        forces[2:] -= k * rest
        metric = cell @ cell.T / edge**2 - np.eye(3)
        energy += bulk / 8 * (metric**2).sum()
        return float(energy), forces


@pytest.fixture
def landau():
    def make(**parameters) -> Potential:
        return Potential("landau", "test-1", lambda: Landau(**parameters))

    return make


class Octahedra(Calculator):
    """A perovskite of springs in any cell, whose A ion may pull anions out of their places.

    B-X, edges X-X and A-B are harmonic about the cubic distances; A-X is a Gaussian well of depth
    `pull` and width 0.5 Å at 2.1 Å. At the cubic 2.83 Å it is concave, so that rigid octahedra
    gain by turning as soon as `pull` is there.
    """

    implemented_properties = ("energy", "forces", "stress", "free_energy")

    def __init__(self, pull=0.0, edge=EDGE):
        super().__init__()
        self.pull, self.edge = pull, edge

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        kind = np.select([atoms.numbers == 56, atoms.numbers == 22], [0, 1], 2)
        i, j, r, d = neighbor_list("ijdD", atoms, 0.9 * self.edge)
        low, high = np.minimum(kind[i], kind[j]), np.maximum(kind[i], kind[j])
        energy, slope = np.zeros(len(r)), np.zeros(len(r))
        for pair, stiffness, length, reach in (
            ((1, 2), 20.0, 0.5, 0.75),
            ((2, 2), 6.0, 0.5**0.5, 0.8),
            ((0, 1), 6.0, 0.75**0.5, 1.0),
        ):
            mask = (low == pair[0]) & (high == pair[1]) & (r < reach * self.edge)
            stretch = r[mask] - length * self.edge
            energy[mask] += stiffness / 2 * stretch**2
            slope[mask] += stiffness * stretch
        mask = (low == 0) & (high == 2)
        stretch = r[mask] - 2.1
        well = -self.pull * np.exp(-(stretch**2) / (2 * 0.5**2))
        energy[mask] += well
        slope[mask] += -well * stretch / 0.5**2
        along = slope[:, None] * d / r[:, None]
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, i, along)
        stress = np.einsum("ki,kj->ij", along, d) / 2 / atoms.get_volume()
        self.results = {
            "energy": energy.sum() / 2,
            "free_energy": energy.sum() / 2,
            "forces": forces,
            "stress": stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]],
        }


@pytest.fixture
def octahedra():
    def make(**parameters) -> Potential:
        return Potential("octahedra", "test-1", lambda: Octahedra(**parameters))

    return make


@pytest.fixture
def cubic() -> Crystal:
    return perovskite()
