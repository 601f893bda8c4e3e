"""Radial distribution function of a batch."""

from __future__ import annotations

from typing import Final

import numpy as np

from matscreen.compiled import compiled
from matscreen.descriptors.base import Column
from matscreen.structures import CrystalBatch, FloatArray

CUTOFF: Final = 10.0
BIN: Final = 0.5
"""Shells of the descriptor columns, Å."""
COLUMNS: tuple[Column, ...] = tuple(
    (f"rdf_{BIN * i:.1f}_{BIN * (i + 1):.1f}", "1") for i in range(round(CUTOFF / BIN))
)


def radial_distribution(
    batch: CrystalBatch, *, cutoff: float = 20.0, bin_size: float = 0.1
) -> FloatArray:
    """Compute g(r), the density of neighbours over the mean density, averaged over the sites.

    g(r) = count / (N V_shell ρ), with ρ sites per volume. matminer's `RadialDistributionFunction`
    leaves out the 1 / N and so grows with the cell.

    Args:
        batch: The structures.
        cutoff: Largest distance, Å.
        bin_size: Width of a shell, Å.

    Returns:
        Values, (n, cutoff / bin_size); the shell [r, r + bin_size) at its inner radius.
    """
    edges = np.arange(0.0, cutoff + bin_size, bin_size)
    bins = len(edges) - 1
    counts = np.zeros((len(batch), bins))
    _count(
        np.ascontiguousarray(batch.lattices, dtype=np.float64),
        np.ascontiguousarray(batch.offsets, dtype=np.int64),
        np.ascontiguousarray(batch.frac_coords - np.floor(batch.frac_coords), dtype=np.float64),
        cutoff,
        edges,
        counts,
    )
    sites = np.diff(batch.offsets)
    volume = np.abs(np.linalg.det(batch.lattices))
    shell = 4.0 / 3.0 * np.pi * (edges[1:] ** 3 - edges[:-1] ** 3)
    return np.asarray(counts / shell / (sites**2 / volume)[:, None])


def radial_features(batch: CrystalBatch) -> FloatArray:
    """Compute every descriptor of `COLUMNS`, (n, 20)."""
    return radial_distribution(batch, cutoff=CUTOFF, bin_size=BIN)


@compiled
def _count(lattices, offsets, frac, cutoff, edges, counts):  # type: ignore[no-untyped-def]
    """Count ordered pairs of sites in each shell; each unordered pair of sites is visited once."""
    bins = len(edges) - 1
    per = bins / edges[bins]
    most = cutoff * cutoff
    for structure in range(len(offsets) - 1):
        lattice = lattices[structure]
        start, stop = offsets[structure], offsets[structure + 1]
        cell = abs(np.linalg.det(lattice))
        reach = np.empty(3)
        for axis in range(3):
            one, two = lattice[(axis + 1) % 3], lattice[(axis + 2) % 3]
            c0 = one[1] * two[2] - one[2] * two[1]
            c1 = one[2] * two[0] - one[0] * two[2]
            c2 = one[0] * two[1] - one[1] * two[0]
            reach[axis] = cutoff * np.sqrt(c0 * c0 + c1 * c1 + c2 * c2) / cell
        # Along the first axis the range follows from the circle that is left.
        long = lattice[0, 0] ** 2 + lattice[0, 1] ** 2 + lattice[0, 2] ** 2
        for here in range(start, stop):
            for there in range(here, stop):
                times = 1.0 if there == here else 2.0
                d0 = frac[there, 0] - frac[here, 0]
                d1 = frac[there, 1] - frac[here, 1]
                d2 = frac[there, 2] - frac[here, 2]
                for j in range(int(np.ceil(-reach[1] - d1)), int(np.floor(reach[1] - d1)) + 1):
                    for k in range(int(np.ceil(-reach[2] - d2)), int(np.floor(reach[2] - d2)) + 1):
                        x = (d1 + j) * lattice[1, 0] + (d2 + k) * lattice[2, 0] + d0 * lattice[0, 0]
                        y = (d1 + j) * lattice[1, 1] + (d2 + k) * lattice[2, 1] + d0 * lattice[0, 1]
                        z = (d1 + j) * lattice[1, 2] + (d2 + k) * lattice[2, 2] + d0 * lattice[0, 2]
                        along = x * lattice[0, 0] + y * lattice[0, 1] + z * lattice[0, 2]
                        square = x * x + y * y + z * z
                        inner = along * along - long * (square - most)
                        if inner < 0.0:
                            continue
                        root = np.sqrt(inner)
                        for i in range(
                            int(np.ceil((-along - root) / long)),
                            int(np.floor((-along + root) / long)) + 1,
                        ):
                            length = square + 2.0 * i * along + i * i * long
                            if length < 1e-16:
                                continue
                            distance = np.sqrt(length)
                            bin_ = int(distance * per)
                            # Rounding may put an edge on the wrong side of itself.
                            if bin_ < bins and distance >= edges[bin_ + 1]:
                                bin_ += 1
                            elif bin_ > 0 and bin_ <= bins and distance < edges[bin_]:
                                bin_ -= 1
                            if bin_ < bins and distance <= cutoff:
                                counts[structure, bin_] += times
