"""What the columns of a ranking are: unit and meaning of each, for every export that can say so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from matscreen.mechanisms.base import FACTS, PARAMETERS
from matscreen.properties import EVIDENCE, PROPERTIES

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Column:
    """One column of a ranking.

    Attributes:
        name: Its name.
        unit: Its unit; empty for texts, truth values, counts and pure numbers.
        meaning: What it holds, in one line; empty where nothing is known of it.
    """

    name: str
    unit: str
    meaning: str


_EVIDENCE_SUFFIX: Final = "_evidence"
_ORDER: Final = " > ".join(EVIDENCE)
_MEANINGS: Final[dict[str, str]] = {
    "rank": "Place over all mechanisms, feasible rows first; equal energies share the smaller one",
    "rank_in_mechanism": "Place among the materials of the same mechanism",
    "formula": "Reduced formula, larger cations first",
    "structure_id": "Identity of the crystal in the store, or of the composition",
    "mechanism": "Way of switching that the energies are of",
    "energy_nominal_J": "Realistic wall-plug energy of one event at the best property values",
    "energy_lower_J": "Lower end of the 90 % interval of that energy, property and model error",
    "energy_upper_J": "Upper end of the 90 % interval of that energy, property and model error",
    "energy_floor_J": "Least dissipation of a non-adiabatic switch that keeps its state as asked",
    "energy_ceiling_J": "Coherent or full-pulse energy with all layers and losses",
    "p_feasible": "Share of the draws in which every condition is met, 0 to 1",
    "p_top_10": "Probability to be among the ten lowest energies of its mechanism, 0 to 1",
    "feasible": "Whether every condition is met at the best property values",
    "reasons": "Conditions that fail, each as code: sentence; empty where none does",
    "pareto": "Whether no feasible row of the mechanism is better in energy, stability and chance",
    "in_domain": "Whether the surrogates know such materials; true where none was used",
    "evidence": f"Weakest evidence among the required properties: {_ORDER}",
    "source": "Where the structure came from; several are joined by ;",
    "source_id": "Identifier at the source; several are joined by ;",
    "flags": "What is odd and excludes nothing, each as code: sentence",
    "spacegroup": "Number of the space group in the International Tables; empty without a crystal",
    "prototype": "Structure type, where known",
    "chemsys": "Elements in alphabetical order",
    "endurance_margin": "Stress that damages the material over that of one event",
    "on_off_decades": "Decades between the states that a reader sees",
    "write_voltage_V": "Voltage of the writing pulse across the film",
    "write_field_V_per_m": "Field of the writing pulse in the film",
    "switching_temperature_K": "Temperature that the filament reaches while it is written",
    "switching_current_A": "Current of the writing pulse",
    "retention_time_s": "Time that a state lasts at the retention temperature",
    "voltage_time_decades": "Decades between the time of a disturbing read and that of a write",
    "cell_voltage_V": "Voltage of the cell that moves the ions, losses included",
    "moved_charge_C": "Charge of the ions that one event moves",
    "diffusion_time_s": "Time of the ions to spread through the channel",
    "trip_temperature_K": "Temperature at which the channel turns metallic",
    "adiabatic_energy_J": "Energy of one event without losses to the surroundings or in the drive",
    "thermal_time_s": "Time in which the channel cools",
    "operating_temperature_K": "Temperature at which the junction is kept",
    "critical_current_A": "Critical current of the junction",
    "cooling_factor": "Wall-plug energy over the energy dissipated in the cold",
    "thermal_limit_J": "Energy under which thermal noise flips the junction",
    "pulse_width_s": "Width of one single-flux-quantum pulse",
    "hazards": "Toxic or radioactive elements, each as a sentence; empty where there is none",
    "hhi_production": "Herfindahl-Hirschman index of the producers of its elements, 0 to 10,000",
    "hhi_reserve": "Herfindahl-Hirschman index of the reserves of its elements, 0 to 10,000",
    "made": "True where the compound is known to have been made; empty where that is not known",
    "crystallisation_temperature": "Temperature at which a film crystallises, an estimate",
    "substrate": "Substrate that the film fits best",
    "substrate_plane": "Plane of that substrate, (hkl)",
    "film_plane": "Plane of the film that lies on it, (hkl)",
    "mismatch": "Mean in-plane strain of the film on that substrate",
    "match_area": "Area of the coincidence cell of film and substrate",
}


def describe_columns(
    columns: Iterable[str], units: Mapping[str, str] | None = None
) -> tuple[Column, ...]:
    """Return unit and meaning of columns of a ranking.

    Args:
        columns: Their names.
        units: Unit of each column that has one, such as `ranking.attrs["units"]`.
    """
    known = units or {}
    return tuple(
        Column(name, "" if known.get(name, "") == "1" else known.get(name, ""), _meaning(name))
        for name in columns
    )


def table_columns(ranking: pd.DataFrame) -> tuple[Column, ...]:
    """Return unit and meaning of every column of a ranking; units are `attrs["units"]`."""
    return describe_columns(map(str, ranking.columns), ranking.attrs.get("units"))


def name_with_unit(column: Column) -> str:
    """Return a column's name with its unit in it, in ASCII, for formats that have no units.

    `energy_above_hull` in eV/atom becomes `energy_above_hull_eV_per_atom`; a name that ends with
    its unit, such as `energy_nominal_J`, stays.
    """
    unit = column.unit
    for symbol, plain in _PLAIN_UNITS:
        unit = unit.replace(symbol, plain)
    unit = re.sub(r"[^A-Za-z0-9_]+", "", unit)
    if not unit or column.name.endswith(f"_{unit}"):
        return column.name
    return f"{column.name}_{unit}"


_PLAIN_UNITS: Final = (
    ("/", "_per_"),
    ("µ", "u"),
    ("Å", "A"),
    ("²", "2"),
    ("³", "3"),
    ("%", "percent"),
)


def _meaning(name: str) -> str:
    if name in _MEANINGS:
        return _MEANINGS[name]
    for registry in (PROPERTIES, PARAMETERS, FACTS):
        if name in registry:
            return registry[name].meaning
    if name.endswith(_EVIDENCE_SUFFIX):
        return f"Evidence of {name.removesuffix(_EVIDENCE_SUFFIX)}: {_ORDER}"
    return ""
