from __future__ import annotations

import pytest

import matscreen as ms
from matscreen.errors import InputError


@pytest.fixture(scope="module")
def found(shared_store):
    return ms.explain_candidate(shared_store, "synapse", "KNbO3", mechanisms=["ferroelectric"])


def test_a_card_shows_the_whole_chain(found):
    (explanation,) = found
    html = ms.card(explanation)._repr_html_()
    for text in (
        "KNbO<sub>3</sub>", "Properties used", "spontaneous polarization", "µC/cm²", "write voltage",
        "Where the uncertainty comes from", "█", "<b>Next</b>",
    ):  # fmt: skip
        assert text in html
    assert explanation.advice[0] in html
    assert "nan" not in html.lower()


def test_a_formula_is_explained_by_its_relaxed_phases(found, shared_store):
    relaxed = set(shared_store.read("candidates")["input_id"].to_pylist())
    assert found[0].structure_id not in relaxed


def test_in_a_terminal_it_is_one_line(found):
    text = repr(ms.card(found[0]))
    assert text.startswith("KNbO₃, ferroelectric: ")
    assert "\n" not in text


def test_only_the_mechanisms_that_were_asked_for(found):
    assert [each.mechanism for each in found] == ["ferroelectric"]


def test_a_candidate_that_is_not_there(shared_store):
    with pytest.raises(InputError, match="no candidate 'KNbO9'"):
        ms.explain_candidate(shared_store, "synapse", "KNbO9")
