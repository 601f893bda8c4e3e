"""Cutting Voronoi cells out of cubes: the compiled loops of `matscreen.descriptors.voronoi`."""

from __future__ import annotations

from typing import Final

import numpy as np

from matscreen.compiled import compiled

MAX_FACES: Final = 96
"""Most faces of a cell, also while it is cut."""
MAX_ORDER: Final = 10
"""Largest degree of the bond-orientational parameters."""
_MAX_CORNERS = 48
_FIRST_RADIUS = 5.5  # Å; doubled by half until the cell is closed
_LAST_RADIUS = 120.0
_TOUCH = 1e-9  # Å: a plane that misses a corner by less goes through it
_SMALLEST_FACE = 1e-8  # Å²


@compiled
def _neighbours(lattice, heights, frac, start, stop, site, radius):  # type: ignore[no-untyped-def]
    """Vectors to all sites within a radius, nearest first: site, vector, distance."""
    found_site = np.empty(512, dtype=np.int64)
    found = np.empty((512, 3))
    distance = np.empty(512)
    count = 0
    for other in range(start, stop):
        d0 = frac[other, 0] - frac[site, 0]
        d1 = frac[other, 1] - frac[site, 1]
        d2 = frac[other, 2] - frac[site, 2]
        r0, r1, r2 = radius / heights[0], radius / heights[1], radius / heights[2]
        for i in range(int(np.ceil(-r0 - d0)), int(np.floor(r0 - d0)) + 1):
            for j in range(int(np.ceil(-r1 - d1)), int(np.floor(r1 - d1)) + 1):
                for k in range(int(np.ceil(-r2 - d2)), int(np.floor(r2 - d2)) + 1):
                    f0, f1, f2 = d0 + i, d1 + j, d2 + k
                    x = f0 * lattice[0, 0] + f1 * lattice[1, 0] + f2 * lattice[2, 0]
                    y = f0 * lattice[0, 1] + f1 * lattice[1, 1] + f2 * lattice[2, 1]
                    z = f0 * lattice[0, 2] + f1 * lattice[1, 2] + f2 * lattice[2, 2]
                    square = x * x + y * y + z * z
                    if square > radius * radius or square < 1e-12:
                        continue
                    if count == len(distance):
                        bigger_site = np.empty(2 * count, dtype=np.int64)
                        bigger = np.empty((2 * count, 3))
                        bigger_distance = np.empty(2 * count)
                        bigger_site[:count] = found_site
                        bigger[:count] = found
                        bigger_distance[:count] = distance
                        found_site, found, distance = bigger_site, bigger, bigger_distance
                    found_site[count] = other
                    found[count, 0] = x
                    found[count, 1] = y
                    found[count, 2] = z
                    distance[count] = np.sqrt(square)
                    count += 1
    order = np.argsort(distance[:count])
    return found_site[:count][order], found[:count][order], distance[:count][order]


@compiled
def _apart(one, i, two, j):  # type: ignore[no-untyped-def]
    """Whether two points are not the same corner."""
    gap = abs(one[i, 0] - two[j, 0]) + abs(one[i, 1] - two[j, 1]) + abs(one[i, 2] - two[j, 2])
    return gap >= 10 * _TOUCH


