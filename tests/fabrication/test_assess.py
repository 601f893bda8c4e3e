import pandas as pd
import pytest

from matscreen.fabrication import assess, barred
from matscreen.fabrication.assess import crystallisation_ratio

CANDIDATES = pd.DataFrame(
    {
        "structure_id": ["a", "b", "c"],
        "formula": ["BaTiO3", "TlScO3", "LaCrO3"],
        "source": ["bundle", "bundle", "bundle"],
    }
)
MELTING = pd.Series({"a": 1898.0, "b": 1500.0, "c": 2700.0})


def test_columns():
    table = assess(CANDIDATES, MELTING).set_index("structure_id")
    assert table.loc["a", "made"] is True or bool(table.loc["a", "made"])
    assert table.loc["b", "hazards"] == "toxic: holds Tl"
    ratio, scatter = crystallisation_ratio()
    assert 0.3 < ratio < 0.5
    assert 0.05 < scatter < 0.2
    assert table.loc["c", "crystallisation_temperature"] == pytest.approx(ratio * 2700.0)


def test_constraints_name_what_they_exclude():
    table = assess(CANDIDATES, MELTING)
    assert barred(table) == {"b": ("toxic: holds Tl",)}
    assert barred(table, allow_hazardous=True) == {}
    found = barred(
        table,
        allow_hazardous=True,
        exclude_elements=["Cr"],
        formulas=CANDIDATES["formula"],
        max_process_temperature=900.0,
    )
    assert set(found) == {"c"}
    assert [reason.split(":")[0] for reason in found["c"]] == ["excluded_element", "thermal_budget"]
    assert set(barred(table, require_made=True)) >= {"b"}
    assert set(barred(table, max_hhi=1.0)) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("optimade:cod", True),
        ("optimade:mp;optimade:cod", True),
        ("known", True),
        ("optimade:mp", False),
        (None, False),
        (float("nan"), False),
    ],
)
def test_what_an_experimental_database_holds_was_made(source, made):
    table = assess(CANDIDATES.iloc[[1]].assign(source=[source]), MELTING)
    reasons = barred(table, allow_hazardous=True, require_made=True)
    assert ("b" not in reasons) == made
