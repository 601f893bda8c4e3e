"""What the mechanisms ask of a crystal itself: symmetry, shape, formula unit, stabler phases."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from matscreen.formulas import REMEMBERED, reduced_amounts
from matscreen.mechanisms.base import FloatArray
from matscreen.mechanisms.ground_state import TILTED

if TYPE_CHECKING:
    import pandas as pd

POLAR_SPACE_GROUPS: Final = frozenset(
    number
    for first, last in (
        (1, 1),
        (3, 9),
        (25, 46),
        (75, 80),
        (99, 110),
        (143, 146),
        (156, 161),
        (168, 173),
        (183, 186),
    )
    for number in range(first, last + 1)
)
"""Space groups of the ten polar point groups 1, 2, m, mm2, 4, 4mm, 3, 3m, 6, 6mm."""

_TILT_NUMBERS: Final = {symbol: number for number, symbol in TILTED.items()}
_PEROVSKITE: Final = ("perovskite-", "linbo3-")
"""Structure types of one network of corner-sharing octahedra."""
GAPS: Final = ("polymorph_gap", "tilted_gap", "tilted_spacegroup")
"""Facts that come from other crystals of the same formula; see `phase_gaps`."""

ANTIFERROELECTRIC: Final = frozenset({"PbZrO3", "PbHfO3", "AgNbO3", "NaNbO3", "ZrO2"})
"""Oxides whose films are antiferroelectric at room temperature (Randall et al. 2021, recalled).

ZrO2 counts: its thin films switch from P4₂/nmc to Pca2₁ and back.
"""

_IMPROPER: Final = {(185, (1.0, 1.0, 3.0)), (36, (2.0, 3.0, 7.0)), (42, (2.0, 3.0, 7.0))}
"""Hexagonal manganite type P6₃cm ABO3 and hybrid improper A3B2O7 (Cmc2₁ and its supergroup)."""


def crystal_facts(
    candidates: pd.DataFrame, volume_per_atom: FloatArray | None = None
) -> dict[str, FloatArray]:
    """Return the facts of `matscreen.mechanisms.base.FACTS` for each candidate.

    Args:
        candidates: Columns formula; where known spacegroup, lattice (nine numbers), nsites, and
            the columns of `phase_gaps`.
        volume_per_atom: Volume per atom where there is no lattice, Å³, (n,).

    Returns:
        polar, improper, axial_ratio, formula_unit_volume, antiferroelectric, oxygen_density,
        polymorph_gap, tilted_gap and tilted_spacegroup, (n,) each; NaN when unknown.
    """
    n = len(candidates)
    numbers = (
        candidates["spacegroup"].to_numpy(dtype=float, na_value=np.nan)
        if "spacegroup" in candidates
        else np.full(n, np.nan)
    )
    compositions = [_composition(str(formula)) for formula in candidates["formula"]]
    amounts = [tuple(sorted(amount for _, amount in counts)) for counts in compositions]
    known = ~np.isnan(numbers)
    polar = np.where(known, np.isin(numbers, list(POLAR_SPACE_GROUPS)), np.nan)
    improper = np.array(
        [
            float((int(number), counts) in _IMPROPER) if np.isfinite(number) else np.nan
            for number, counts in zip(numbers, amounts, strict=True)
        ]
    )
    per_atom = (
        np.full(n, np.nan) if volume_per_atom is None else np.asarray(volume_per_atom, float).copy()
    )
    ratio = np.full(n, np.nan)
    if "lattice" in candidates and "nsites" in candidates:
        for index, (lattice, nsites) in enumerate(
            zip(candidates["lattice"], candidates["nsites"], strict=True)
        ):
            if lattice is None or np.size(lattice) != 9:
                continue
            cell = np.asarray(lattice, dtype=float).reshape(3, 3)
            per_atom[index] = abs(np.linalg.det(cell)) / float(nsites)
            if numbers[index] == 99:
                ratio[index] = _axial_ratio(cell)
    atoms = np.array([sum(counts) for counts in amounts])
    return {
        "polar": polar.astype(float),
        "improper": improper.astype(float),
        "axial_ratio": ratio,
        "formula_unit_volume": per_atom * atoms,
        "antiferroelectric": np.array(
            [float(counts in _antiferroelectric()) for counts in compositions]
        ),
        "oxygen_density": np.array(
            [dict(counts).get("O", np.nan) / sum(n for _, n in counts) for counts in compositions]
        )
        / per_atom,
        **{
            name: candidates[name].to_numpy(dtype=float, na_value=np.nan)
            if name in candidates
            else np.full(n, np.nan)
            for name in GAPS
        },
    }


def phase_gaps(candidates: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Compare each polar crystal with the known nonpolar phases of its formula.

    Only energies of one method are compared. A perovskite's tilted phase is known from its own
    relaxation or from the tilt_energy of the cubic parent; with several methods the larger gap is
    kept. A nonpolar perovskite of any tilt, the cubic parent included, counts as displacive.

    Args:
        candidates: All candidates of the store: structure_id, formula, spacegroup, prototype,
            nsites, lattice.
        labels: Rows with structure_id, property, path, value, method.

    Returns:
        structure_id (each once), polymorph_gap, tilted_gap (eV/atom, positive when the nonpolar
        phase is the lower one) and tilted_spacegroup; crystals without a comparison are absent.
    """
    import pandas as pd

    energies = _rows(labels, "energy_per_atom").rename(columns={"value": "energy"})
    table = candidates.merge(energies, on="structure_id", how="inner")
    table["calculator"] = table["method"].astype(str).str.split("/").str[-1]
    table["spacegroup"] = table["spacegroup"].astype("Float64").astype(float)
    table["key"] = [str(_composition(str(formula))) for formula in table["formula"]]
    table["perovskite"] = table["prototype"].fillna("").astype(str).str.startswith(_PEROVSKITE)
    known = table[table["spacegroup"].notna()]
    polar = known["spacegroup"].isin(POLAR_SPACE_GROUPS)
    nonpolar = known.loc[~polar, ["key", "calculator", "spacegroup", "perovskite", "energy"]]
    by = ["key", "calculator"]
    lowest = nonpolar.groupby(by)["energy"].min().rename("lowest").reset_index()
    relatives = pd.concat(
        [
            nonpolar[nonpolar["perovskite"] & nonpolar["spacegroup"].isin([*TILTED, 221])],
            _below_parents(known, labels),
        ]
    )
    relatives = relatives.sort_values("energy", kind="stable").drop_duplicates(by)
    relatives = relatives[[*by, "energy", "spacegroup"]].rename(
        columns={"energy": "tilted", "spacegroup": "tilted_spacegroup"}
    )
    joined = known[polar].merge(lowest, on=by, how="left").merge(relatives, on=by, how="left")
    joined["polymorph_gap"] = joined["energy"] - joined["lowest"]
    joined["tilted_gap"] = (joined["energy"] - joined["tilted"]).where(joined["perovskite"])
    joined["tilted_spacegroup"] = joined["tilted_spacegroup"].where(joined["perovskite"])
    joined = joined.sort_values(["tilted_gap", "polymorph_gap"], ascending=False, kind="stable")
    joined = joined.drop_duplicates("structure_id")
    joined = joined[joined["polymorph_gap"].notna() | joined["tilted_gap"].notna()]
    return joined[["structure_id", *GAPS]].sort_values("structure_id").reset_index(drop=True)