@compiled
def _cut(corners, sizes, owner, n_faces, normal, offset, name, fresh, signed, polygon):  # type: ignore[no-untyped-def]
    """Cut a polyhedron by the half-space x . normal <= offset; return its number of faces.

    The new face gets the corners where edges cross the plane. -1: too many faces or corners.
    """
    hit = False
    for face in range(n_faces):
        for c in range(sizes[face]):
            side = (
                corners[face, c, 0] * normal[0]
                + corners[face, c, 1] * normal[1]
                + corners[face, c, 2] * normal[2]
                - offset
            )
            signed[face, c] = side
            if side > _TOUCH:
                hit = True
    if not hit:
        return n_faces
    n_fresh = 0
    kept = 0
    for face in range(n_faces):
        size = sizes[face]
        new = 0
        for c in range(size):
            d = c + 1 if c + 1 < size else 0
            here, there = signed[face, c], signed[face, d]
            inside, next_inside = here <= _TOUCH, there <= _TOUCH
            if inside:
                if new == _MAX_CORNERS:
                    return -1
                for axis in range(3):
                    polygon[new, axis] = corners[face, c, axis]
                new += 1
            if inside != next_inside:
                t = here / (here - there)
                t = min(max(t, 0.0), 1.0)
                if new == _MAX_CORNERS or n_fresh == len(fresh):
                    return -1
                for axis in range(3):
                    crossing = corners[face, c, axis]
                    crossing += t * (corners[face, d, axis] - crossing)
                    polygon[new, axis] = crossing
                    fresh[n_fresh, axis] = crossing
                new += 1
                n_fresh += 1
        # Corners that fell together count once.
        size = 0
        for c in range(new):
            if size == 0 or _apart(polygon, c, corners[kept], size - 1):
                for axis in range(3):
                    corners[kept, size, axis] = polygon[c, axis]
                size += 1
        if size > 2 and not _apart(corners[kept], 0, corners[kept], size - 1):
            size -= 1
        if size > 2:
            sizes[kept] = size
            owner[kept] = owner[face]
            kept += 1
    if n_fresh < 3:
        return kept
    # The crossing points, in order around their centre.
    m0, m1, m2 = 0.0, 0.0, 0.0
    for p in range(n_fresh):
        m0 += fresh[p, 0] / n_fresh
        m1 += fresh[p, 1] / n_fresh
        m2 += fresh[p, 2] / n_fresh
    far, a0, a1, a2 = -1.0, 0.0, 0.0, 0.0
    for p in range(n_fresh):
        x, y, z = fresh[p, 0] - m0, fresh[p, 1] - m1, fresh[p, 2] - m2
        gap = x * x + y * y + z * z
        if gap > far:
            far, a0, a1, a2 = gap, x, y, z
    if far < 1e-16 or kept == MAX_FACES:
        return -1 if kept == MAX_FACES else kept
    b0 = normal[1] * a2 - normal[2] * a1
    b1 = normal[2] * a0 - normal[0] * a2
    b2 = normal[0] * a1 - normal[1] * a0
    for p in range(n_fresh):
        x, y, z = fresh[p, 0] - m0, fresh[p, 1] - m1, fresh[p, 2] - m2
        signed[MAX_FACES, p] = np.arctan2(x * b0 + y * b1 + z * b2, x * a0 + y * a1 + z * a2)
    # Insertion sort: a dozen points.
    for p in range(1, n_fresh):
        angle = signed[MAX_FACES, p]
        x, y, z = fresh[p, 0], fresh[p, 1], fresh[p, 2]
        q = p - 1
        while q >= 0 and signed[MAX_FACES, q] > angle:
            signed[MAX_FACES, q + 1] = signed[MAX_FACES, q]
            for axis in range(3):
                fresh[q + 1, axis] = fresh[q, axis]
            q -= 1
        signed[MAX_FACES, q + 1] = angle
        fresh[q + 1, 0], fresh[q + 1, 1], fresh[q + 1, 2] = x, y, z
    size = 0
    for p in range(n_fresh):
        if size == 0 or _apart(fresh, p, corners[kept], size - 1):
            if size == _MAX_CORNERS:
                return -1
            for axis in range(3):
                corners[kept, size, axis] = fresh[p, axis]
            size += 1
    if size > 2 and not _apart(corners[kept], 0, corners[kept], size - 1):
        size -= 1
    if size > 2:
        sizes[kept] = size
        owner[kept] = name
        kept += 1
    return kept


@compiled
def _cube(corners, sizes, owner, half):  # type: ignore[no-untyped-def]
    """Start with the six faces of a cube of edge 2 half, corners in order."""
    face = 0
    for axis in range(3):
        one, two = (axis + 1) % 3, (axis + 2) % 3
        for side in (-half, half):
            for c in range(4):
                corners[face, c, axis] = side
                corners[face, c, one] = half if c in (0, 3) else -half
                corners[face, c, two] = half if c < 2 else -half
            sizes[face] = 4
            owner[face] = -1
            face += 1
    return 6


@compiled
def _farthest(corners, sizes, n_faces):  # type: ignore[no-untyped-def]
    most = 0.0
    for face in range(n_faces):
        for c in range(sizes[face]):
            square = corners[face, c, 0] ** 2 + corners[face, c, 1] ** 2 + corners[face, c, 2] ** 2
            most = max(most, square)
    return np.sqrt(most)


@compiled
def _measure(corners, size):  # type: ignore[no-untyped-def]
    """Area of a polygon and its solid angle from the origin (Van Oosterom and Strackee 1983)."""
    area, angle = 0.0, 0.0
    a = corners[0]
    for c in range(1, size - 1):
        b, d = corners[c], corners[c + 1]
        u0, u1, u2 = b[0] - a[0], b[1] - a[1], b[2] - a[2]
        v0, v1, v2 = d[0] - a[0], d[1] - a[1], d[2] - a[2]
        n0, n1, n2 = u1 * v2 - u2 * v1, u2 * v0 - u0 * v2, u0 * v1 - u1 * v0
        area += 0.5 * np.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
        la = np.sqrt(a[0] ** 2 + a[1] ** 2 + a[2] ** 2)
        lb = np.sqrt(b[0] ** 2 + b[1] ** 2 + b[2] ** 2)
        ld = np.sqrt(d[0] ** 2 + d[1] ** 2 + d[2] ** 2)
        triple = a[0] * n0 + a[1] * n1 + a[2] * n2
        ab = a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
        ad = a[0] * d[0] + a[1] * d[1] + a[2] * d[2]
        bd = b[0] * d[0] + b[1] * d[1] + b[2] * d[2]
        angle += 2.0 * np.arctan2(abs(triple), la * lb * ld + ab * ld + ad * lb + bd * la)
    return area, angle


