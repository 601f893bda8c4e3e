"""Classifiers of a published set of labels, from a made-up mirror of it."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from typer.testing import CliRunner

from matscreen.class_training import classify_formulas, descriptor_version, train_dataset_classes
from matscreen.cli import app
from matscreen.errors import InputError
from matscreen.surrogates.class_files import load_classifier

A_SITES = ("Ba", "Sr", "Ca", "La", "Nd", "Y")
B_SITES = ("Ti", "Zr", "Al", "V", "Ni", "Fe", "Mo", "Ru")
METALS = ("Mo", "Ru", "Ni")


@pytest.fixture(scope="module")
def mirror(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mirror")
    rows = [
        (f"{a}{b}O3", 0 if b in METALS else 2 if b == "V" else 1, f"{a}{b}.cif")
        for a in A_SITES
        for b in B_SITES
    ]
    with (folder / "mit_classification.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("formula", "label_0metal_1insulator_2mit", "structure_file"))
        writer.writerows(rows)
    return folder


@pytest.fixture(scope="module")
def trained(mirror, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return train_dataset_classes("mit_classification", folder=folder, mirror=mirror)[0]


def test_the_labels_of_a_set_are_learned_and_kept(trained):
    card = trained.classifier.card
    assert card["classes"] == ["insulator", "insulator-metal transition", "metal"]
    assert card["n_labels"] == len(A_SITES) * len(B_SITES)
    assert card["metrics"]["balanced_accuracy"] > 0.8
    assert card["training_data"]["licence"] == "MIT"
    assert card["training_data"]["evidence"] == "measured"
    again = load_classifier(trained.folder, descriptor_version=descriptor_version())
    found = classify_formulas(again, ["BaMoO3", "CaTiO3", "BaUO3", "no formula"])
    assert found.predicted[:2].tolist() == ["metal", "insulator"]
    assert not found.in_domain[2:].any()
    assert found.sets[3].all()
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0)


def test_a_set_of_properties_has_no_label_to_classify(tmp_path):
    (tmp_path / "mit_transition_temperatures.csv").write_text("formula,T_MIT_K\nVO2,340\n")
    with pytest.raises(InputError, match="no label to classify"):
        train_dataset_classes("mit_transition_temperatures", mirror=tmp_path)


def test_the_command_trains_a_classifier(mirror, tmp_path):
    arguments = ["train", "--dataset", "mit_classification", "--mirror", str(mirror)]
    done = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "out")])
    assert done.exit_code == 0, done.output
    assert "electronic_class" in done.output
    assert "Licence: MIT" in done.output
    assert (tmp_path / "out" / "electronic_class" / "card.json").is_file()
