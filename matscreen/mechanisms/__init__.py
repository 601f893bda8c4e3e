"""Switching mechanisms: from material properties and a device to joules per event."""

from __future__ import annotations

from matscreen.mechanisms.base import (
    Gate,
    Mechanism,
    ModelError,
    SwitchingEnergy,
    landauer,
    thermal_barrier,
)
from matscreen.mechanisms.device import (
    APPLICATIONS,
    Application,
    Device,
)
from matscreen.mechanisms.evaluate import (
    MECHANISMS,
    get_mechanism,
    mechanism_names,
    switching_energy,
)
from matscreen.mechanisms.geometry import (
    ElectrolyteGeometry,
    FerroelectricGeometry,
    FilamentGeometry,
    JosephsonGeometry,
    ThresholdGeometry,
)
from matscreen.mechanisms.references import ReferenceLine, reference_lines

__all__ = [
    "APPLICATIONS",
    "MECHANISMS",
    "Application",
    "Device",
    "ElectrolyteGeometry",
    "FerroelectricGeometry",
    "FilamentGeometry",
    "Gate",
    "JosephsonGeometry",
    "Mechanism",
    "ModelError",
    "ReferenceLine",
    "SwitchingEnergy",
    "ThresholdGeometry",
    "get_mechanism",
    "landauer",
    "mechanism_names",
    "reference_lines",
    "switching_energy",
    "thermal_barrier",
]
