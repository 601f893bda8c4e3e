"""Measured devices: read, checked, and predicted each under its own specification."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from matscreen.data import data_path
from matscreen.descriptors.composition import parse_formula
from matscreen.errors import InputError
from matscreen.mechanisms import MECHANISMS, Device
from matscreen.mechanisms.polarization_reversal import REFERENCE_TIME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matscreen.mechanisms import Mechanism

NEEDED: Final = ("formula", "mechanism", "energy_J", "time_s")
GIVEN: Final = ("area_m2", "thickness_m", "voltage_V", "temperature_K", "levels")
"""Columns that refine the specification of a device where they are given."""
CIRCULAR: Final = ("computed_2PrAV", "computed_IcPhi0", "computed_CV2")
NOT_MEASURED: Final = ("projected", "simulated")
SAMPLES: Final = 2000


def load_devices(path: Path | None = None) -> pd.DataFrame:
    """Read a table of measured devices.

    Args:
        path: CSV file with the columns formula, mechanism, energy_J, time_s and, where known, id,
            area_m2, thickness_m, voltage_V, temperature_K, levels, basis, scope, interface,
            energy_bound, confidence; the shipped table when not given.

    Raises:
        InputError: The file cannot be read, lacks a column, or holds a wrong value.
    """
    file = path or data_path("reference", "devices.csv")
    try:
        table = pd.read_csv(file)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the devices {file}: {error}") from error
    lacking = [name for name in NEEDED if name not in table]
    if lacking:
        raise InputError(
            f"{file} lacks the columns {', '.join(lacking)}; needed: {', '.join(NEEDED)}, "
            f"useful: {', '.join(GIVEN)}"
        )
    if "id" not in table:
        table["id"] = [f"row {number}" for number in range(2, len(table) + 2)]
    for name in ("energy_J", "time_s", *GIVEN):
        if name not in table:
            table[name] = np.nan
        table[name] = _positive_column(table, name, file)
    return table


def exclusion(row: pd.Series, *, recalled: bool = False) -> str:
    """Say why a device is not scored; empty when it is.

    Args:
        row: One row of `load_devices`.
        recalled: Score rows of low confidence too.
    """
    if row["mechanism"] not in MECHANISMS:
        return "other mechanism"
    checks = (
        (not _is_formula(row["formula"]), "the formula cannot be read"),
        (not math.isfinite(row["energy_J"]), "no energy"),
        (row.get("basis") in NOT_MEASURED, "not measured"),
        (row.get("basis") in CIRCULAR, "circular: computed by the formula of the model"),
        (_text(row, "scope") not in ("device", ""), "circuit or chip"),
        (row.get("confidence") == "low" and not recalled, "low confidence"),
        (row.get("energy_bound", "exact") in ("upper", "lower"), "only a bound"),
        (row.get("interface") == 1, "switches at a whole interface"),
        (not math.isfinite(row["time_s"]) and row["mechanism"] != "josephson", "no time"),
    )
    return next((reason for failed, reason in checks if failed), "")


def specification(row: pd.Series) -> Device:
    """Return the common specification with what is known of one measured device."""
    known = {
        name: float(row[column])
        for name, column in (
            ("area", "area_m2"),
            ("thickness", "thickness_m"),
            ("switching_time", "time_s"),
        )
        if math.isfinite(row[column])
    }
    spec = Device()
    changes: dict[str, Any] = dict(known)
    time = known.get("switching_time", spec.switching_time)
    changes["retention_time"] = max(spec.retention_time, 10.0 * time)
    changes["attempt_time"] = min(spec.attempt_time, 0.1 * time)
    if math.isfinite(row["levels"]):
        changes["n_levels"] = max(int(row["levels"]), 2)
    if math.isfinite(row["voltage_V"]):
        changes["filament"] = replace(spec.filament, voltage=float(row["voltage_V"]))
    if row["mechanism"] == "josephson" and math.isfinite(row["temperature_K"]):
        changes["josephson"] = replace(
            spec.josephson, operating_temperature=float(row["temperature_K"])
        )
    return replace(spec, **changes)


def application_of(row: pd.Series) -> str:
    """Return the event of a measured device: an analog level, a spike or a toggle."""
    if row["mechanism"] == "insulator_metal":
        return "neuron"
    return "synapse" if math.isfinite(row["levels"]) and row["levels"] > 1 else "logic"


def predict(
    devices: pd.DataFrame,
    properties: pd.DataFrame,
    mechanisms: Sequence[Mechanism],
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """Predict the energy of each device from its material.

    Energies in the cold are compared in the cold: the cooling factor is divided out.

    Args:
        devices: Rows of `load_devices`.
        properties: Tidy property table whose structure_id is the formula.
        mechanisms: What is scored.
        seed: Seed of the draws.

    Returns:
        The devices with predicted_J, lower_J, upper_J (90 %, property and model error) and
        the columns of the properties used; unknown mechanisms are left out.
    """
    from matscreen.ranking import rank

    by_name = {mechanism.name: mechanism for mechanism in mechanisms}
    parts = []
    for _, row in devices.iterrows():
        if row["mechanism"] not in by_name:
            continue
        known = properties[properties["structure_id"] == row["formula"]]
        found = rank(
            pd.DataFrame({"structure_id": [row["formula"]], "formula": [row["formula"]]}),
            known,
            [by_name[row["mechanism"]]],
            specification(row),
            application_of(row),
            samples=SAMPLES,
            seed=seed,
        ).iloc[0]
        cooling = float(found.get("cooling_factor", 1.0))
        used = {
            name: found[name]
            for name in (
                *by_name[row["mechanism"]].requires,
                *by_name[row["mechanism"]].optional,
            )
            if name in found.index
        }
        given: dict[str, Any] = {str(name): value for name, value in row.items()}
        parts.append(
            {
                **given,
                "predicted_J": float(found["energy_nominal_J"]) / cooling,
                "lower_J": float(found["energy_lower_J"]) / cooling,
                "upper_J": float(found["energy_upper_J"]) / cooling,
                "evidence": found["evidence"],
                **used,
            }
        )
    return pd.DataFrame(parts)


def device_properties(formulas: Sequence[str]) -> pd.DataFrame:
    """Gather what is known of the materials of devices: facts, and labels of the shipped bundle.

    Of several shipped phases of a formula, the one lowest above the hull is taken; a formula
    without a shipped phase has its facts and, later, priors.

    Raises:
        InputError: This installation has no bundle.
    """
    from matscreen.evidence import gather_properties
    from matscreen.simulations.bundle_reading import read_table

    folder = data_path("bundle")
    stored, simulated = read_table(folder, "candidates"), read_table(folder, "labels")
    if stored is None or simulated is None:
        raise InputError(f"this installation ships no bundle of candidates and labels in {folder}")
    candidates, labels = stored.to_pandas(), simulated.to_pandas()
    hull = labels[labels["property"] == "energy_above_hull"].set_index("structure_id")["value"]
    candidates = candidates.assign(
        spelled=candidates["formula"].map(_spelling),
        hull=candidates["structure_id"].map(hull[~hull.index.duplicated()]),
    )
    parts = []
    for formula in dict.fromkeys(formulas):
        phases = candidates[candidates["spelled"] == _spelling(formula)].dropna(subset=["hull"])
        if phases.empty:
            asked = pd.DataFrame({"structure_id": [formula], "formula": [formula]})
            parts.append(gather_properties(asked))
        else:
            best = phases.sort_values("hull", kind="stable").head(1)
            found = gather_properties(
                best, labels=labels[labels["structure_id"].isin(phases["structure_id"])]
            )
            parts.append(found.assign(structure_id=formula))
    return pd.concat(parts, ignore_index=True)


def film_devices(path: Path | None = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn measured ferroelectric films into devices of one square micrometre.

    What a film dissipates for one reversal is, per volume, 2 Pr Ec of its loop; the prediction
    starts from the first-principles well of the crystal and shares nothing with it.

    Returns:
        Devices, and a tidy property table of their wells (std of a fifth for each).
    """
    films = pd.read_csv(path or data_path("reference", "ferroelectric_films.csv"))
    needed = [
        "remanent_polarization_uC_cm2",
        "coercive_field_V_per_m",
        "thickness_m",
        "well_depth_meV_per_A3",
        "well_polarization_uC_cm2",
    ]
    films = films.dropna(subset=needed).reset_index(drop=True)
    area = 1e-12
    energy = (
        2e-2
        * films["remanent_polarization_uC_cm2"]
        * films["coercive_field_V_per_m"]
        * films["thickness_m"]
        * area
    )
    devices = pd.DataFrame(
        {
            "id": [f"film {number}" for number in range(1, len(films) + 1)],
            "formula": films["formula"],
            "mechanism": "ferroelectric",
            "energy_J": energy,
            "time_s": films["loop_time_s"].fillna(REFERENCE_TIME),
            "area_m2": area,
            "thickness_m": films["thickness_m"],
            "voltage_V": np.nan,
            "temperature_K": np.nan,
            "levels": np.nan,
            "basis": "loop",
            "scope": "device",
            "confidence": films["confidence"],
            "source": films["source"],
        }
    )
    wells = films.drop_duplicates("formula")
    names = {
        "well_depth": "well_depth_meV_per_A3",
        "spontaneous_polarization": "well_polarization_uC_cm2",
    }
    parts = [
        pd.DataFrame(
            {
                "structure_id": wells["formula"],
                "property": name,
                "mean": wells[column].astype(float),
                "std": 0.2 * wells[column].astype(float),
                "evidence": "dft",
                "confidence": "",
                "method": wells["well_source"],
            }
        )
        for name, column in names.items()
    ]
    # The dielectric is no part of the loop's area.
    parts.append(
        parts[0].assign(property="relative_permittivity", mean=1.0, std=0.0, method="loop area")
    )
    return devices, pd.concat(parts, ignore_index=True)


def _spelling(formula: str) -> str:
    from pymatgen.core import Composition

    return str(Composition(str(formula)).reduced_formula)


def _text(row: pd.Series, name: str) -> str:
    """Return a text column of a row; empty where it is absent or nothing is given."""
    value = row.get(name)
    return "" if value is None or pd.isna(value) else str(value)


def _is_formula(formula: object) -> bool:
    try:
        # Composition takes more than oxides have, such as T for tritium.
        return bool(parse_formula(str(formula)) and _spelling(str(formula)))
    except ValueError:
        return False


def _positive_column(table: pd.DataFrame, name: str, file: Path) -> pd.Series:
    values = pd.to_numeric(table[name], errors="coerce")
    wrong = (values.isna() & table[name].notna()) | (values <= 0)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{file}, line {row + 2}: {name} must be a positive number, "
            f"got {str(table[name].iloc[row])!r}"
        )
    return values
