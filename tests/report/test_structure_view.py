from __future__ import annotations

import numpy as np
import pytest

from matscreen.report.structure_view import conventional, structure_view
from matscreen.structures import Crystal


@pytest.fixture(scope="module")
def perovskite():
    places = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    return Crystal(3.9 * np.eye(3), np.array([38, 22, 8, 8, 8]), np.array(places))


def test_a_perovskite_is_one_octahedron_in_a_cage_of_a_sites(perovskite):
    view = structure_view(perovskite)
    symbols = [symbol for symbol, _, _ in view["elements"]]
    assert symbols == ["Sr", "Ti", "O"]
    counts = [sum(site[0] == kind for site in view["sites"]) for kind in range(3)]
    assert counts == [8, 1, 6]
    assert len(view["bonds"]) == 6
    assert len(view["faces"]) == 8  # an octahedron
    assert len(view["edges"]) == 12
    assert len(view["cell"]) == 12
    assert view["n_sites"] == 5


def test_bonds_have_the_length_of_the_crystal(perovskite):
    view = structure_view(perovskite)
    points = np.array([site[1:] for site in view["sites"]])
    lengths = [np.linalg.norm(points[a] - points[b]) for a, b in view["bonds"]]
    assert np.allclose(lengths, 1.95, atol=0.011)


def test_a_primitive_cell_is_drawn_as_its_conventional_one():
    # rock salt, two atoms of eight
    lattice = 2.1 * np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    cell = Crystal(lattice, np.array([12, 8]), np.array([(0, 0, 0), (0.5, 0.5, 0.5)]))
    assert len(conventional(cell).atomic_numbers) == 8
    view = structure_view(cell)
    assert view["n_sites"] == 8
    assert len(view["faces"]) % 8 == 0
    assert view["faces"]


def test_sites_on_a_face_appear_on_both_sides(perovskite):
    points = {tuple(site) for site in structure_view(perovskite)["sites"]}
    assert {(0, x, y, z) for x in (-1.95, 1.95) for y in (-1.95, 1.95) for z in (-1.95, 1.95)} <= (
        points
    )


def test_a_metal_without_oxygen_has_no_polyhedra():
    view = structure_view(Crystal(3.3 * np.eye(3), np.array([41]), np.zeros((1, 3))))
    assert view["bonds"] == view["faces"] == view["edges"] == []
    assert len(view["sites"]) == 8


def test_elements_of_one_picture_have_different_colours():
    # sodium and bismuth are nearly the same purple in the usual colours
    places = [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    view = structure_view(Crystal(4.2 * np.eye(3), np.array([11, 83, 8, 8, 8]), np.array(places)))
    colours = [
        np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
        for _, colour, _ in view["elements"]
    ]
    assert np.linalg.norm(colours[0] - colours[1]) > 60