@compiled
def fill_cells(  # type: ignore[no-untyped-def]
    lattices, offsets, frac, n_faces, neighbour, vector, distance, area, solid_angle, volume, reach
):
    """Fill the arrays of `VoronoiCells`; return the site whose cell does not close, or -1."""
    corners = np.empty((MAX_FACES + 1, _MAX_CORNERS + 1, 3))
    signed = np.empty((MAX_FACES + 1, 4 * _MAX_CORNERS))
    sizes = np.empty(MAX_FACES + 1, dtype=np.int64)
    owner = np.empty(MAX_FACES + 1, dtype=np.int64)
    fresh = np.empty((4 * _MAX_CORNERS, 3))
    polygon = np.empty((_MAX_CORNERS, 3))
    normal = np.empty(3)
    heights = np.empty(3)
    for structure in range(len(offsets) - 1):
        lattice = lattices[structure]
        cell = abs(np.linalg.det(lattice))
        for axis in range(3):
            one, two = lattice[(axis + 1) % 3], lattice[(axis + 2) % 3]
            cross = np.array(
                [
                    one[1] * two[2] - one[2] * two[1],
                    one[2] * two[0] - one[0] * two[2],
                    one[0] * two[1] - one[1] * two[0],
                ]
            )
            heights[axis] = cell / np.sqrt(np.sum(cross * cross))
        start, stop = offsets[structure], offsets[structure + 1]
        for site in range(start, stop):
            radius = _FIRST_RADIUS
            while True:
                names, vectors, lengths = _neighbours(
                    lattice, heights, frac, start, stop, site, radius
                )
                count = _cube(corners, sizes, owner, 2.0 * radius)
                most = 4.0 * radius
                for k in range(len(lengths)):
                    half = 0.5 * lengths[k]
                    if half > most:
                        break
                    for axis in range(3):
                        normal[axis] = vectors[k, axis] / lengths[k]
                    before = count
                    count = _cut(
                        corners, sizes, owner, count, normal, half, k, fresh, signed, polygon
                    )
                    if count < 4:
                        break
                    if count != before or owner[count - 1] == k:
                        most = _farthest(corners, sizes, count)
                closed = count >= 4 and 2.0 * most <= radius
                if closed or radius > _LAST_RADIUS:
                    break
                radius = min(max(1.5 * radius, 2.02 * most), 3.0 * radius)
            if not closed:
                return site
            faces = 0
            whole = 0.0
            for face in range(count):
                k = owner[face]
                surface, angle = _measure(corners[face], sizes[face])
                if k < 0 or surface < _SMALLEST_FACE:
                    continue
                neighbour[site, faces] = names[k]
                for axis in range(3):
                    vector[site, faces, axis] = vectors[k, axis]
                distance[site, faces] = lengths[k]
                area[site, faces] = surface
                solid_angle[site, faces] = angle
                whole += surface * lengths[k] / 6.0
                faces += 1
            n_faces[site] = faces
            volume[site] = whole
            reach[site] = most
    return -1


@compiled
def bond_order(n_faces, vector, distance, solid_angle):  # type: ignore[no-untyped-def]
    """Bond-orientational parameters Q_1 to Q_10 of every site, (s, 10)."""
    found = np.zeros((len(n_faces), MAX_ORDER))
    for site in range(len(n_faces)):
        total = 0.0
        for f in range(n_faces[site]):
            total += solid_angle[site, f]
        for f in range(n_faces[site]):
            for g in range(f, n_faces[site]):
                cosine = (
                    vector[site, f, 0] * vector[site, g, 0]
                    + vector[site, f, 1] * vector[site, g, 1]
                    + vector[site, f, 2] * vector[site, g, 2]
                ) / (distance[site, f] * distance[site, g])
                weight = solid_angle[site, f] * solid_angle[site, g] / (total * total)
                if g > f:
                    weight *= 2.0
                before, here = 1.0, cosine
                found[site, 0] += weight * here
                for order in range(2, MAX_ORDER + 1):
                    after = ((2 * order - 1) * cosine * here - (order - 1) * before) / order
                    before, here = here, after
                    found[site, order - 1] += weight * here
        for order in range(MAX_ORDER):
            found[site, order] = np.sqrt(max(found[site, order], 0.0))
    return found
