"""Tests of `matscreen train --dataset`, of `matscreen datasets`, and of what they are made of."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import matscreen as ms
from matscreen.cli import app
from matscreen.dataset_training import describe_table, train_dataset
from matscreen.descriptors import featurize_formulas
from matscreen.errors import InputError, ModelError
from matscreen.sources.dataset_tables import read_dataset
from matscreen.surrogates import load, load_training_set
from matscreen.surrogates.transfer_files import load_any
from tests import dataset_mirror as make

VACANCY = "oxygen_vacancy_formation_energy"


@pytest.fixture(autouse=True)
def no_mirror_and_own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MATSCREEN_MIRROR", raising=False)
    monkeypatch.setenv("MATSCREEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory):
    """Train once on a synthetic Wolverton table; return what the command said and its folder."""
    folder = tmp_path_factory.mktemp("learned")
    make.wolverton(folder)
    words = ["train", "--dataset", "wolverton_oxides", "--property", VACANCY, "--property"]
    words += ["band_gap", "--mirror", str(folder), "-o", str(folder / "models"), "--max-rows", "60"]
    return CliRunner().invoke(app, words), folder


def test_the_command_trains_shows_and_says_what_comes_next(learned):
    result, folder = learned
    assert result.exit_code == 0, result.output
    assert "Emery and Wolverton" in result.output
    assert "not stated with the file" in result.output
    assert VACANCY in result.output
    assert f"matscreen edge export {folder / 'models' / VACANCY}" in " ".join(result.output.split())
    assert "filtered" in result.output  # the unstable row is accounted for


def test_model_card_and_rows_are_kept(learned):
    _, folder = learned
    place = folder / "models" / VACANCY
    model = load(place)
    rows = load_training_set(place)
    table = read_dataset("wolverton_oxides", folder)
    values = dict(zip(table.ids, table.values[VACANCY], strict=True))
    assert len(rows.y) == model.card["n_labels"] <= 60
    assert rows.y == pytest.approx([values[name] for name in rows.ids])
    assert set(rows.groups) <= set(table.groups)
    assert rows.formulas.tolist() == rows.ids.tolist()
    about = json.loads((place / "card.json").read_text())["training_data"]
    assert about["licence"] == table.dataset.licence
    assert about["citation"] == table.dataset.citation
    assert about["sha256"] == table.origin.sha256
    assert about["rows_used"] == len(rows.y)
    assert about["rows_in_file"] == 80
    assert about["rows_without_value"] == {"filtered": 1}
    assert about["evidence"] == "dft"
    assert about["described_from"] == "sites"
    # The made-up values rise by 0.3 eV a row of A sites: what was saved predicts them.
    error = np.abs(model.predict(rows.X).mean - rows.y)
    assert error.mean() < 0.5 * np.abs(rows.y - rows.y.mean()).mean()


def test_a_kept_model_of_a_related_property_is_learned_on_top_of(learned, tmp_path):
    _, folder = learned
    words = ["train", "--dataset", "wolverton_oxides", "--property", "formation_energy_per_atom"]
    words += ["--mirror", str(folder), "-o", str(tmp_path / "m"), "--max-rows", "60"]
    words += ["--from", str(folder / "models" / VACANCY)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    place = tmp_path / "m" / "formation_energy_per_atom"
    card = load_any(place).card
    about = card["transfer"]
    assert about["source"]["property"] == VACANCY
    assert about["source"]["training_data"]["dataset"] == "wolverton_oxides"
    # Both draws are from one set: most materials of one are in the other.
    assert about["n_known_to_source"] > 30
    assert about["scores"].keys() == {"none", "stacked", "delta"}
    said = " ".join(result.output.split())
    assert f"the surrogate of {VACANCY}" in said
    assert ("does not help it" in said) == (about["mode"] == "none")
    assert ("explain-model" in said) == (about["mode"] == "none")
    assert card["training_data"]["rows_used"] == 60


def test_a_source_of_other_descriptors_costs_no_download(learned, tmp_path):
    _, folder = learned
    with pytest.raises(InputError, match="describe the rows with that set"):
        train_dataset(
            "wolverton_oxides", [VACANCY], descriptor_set="composition",
            mirror=tmp_path, source=folder / "models" / VACANCY,
        )  # fmt: skip
    with pytest.raises(ModelError, match="no surrogate here"):
        train_dataset("wolverton_oxides", mirror=tmp_path, source=tmp_path)
    place = shutil.copytree(folder / "models" / VACANCY, tmp_path / "old")
    card = json.loads((place / "card.json").read_text())
    (place / "card.json").write_text(json.dumps(card | {"descriptor_version": "0"}))
    with pytest.raises(ModelError, match=r"version '0'.*train it again"):
        train_dataset("wolverton_oxides", mirror=tmp_path, source=place)


def test_a_property_that_cannot_be_predicted_is_said(learned):
    # Every gap of the synthetic set is zero: nothing beats the constant.
    result, _ = learned
    assert "band_gap: no better than a constant" in " ".join(result.output.split())


def test_exchanged_sites_stay_apart_and_the_usual_order_is_that_of_the_formula(tmp_path):
    (tmp_path / "wolverton_oxides.csv").write_text(
        "formula,atom_a,atom_b,e_form_eV_per_atom,e_hull_eV_per_atom,volume_A3_per_atom,"
        "gap_pbe_eV,e_vac_O_eV_per_O\n"
        "SrTiO3,Sr,Ti,-3,0,11,1,5\nTiSrO3,Ti,Sr,-2,1,11,1,5\nAl2O3,Al,Al,-3,0,9,5,7\n"
        "Sr2TiO4,Sr,Ti,-3,0,11,1,5\nMgO,Qq,Mg,-3,0,9,5,7\n"
    )
    described = describe_table(read_dataset("wolverton_oxides", tmp_path), "fast")
    by_formula = featurize_formulas(["SrTiO3", "Sr2TiO4", "MgO"], with_sites=True)
    assert described.labels == by_formula.labels
    assert described.basis == "sites"
    np.testing.assert_allclose(described.X[0], by_formula.values[0])
    differing = ~np.isclose(described.X[0], described.X[1], equal_nan=True)
    names = {described.labels[i] for i in np.flatnonzero(differing)}
    assert names
    assert all(
        name.startswith(("site_", "tolerance", "octahedral"))
        or name.endswith(("energy_a", "energy_b"))
        for name in names
    )
    # Sites that do not add up to the formula, or are no elements, are not believed.
    np.testing.assert_allclose(described.X[3:], by_formula.values[1:])


def test_crystals_are_described_and_rows_without_one_counted(tmp_path):
    make.castelli(tmp_path)
    table = read_dataset("castelli_perov5", tmp_path)
    described = describe_table(table, "standard")
    assert described.basis == "crystals"
    assert described.rows.tolist() == [0, 1, 2, 3]
    assert described.failed == {"no_structure": 1}
    assert np.isfinite(described.X).any(axis=1).all()


def test_descriptors_that_need_crystals_are_refused_for_formulas(tmp_path):
    make.wolverton(tmp_path)
    table = read_dataset("wolverton_oxides", tmp_path)
    with pytest.raises(InputError, match=r"needs crystals.*--set fast"):
        describe_table(table, "standard")


def test_too_few_labels_are_a_clear_error(tmp_path):
    make.wolverton(tmp_path, rows=6)
    with pytest.raises(ModelError, match="at least 8"):
        train_dataset("wolverton_oxides", [VACANCY], mirror=tmp_path, folder=tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_stated_noise_reaches_the_surrogate(tmp_path, monkeypatch):
    seen = {}

    def train(X, y, **options):
        seen.update(options)
        raise ModelError("stop here")

    monkeypatch.setattr("matscreen.surrogates.train", train)
    path = make.frame(
        tmp_path / "set.json.gz",
        {
            "formula": ["MgO", "CaO", "SrO"],
            "expt_form_e": [-3.0, -3.2, -3.1],
            "uncertainty": [0.02, 0.03, None],
        },
    )
    content = path.read_bytes()
    monkeypatch.setattr(
        "matscreen.sources.dataset_tables.get_dataset", lambda _name: _without_hash()
    )
    with pytest.warns(UserWarning, match="sha256"), pytest.raises(ModelError, match="stop here"):
        train_dataset(
            "expt_formation_enthalpy",
            downloader=lambda _url, out, _pooch: Path(out).write_bytes(content),
        )
    assert seen["noise"] == pytest.approx([0.02, 0.03, np.nan], nan_ok=True)
    assert seen["property"] == "formation_energy_per_atom"


def _without_hash():
    from dataclasses import replace

    from matscreen.sources.dataset_registry import get_dataset

    dataset = get_dataset("expt_formation_enthalpy")
    return replace(dataset, layouts={"home": replace(dataset.layouts["home"], sha256=None)})


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--dataset", "wolverton_oxydes"], "did you mean 'wolverton_oxides'"),
        (["--dataset", "wolverton_oxides", "--property", "melting_temperature"], "it holds"),
        (["--dataset", "wolverton_oxides", "--set", "quick"], "unknown descriptor set"),
        (["--dataset", "mit_classification", "--property", "band_gap"], "holds electronic_class"),
        (["--property", "band_gap"], "add --dataset NAME"),
        (["--from", "models/other"], "add --dataset NAME"),
    ],
)
def test_mistakes_of_the_command(tmp_path, words, said):
    make.wolverton(tmp_path)
    (tmp_path / "mit_classification.csv").write_text(
        "formula,label_0metal_1insulator_2mit,structure_file\nMgO,1,m.cif\n"
    )
    result = CliRunner().invoke(app, ["train", *words, "--mirror", str(tmp_path)])
    assert result.exit_code == 2
    assert said in result.stderr


def test_the_list_of_sets(tmp_path):
    make.wolverton(tmp_path)
    result = CliRunner().invoke(app, ["datasets", "--mirror", str(tmp_path)])
    assert result.exit_code == 0
    assert "wolverton_oxides" in result.output
    assert "mirror" in result.output
    assert "figshare.com" in result.output
    one = CliRunner().invoke(app, ["datasets", "petretto_dielectric"])
    assert "relative_permittivity" in one.output
    assert "10.1038/sdata.2018.65" in one.output


def test_the_notebook_has_the_same(tmp_path):
    make.wolverton(tmp_path)
    sets = ms.list_datasets()
    assert {"wolverton_oxides", "castelli_perov5", "expt_gap"} <= set(sets["name"])
    assert len(ms.read_dataset("wolverton_oxides", tmp_path)) == 80
    trained = ms.train_dataset(
        "wolverton_oxides", ["formation_energy_per_atom"], mirror=tmp_path, max_rows=30
    )
    assert trained["n_labels"].tolist() == [30]
    assert Path(trained["folder"][0], "card.json").is_file()
    assert trained["mae"][0] < trained["null_mae"][0]
