"""Your own labels: fitted, kept, explained and drawn through the public names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import matscreen as ms
from matscreen.errors import InputError, ModelError

A_SITES = ("Ba", "Sr", "Ca", "Pb", "La", "K", "Na", "Bi")
B_SITES = ("Ti", "Zr", "Hf", "Nb", "Sn", "Al", "Fe", "Mn", "Ni")
FORMULAS = [f"{a}{b}O3" for a in A_SITES for b in B_SITES]


@pytest.fixture(scope="module")
def X():
    return ms.featurize(FORMULAS)


@pytest.fixture(scope="module")
def y(X):
    return 2.0 + 3.0 * (X["magpie_mean_electronegativity"] - 2.3)


@pytest.fixture(scope="module")
def model(X, y):
    return ms.fit(X, y, "oxygen_vacancy_formation_energy")


def test_a_model_learns_from_a_table(model, y):
    assert model.card["n_labels"] == len(FORMULAS)
    assert model.card["n_groups"] == len(FORMULAS)
    assert model.card["descriptor_set"] == "composition"
    assert model.card["metrics"]["mae"] < 0.5 * model.card["metrics"]["null_mae"]
    np.testing.assert_allclose(model.out_of_fold["y"], y)


def test_predictions_are_tables_with_intervals_and_domain(model, X):
    found = model.predict(X.iloc[:3].assign(note="ignored"))
    assert list(found.columns) == [
        "mean", "std", "std_epistemic", "std_aleatoric", "lower", "upper", "in_domain"
    ]  # fmt: skip
    np.testing.assert_allclose(
        np.hypot(found["std_epistemic"], found["std_aleatoric"]), found["std"], rtol=1e-9
    )
    assert list(found.index) == FORMULAS[:3]
    assert ((found["lower"] < found["mean"]) & (found["mean"] < found["upper"])).all()
    assert found["in_domain"].all()
    assert not model.predict(ms.featurize(["UPu2B6"]))["in_domain"].any()


def test_columns_are_found_by_name(model, X):
    pd.testing.assert_frame_equal(model.predict(X[X.columns[::-1]]), model.predict(X))
    with pytest.raises(InputError, match="needs 1 descriptors that the table lacks"):
        model.predict(X.drop(columns="magpie_mean_electronegativity"))


def test_importances_find_what_the_labels_are_made_of(model):
    table = ms.importances(model)
    assert table["group"][0] == "electronegativity and bonding"
    assert table["importance"].is_monotonic_decreasing
    assert table["n_columns"].sum() == 159
    assert table.attrs["unit"] == "eV"
    assert table.attrs["mae_held"] > 0.0
    columns = ms.importances(model, by="column")
    assert "electronegativity" in columns["column"][0]


def test_partial_dependence_rises_with_it(model):
    table = ms.partial_dependence(model, "magpie_mean_electronegativity")
    assert list(table.columns[1:]) == ["average", "lower", "upper", "in_domain"]
    assert table["average"].iloc[-1] > table["average"].iloc[0]
    pair = ms.partial_dependence(
        model, ["magpie_mean_electronegativity", "radius_ratio_cation"], grid_resolution=4
    )
    assert len(pair) == 16


def test_every_table_has_its_figure(model):
    column = "magpie_mean_electronegativity"
    line = ms.partial_dependence(model, column)
    pair = ms.partial_dependence(model, [column, "radius_ratio_cation"], grid_resolution=4)
    bars, panels = ms.figure(ms.importances(model)), ms.figure(line, line)
    assert [trace.type for trace in bars.data] == ["bar"]
    assert len(panels.data) == 8
    heat = ms.figure(pair).data[0]
    assert np.shape(heat.z) == (4, 4)
    corner = pair[(pair[column] == pair[column].min())]
    np.testing.assert_allclose(np.array(heat.z)[:, 0], corner["average"], rtol=1e-3)
    for wrong in ((), (pair, line), (bars_table := ms.importances(model), bars_table)):
        with pytest.raises(InputError, match="figure draws"):
            ms.figure(*wrong)


def test_a_model_is_kept_with_its_rows(model, X, tmp_path):
    folder = model.save(tmp_path / "mine")
    again = ms.load_model(folder)
    pd.testing.assert_frame_equal(again.predict(X), model.predict(X))
    pd.testing.assert_frame_equal(ms.importances(folder), ms.importances(model))
    with pytest.raises(ModelError, match="no surrogate here"):
        ms.load_model(tmp_path)


def test_mistakes_are_told(X, y):
    with pytest.raises(InputError, match="71 labels"):
        ms.fit(X, y[:-1], "band_gap")
    with pytest.raises(InputError, match="is no formula"):
        ms.fit(X.reset_index(drop=True), y, "band_gap")
    with pytest.raises(InputError, match="by 'group' or by 'column'"):
        ms.importances("anywhere", by="row")


def test_a_store_explains_its_surrogates(shared_store):
    with pytest.raises(InputError, match="say which property"):
        ms.importances(shared_store)
    table = ms.importances(shared_store, "oxygen_vacancy_formation_energy")
    # How hard the cations hold oxygen, and which cation takes the electrons back, lead.
    leading = {"hold on oxygen", "B-site ion", "d and f electrons, magnetism"}
    assert table["group"][0] in leading
    assert len(leading & set(table["group"][:5])) >= 2
    assert "other" not in set(table["group"])


def test_a_transferred_model_predicts_but_is_not_explained(model, X, y, tmp_path):
    from matscreen.surrogates.training_set import save_training_set
    from matscreen.surrogates.transfer import transfer
    from matscreen.surrogates.transfer_files import save_any

    few = np.arange(len(y)) % 2 == 0
    values = 1.3 * y.to_numpy()[few] + 0.4
    groups = model.rows.groups[few].tolist()
    moved = transfer(
        model.surrogate,
        model.rows.X[few],
        values,
        groups=groups,
        property="oxygen_vacancy_formation_energy",
        labels=list(model.rows.labels),
        formulas=model.rows.formulas[few].tolist(),
        source_rows=model.rows,
    )
    save_any(moved, tmp_path)
    save_training_set(model.rows, tmp_path)
    again = ms.load_model(tmp_path)
    found = again.predict(X)
    np.testing.assert_array_equal(found["mean"], moved.predict(model.rows.X).mean)
    if moved.card["transfer"]["mode"] != "none":
        with pytest.raises(ModelError, match="cannot be explained"):
            _ = again.explanation
