"""Well-known oxides: what the bundle says beside the literature."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from matscreen.data import data_path
from matscreen.errors import StructureError
from matscreen.simulations.bundle_reading import read_table
from matscreen.structures import Crystal, CrystalBatch


@dataclass(frozen=True)
class Range:
    """What the literature says of a migration barrier.

    Attributes:
        formula: The compound.
        lower: Lowest published value, eV.
        upper: Highest published value, eV; None leaves the side open.
    """

    formula: str
    lower: float
    upper: float | None


MIGRATION = (Range("SrTiO3", 0.55, 0.70), Range("MgO", 2.0, None), Range("CeO2", 0.3, 0.6))
POLAR = ("BaTiO3", "PbTiO3", "KNbO3", "LiNbO3")
NOT_FERROELECTRIC = ("SrTiO3", "BaZrO3", "LaAlO3")
NOISE = 15.0
"""Noise floor of a well, meV per formula unit."""


def known_materials(bundle: Path | None = None) -> pd.DataFrame:
    """Return one row for each known fact: the literature, the bundle's value, whether they agree.

    A material counts as ferroelectric when its deepest well exceeds the noise floor of 15 meV per
    formula unit and the tilted phases of its cubic parent lie no lower than the well.

    Args:
        bundle: Folder of the bundle; None takes the shipped one.
    """
    labels, crystals = _read(bundle)
    rows = []
    for known in MIGRATION:
        values = labels[
            (labels["formula"] == known.formula)
            & (labels["property"] == "oxygen_migration_barrier")
        ]["value"]
        value = float(values.min()) if len(values) else np.nan
        upper = np.inf if known.upper is None else known.upper
        text = f"above {known.lower}" if known.upper is None else f"{known.lower} to {known.upper}"
        rows.append(
            (known.formula, "oxygen migration", "eV", text, value, known.lower <= value <= upper)
        )
    for formula in (*POLAR, *NOT_FERROELECTRIC):
        depth, tilt = _well(labels[labels["formula"] == formula], crystals)
        polar = depth > max(NOISE, tilt)
        wanted = formula in POLAR
        text = "ferroelectric" if wanted else "not ferroelectric"
        agrees = np.isfinite(depth) and polar == wanted
        rows.append((formula, "polar well over noise and tilts", "meV/f.u.", text, depth, agrees))
    columns = ["formula", "quantity", "unit", "literature", "bundle", "agrees"]
    return pd.DataFrame(rows, columns=columns)


def _well(rows: pd.DataFrame, crystals: dict[str, Crystal]) -> tuple[float, float]:
    """Deepest well and deepest tilted phase of a compound, meV per formula unit."""

    def deepest(name: str) -> float:
        part = rows[rows["property"] == name]
        values = [
            value * crystals[owner].volume / _units(crystals[owner])
            for owner, value in zip(part["structure_id"], part["value"], strict=True)
        ]
        return max(values, default=np.nan)

    polar = rows[(rows["property"] == "well_depth") & (rows["path"] == "R-3c")]
    tilt = deepest("tilt_energy")
    # The well of a LiNbO3-type phase lies below a tilted phase already.
    return deepest("well_depth"), 0.0 if len(polar) or np.isnan(tilt) else tilt


def _units(crystal: Crystal) -> int:
    from math import gcd

    return gcd(*crystal.counts.values())


def lattice_constants(bundle: Path | None = None) -> pd.DataFrame:
    """Compare relaxed cells of the bundle with measured lattice constants.

    The measured value is that of the conventional cell at room temperature; the computed one is
    static and of the functional's kind (PBE: about one percent large).

    Returns:
        Columns formula, spacegroup, axis, measured, computed (Å), error (%).
    """
    labels, crystals = _read(bundle)
    facts = pd.read_csv(data_path("reference", "lattice_constants.csv"))
    relaxed = labels[labels["property"] == "energy_per_atom"]
    rows = []
    for fact in facts.to_dict("records"):
        same = relaxed[
            (relaxed["formula"] == fact["formula"]) & (relaxed["spacegroup"] == fact["spacegroup"])
        ]
        if same.empty:
            continue
        owner = same.sort_values("value")["structure_id"].iloc[0]
        try:
            lengths = _conventional(crystals[owner])
        except StructureError:
            continue
        for axis, computed in zip("ac", lengths, strict=True):
            measured = float(fact[axis])
            if np.isfinite(measured):
                error = 100 * (computed / measured - 1)
                rows.append((fact["formula"], fact["spacegroup"], axis, measured, computed, error))
    columns = ["formula", "spacegroup", "axis", "measured", "computed", "error_percent"]
    return pd.DataFrame(rows, columns=columns)


def _conventional(crystal: Crystal) -> tuple[float, float]:
    import moyopy

    cell = moyopy.Cell(
        crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.atomic_numbers.tolist()
    )
    basis = np.array(moyopy.MoyoDataset(cell, symprec=0.01).std_cell.basis)
    lengths = np.linalg.norm(basis, axis=1)
    return float(lengths[0]), float(lengths[2])


def _read(bundle: Path | None) -> tuple[pd.DataFrame, dict[str, Crystal]]:
    folder = bundle or data_path("bundle")
    candidates, labels = read_table(folder, "candidates"), read_table(folder, "labels")
    if candidates is None or labels is None:
        return pd.DataFrame(columns=["structure_id", "formula", "property", "value", "path"]), {}
    batch = CrystalBatch.from_arrow(candidates)
    crystals = dict(zip(batch.ids, batch, strict=True))
    owners = candidates.select(["structure_id", "formula", "spacegroup"]).to_pandas()
    return labels.to_pandas().merge(owners, on="structure_id"), crystals
