import pytest

import matscreen as ms
from matscreen.errors import InputError
from matscreen.explanation import explain_candidate


def test_what_the_screen_rules_out_is_said(shared_store):
    screen = ms.load_screen("synapse")
    limits = screen.constraints.model_copy(
        update={"exclude_elements": ("K",), "min_endurance_margin": 1e9}
    )
    asked = {"constraints": limits, "mechanisms": ["ferroelectric"]}
    (found,) = explain_candidate(shared_store, screen.model_copy(update=asked), "KNbO3")
    assert not found.ranking["feasible"]
    assert "excluded_element: holds K" in found.ranking["reasons"]
    gates = found.gates.set_index("gate")
    assert not gates.loc["low_endurance_margin", "passes"]


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    broken = tmp_path / "broken.cif"
    broken.write_text("not a crystal\n")
    with pytest.raises(InputError, match="the file lists no atoms"):
        explain_candidate(ms.Store(tmp_path / "store"), ms.load_screen("synapse"), str(broken))
