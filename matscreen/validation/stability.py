"""Formation energies of a bundle beside those of the Materials Project of 2018."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matscreen.data import data_path
from matscreen.errors import InputError
from matscreen.simulations.bundle_reading import (
    element_energies,
    read_table,
    stored_entries,
    stored_references,
)
from matscreen.simulations.calculators import oxide_correction_of
from matscreen.simulations.stability import PhaseSpace, hubbard_shifts

if TYPE_CHECKING:
    import pandas as pd

MIRROR_FILE = "materials_project_2018.csv.gz"
NEAR_HULL = 0.1
"""Formulas whose best published phase lies higher, eV/atom, are left out: it is not the phase."""


def compare_formation_energies(
    mirror: Path, *, bundle: Path | None = None, calculator: str = "7net-0"
) -> pd.DataFrame:
    """Put the lowest phase of each formula of a bundle beside its published formation energy.

    The published values carry the corrections of 2018, those here the MP2020 ones. The known
    difference of the two schemes is the column ``offset``; what is left is ``error``.

    Args:
        mirror: Folder that holds ``materials_project_2018.csv.gz``.
        bundle: Bundle folder; None takes the shipped one.
        calculator: Potential of the bundle's energies.

    Returns:
        One row a formula, eV/atom: formula, raw (without any correction), formation, hull,
        published, published_hull, offset, error.

    Raises:
        InputError: The mirror lacks the file, or the bundle has nothing to compare.
    """
    import pandas as pd

    published = _published(mirror)
    folder = bundle or data_path("bundle")
    entries = [
        entry
        for entry in stored_entries(
            read_table(folder, "candidates"), read_table(folder, "labels", derived=False)
        )
        if entry.calculator == calculator
    ]
    elements = element_energies(stored_references(folder), calculator)
    correction = oxide_correction_of(calculator)
    corrected = PhaseSpace(entries, elements, oxide_correction=correction)
    bare = PhaseSpace(entries, elements, oxide_correction=0.0)
    rows = []
    for entry in entries:
        formation, raw = corrected.formation_energy(entry), bare.formation_energy(entry)
        formula = _formula(tuple(sorted(entry.counts.items())))
        if formation is not None and formula in published.index:
            row = {"formula": formula, "formation": formation, "raw": raw}
            rows.append({**row, "hull": corrected.above_hull(entry), "counts": entry.counts})
    if not rows:
        raise InputError(f"{folder} and {mirror} have no oxide in common")
    table = pd.DataFrame(rows).sort_values("formation").drop_duplicates("formula")
    table = table.join(published, on="formula")
    table = table[table["published_hull"] <= NEAR_HULL]
    table["offset"] = [scheme_offset(counts) if correction else 0.0 for counts in table["counts"]]
    table["error"] = table["formation"] - table["offset"] - table["published"]
    columns = ["formula", "raw", "formation", "hull", "published", "published_hull", "offset"]
    return table.sort_values("formula")[[*columns, "error", "counts"]].reset_index(drop=True)


def formation_energies(
    mirror: Path, *, bundle: Path | None = None, calculator: str = "7net-0"
) -> pd.DataFrame:
    """Summarise `compare_formation_energies` by cation; the first row is all formulas.

    Returns:
        cation, n; bias_raw before and bias_corrected after the MP2020 corrections; offset, the
        part of it that the schemes explain; bias and mae of what is left (all eV/atom);
        spearman of corrected against published values.
    """
    import pandas as pd

    table = compare_formation_energies(mirror, bundle=bundle, calculator=calculator)
    cations = sorted({symbol for counts in table["counts"] for symbol in counts} - {"O"})
    groups = {"all": table}
    for cation in cations:
        groups[cation] = table[[cation in counts for counts in table["counts"]]]
    rows = []
    for name, group in groups.items():
        rows.append(
            {
                "cation": name,
                "n": len(group),
                "bias_raw": float((group["raw"] - group["published"]).mean()),
                "bias_corrected": float((group["formation"] - group["published"]).mean()),
                "offset": float(group["offset"].mean()),
                "bias": float(group["error"].mean()),
                "mae": float(group["error"].abs().mean()),
                "spearman": _spearman(group["formation"], group["published"]),
            }
        )
    return pd.DataFrame(rows)


def hull_agreement(
    mirror: Path, *, bundle: Path | None = None, calculator: str = "7net-0", within: float = 0.05
) -> dict[str, float]:
    """Say how well "near the hull" agrees with the published hull distance.

    Only formulas that are published as being within `NEAR_HULL` are compared, so the ranks are
    those of a narrow range.

    Args:
        mirror: Folder that holds the published table.
        bundle: Bundle folder; None takes the shipped one.
        calculator: Potential of the bundle's energies.
        within: What counts as near the hull, eV/atom.

    Returns:
        n, mae (eV/atom), spearman, and agreement: the share of formulas on which both say the
        same about being near the hull.
    """
    table = compare_formation_energies(mirror, bundle=bundle, calculator=calculator)
    table = table.dropna(subset=["hull"])
    ours, theirs = table["hull"].clip(lower=0.0), table["published_hull"].clip(lower=0.0)
    return {
        "n": float(len(table)),
        "mae": float((ours - theirs).abs().mean()),
        "spearman": _spearman(ours, theirs),
        "agreement": float(((ours <= within) == (theirs <= within)).mean()),
    }


def _spearman(ours: pd.Series[float], theirs: pd.Series[float]) -> float:
    """Return the rank correlation; NaN for fewer than three values or when one side is constant."""
    from scipy.stats import spearmanr

    if len(ours) < 3 or min(np.ptp(ours.to_numpy()), np.ptp(theirs.to_numpy())) == 0.0:
        return float("nan")
    return float(spearmanr(ours, theirs).statistic)


def scheme_offset(counts: Mapping[str, int]) -> float:
    """Return MP2020 correction minus that of 2018 for an oxide, eV/atom.

    Both tables are those that pymatgen ships.
    """
    oxide, metals = _old_scheme()
    total = (_oxide_2020() - oxide) * counts.get("O", 0)
    shifts = hubbard_shifts()
    total += sum(
        (shifts.get(symbol, 0.0) - metals.get(symbol, 0.0)) * k for symbol, k in counts.items()
    )
    return float(total / sum(counts.values()))


@cache
def _oxide_2020() -> float:
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

    return float(MaterialsProject2020Compatibility().comp_correction["oxide"])


@cache
def _old_scheme() -> tuple[float, dict[str, float]]:
    """Return the oxide shift per oxygen and the +U shifts of the scheme of 2018, eV."""
    import warnings

    from pymatgen.entries.compatibility import MaterialsProjectCompatibility

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parts = MaterialsProjectCompatibility().corrections
    oxide = next(p.oxide_correction for p in parts if hasattr(p, "oxide_correction"))
    metals = next(p.u_corrections for p in parts if hasattr(p, "u_corrections"))
    return float(oxide["oxide"]), {str(k): float(v) for k, v in metals["O"].items()}


@cache
def _formula(counts: tuple[tuple[str, int], ...]) -> str:
    from pymatgen.core import Composition

    return str(Composition(dict(counts)).reduced_formula)


def _published(mirror: Path) -> pd.DataFrame:
    """Read the lowest published phase of each oxide: columns published and published_hull."""
    import pandas as pd
    from pymatgen.core import Composition

    path = mirror / MIRROR_FILE
    if not path.exists():
        raise InputError(f"{mirror} has no {MIRROR_FILE}; give the folder of the mirror")
    table = pd.read_csv(path)
    table = table[table["formula"].str.contains(r"O(?![a-z])")]
    table["formula"] = [str(Composition(name).reduced_formula) for name in table["formula"]]
    table = table.rename(
        columns={"e_form_eV_per_atom": "published", "e_hull_eV_per_atom": "published_hull"}
    )
    lowest = table.sort_values("published").drop_duplicates("formula").set_index("formula")
    return lowest[["published", "published_hull"]]
