"""Lattice match of a crystal to the faces of common substrates."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from matscreen.compiled import keep_compiled
from matscreen.data import data_path
from matscreen.errors import InputError
from matscreen.structures import Crystal, FloatArray

if TYPE_CHECKING:
    import pandas as pd

MAX_AREA: Final = 120.0
"""Largest common cell, Å²: larger coincidences hold no film."""
AREA_COST: Final = 0.01 / 50.0
"""Strain that one Å² of common cell weighs as much as."""
PLANES: Final[dict[str, tuple[tuple[int, int, int], tuple[int, int, int]]]] = {
    "001": ((1, 0, 0), (0, 1, 0)),
    "100": ((0, 1, 0), (0, 0, 1)),
    "010": ((1, 0, 0), (0, 0, 1)),
    "110": ((0, 0, 1), (1, -1, 0)),
    "101": ((0, 1, 0), (1, 0, -1)),
    "011": ((1, 0, 0), (0, 1, -1)),
    "111": ((1, -1, 0), (0, 1, -1)),
}
"""Planes of the conventional cell with two lattice vectors in each."""


@dataclass(frozen=True, eq=False)
class Face:
    """One face of a substrate.

    Attributes:
        substrate: Its name.
        plane: Its plane.
        vectors: Two in-plane lattice vectors, Å, (2, 3).
    """

    substrate: str
    plane: str
    vectors: FloatArray


@cache
def substrate_faces() -> tuple[Face, ...]:
    """Return the faces of `data/reference/substrates.csv`."""
    with data_path("reference", "substrates.csv").open(encoding="utf-8", newline="") as file:
        faces = []
        for row in csv.DictReader(file):
            a, b = float(row["a_angstrom"]), float(row["b_angstrom"])
            angle = np.radians(float(row["gamma_deg"]))
            vectors = np.array([[a, 0.0, 0.0], [b * np.cos(angle), b * np.sin(angle), 0.0]])
            faces.append(Face(row["substrate"], row["plane"], vectors))
        return tuple(faces)


def match_substrates(
    crystals: Mapping[str, Crystal],
    *,
    substrates: Sequence[str] | None = None,
    max_area: float = MAX_AREA,
) -> pd.DataFrame:
    """Find the substrate that suits each crystal best.

    Common supercells of film and substrate planes after Zur and McGill (1984), by pymatgen's
    `ZSLGenerator`; the mismatch is the mean of the two principal in-plane strains of the film,
    without sign, so that a rotation costs nothing and equal areas of unlike shape do. Of several
    matches the one with the least strain plus one per cent for each 50 Å² of common cell is taken:
    large cells coincide by chance.

    Args:
        crystals: By structure id.
        substrates: Names of substrates; all when not given.
        max_area: Largest common cell, Å².

    Returns:
        structure_id, substrate, substrate_plane, film_plane, mismatch (%), match_area (Å²); all but
        the id missing where nothing fits within 6 %. Planes stand in parentheses, (001), without
        which readers of CSV take them for numbers.

    Raises:
        InputError: A substrate is unknown.
    """
    import pandas as pd

    faces = substrate_faces()
    if substrates is not None:
        names = {face.substrate for face in faces}
        unknown = [name for name in substrates if name not in names]
        if unknown:
            raise InputError(f"unknown substrate {unknown[0]!r}; known: {', '.join(sorted(names))}")
        faces = tuple(face for face in faces if face.substrate in set(substrates))
    rows = [
        {"structure_id": name, **_best(crystal, faces, max_area)}
        for name, crystal in crystals.items()
    ]
    columns = [
        "structure_id", "substrate", "substrate_plane", "film_plane", "mismatch", "match_area"
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _best(crystal: Crystal, faces: tuple[Face, ...], max_area: float) -> dict[str, object]:
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

    structure = crystal.to_pymatgen()
    # Where symmetry fails, the cell as given has planes too.
    with suppress(SymmetryUndeterminedError, ValueError, TypeError):
        structure = SpacegroupAnalyzer(
            structure, symprec=0.01
        ).get_conventional_standard_structure()
    lattice = np.asarray(structure.lattice.matrix)
    search = _zsl().ZSLGenerator(max_area=max_area, max_area_ratio_tol=0.12, max_length_tol=0.06)
    best: dict[str, object] = {}
    least = np.inf
    for film_plane, indices in PLANES.items():
        film = np.array(indices, dtype=float) @ lattice
        if np.linalg.norm(np.cross(*film)) > max_area:
            continue
        for face in faces:
            for match in search(film, face.vectors, lowest=True):
                strain = _strain(match.film_sl_vectors, match.substrate_sl_vectors)
                cost = strain + AREA_COST * float(match.match_area)
                if cost < least - 1e-9:
                    least = cost
                    best = {
                        "substrate": face.substrate,
                        "substrate_plane": f"({face.plane})",
                        "film_plane": f"({film_plane})",
                        "mismatch": 100.0 * strain,
                        "match_area": float(match.match_area),
                    }
    return best


@cache
def _zsl() -> Any:
    from pymatgen.analysis.interfaces import zsl

    keep_compiled(zsl)
    return zsl


def _strain(film: FloatArray, substrate: FloatArray) -> float:
    """Mean absolute principal strain that takes the film's cell to the substrate's."""
    deformation = np.linalg.solve(_plane(film), _plane(substrate))
    return float(np.abs(np.linalg.svd(deformation, compute_uv=False) - 1.0).mean())


def _plane(vectors: FloatArray) -> FloatArray:
    """Two vectors in their own plane, (2, 2)."""
    a, b = np.asarray(vectors, dtype=float)
    length = float(np.linalg.norm(a))
    along = float(a @ b) / length
    return np.array([[length, 0.0], [along, float(np.sqrt(max(b @ b - along**2, 0.0)))]])
