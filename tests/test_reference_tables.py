"""The shipped tables of facts: readable, in one unit system, each row with source and confidence."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from matscreen.data import data_path
from matscreen.mechanisms import MECHANISMS
from matscreen.properties import PROPERTIES
from matscreen.validation.devices import CIRCULAR, NOT_MEASURED, exclusion, load_devices

CONFIDENCE = {"verified", "medium", "low"}
TABLES = sorted(path.name for path in data_path("reference").glob("*.csv"))
WITH_CONFIDENCE = [
    name
    for name in TABLES
    if "confidence" in pd.read_csv(data_path("reference", name), nrows=0).columns
]


def _read(name: str) -> pd.DataFrame:
    return pd.read_csv(data_path("reference", name))


@pytest.mark.parametrize("name", TABLES)
def test_no_table_names_a_place_on_the_web(name: str) -> None:
    text = data_path("reference", name).read_text(encoding="utf-8")
    assert "http" not in text
    assert "www." not in text


@pytest.mark.parametrize("name", WITH_CONFIDENCE)
def test_every_row_has_source_and_confidence(name: str) -> None:
    table = _read(name)
    assert set(table["confidence"]) <= CONFIDENCE
    assert table["source"].notna().all()
    for doi in table["doi"].dropna() if "doi" in table else ():
        assert re.fullmatch(r"10\.\d{4,}/\S+", doi), doi


def test_facts_use_registry_names_units_and_bounds() -> None:
    facts = _read("facts.csv")
    assert not facts.duplicated(["formula", "spacegroup", "property"]).any()
    for row in facts.to_dict("records"):
        entry = PROPERTIES[row["property"]]
        assert row["unit"] == entry.unit, row
        assert entry.lower <= row["value"] <= entry.upper, row


@pytest.mark.parametrize("name", ["facts.csv", "crystallisation.csv", "ferroelectric_films.csv"])
def test_formulas_can_be_read(name: str) -> None:
    from pymatgen.core import Composition

    for formula in _read(name)["formula"].unique():
        assert Composition(formula).num_atoms > 0


def test_transitions_and_superconductors_are_there() -> None:
    facts = _read("facts.csv")
    found = facts.groupby("property")["formula"].nunique()
    assert found["transition_temperature"] >= 40
    assert found["critical_temperature"] >= 20
    vanadium = facts[(facts["formula"] == "VO2") & (facts["property"] == "transition_temperature")]
    assert set(vanadium["spacegroup"]) == {136, 14}  # either phase stands for the compound
    assert (vanadium["value"] == 340).all()


def test_devices_say_what_their_energy_is() -> None:
    devices = load_devices()
    assert not devices["id"].duplicated().any()
    assert set(devices["mechanism"]) <= {*MECHANISMS, "other"}
    assert set(devices["basis"]) <= {"reported", "computed_VIt", *CIRCULAR, *NOT_MEASURED}
    assert set(devices["scope"]) <= {"device", "circuit", "chip"}
    assert set(devices["energy_bound"]) <= {"exact", "upper", "lower", "order"}
    assert devices["energy_J"].between(1e-21, 1e-5).all()
    assert devices["time_s"].dropna().between(1e-13, 1.0).all()


def test_projections_and_circuits_are_kept_but_never_scored() -> None:
    devices = load_devices()
    devices["excluded"] = [exclusion(row) for _, row in devices.iterrows()]
    scored = devices[devices["excluded"] == ""]
    assert {"not measured", "circuit or chip", "low confidence"} <= set(devices["excluded"])
    assert not set(scored["basis"]) & {*NOT_MEASURED, *CIRCULAR}
    assert set(scored["scope"]) == {"device"}
    assert "low" not in set(scored["confidence"])


def test_films_are_physical() -> None:
    films = _read("ferroelectric_films.csv")
    assert films["thickness_m"].between(1e-9, 1e-5).all()
    assert films["remanent_polarization_uC_cm2"].between(0.1, 200).all()
    assert films["coercive_field_V_per_m"].between(1e5, 1e9).all()
    assert films["well_depth_meV_per_A3"].dropna().between(0.01, 50).all()


def test_measured_loops_dissipate_more_than_the_switched_charge() -> None:
    row = _read("loop_losses.csv").iloc[0]
    assert 1.0 < row["p10"] < row["median"] < row["p90"]
