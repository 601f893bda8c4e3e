import numpy as np
import pandas as pd
import pytest

from matscreen.errors import InputError
from matscreen.evidence import best_evidence, gather_properties


def _table(*rows):
    columns = ["structure_id", "property", "mean", "std", "evidence", "confidence"]
    return pd.DataFrame(rows, columns=columns)


def test_order_of_evidence():
    table = _table(
        ("a", "band_gap", 1.0, 0.5, "surrogate", ""),
        ("a", "band_gap", 2.0, 0.5, "dft", ""),
        ("a", "band_gap", 3.0, 0.5, "prior", ""),
        ("a", "band_gap", 4.0, 0.5, "mlip", ""),
    )
    assert best_evidence(table)["mean"].tolist() == [2.0]
    measured = pd.concat([table, _table(("a", "band_gap", 5.0, 0.5, "measured", "verified"))])
    assert best_evidence(measured)["mean"].tolist() == [5.0]


def test_a_recalled_fact_never_outranks_a_computed_value():
    recalled = ("a", "band_gap", 5.0, 0.5, "measured", "low")
    computed = ("a", "band_gap", 1.0, 0.5, "surrogate", "")
    guess = ("a", "band_gap", 3.0, 0.5, "prior", "")
    assert best_evidence(_table(recalled, computed))["mean"].tolist() == [1.0]
    assert best_evidence(_table(recalled, guess))["mean"].tolist() == [5.0]


def test_among_equals_the_lowest_hop_but_the_surest_gap():
    hops = _table(
        ("a", "oxygen_migration_barrier", 0.9, 0.1, "mlip", ""),
        ("a", "oxygen_migration_barrier", 0.6, 0.3, "mlip", ""),
    )
    assert best_evidence(hops)["mean"].tolist() == [0.6]
    gaps = hops.assign(property="band_gap")
    assert best_evidence(gaps)["mean"].tolist() == [0.9]


def test_rows_without_a_value_are_dropped():
    table = _table(
        ("a", "band_gap", np.nan, 0.1, "dft", ""), ("a", "band_gap", 1.0, 0.5, "prior", "")
    )
    assert best_evidence(table)["mean"].tolist() == [1.0]


def test_unknown_evidence_is_named():
    with pytest.raises(InputError, match="rumour"):
        best_evidence(_table(("a", "band_gap", 1.0, 0.5, "rumour", "")))
    with pytest.raises(InputError, match="lacks the columns property"):
        best_evidence(pd.DataFrame({"structure_id": [], "mean": [], "evidence": []}))


def _labels(*rows):
    columns = ["structure_id", "property", "value", "std", "evidence", "method", "site"]
    return pd.DataFrame(rows, columns=columns)


def test_labels_are_read_through_the_input_structure():
    candidates = pd.DataFrame(
        {"structure_id": ["r"], "formula": ["SrSnO3"], "input_id": ["i"], "spacegroup": [221]}
    )
    labels = _labels(("i", "band_gap", 2.0, 0.1, "mlip", "m", None))
    got = gather_properties(candidates, labels=labels)
    assert got[["structure_id", "mean"]].to_numpy().tolist() == [["r", 2.0]]
    own = _labels(
        ("r", "band_gap", 3.0, 0.1, "mlip", "m", None),
        ("i", "band_gap", 2.0, 0.1, "mlip", "m", None),
    )
    assert gather_properties(candidates, labels=own)["mean"].tolist() == [3.0]


def test_the_lowest_site_counts():
    candidates = pd.DataFrame({"structure_id": ["r"], "formula": ["SrSnO3"]})
    labels = _labels(
        ("r", "oxygen_migration_barrier", 0.9, 0.2, "mlip", "m", "O2"),
        ("r", "oxygen_migration_barrier", 0.6, 0.3, "mlip", "m", "O3"),
    )
    assert gather_properties(candidates, labels=labels)["mean"].tolist() == [0.6]


def test_labels_predictions_and_facts_come_together():
    candidates = pd.DataFrame({"structure_id": ["b"], "formula": ["BaTiO3"], "spacegroup": [99]})
    predictions = pd.DataFrame(
        {
            "structure_id": ["b", "b", "other"],
            "property": ["band_gap", "well_depth", "band_gap"],
            "mean": [1.7, 0.2, 9.0],
            "std": [0.4, 0.2, 1.0],
            "lower": [1.0, 0.0, 8.0],
            "upper": [2.4, 0.6, 10.0],
            "in_domain": [True, False, True],
            "model_id": ["m", "m", "m"],
        }
    )
    labels = _labels(("b", "well_depth", 1.0, 0.3, "mlip", "double_well", None))
    got = gather_properties(candidates, labels=labels, predictions=predictions)
    evidence = got.set_index("property")["evidence"].to_dict()
    assert evidence["band_gap"] == "surrogate"
    assert evidence["well_depth"] == "mlip"
    assert evidence["curie_temperature"] == "measured"
    assert set(got["structure_id"]) == {"b"}


def test_nothing_known_gives_an_empty_table():
    candidates = pd.DataFrame({"structure_id": ["r"], "formula": ["SrSnO3"]})
    assert gather_properties(candidates).empty


def test_a_corrected_value_replaces_the_raw_one_even_where_the_lowest_counts():
    table = pd.DataFrame(
        {
            "structure_id": ["a", "a", "b"],
            "property": ["oxygen_vacancy_formation_energy"] * 3,
            "mean": [3.0, 4.5, 2.0],
            "std": [0.55, 0.4, 0.55],
            "evidence": ["mlip"] * 3,
            "method": [
                "oxygen_vacancy/7net-0",
                "oxygen_vacancy+cation_group/7net-0",
                "oxygen_vacancy/7net-0",
            ],
        }
    )
    best = best_evidence(table).set_index("structure_id")["mean"]
    assert best.to_dict() == {"a": 4.5, "b": 2.0}


@pytest.mark.parametrize("order", [1, -1])
def test_a_newer_version_of_a_recipe_replaces_sites_that_it_no_longer_finds(order):
    """Two sites of one version are compared; a site of an older version is out of date."""
    candidates = pd.DataFrame({"structure_id": ["a"], "formula": ["X2O5"]})
    sites = [("O1", 0.9, "9+x-1"), ("O2", 1.4, "10+x-1"), ("O3", 1.2, "10+x-1")]
    labels = pd.DataFrame(
        [
            {
                "structure_id": "a",
                "property": "oxygen_migration_barrier",
                "site": site,
                "value": value,
                "std": 0.1,
                "evidence": "mlip",
                "method": "oxygen_migration/7net-0",
                "version": version,
            }
            for site, value, version in sites[::order]
        ]
    )
    (row,) = gather_properties(candidates, labels=labels, facts=False).to_dict("records")
    assert row["mean"] == 1.2
