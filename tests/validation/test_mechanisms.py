import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from matscreen.cli import app
from matscreen.errors import InputError
from matscreen.validation.devices import (
    device_properties,
    exclusion,
    film_devices,
    load_devices,
    specification,
)
from matscreen.validation.mechanisms import leave_one_out, score_devices, summarize


@pytest.fixture(scope="module")
def scored():
    return score_devices()


def test_what_is_left_out_and_why(scored):
    reasons = set(scored["excluded"]) - {""}
    assert {"low confidence", "circuit or chip", "not measured"} <= reasons
    used = scored[scored["excluded"] == ""]
    assert used["predicted_J"].notna().all()
    assert (used["lower_J"] <= used["predicted_J"]).all()
    assert (used["predicted_J"] <= used["upper_J"]).all()


def test_coverage_is_not_rejected_for_any_mechanism(scored):
    table = summarize(scored).set_index("mechanism")
    tested = table[table["n"] > 0]
    assert (tested["coverage_p"] > 0.01).all()
    few = table[(table["n"] < 15) & (table.index != "ferroelectric")]
    assert (few["stated_decades"] >= 0.999).all()  # a stated prior of at least a decade


def test_the_well_predicts_films_better_than_no_material(scored):
    row = summarize(scored).set_index("mechanism").loc["ferroelectric"]
    assert row["n"] >= 10
    assert row["loo_decades"] < row["loo_null"]
    assert row["spearman"] > row["spearman_null"]


def test_a_film_says_nothing_of_other_devices_of_its_formula(scored):
    """A film has no dielectric and no hop; the filaments of the same oxide have both."""
    known = device_properties(["HfO2"]).set_index("property")["mean"]
    filaments = scored[(scored["mechanism"] == "valence_change") & (scored["formula"] == "HfO2")]
    filaments = filaments[filaments["excluded"] == ""]
    assert len(filaments) > 0
    for name in ("oxygen_migration_barrier", "thermal_conductivity", "relative_permittivity"):
        np.testing.assert_allclose(filaments[name], known[name])
    loops = scored[(scored["mechanism"] == "ferroelectric") & (scored["excluded"] == "")]
    np.testing.assert_allclose(loops["relative_permittivity"], 1.0)


def test_leaving_a_material_out_takes_the_mean_of_the_others():
    left = leave_one_out(pd.Series([1.0, 1.0, 3.0]), pd.Series(["A", "A", "B"]))
    np.testing.assert_allclose(left, [-2.0, -2.0, 2.0])


def test_film_energy_is_the_area_of_its_loop():
    devices, wells = film_devices()
    hafnia = devices[devices["formula"] == "Hf0.5Zr0.5O2"].iloc[0]
    assert hafnia["energy_J"] == pytest.approx(2.5e-13, rel=0.05)
    assert set(wells["property"]) == {
        "well_depth",
        "spontaneous_polarization",
        "relative_permittivity",
    }


def test_an_empty_column_excludes_nothing(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text(
        "formula,mechanism,energy_J,time_s,basis,scope,interface,energy_bound,confidence\n"
        "HfO2,valence_change,1e-12,1e-8,,,,,\n"
    )
    assert [exclusion(row) for _, row in load_devices(path).iterrows()] == [""]


def test_devices_that_are_all_excluded_give_an_empty_score(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("formula,mechanism,energy_J,time_s\nHfO2,valence_change,,1e-8\n")
    found = score_devices(path)
    assert list(found["excluded"]) == ["no energy"]
    assert (summarize(found)["n"] == 0).all()


def test_a_device_refines_the_common_specification():
    row = load_devices().set_index("id").loc["vcm50"]
    spec = specification(row)
    assert spec.area == pytest.approx(1e-16)
    assert spec.switching_time == pytest.approx(1e-9)
    assert spec.filament.voltage == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("formula,mechanism,energy_J\nHfO2,valence_change,1e-13\n", "lacks the columns time_s"),
        (
            "formula,mechanism,energy_J,time_s\nHfO2,valence_change,-1,1e-9\n",
            r"line 2: energy_J must be a positive number, got .-1",
        ),
        (
            "formula,mechanism,energy_J,time_s\nHfO2,valence_change,much,1e-9\n",
            r"line 2: energy_J must be a positive number, got 'much'",
        ),
    ],
)
def test_bad_tables_are_clear_errors(tmp_path, text, words):
    path = tmp_path / "devices.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        load_devices(path)


def test_commands(tmp_path):
    runner = CliRunner()
    words = ["validate", "mechanisms", "-o", str(tmp_path), "--json"]
    result = runner.invoke(app, words)
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout, parse_constant=pytest.fail)  # no NaN: it is no JSON
    assert {row["mechanism"] for row in content["mechanisms"]} >= {"ferroelectric", "josephson"}
    assert (tmp_path / "mechanisms.html").stat().st_size > 1000
    mine = tmp_path / "mine.csv"
    mine.write_text(
        "formula,mechanism,energy_J,time_s,area_m2,thickness_m\n"
        "BaTiO3,ferroelectric,2e-14,1e-8,2.5e-15,1e-8\n"
        "what?,ferroelectric,2e-14,1e-8,2.5e-15,1e-8\n"
        "BaTO3,ferroelectric,2e-14,1e-8,2.5e-15,1e-8\n"
    )
    output = tmp_path / "calibration.json"
    result = runner.invoke(app, ["calibrate", str(mine), "-o", str(output)])
    assert result.exit_code == 0, result.output
    for row in ("row 3 (what?)", "row 4 (BaTO3)"):
        assert f"{row}: the formula cannot be read" in result.output
    shift = json.loads(output.read_text())["mechanisms"]["ferroelectric"]
    assert shift["n_devices"] == 1
    assert shift["shared"] < 0.3


def test_a_calibration_of_no_device_is_refused(tmp_path):
    path, output = tmp_path / "mine.csv", tmp_path / "calibration.json"
    path.write_text("formula,mechanism,energy_J,time_s\nHfO2,valence_change,,1e-8\n")
    found = CliRunner().invoke(app, ["calibrate", str(path), "-o", str(output)])
    assert found.exit_code != 0
    assert isinstance(found.exception, InputError | SystemExit)
    assert not output.exists()
