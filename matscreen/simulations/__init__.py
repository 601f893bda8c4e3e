"""Labels from atomistic simulation: recipes that run with any ASE calculator."""

from __future__ import annotations

from matscreen.simulations.base import (
    SIMULATIONS,
    Label,
    Simulated,
    Simulation,
    get_simulation,
    simulation_names,
)
from matscreen.simulations.calculators import Potential, get_calculator, get_potential

__all__ = [
    "SIMULATIONS",
    "Label",
    "Potential",
    "Simulated",
    "Simulation",
    "get_calculator",
    "get_potential",
    "get_simulation",
    "simulation_names",
]
