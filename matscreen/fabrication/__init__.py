"""Could one make it: scarcity, hazards, substrates, the heat that a film needs."""

from __future__ import annotations

from matscreen.fabrication.assess import assess, barred
from matscreen.fabrication.elements import hazards, restricted, supply_concentration
from matscreen.fabrication.substrates import match_substrates

__all__ = [
    "assess",
    "barred",
    "hazards",
    "match_substrates",
    "restricted",
    "supply_concentration",
]
