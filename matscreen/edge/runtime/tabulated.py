"""Element data and neighbours for the copied descriptors: what they otherwise take from pymatgen.

The numbers are in tabulated.json.gz, written by the export from pymatgen's tables.
"""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

_content = json.loads(gzip.decompress((Path(__file__).parent / "tabulated.json.gz").read_bytes()))


class Element:
    """One element, with the attributes that the descriptors read."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.Z: int = row["Z"]
        self.symbol: str = row["symbol"]
        self.atomic_mass: float = row["atomic_mass"]
        self.group: int = row["group"]
        self.row: int = row["row"]
        self.data: dict[str, Any] = row["data"]
        self.icsd_oxidation_states: tuple[int, ...] = tuple(row["icsd_oxidation_states"])
        self.common_oxidation_states: tuple[int, ...] = tuple(row["common_oxidation_states"])

    @staticmethod
    def from_Z(z: int) -> Element:
        """Return the element of an atomic number."""
        return ELEMENTS[z]


class Ion:
    """An element in an oxidation state."""

    def __init__(self, z: int, charge: float) -> None:
        self.element = ELEMENTS[z]
        self.oxi_state = charge


class Composition:
    """Carries the frequencies of ions; formulas are not read here."""

    oxi_prob: dict[Ion, float]

    def __init__(self, formula: str) -> None:
        self.formula = formula

    def oxi_state_guesses(self) -> tuple[()]:
        """Do nothing: the frequencies are there already."""
        return ()


ELEMENTS = {row["Z"]: Element(row) for row in _content["elements"]}
BV_PARAMS = {ELEMENTS[z]: {"r": r, "c": c} for z, r, c in _content["bond_valence"]}
Composition.oxi_prob = {Ion(z, charge): count for z, charge, count in _content["ions"]}


def find_points_in_spheres(
    all_coords: np.ndarray,
    center_coords: np.ndarray,
    *,
    r: float,
    pbc: np.ndarray,  # noqa: ARG001 - always periodic in three directions
    lattice: np.ndarray,
    tol: float = 1e-8,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Find all points within a distance of the centers, images included.

    Args:
        all_coords: Cartesian points inside the cell, (n, 3).
        center_coords: Cartesian centers inside the cell, (m, 3).
        r: Largest distance.
        pbc: Ignored; all three directions repeat.
        lattice: Rows are the cell vectors.
        tol: Added to the distance.

    Returns:
        Center, point, image (three integers as floats) and distance of each pair.
    """
    heights = 1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    # Points of one cell may lie up to a whole cell apart.
    reach = np.ceil(r / heights).astype(int) + 1
    offset = all_coords[None, :, :] - center_coords[:, None, :]
    found: list[tuple[np.ndarray, ...]] = []
    for image in itertools.product(*(range(-n, n + 1) for n in reach)):
        shift = np.array(image, dtype=np.float64)
        square = np.square(offset + shift @ lattice).sum(axis=2)
        center, other = np.nonzero(square < (r + tol) ** 2)
        if len(center):
            images = np.repeat(shift[None, :], len(center), axis=0)
            found.append((center, other, images, np.sqrt(square[center, other])))
    if not found:
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty, np.zeros((0, 3)), np.zeros(0)
    center, other, images, distance = (
        np.concatenate(column) for column in zip(*found, strict=True)
    )
    order = np.argsort(center, kind="stable")
    return center[order], other[order], images[order], distance[order]
