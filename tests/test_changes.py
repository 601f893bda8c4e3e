import pandas as pd
import pytest

from matscreen.changes import changes
from matscreen.made_of import MadeOf, Record, TableContent

STORE = {name: TableContent(1, name) for name in ("candidates", "provenance", "labels")}
MADE = MadeOf("screen", "sources", "code", {"numpy": "2.4"}, STORE)


def ranking(*rows):
    """Make a ranking of (structure, energy, feasible, evidence), ranked by energy."""
    table = pd.DataFrame(rows, columns=["structure_id", "energy_nominal_J", "feasible", "evidence"])
    table = table.sort_values("energy_nominal_J").reset_index(drop=True)
    table["rank_in_mechanism"] = range(1, len(table) + 1)
    table["formula"] = table["structure_id"].str.upper()
    table["mechanism"] = "ferroelectric"
    table["source"] = "files"
    table["reasons"] = ["" if each else "metal: no gap; melts: soon" for each in table["feasible"]]
    return table


def record(table, labels=None, made=MADE, models=None):
    table = table.assign(labels=table["structure_id"].map(labels or {}))
    return Record(made, "2026-01-01T00:00:00+00:00", "run", models or {}, table)


def compare(
    before, after, *, labels=None, old_labels=None, made=MADE, old_models=None, models=None, n=2
):
    return changes(
        record(before, old_labels, models=old_models),
        after,
        made,
        labels=labels or {},
        models=models or {},
        n=n,
    )


A, B, C = ("a", 1.0, True, "mlip"), ("b", 2.0, True, "mlip"), ("c", 3.0, True, "surrogate")


def test_equal_rankings_have_no_changes():
    found = compare(ranking(A, B, C), ranking(A, B, C))
    assert not found
    assert found.summary() == "the best ten are the same"
    assert found.causes == ()


def test_a_new_candidate_enters_and_pushes_another_out():
    found = compare(ranking(A, B), ranking(A, ("new", 1.5, True, "surrogate"), B))
    assert [(c.structure_id, c.after, c.why) for c in found.entered] == [
        ("new", 2, ("new candidate (files)",))
    ]
    (left,) = found.left
    assert (left.structure_id, left.before, left.after) == ("b", 2, 3)
    assert left.why == ("its energy is the same; others passed it or fell behind",)
    assert found.moved == ()
    assert found.summary() == "1 entered, 1 left"
    assert str(found.entered[0]) == "NEW (ferroelectric) enters at 2: new candidate (files)"


def test_a_new_label_and_better_evidence_are_the_reasons():
    after = ranking(A, B, ("c", 0.5, True, "dft"))
    found = compare(
        ranking(A, B, C),
        after,
        old_labels={"c": ["band_gap|pbe|1"]},
        labels={"c": ["band_gap|pbe|2", "well_depth|double_well|3"]},
    )
    (entered,) = found.entered
    assert entered.why == (
        "new label: well_depth by double_well",
        "label band_gap by pbe is now 2, was 1",
        "better evidence: surrogate became dft",
    )
    assert entered.energy_before_J == 3.0
    assert entered.energy_after_J == 0.5


def test_feasibility_explains():
    found = compare(ranking(A, B), ranking(A, ("b", 2.0, False, "mlip")))
    (left,) = found.left
    assert left.why == ("no longer feasible: metal: no gap, melts: soon",)
    assert left.after is None
    back = compare(ranking(A, ("b", 2.0, False, "mlip")), ranking(A, B))
    assert back.entered[0].why == ("became feasible, before: metal: no gap, melts: soon",)


def test_a_candidate_that_is_gone_leaves():
    found = compare(ranking(A, B, C), ranking(B, C))
    assert [c.structure_id for c in found.entered] == ["c"]
    assert [c.structure_id for c in found.left] == ["a"]
    assert found.left[0].why == ("no longer among the candidates of the sources",)
    assert [(c.structure_id, c.before, c.after) for c in found.moved] == [("b", 2, 1)]


def test_another_model_or_code_explains_an_energy_that_moved():
    made = MadeOf("screen", "sources", "other", {"numpy": "2.5"}, STORE)
    found = compare(
        ranking(A, B),
        ranking(B, ("a", 2.5, True, "mlip")),
        made=made,
        old_models={"well_depth": "m1", "band_gap": "g"},
        models={"well_depth": "m2", "polar_barrier": "p"},
    )
    assert found.causes == (
        "another version of matscreen",
        "numpy 2.4 became 2.5",
        "band_gap has no surrogate any more",
        "polar_barrier has its first surrogate",
        "the surrogate of well_depth was trained anew",
    )
    moved = {c.structure_id: c.why for c in found.moved}
    assert moved["a"] == ("its energy went from 1 to 2.5 J", *found.causes)
    assert moved["b"] == ("its energy is the same; others passed it or fell behind",)


def test_each_mechanism_has_its_own_best():
    other = ranking(("x", 9.0, True, "dft")).assign(mechanism="valence_change")
    found = compare(ranking(A), pd.concat([ranking(A), other], ignore_index=True), n=1)
    assert [(c.mechanism, c.structure_id) for c in found.entered] == [("valence_change", "x")]


@pytest.mark.parametrize("empty", [True, False])
def test_a_ranking_without_candidates_can_be_compared(empty):
    nothing = ranking(A).iloc[:0]
    found = compare(nothing, ranking(A)) if empty else compare(ranking(A), nothing)
    assert len(list(found)) == 1
