import matscreen as ms
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
