"""How the polyhedra of a perovskite tilt, distort, order and link up; for any oxide alike."""

from __future__ import annotations

import numpy as np

from matscreen.compiled import compiled
from matscreen.descriptors.base import Column
from matscreen.descriptors.bonds import Bonds, Neighbours
from matscreen.descriptors.elements import d_electrons, element_table
from matscreen.descriptors.sites import A, B, Sites
from matscreen.structures import CrystalBatch, FloatArray, IntArray

_SOLID = 0.5
"""Membership from which an anion belongs to the polyhedron."""
_NEAREST = 1.1  # cations up to this multiple of the shortest distance are neighbours
_CIS = -np.sqrt(0.5)  # cosine of 135 degrees: pairs of bonds closer than that are cis

COLUMNS: tuple[Column, ...] = (
    ("tilt_angle_mean", "degree"),
    ("tilt_angle_std", "degree"),
    ("rotation_mean", "degree"),
    ("rotation_max", "degree"),
    ("rotation_phase", "1"),
    ("octahedral_share_b", "1"),
    ("bond_angle_variance_b", "degree²"),
    ("bond_length_distortion_b", "1"),
    ("off_centre_coherence_b", "1"),
    ("unpaired_electrons_b", "1"),
    ("jahn_teller_share_b", "1"),
    ("ordering_a", "1"),
    ("ordering_b", "1"),
    ("network_dimensionality", "1"),
)


def octahedron_features(
    batch: CrystalBatch,
    sites: Sites,
    neighbours: Neighbours,
    bonds: Bonds,
    slot: IntArray,
) -> FloatArray:
    """Compute every descriptor of `COLUMNS`.

    - Tilt: half of what the angle B-X-B lacks to 180 degrees.
    - Rotation: the rigid rotation ω of each polyhedron that best moves its shared anions from the
      middle between the B cations to where they are, ω = Σ r × δ / Σ r² · 3/2; phase: correlation
      of the components of ω along the axis of each link at its two ends, 1 in phase, -1 out of
      phase (the + and - tilts of Glazer 1972).
    - Bond angle variance: mean square deviation of cis angles from 90 degrees (Robinson, Gibbs and
      Ribbe 1971); length distortion: mean |d - mean| / mean (Baur 1974).
    - Coherence of off-centring: |Σ offset| / Σ |offset| over the B sites, 1 polar, 0 antipolar.
    - Unpaired electrons of B, high spin in 3d, low spin in 4d and 5d; share of B ions with an odd
      e_g electron (d⁴ high spin, d⁷ low spin, d⁹), which distort by themselves.
    - Ordering: share of unlike nearest cations over that of a random mixture; missing where one
      element fills the sites.
    - Dimensionality of the network of cation-anion bonds: 0 molecules to 3 framework (Larsen et
      al. 2019, by the rank of closed paths).

    Args:
        batch: The structures.
        sites: Roles and ions.
        neighbours: All pairs of sites within the cutoff.
        bonds: Cation-anion bonds.
        slot: Slot of the element of each site, (s,).

    Returns:
        Values, (n, 14).
    """
    n, row = len(batch), neighbours.owner
    role, charge = sites.roles[row, slot], sites.charges[row, slot]
    is_b = role == B

    def mean(values: FloatArray, mask: np.ndarray, owner: IntArray) -> FloatArray:
        keep = mask & np.isfinite(values)
        count = np.bincount(owner[keep], minlength=n)
        total = np.bincount(owner[keep], values[keep], minlength=n)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    size = bonds.sum_at(bonds.cation, (bonds.shell > _SOLID).astype(float))
    length = bonds.sum_at(bonds.cation, bonds.shell * bonds.distance)
    length = length / np.where(bonds.shell_size > 0, bonds.shell_size, np.nan)
    uneven = bonds.sum_at(
        bonds.cation, bonds.shell * np.abs(bonds.distance - length[bonds.cation])
    ) / np.where(bonds.shell_size > 0, bonds.shell_size * length, np.nan)
    offset = np.nan_to_num(bonds.offset) * is_b[:, None]
    whole = np.stack([np.bincount(row, part, minlength=n) for part in offset.T], axis=1)
    sum_of = np.bincount(row, np.linalg.norm(offset, axis=1), minlength=n)
    # Under a hundredth of an Å nothing is displaced and its direction is noise.
    displaced = sum_of > 0.01 * np.bincount(row[is_b], minlength=n)
    coherence = np.where(
        displaced, np.linalg.norm(whole, axis=1) / np.where(displaced, sum_of, 1.0), np.nan
    )
    numbers = batch.atomic_numbers
    unpaired, active = _spins(numbers, charge)
    columns = [
        *_tilts(bonds, is_b, row, n),
        *_rotations(bonds, is_b, row, n),
        mean((np.abs(size - 6.0) < 0.5).astype(float), is_b, row),
        _angle_variance(bonds, is_b, row, n),
        mean(uneven, is_b, row),
        coherence,
        mean(unpaired, is_b, row),
        mean(active, is_b, row),
        *(_ordering(neighbours, role == wanted, numbers, n) for wanted in (A, B)),
        _dimensionality(batch, bonds, row),
    ]
    return np.stack(columns, axis=1)


