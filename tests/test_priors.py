import numpy as np
import pandas as pd
import pytest

from matscreen.errors import InputError
from matscreen.facts import load_facts
from matscreen.filling import fill_missing
from matscreen.mechanisms import MECHANISMS, get_mechanism
from matscreen.mechanisms.base import FACTS, get_entry
from matscreen.priors import PRIORS, oxide_melting_points, prior

FORMULAS = ["BaTiO3", "SrTiO3", "HfO2", "LaMnO3", "PbO", "MgAl2O4", "CsPaO3", "O2"]


def _info(**columns):
    return pd.DataFrame({"formula": FORMULAS} | columns)


@pytest.mark.parametrize("name", list(PRIORS))
def test_priors_are_complete_wide_and_within_bounds(name):
    guess = prior(name, _info())
    entry = get_entry(name)
    assert list(guess.columns) == ["mean", "std", "lower", "upper", "evidence", "method"]
    assert np.isfinite(guess[["mean", "std", "lower", "upper"]].to_numpy()).all()
    assert guess["mean"].between(entry.lower, entry.upper).all()
    assert (guess["lower"] < guess["mean"]).all()
    assert (guess["mean"] < guess["upper"]).all()
    assert (guess["evidence"] == "prior").all()
    assert guess["method"].str.len().min() > 10


@pytest.mark.parametrize("name", MECHANISMS)
def test_every_mechanism_can_be_filled(name):
    mechanism = get_mechanism(name)
    needed = set(mechanism.requires) | set(mechanism.optional)
    # Without a computed voltage the vacancy energy gives one, with its own error.
    assert needed - {"insertion_voltage"} <= set(PRIORS) | set(FACTS)


def test_binding_and_charge_shift_are_at_least_as_unsure_as_asked():
    for name in ("vacancy_binding_energy", "migration_charge_shift"):
        assert prior(name, _info())["std"].min() >= 0.3


def test_large_neutral_barriers_fall_when_charged():
    shift = prior("migration_charge_shift", _info(oxygen_migration_barrier=[0.7, 2.5] * 4))
    assert shift["mean"].iloc[0] == 0.0
    assert shift["mean"].iloc[1] == pytest.approx(-0.675)
    assert shift["std"].iloc[1] > shift["std"].iloc[0]


def test_melting_rule_reproduces_the_ternaries_within_its_stated_error():
    facts = load_facts()
    melting = facts[facts["property"] == "melting_temperature"]
    binaries = set(oxide_melting_points())
    from pymatgen.core import Composition

    ternary = [len(Composition(f)) > 2 for f in melting["formula"]]
    known = melting[ternary].reset_index(drop=True)
    assert len(known) >= 19
    assert {"Ti", "Ba", "La", "Nb"} <= binaries
    guess = prior("melting_temperature", known[["formula"]])
    residual = np.log10(known["value"] / guess["mean"])
    assert abs(residual.mean()) < 0.02
    assert 0.03 < residual.std() < 0.07
    inside = known["value"].between(guess["lower"], guess["upper"]).mean()
    assert inside >= 0.85


def test_conductivity_fit_has_its_stated_error():
    facts = load_facts()
    known = facts[facts["property"] == "thermal_conductivity"].reset_index(drop=True)
    guess = prior("thermal_conductivity", known[["formula"]])
    residual = np.log10(known["value"] / guess["mean"])
    assert abs(residual.mean()) < 0.1
    assert 0.3 < np.sqrt((residual**2).mean()) < 0.46


def test_curie_relation_holds_its_nine_ferroelectrics():
    wells = {
        "BaTiO3": (65 / 64.5, 393),
        "PbTiO3": (197 / 63.3, 763),
        "KNbO3": (54 / 65, 708),
        "LiNbO3": (159 / 53, 1480),
        "LiTaO3": (74 / 53, 938),
        "BiFeO3": (210 / 62.4, 1103),
        "HfO2": (72 / 33.5, 723),
        "Bi4Ti3O12": (250 / 285, 948),
        "SrBi2Ta2O9": (120 / 190, 608),
    }
    info = pd.DataFrame(
        {"formula": list(wells), "well_depth": [well for well, _ in wells.values()]}
    )
    guess = prior("curie_temperature", info)
    measured = np.array([curie for _, curie in wells.values()])
    residual = np.log10(measured / guess["mean"])
    assert abs(residual.mean()) < 0.02
    assert residual.std() == pytest.approx(0.23, abs=0.02)


def test_breakdown_grows_with_the_gap_as_hafnia_and_titanates_do():
    guess = prior("breakdown_field", _info(band_gap=[1.8, 1.8, 4.1, 1.0, 1.5, 5.0, 1.0, 1.0]))
    assert 2e8 < guess["mean"].iloc[0] < 5e8
    assert 5e8 < guess["mean"].iloc[2] < 2e9


def test_no_prior_for_what_nobody_can_guess():
    with pytest.raises(InputError, match="no prior for 'insertion_voltage'"):
        prior("insertion_voltage", _info())


def test_missing_properties_are_filled_and_known_ones_kept():
    candidates = pd.DataFrame({"structure_id": ["a", "b"], "formula": ["BaTiO3", "MgO"]})
    known = pd.DataFrame(
        {
            "structure_id": ["a"],
            "property": ["well_depth"],
            "mean": [2.0],
            "std": [0.1],
            "lower": [np.nan],
            "upper": [np.nan],
            "evidence": ["dft"],
        }
    )
    filled = fill_missing(candidates, known, ("well_depth", "curie_temperature", "band_gap"))
    assert len(filled) == 6
    assert not filled.duplicated(["structure_id", "property"]).any()
    value = filled.set_index(["structure_id", "property"])["mean"]
    assert value["a", "well_depth"] == 2.0
    assert value["a", "curie_temperature"] == pytest.approx(1060.0)
    assert value["b", "band_gap"] > value["a", "band_gap"]


@pytest.mark.parametrize(("evidence", "certain"), [("measured", True), ("dft", False)])
def test_only_a_measurement_shows_that_an_oxide_superconducts(evidence, certain):
    candidates = pd.DataFrame({"structure_id": ["a"], "formula": ["MgO"]})
    known = pd.DataFrame(
        [{"structure_id": "a", "property": "critical_temperature", "mean": 40.0, "std": 1.0}]
    ).assign(evidence=evidence)
    wanted = ("superconductivity_score", "critical_temperature")
    score = fill_missing(candidates, known, wanted).set_index("property")["mean"]
    assert (score["superconductivity_score"] > 0.0) == certain
    assert score["critical_temperature"] == 40.0


def test_one_unknown_value_does_not_keep_others_from_being_reflected():
    from matscreen.properties import get_property
    from matscreen.sampling import draw

    entry = get_property("oxygen_vacancy_formation_energy")
    mean = np.array([np.nan, entry.lower])
    drawn = draw(entry, mean, np.array([0.0, 1.0]), np.array([[0.0], [-2.0]]))
    assert np.isnan(drawn[0, 0])
    assert drawn[1, 0] == pytest.approx(entry.lower + 2.0)
