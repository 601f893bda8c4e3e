"""Properties of the materials of a ranking as columns, as the mechanisms take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from matscreen.crystal_facts import crystal_facts
from matscreen.errors import InputError
from matscreen.mechanisms import Mechanism
from matscreen.mechanisms.base import FACTS, PARAMETERS, get_entry
from matscreen.monte_carlo import Inputs
from matscreen.properties import PROPERTIES
from matscreen.sampling import sigma_of

if TYPE_CHECKING:
    import pandas as pd


class PropertyColumns:
    """Properties of the materials of a ranking as columns, in the order of the materials."""

    def __init__(self, materials: pd.DataFrame, table: pd.DataFrame) -> None:
        self.materials = materials
        ids = materials["structure_id"].to_numpy()
        self._by_name: dict[str, pd.DataFrame] = {
            str(name): rows.set_index("structure_id").reindex(ids)
            for name, rows in table.groupby("property", sort=True)
        }
        if materials.empty:
            names = (*PROPERTIES, *PARAMETERS)
            self._by_name = {name: table.head(0).set_index("structure_id") for name in names}
        hull = np.full(len(materials), np.nan)
        if "energy_above_hull" in self._by_name:
            hull = self._by_name["energy_above_hull"]["mean"].to_numpy(dtype=float)
        if "energy_above_hull" in materials:
            given = materials["energy_above_hull"].to_numpy(dtype=float, na_value=np.nan)
            hull = np.where(np.isnan(hull), given, hull)
        self.hull = hull
        volume = self._by_name.get("volume_per_atom")
        self.facts = crystal_facts(
            materials, None if volume is None else volume["mean"].to_numpy(dtype=float)
        )

    def inputs(self, mechanism: Mechanism) -> dict[str, Inputs]:
        """Return what a mechanism uses: properties with errors, facts of the crystal without.

        Raises:
            InputError: Nobody has a value of a property that it requires, and there is no prior.
        """
        found: dict[str, Inputs] = {}
        for name in (*mechanism.requires, *mechanism.optional):
            if name in FACTS:
                found[name] = Inputs(self.facts[name], None)
            elif name in self._by_name:
                rows, entry = self._by_name[name], get_entry(name)
                mean = np.clip(rows["mean"].to_numpy(dtype=float), entry.lower, entry.upper)
                found[name] = Inputs(mean, sigma_of(entry, rows))
        for name in mechanism.requires:
            if name not in found:
                raise InputError(f"{mechanism.name} needs {name}, for which there is no prior")
        return found

    def texts(self, name: str, column: str) -> np.ndarray:
        """Return a text column of a property, for example its evidence."""
        return np.asarray(self._by_name[name][column].to_numpy(dtype=object))

    def in_domain(self, names: Sequence[str]) -> np.ndarray:
        """Whether every value of the named properties lies in the domain of its model."""
        result = np.ones(len(self.materials), dtype=bool)
        for name in names:
            rows = self._by_name.get(name)
            if rows is not None and "in_domain" in rows:
                result &= ~(rows["in_domain"].to_numpy(dtype=object) == False)  # noqa: E712
        return result
