"""A crystal as what is drawn of it: spheres, bonds, coordination polyhedra and the cell.

The page turns these few numbers into a picture when a card is opened, so that a report carries many
structures at the weight of one image.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from matscreen.structures import Crystal, FloatArray, IntArray

MAX_ATOMS: Final = 80
"""Atoms of a conventional cell; a larger one is drawn as it is stored."""
_SYMPREC: Final = 0.01
_OXYGEN: Final = 8
_REACH: Final = 3.2  # Å, longest bond of a cation to oxygen
_SHELL: Final = 1.30  # bonds up to so many times the shortest one are one shell
_COORDINATION: Final = (4, 8)
_SCALE: Final = 0.42  # of the covalent radius: spheres that leave the polyhedra in sight
_EDGE: Final = 1e-3
_TIE: Final = 1.05
_ALIKE: Final = 0.28
_CORNERS: Final = np.array([(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=float)


def structure_view(crystal: Crystal) -> dict[str, Any]:
    """Return what is drawn of a crystal, lengths in Å and rounded to a hundredth.

    The conventional cell is drawn with the images of sites on its faces. Polyhedra are those of the
    cations with the shortest bonds to oxygen; oxygen ions outside the cell that complete one are
    drawn too.

    Args:
        crystal: The crystal; one without oxygen has no polyhedra.

    Returns:
        `elements` (symbol, colour, radius of each), `sites` (element, x, y, z of each, centred),
        `bonds` (pairs of sites), `faces` (triples of sites), `edges` (pairs of sites of a
        polyhedron), `cell` (pairs of points) and `n_sites` of the drawn cell.
    """
    cell = conventional(crystal)
    numbers, points, bonds, faces, edges = _contents(cell)
    corners = _CORNERS @ cell.lattice
    centre = corners.mean(axis=0)
    ends = [
        (corners[a] - centre, corners[b] - centre)
        for a in range(8)
        for b in range(a + 1, 8)
        if np.abs(_CORNERS[a] - _CORNERS[b]).sum() == 1
    ]
    # oxygen last, as formulas are read
    kinds = sorted(dict.fromkeys(int(z) for z in numbers), key=lambda z: z == _OXYGEN)
    return {
        "elements": _looks(kinds),
        "sites": [
            [kinds.index(int(z)), *_short(point)]
            for z, point in zip(numbers, points - centre, strict=True)
        ],
        "bonds": bonds,
        "faces": faces,
        "edges": edges,
        "cell": [[_short(first), _short(second)] for first, second in ends],
        "n_sites": len(cell.atomic_numbers),
    }


def conventional(crystal: Crystal) -> Crystal:
    """Return the conventional cell; the crystal itself where that is large or not found."""
    import moyopy

    given = moyopy.Cell(
        crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.atomic_numbers.tolist()
    )
    try:
        found = moyopy.MoyoDataset(given, symprec=_SYMPREC).std_cell
    except Exception:  # moyopy raises bare exceptions of its own; the picture needs no symmetry
        return crystal
    if len(found.numbers) > MAX_ATOMS:
        return crystal
    return Crystal(np.array(found.basis), np.array(found.numbers), np.array(found.positions))


def _contents(
    cell: Crystal,
) -> tuple[IntArray, FloatArray, list[list[int]], list[list[int]], list[list[int]]]:
    """Return elements and places of what is drawn, and the bonds, faces and edges between them."""
    shown: dict[tuple[int, int, int, int], int] = {}
    inside = cell.frac_coords - np.floor(cell.frac_coords + _EDGE)

    def site(index: int, shift: Sequence[int]) -> int:
        key = (index, int(shift[0]), int(shift[1]), int(shift[2]))
        return shown.setdefault(key, len(shown))

    for index, coordinates in enumerate(inside):
        for corner in _CORNERS:
            if np.all(coordinates + corner <= 1.0 + _EDGE):
                site(index, [int(step) for step in corner])
    bonds: list[list[int]] = []
    faces: list[list[int]] = []
    edges: list[list[int]] = []
    shells = _shells(cell, inside)
    for index, *shift in list(shown):
        for centre, shell in shells:
            if centre != index:
                continue
            hub = site(index, shift)
            ring = [site(other, np.add(step, shift).tolist()) for other, step, _ in shell]
            bonds += [[hub, end] for end in ring]
            triangles, borders = _hull(np.array([vector for _, _, vector in shell]))
            faces += [[ring[corner] for corner in triangle] for triangle in triangles]
            edges += [[ring[a], ring[b]] for a, b in borders]
    keys = np.array(list(shown), dtype=int)
    points = (inside[keys[:, 0]] + keys[:, 1:]) @ cell.lattice
    return cell.atomic_numbers[keys[:, 0]], points, bonds, faces, edges


_Shell = list[tuple[int, list[int], FloatArray]]


def _shells(cell: Crystal, inside: FloatArray) -> list[tuple[int, _Shell]]:
    """Return the oxygen shells of the cations whose polyhedra are drawn."""
    from ase import Atoms
    from ase.neighborlist import neighbor_list

    atoms = Atoms(numbers=cell.atomic_numbers, scaled_positions=inside, cell=cell.lattice, pbc=True)
    first, second, lengths, vectors, shifts = neighbor_list("ijdDS", atoms, _REACH)
    bond = (cell.atomic_numbers[first] != _OXYGEN) & (cell.atomic_numbers[second] == _OXYGEN)
    found: list[tuple[int, _Shell, float]] = []
    for index in dict.fromkeys(first[bond].tolist()):
        mine = bond & (first == index)
        near = mine & (lengths <= _SHELL * lengths[mine].min())
        count = int(near.sum())
        if _COORDINATION[0] <= count <= _COORDINATION[1]:
            # one shift a neighbour: `inside` is what the neighbour list was made of
            shell = [
                (int(second[k]), [int(step) for step in shifts[k]], vectors[k])
                for k in np.flatnonzero(near)
            ]
            found.append((index, shell, float(lengths[near].mean())))
    means: dict[int, float] = {}
    for index, _, length in found:
        z = int(cell.atomic_numbers[index])
        means[z] = min(length, means.get(z, np.inf))
    shortest = min(means.values(), default=0.0)
    chosen = {z for z, length in means.items() if length <= _TIE * shortest}
    # two kinds of polyhedra would fill the cell: of a tie the heavier cation has them
    keep = max(chosen, default=0)
    return [(index, shell) for index, shell, _ in found if cell.atomic_numbers[index] == keep]


def _hull(points: FloatArray) -> tuple[list[list[int]], list[list[int]]]:
    """Return triangles of the convex hull of some points, and its edges without diagonals."""
    from scipy.spatial import ConvexHull, QhullError

    try:
        hull = ConvexHull(points)
    except QhullError:  # four oxygen ions in a plane enclose nothing
        return [], []
    normals: dict[tuple[int, int], list[FloatArray]] = {}
    for triangle, equation in zip(hull.simplices, hull.equations, strict=True):
        for a, b in ((0, 1), (1, 2), (0, 2)):
            low, high = sorted((int(triangle[a]), int(triangle[b])))
            normals.setdefault((low, high), []).append(equation[:3])
    borders = [list(pair) for pair, found in normals.items() if float(found[0] @ found[-1]) < 0.999]
    return hull.simplices.astype(int).tolist(), borders


def _looks(kinds: Sequence[int]) -> list[list[Any]]:
    """Return symbol, colour and radius of each element; colours of one picture differ."""
    from ase.data import chemical_symbols, covalent_radii
    from ase.data.colors import jmol_colors

    taken: list[FloatArray] = []
    looks: list[list[Any]] = []
    for z in kinds:
        colour = np.array(jmol_colors[z], dtype=float)
        while (
            any(np.linalg.norm(colour - other) < _ALIKE for other in taken) and colour.max() > 0.2
        ):
            colour = 0.62 * colour
        taken.append(colour)
        text = "#" + "".join(f"{round(255 * part):02x}" for part in colour)
        looks.append([chemical_symbols[z], text, round(_SCALE * float(covalent_radii[z]), 2)])
    return looks


def _short(point: FloatArray) -> list[float]:
    # adding zero turns a minus zero into a plain one
    return [round(float(part), 2) + 0.0 for part in point]
