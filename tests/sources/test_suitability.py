"""Tests of matscreen.sources.suitability."""

from __future__ import annotations

import numpy as np
import pytest
from ase.data import atomic_numbers

from matscreen.errors import StructureError
from matscreen.sources.cleaning import clean
from matscreen.sources.suitability import MAX_SITES
from matscreen.structures import Crystal

PEROVSKITE = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]


def suitability(item: Crystal) -> None:
    """Raise the error with which a crystal is refused."""
    (verdict,) = clean([item])
    if isinstance(verdict, StructureError):
        raise verdict


def crystal(symbols: str, coords: list[list[float]], edge: float = 4.0) -> Crystal:
    numbers = np.array([atomic_numbers[symbol] for symbol in symbols.split()])
    return Crystal(np.eye(3) * edge, numbers, np.array(coords, dtype=float))


def perovskite(symbols: str = "Ba Ti O O O", edge: float = 4.0) -> Crystal:
    return crystal(symbols, PEROVSKITE, edge)


@pytest.mark.parametrize(
    "symbols",
    ["Ba Ti O O O", "Ca C O O O", "Al H O O O", "Bi Fe O O F", "Na N O O O", "Sr Ti O N O"],
)
def test_oxides_pass(symbols: str) -> None:
    suitability(perovskite(symbols))


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (perovskite("Cs Pb I I I", 6.3), "no_oxygen"),
        (perovskite("O O O O O"), "element"),
        (perovskite("Ba C O O H"), "organic"),
        (perovskite("N H O O O"), "no_metal"),
        (perovskite("Xe S O O O"), "no_metal"),
        (perovskite(edge=2.5), "absurd_volume"),
        (perovskite(edge=7.0), "absurd_volume"),
        (crystal("Mg O", [[0, 0, 0], [0.1, 0, 0]], 3.0), "overlapping_sites"),
        (crystal("Ba O O", [[0, 0, 0], [0.5, 0.5, 0.5], [0.85, 0.5, 0.5]], 4.0), "peroxide"),
        # Two sites close only across the cell boundary.
        (crystal("Mg O", [[0.01, 0, 0], [0.95, 0, 0]], 3.0), "overlapping_sites"),
    ],
)
def test_unsuitable_crystals_are_refused_with_their_reason(item: Crystal, reason: str) -> None:
    with pytest.raises(StructureError) as caught:
        suitability(item)
    assert caught.value.reason == reason
    assert caught.value.detail


def test_one_site_too_many_is_too_large() -> None:
    def rock_salt(pairs: int) -> Crystal:
        coords = np.zeros((2 * pairs, 3))
        coords[:, 2] = np.arange(2 * pairs) / (2 * pairs)
        lattice = np.diag([3.0, 3.0, 2.1 * 2 * pairs])
        return Crystal(lattice, np.array([12, 8] * pairs), coords)

    suitability(rock_salt(MAX_SITES // 2))
    with pytest.raises(StructureError, match="too_large"):
        suitability(rock_salt(MAX_SITES // 2 + 1))


def test_a_very_skewed_cell_of_a_good_crystal_passes() -> None:
    straight = perovskite()
    shear = np.array([[1, 0, 0], [57, 1, 0], [-31, 89, 1]])
    skewed = Crystal(
        shear @ straight.lattice,
        straight.atomic_numbers,
        straight.frac_coords @ np.linalg.inv(shear),
    )
    suitability(skewed)
    close = straight.frac_coords.copy()
    close[2] = close[3] + [0.1, 0, 0]
    with pytest.raises(StructureError, match="overlapping_sites"):
        suitability(Crystal(skewed.lattice, skewed.atomic_numbers, close @ np.linalg.inv(shear)))


def test_a_sheet_on_top_of_itself_overlaps() -> None:
    flat = Crystal(np.diag([40.0, 4.0, 0.5]), np.array([12, 8]), np.array([[0, 0, 0], [0.5, 0, 0]]))
    with pytest.raises(StructureError, match="overlapping_sites"):
        suitability(flat)
