"""What the distance invariant is made of; a change of the first two is a new identity scheme."""

from __future__ import annotations

from typing import Final

N_NEIGHBOURS: Final = 60
N_PAIR_NEIGHBOURS: Final = 12
ATTEMPTS: Final = 12
GROWTH: Final = 1.25
OVERLAP: Final = 1e-6
"""Sites nearer than this are one, Å."""
MOST_IMAGES: Final = 4_000_000
"""Translations looked at for one pair of sites; a cell that needs more is a needle or a sheet."""
