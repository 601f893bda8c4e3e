"""Does an oxide take its polar phase, or a nonpolar one that lies lower?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from matscreen.mechanisms.base import Gate, gate_at_most, value_or

DISPLACIVE_GAP: Final = 5e-3
"""How far a tilted nonpolar phase may lie under a polar perovskite, eV/atom.

The two are joined by displacements without a barrier of bond breaking, so the crystal takes the
lower one and any gap decides. The margin is the error of the potential: 3.0 meV/atom on average
between published polar and nonpolar structures (7net-0); BiFeO3, whose Pnma it puts 1.5 meV/atom
under R3c, stays, CaTiO3 with 6.6 goes.
"""
RECONSTRUCTIVE_GAP: Final = 30e-3
"""How far any other nonpolar polymorph may lie under a polar crystal, eV/atom.

Bonds must break, so that a film can be held above it: Pca2₁ HfO2 is a working ferroelectric 25 to
28 meV/atom above the monoclinic phase. Half of the metastable crystals that were ever made lie
within about 15 meV/atom of their ground state, nine tenths within about 70 (Sun et al. 2016,
recalled).
"""
TILTED: Final = {62: "Pnma", 74: "Imma", 127: "P4/mbm", 140: "I4/mcm", 167: "R-3c"}
"""Nonpolar tilted perovskites by space group."""


def ground_state_gates(properties: Mapping[str, npt.ArrayLike]) -> tuple[Gate, ...]:
    """Gates of the phase that the oxide takes: one sentence a tilted phase, so that it is named."""
    gap = 1e3 * value_or(properties, "tilted_gap", np.nan)
    number = value_or(properties, "tilted_spacegroup", np.nan)
    margin = 1e3 * DISPLACIVE_GAP
    sentence = " lies {value:.0f} meV/atom lower, {limit:.0f} are within the error"
    return (
        *(
            gate_at_most(
                "antiferrodistortive",
                np.where(number == group, gap, np.nan),
                margin,
                f"the tilted {symbol} phase{sentence}",
            )
            for group, symbol in TILTED.items()
        ),
        gate_at_most(
            "nonpolar_parent",
            np.where(np.isin(number, list(TILTED)), np.nan, gap),
            margin,
            f"a nonpolar phase of the same perovskite{sentence}",
        ),
        gate_at_most(
            "nonpolar_polymorph",
            1e3 * value_or(properties, "polymorph_gap", np.nan),
            1e3 * RECONSTRUCTIVE_GAP,
            "a nonpolar polymorph lies {value:.0f} meV/atom lower, at most {limit:.0f} are kept in "
            "films",
        ),
    )