def _rows(labels: pd.DataFrame, name: str) -> pd.DataFrame:
    rows = labels.loc[labels["property"] == name, ["structure_id", "value", "method"]]
    return rows.dropna(subset=["value"]).drop_duplicates(["structure_id", "method"])


def _below_parents(known: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Energies of the tilted phases that only the tilt_energy of a cubic parent tells of."""
    tilts = labels.loc[labels["property"] == "tilt_energy", ["structure_id", "value", "path"]]
    tilts = tilts.assign(
        calculator=labels.loc[tilts.index, "method"].astype(str).str.split("/").str[-1]
    ).sort_values("value", ascending=False, kind="stable")
    tilts = tilts[tilts["value"] > 0].drop_duplicates(["structure_id", "calculator"])
    parents = known.merge(tilts, on=["structure_id", "calculator"], how="inner")
    volumes = [
        abs(np.linalg.det(np.asarray(lattice, dtype=float).reshape(3, 3))) / float(nsites)
        for lattice, nsites in zip(parents["lattice"], parents["nsites"], strict=True)
    ]
    parents["energy"] -= 1e-3 * parents["value"] * np.asarray(volumes, dtype=float)
    parents["spacegroup"] = parents["path"].map(_TILT_NUMBERS).astype(float)
    return parents[["key", "calculator", "spacegroup", "perovskite", "energy"]]


@cache
def _antiferroelectric() -> frozenset[tuple[tuple[str, float], ...]]:
    return frozenset(_composition(formula) for formula in ANTIFERROELECTRIC)


@lru_cache(maxsize=REMEMBERED)
def _composition(formula: str) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(reduced_amounts(formula)))


def _axial_ratio(cell: FloatArray) -> float:
    """c/a of a primitive tetragonal cell: the odd length over the mean of the two alike."""
    lengths = np.sort(np.linalg.norm(cell, axis=1))
    if lengths[1] - lengths[0] < lengths[2] - lengths[1]:
        return float(lengths[2] / lengths[:2].mean())
    return float(lengths[0] / lengths[1:].mean())