def _tilts(bonds: Bonds, is_b: np.ndarray, row: IntArray, n: int) -> tuple[FloatArray, FloatArray]:
    first, second = bonds.pairs_at(bonds.anion, is_b[bonds.cation] & (bonds.shell > 0.02))
    once = first < second
    first, second = first[once], second[once]
    cosine = np.einsum("pi,pi->p", bonds.vector[first], bonds.vector[second])
    cosine = cosine / (bonds.distance[first] * bonds.distance[second])
    tilt = 0.5 * np.degrees(np.pi - np.arccos(np.clip(cosine, -1.0, 1.0)))
    # Corners only: edge-sharing polyhedra meet near 90 degrees.
    weight = bonds.shell[first] * bonds.shell[second] * (cosine < -0.5)
    owner = row[bonds.anion[first]]
    total = np.bincount(owner, weight, minlength=n)
    total = np.where(total > 0, total, np.nan)
    mean = np.bincount(owner, weight * tilt, minlength=n) / total
    square = np.bincount(owner, weight * (tilt - mean[owner]) ** 2, minlength=n) / total
    return mean, np.sqrt(square)


def _rotations(
    bonds: Bonds, is_b: np.ndarray, row: IntArray, n: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean and largest rotation of the B polyhedra, degrees, and its phase along the links."""
    first, second = bonds.pairs_at(bonds.anion, is_b[bonds.cation] & (bonds.shell > _SOLID))
    other = first != second
    first, second = first[other], second[other]
    # Anion at the origin: cations at -v1 and -v2 from it, so the link runs along v1 - v2.
    one, two = bonds.vector[first], bonds.vector[second]
    link = one - two
    straight = (
        np.einsum("pi,pi->p", one, two) < -0.5 * bonds.distance[first] * bonds.distance[second]
    )
    first, second, one, link = first[straight], second[straight], one[straight], link[straight]
    shift = one - 0.5 * link
    arm = 0.5 * link
    here = bonds.cation[first]
    turn = np.cross(arm, shift)
    moment = np.stack([bonds.sum_at(here, part) for part in turn.T], axis=1)
    square = bonds.sum_at(here, np.einsum("pi,pi->p", arm, arm))
    known = square > 0
    omega = 1.5 * moment / np.where(known, square, 1.0)[:, None]
    angle = np.degrees(np.linalg.norm(omega, axis=1))
    kept = known & is_b
    count = np.bincount(row[kept], minlength=n)
    mean = np.bincount(row[kept], angle[kept], minlength=n) / np.where(count > 0, count, np.nan)
    largest = np.full(n, -np.inf)
    np.maximum.at(largest, row[kept], angle[kept])
    axis = link / np.linalg.norm(link, axis=1, keepdims=True)
    along = np.einsum("pi,pi->p", omega[here], axis)
    beyond = np.einsum("pi,pi->p", omega[bonds.cation[second]], axis)
    owner = row[here]
    power = np.bincount(owner, 0.5 * (along**2 + beyond**2), minlength=n)
    # Rotations under half a degree have no phase.
    real = power > np.bincount(owner, minlength=n) * np.radians(0.5) ** 2
    phase = np.bincount(owner, along * beyond, minlength=n) / np.where(real, power, 1.0)
    return (
        mean,
        np.where(np.isfinite(largest), largest, np.nan),
        np.where(real, phase, np.nan),
    )


def _angle_variance(bonds: Bonds, is_b: np.ndarray, row: IntArray, n: int) -> FloatArray:
    first, second = bonds.pairs_at(bonds.cation, is_b[bonds.cation] & (bonds.shell > 0.02))
    once = first < second
    first, second = first[once], second[once]
    cosine = np.einsum("pi,pi->p", bonds.vector[first], bonds.vector[second])
    cosine = np.clip(cosine / (bonds.distance[first] * bonds.distance[second]), -1.0, 1.0)
    weight = bonds.shell[first] * bonds.shell[second] * (cosine > _CIS)
    owner = row[bonds.cation[first]]
    square = (np.degrees(np.arccos(cosine)) - 90.0) ** 2
    total = np.bincount(owner, weight, minlength=n)
    return np.asarray(
        np.bincount(owner, weight * square, minlength=n) / np.where(total > 0, total, np.nan)
    )


def _spins(numbers: IntArray, charge: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Unpaired d electrons of each ion, and whether it holds an odd e_g electron."""
    count = d_electrons(numbers, charge)
    heavy = element_table().row[numbers] > 4
    high = np.where(count <= 5, count, 10 - count)
    low = np.select(
        [count <= 3, count <= 6, count <= 8], [count, 6 - count, count - 6], default=10 - count
    )
    whole = np.round(count)
    active = np.where(heavy, np.isin(whole, (7, 9)), np.isin(whole, (4, 9))).astype(float)
    unknown = ~np.isfinite(count)
    return (
        np.where(unknown, np.nan, np.where(heavy, low, high)),
        np.where(unknown, np.nan, active),
    )


def _ordering(pairs: Neighbours, mine: np.ndarray, numbers: IntArray, n: int) -> FloatArray:
    """Share of unlike nearest cations of one role over that of a random mixture."""
    row = pairs.owner
    kept = np.flatnonzero(mine[pairs.center] & mine[pairs.other])
    center, distance = pairs.center[kept], pairs.distance[kept]
    nearest = np.full(pairs.n_sites, np.inf)
    np.minimum.at(nearest, center, distance)
    near = distance <= _NEAREST * nearest[center]
    center, other = center[near], pairs.other[kept][near]
    unlike = (numbers[center] != numbers[other]).astype(float)
    links = np.bincount(row[center], minlength=n)
    share = np.bincount(row[center], unlike, minlength=n) / np.where(links > 0, links, np.nan)
    count = np.bincount(row[mine], minlength=n)
    key = row[mine] * 128 + numbers[mine]
    each = np.bincount(key, minlength=128 * n).reshape(n, 128)
    same = ((each / np.maximum(count, 1)[:, None]) ** 2).sum(axis=1)
    mixed = (count > 0) & (same < 1 - 1e-9)
    return np.where(mixed, share / np.where(mixed, 1 - same, 1.0), np.nan)


def _dimensionality(batch: CrystalBatch, bonds: Bonds, row: IntArray) -> FloatArray:
    """Largest rank of the closed paths through strong bonds, over the parts of each structure."""
    strong = bonds.shell > _SOLID
    cation, anion = bonds.cation[strong], bonds.anion[strong]
    frac = batch.frac_coords - np.floor(batch.frac_coords)
    inverse = np.linalg.inv(batch.lattices)
    steps = np.einsum("bi,bij->bj", bonds.vector[strong], inverse[row[cation]])
    image = np.rint(steps - (frac[anion] - frac[cation])).astype(np.int64)
    order = np.argsort(row[cation], kind="stable")
    first = np.searchsorted(row[cation][order], np.arange(len(batch) + 1))
    return np.asarray(
        _ranks(
            np.asarray(batch.offsets, dtype=np.int64),
            np.ascontiguousarray(cation[order]),
            np.ascontiguousarray(anion[order]),
            np.ascontiguousarray(image[order]),
            first.astype(np.int64),
        )
    )


@compiled
def _ranks(offsets, cation, anion, image, first):  # type: ignore[no-untyped-def]
    """Spread integer positions along the bonds; where two ways differ, a closed path is found."""
    found = np.zeros(len(offsets) - 1)
    for structure in range(len(offsets) - 1):
        start, stop = offsets[structure], offsets[structure + 1]
        count = stop - start
        part = np.full(count, -1, dtype=np.int64)
        place = np.zeros((count, 3), dtype=np.int64)
        best = 0
        for root in range(count):
            if part[root] >= 0:
                continue
            part[root] = root
            changed = True
            while changed:
                changed = False
                for b in range(first[structure], first[structure + 1]):
                    i, j = cation[b] - start, anion[b] - start
                    if part[i] == root and part[j] < 0:
                        part[j] = root
                        for axis in range(3):
                            place[j, axis] = place[i, axis] + image[b, axis]
                        changed = True
                    elif part[j] == root and part[i] < 0:
                        part[i] = root
                        for axis in range(3):
                            place[i, axis] = place[j, axis] - image[b, axis]
                        changed = True
            basis = np.zeros((3, 3))
            rank = 0
            for b in range(first[structure], first[structure + 1]):
                i, j = cation[b] - start, anion[b] - start
                if part[i] != root or rank == 3:
                    continue
                loop = np.empty(3)
                for axis in range(3):
                    loop[axis] = place[i, axis] + image[b, axis] - place[j, axis]
                for r in range(rank):
                    along = 0.0
                    for axis in range(3):
                        along += loop[axis] * basis[r, axis]
                    for axis in range(3):
                        loop[axis] -= along * basis[r, axis]
                size = np.sqrt(loop[0] ** 2 + loop[1] ** 2 + loop[2] ** 2)
                if size > 1e-6:
                    for axis in range(3):
                        basis[rank, axis] = loop[axis] / size
                    rank += 1
            best = max(best, rank)
        found[structure] = best
    return found
