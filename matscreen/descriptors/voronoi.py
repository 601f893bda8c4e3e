"""Voronoi cells of all sites of a batch, and what they say of the structure.

Each cell starts as a cube and is cut by the planes that halve the way to its neighbours, nearest
first, until no further plane can reach it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matscreen.descriptors.base import Column
from matscreen.descriptors.voronoi_cutting import MAX_FACES, MAX_ORDER, bond_order, fill_cells
from matscreen.errors import StructureError
from matscreen.structures import CrystalBatch, FloatArray, IntArray

_STATISTICS = ("minimum", "maximum", "range", "mean", "avg_dev")
COLUMNS: tuple[Column, ...] = (
    ("voronoi_bond_length_avg_dev", "1"),
    ("voronoi_bond_length_maximum", "1"),
    ("voronoi_bond_length_minimum", "1"),
    *((f"voronoi_distance_variation_{name}", "1") for name in _STATISTICS),
    ("voronoi_cell_size_avg_dev", "1"),
    ("maximum_packing_efficiency", "1"),
    ("voronoi_coordination_mean", "1"),
    ("voronoi_coordination_std", "1"),
    *(
        (f"bond_orientational_q{order}_{statistic}", "1")
        for statistic in ("mean", "std")
        for order in range(1, MAX_ORDER + 1)
    ),
    ("largest_empty_sphere", "Å"),
)


@dataclass(frozen=True, eq=False)
class VoronoiCells:
    """Voronoi cells of the sites of a batch; s sites, at most f faces each.

    Attributes:
        n_faces: Faces of each cell, (s,).
        neighbour: Site behind each face, index into the batch, (s, f).
        vector: From the site to that neighbour, Å, (s, f, 3).
        distance: Length of it, Å, (s, f).
        area: Area of each face, Å², (s, f).
        solid_angle: Solid angle of each face seen from the site, sr, (s, f).
        volume: Volume of each cell, Å³, (s,).
        reach: Distance of the farthest corner, Å, (s,): the radius of the largest empty sphere
            whose centre is a corner of the cell.
    """

    n_faces: IntArray
    neighbour: IntArray
    vector: FloatArray
    distance: FloatArray
    area: FloatArray
    solid_angle: FloatArray
    volume: FloatArray
    reach: FloatArray


def voronoi_cells(batch: CrystalBatch) -> VoronoiCells:
    """Construct the Voronoi cell of every site.

    Raises:
        StructureError: A cell does not close (`voronoi_open`): two sites coincide, or the lattice
            is too flat.
    """
    n = len(batch.atomic_numbers)
    shape = (n, MAX_FACES)
    cells = VoronoiCells(
        np.zeros(n, dtype=np.int64),
        np.zeros(shape, dtype=np.int64),
        np.zeros((*shape, 3)),
        np.zeros(shape),
        np.zeros(shape),
        np.zeros(shape),
        np.zeros(n),
        np.zeros(n),
    )
    bad = fill_cells(
        np.ascontiguousarray(batch.lattices, dtype=np.float64),
        np.ascontiguousarray(batch.offsets, dtype=np.int64),
        np.ascontiguousarray(batch.frac_coords - np.floor(batch.frac_coords), dtype=np.float64),
        cells.n_faces,
        cells.neighbour,
        cells.vector,
        cells.distance,
        cells.area,
        cells.solid_angle,
        cells.volume,
        cells.reach,
    )
    if bad >= 0:
        raise StructureError("voronoi_open", f"the Voronoi cell of site {bad} does not close")
    return cells


def voronoi_features(batch: CrystalBatch, row: IntArray) -> FloatArray:
    """Compute every descriptor of `COLUMNS`.

    Heterogeneity of bond lengths and cell sizes and the maximum packing efficiency after Ward et
    al. (2017), with the definitions of matminer's `StructuralHeterogeneity` (area weights) and
    `MaximumPackingEfficiency`; bond-orientational parameters Q_l with solid-angle weights as in its
    `BondOrientationalParameter` (Seko et al. 2017), Q_l² = Σ_ij w_i w_j P_l(cos θ_ij).

    Args:
        batch: The structures.
        row: Structure of each site, (s,).

    Returns:
        Values, (n, 33).
    """
    cells = voronoi_cells(batch)
    n = len(batch)
    used = np.arange(MAX_FACES) < cells.n_faces[:, None]
    weight = np.where(used, cells.area, 0.0)
    weight = weight / weight.sum(axis=1, keepdims=True)
    length = np.einsum("sf,sf->s", weight, cells.distance)
    deviation = np.einsum("sf,sf->s", weight, np.abs(cells.distance - length[:, None])) / length
    count = np.bincount(row, minlength=n)

    def mean(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(row, values, minlength=n) / count)

    def extreme(values: FloatArray, sign: float) -> FloatArray:
        found = np.full(n, -np.inf)
        np.maximum.at(found, row, sign * values)
        return sign * found

    def avg_dev(values: FloatArray) -> FloatArray:
        return mean(np.abs(values - mean(values)[row]))

    def std(values: FloatArray) -> FloatArray:
        return np.sqrt(mean((values - mean(values)[row]) ** 2))

    relative = length / mean(length)[row]
    least, most = extreme(deviation, -1.0), extreme(deviation, 1.0)
    volume = np.abs(np.linalg.det(batch.lattices))
    nearest = np.where(used, cells.distance, np.inf).min(axis=1)
    spheres = 4.0 / 3.0 * np.pi * (0.5 * nearest) ** 3
    solid = np.where(used, cells.solid_angle, 0.0)
    effective = solid.sum(axis=1) ** 2 / (solid**2).sum(axis=1)
    order = bond_order(cells.n_faces, cells.vector, cells.distance, cells.solid_angle)
    return np.stack(
        [
            avg_dev(relative),
            extreme(relative, 1.0),
            extreme(relative, -1.0),
            least,
            most,
            most - least,
            mean(deviation),
            avg_dev(deviation),
            avg_dev(cells.volume) / mean(cells.volume),
            np.bincount(row, spheres, minlength=n) / volume,
            mean(effective),
            std(effective),
            *(mean(q) for q in order.T),
            *(std(q) for q in order.T),
            extreme(cells.reach, 1.0),
        ],
        axis=1,
    )
