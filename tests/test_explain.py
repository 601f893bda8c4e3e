import pandas as pd
import pytest

from matscreen.errors import InputError
from matscreen.explain import explain
from matscreen.mechanisms import Device, get_mechanism

CANDIDATE = pd.DataFrame({"structure_id": ["x"], "formula": ["BaTiO3"], "spacegroup": [99]})


def values(**errors: float) -> pd.DataFrame:
    means = {"spontaneous_polarization": 26.0, "well_depth": 1.0, "relative_permittivity": 200.0}
    return pd.DataFrame(
        [
            {
                "structure_id": "x",
                "property": name,
                "mean": mean,
                "std": errors.get(name, 0.0),
                "evidence": "mlip" if name == "well_depth" else "measured",
                "method": "test",
            }
            for name, mean in means.items()
        ]
    )


def test_the_most_uncertain_property_leads():
    found = explain(
        CANDIDATE, values(well_depth=0.6), get_mechanism("ferroelectric"), Device(), "synapse"
    )
    assert found.uncertainty["source"].iloc[0] == "well_depth"
    assert found.uncertainty["share"].between(0.0, 1.0).all()
    assert found.uncertainty["share"].sum() == pytest.approx(1.0, abs=0.15)
    assert any("well depth by DFT" in text for text in found.advice)


def test_without_property_errors_the_model_is_all():
    found = explain(CANDIDATE, values(), get_mechanism("ferroelectric"), Device(), "synapse")
    parts = found.uncertainty.set_index("source")["share"]
    assert parts["model error, shared"] + parts["model error, material"] > 0.95
    assert found.ranking["energy_nominal_J"] > 0
    assert "write_voltage_V" in found.physics


def test_failed_gates_have_a_sentence_and_a_chance():
    nonpolar = CANDIDATE.assign(spacegroup=221)
    found = explain(nonpolar, values(), get_mechanism("ferroelectric"), Device(), "synapse")
    gates = found.gates.set_index("gate")
    assert not gates.loc["nonpolar", "passes"]
    assert gates.loc["nonpolar", "chance"] == 0.0
    assert gates.loc["nonpolar", "sentence"].startswith("nonpolar:")


def test_one_candidate_at_a_time():
    with pytest.raises(InputError, match="one candidate, got 2"):
        explain(
            pd.concat([CANDIDATE, CANDIDATE]),
            values(),
            get_mechanism("ferroelectric"),
            Device(),
            "synapse",
        )
