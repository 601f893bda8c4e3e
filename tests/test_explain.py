import pandas as pd
import pytest

from matscreen.errors import InputError
from matscreen.explain import explain, explain_ranked
from matscreen.mechanisms import Device, get_mechanism
from matscreen.mechanisms.geometry import ElectrolyteGeometry
from matscreen.ranking import rank

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


def test_a_candidate_that_may_not_be_chosen_is_not_feasible():
    asked = (CANDIDATE, values(), get_mechanism("ferroelectric"), Device(), "synapse")
    plain = explain(*asked, samples=400)
    barred = explain(*asked, samples=400, barred={"x": ["toxic: holds Ba"]})
    assert plain.ranking["feasible"]
    assert not barred.ranking["feasible"]
    assert barred.ranking["reasons"].startswith("toxic: holds Ba")
    assert barred.ranking["energy_nominal_J"] == plain.ranking["energy_nominal_J"]


def vacancies(structure_id: str, **more: float) -> list[dict[str, object]]:
    means = {"oxygen_vacancy_formation_energy": 4.0, "oxygen_migration_barrier": 0.4, **more}
    return [
        {"structure_id": structure_id, "property": name, "mean": mean, "std": 0.1}
        | {"evidence": "mlip", "method": "test"}
        for name, mean in means.items()
    ]


def test_what_is_known_of_another_candidate_only_is_left_out():
    both = pd.DataFrame({"structure_id": ["a", "b"], "formula": ["SrTiO3", "SrFeO3"]})
    table = pd.DataFrame([*vacancies("a"), *vacancies("b", insertion_voltage=1.0)])
    mechanism = get_mechanism("electrochemical")
    ranking = rank(both, table, [mechanism], samples=100)
    found = explain_ranked(ranking, both, table, mechanism, Device(), "synapse", samples=400)
    known = {each.structure_id: set(each.properties["property"]) for each in found}
    assert "insertion_voltage" in known["b"]
    assert "insertion_voltage" not in known["a"]
    sources = {each.structure_id: set(each.uncertainty["source"]) for each in found}
    assert "insertion_voltage" not in sources["a"]


def test_the_model_error_moves_only_what_is_over_the_floor():
    candidate = pd.DataFrame({"structure_id": ["a"], "formula": ["SrTiO3"]})
    # So slow, so well conducting a cell spends nearly all on the reversible part.
    device = Device(
        switching_time=10.0,
        electrolyte=ElectrolyteGeometry(exchange_current=1e6, conductivity=1.0),
    )
    table = pd.DataFrame(vacancies("a"))
    found = explain(candidate, table, get_mechanism("electrochemical"), device, "logic")
    parts = found.uncertainty.set_index("source")
    assert (parts["low_J"] >= found.ranking["energy_floor_J"] * 0.9).all()
    assert parts["share"]["oxygen_vacancy_formation_energy"] > 0.5
    model = parts.loc["model error, shared"]
    assert model["high_J"] < 2 * found.ranking["energy_nominal_J"]


def test_one_candidate_at_a_time():
    with pytest.raises(InputError, match="one candidate, got 2"):
        explain(
            pd.concat([CANDIDATE, CANDIDATE]),
            values(),
            get_mechanism("ferroelectric"),
            Device(),
            "synapse",
        )
