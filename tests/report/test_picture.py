import csv
import json
import re
import xml.etree.ElementTree as ET

import pytest
from typer.testing import CliRunner

from matscreen.errors import InputError
from matscreen.report import picture
from matscreen.report.palette import DARK, LIGHT
from matscreen.report.picture import read_groups, write_pictures

ROW = {
    "mechanism": "ferroelectric",
    "feasible": "True",
    "rank_in_mechanism": "1",
    "formula": "BaTiO3",
    "spacegroup": "99",
    "energy_nominal_J": "1e-16",
    "energy_lower_J": "1e-17",
    "energy_upper_J": "1e-15",
    "energy_floor_J": "2.3e-19",
    "energy_ceiling_J": "2e-15",
    "evidence": "mlip",
}
BEST = ROW | {"formula": "KNbO3", "energy_nominal_J": "9e-17", "spacegroup": ""}
ROWS = (
    ROW | {"rank_in_mechanism": "2"},
    BEST,
    ROW | {"rank_in_mechanism": "3", "formula": "CaTiO3", "feasible": "False"},
    ROW | {"mechanism": "valence_change", "formula": "SrTiO3", "evidence": "prior"},
)


@pytest.fixture
def finished(tmp_path):
    def make(rows=ROWS, application="synapse"):
        folder = tmp_path / "results" / "mine"
        folder.mkdir(parents=True)
        with (folder / "candidates.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(ROW))
            writer.writeheader()
            writer.writerows(rows)
        mechanisms = ["ferroelectric", "electrochemical", "valence_change"]
        screen = {"application": application, "device": {}, "mechanisms": mechanisms}
        (folder / "screen.json").write_text(json.dumps({"screen": screen}), encoding="utf-8")
        return folder

    return make


def without_names(svg):
    """Matplotlib names a marker by a hash of its style, colours included."""
    return re.sub(r"\bm[0-9a-f]{10}\b", "marker", svg)


def test_feasible_candidates_stand_in_order_of_their_mechanism(finished):
    landmarks, ferroelectric, valence = read_groups(finished(), best=4)
    assert [bar.label for bar in ferroelectric.bars] == ["KNbO₃", "BaTiO₃ P4mm"]
    assert [bar.label for bar in valence.bars] == ["SrTiO₃ P4mm"]
    assert ferroelectric.bars[0].known
    assert not valence.bars[0].known
    assert (ferroelectric.role, valence.role) == ("series-0", "series-2")
    energies = [bar.energy for bar in landmarks.bars]
    assert energies == sorted(energies)


def test_only_the_best_are_drawn(finished):
    _, ferroelectric, _ = read_groups(finished(), best=1)
    assert [bar.label for bar in ferroelectric.bars] == ["KNbO₃"]


@pytest.mark.parametrize(
    ("application", "named", "absent"),
    [
        ("synapse", "Biological synapse", "CMOS gate"),
        ("logic", "CMOS gate", "Biological synapse"),
        ("neuron", "NbO₂ threshold switch", "FeRAM"),
    ],
)
def test_landmarks_are_those_of_the_application(finished, application, named, absent):
    landmarks = " ".join(
        bar.label for bar in read_groups(finished(application=application), 1)[0].bars
    )
    assert named in landmarks
    assert absent not in landmarks
    assert "Landauer limit" in landmarks


def test_every_landmark_is_a_reference_line_of_some_application(finished):
    from matscreen.mechanisms import APPLICATIONS, reference_lines

    names = {line.name for each in APPLICATIONS for line in reference_lines(each)}
    for start in picture._LANDMARKS:
        assert any(name.startswith(start) for name in names), start


def test_both_pictures_are_the_same_svg_in_other_colours(finished, tmp_path):
    light, dark = write_pictures(finished(), tmp_path / "pictures")
    assert (light.name, dark.name) == ("mine-light.svg", "mine-dark.svg")
    text = light.read_text(encoding="utf-8")
    for drawn in ("KNbO₃", "BaTiO₃ P4mm", "90 aJ (10 aJ", "Valence-change", "Landauer limit"):
        assert f"<!-- {drawn}" in text, drawn
    assert "CaTiO" not in text
    assert "KNbO₃ 90 aJ" in "".join(ET.fromstring(text).itertext())
    for role in ("ink", "muted", "line", "grid", "series-0", "series-2", "paper"):
        text = text.replace(LIGHT[role], DARK[role])
    assert without_names(text) == without_names(dark.read_text(encoding="utf-8"))
    again, _ = write_pictures(tmp_path / "results/mine", tmp_path / "again")
    assert again.read_bytes() == light.read_bytes()


def test_a_folder_without_a_screen_says_what_to_run(tmp_path):
    with pytest.raises(InputError, match=r"screen\.json is missing; run matscreen screen"):
        read_groups(tmp_path, 4)


def test_a_screen_without_a_feasible_candidate_says_so(finished):
    folder = finished(rows=[row | {"feasible": "False"} for row in ROWS])
    with pytest.raises(InputError, match=r"no candidate of .* is feasible"):
        read_groups(folder, 4)


def test_the_command_prints_paths_and_one_line_for_a_mistake(finished, tmp_path):
    import typer

    app = typer.Typer()
    app.command()(picture.main)
    done = CliRunner().invoke(app, [str(finished()), "-o", str(tmp_path), "--best", "2"])
    assert done.exit_code == 0, done.output
    assert done.output.split() == [
        str(tmp_path / f"mine-{theme}.svg") for theme in ("light", "dark")
    ]
    failed = CliRunner().invoke(app, [str(tmp_path)])
    assert failed.exit_code == 2
    assert failed.output.startswith("matscreen: ")
