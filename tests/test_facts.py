import pandas as pd
import pytest

from matscreen.facts import COLUMNS, RELATIVE_STD, facts_for, load_facts
from matscreen.properties import get_property, is_physical


def test_every_fact_is_physical_and_sourced():
    facts = load_facts()
    assert len(facts) > 100
    for row in facts.itertuples():
        assert is_physical(row.property, row.value), row
        assert row.unit == get_property(row.property).unit, row
        assert row.confidence in RELATIVE_STD, row
        assert len(row.source) > 5, row
    assert not facts.duplicated(["formula", "spacegroup", "property"]).any()


def test_facts_are_found_under_any_spelling_of_the_formula():
    for formula in ("PbTiO3", "TiPbO3", "Pb2Ti2O6"):
        facts = _facts(("p", formula, 99))
        assert facts.loc[("p", "curie_temperature"), "mean"] == 763


def _facts(*candidates):
    frame = pd.DataFrame(candidates, columns=["structure_id", "formula", "spacegroup"])
    return facts_for(frame).set_index(["structure_id", "property"])


def test_facts_join_by_formula_and_space_group():
    facts = _facts(("t", "BaTiO3", 99), ("c", "BaTiO3", 221), ("x", "BaSnO3", 221))
    assert facts.loc[("t", "curie_temperature"), "mean"] == 393
    assert ("c", "curie_temperature") not in facts.index
    assert facts.loc[("c", "melting_temperature"), "mean"] == 1898
    assert "x" not in facts.index.get_level_values(0)
    assert (facts["evidence"] == "measured").all()


def test_facts_of_an_unknown_space_group_are_the_general_ones():
    facts = _facts(("u", "BaTiO3", None))
    assert ("u", "melting_temperature") in facts.index
    assert ("u", "curie_temperature") not in facts.index


def test_no_candidates_no_facts():
    empty = pd.DataFrame({"structure_id": [], "formula": [], "spacegroup": []})
    assert list(facts_for(empty).columns) == list(COLUMNS)


def test_column_space_group_may_be_missing():
    frame = pd.DataFrame({"structure_id": ["m"], "formula": ["MgO"]})
    assert facts_for(frame)["mean"].max() == pytest.approx(3.32e6)
