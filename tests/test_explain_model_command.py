from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

import matscreen as ms
from matscreen.cli import app

A_SITES = ("Ba", "Sr", "Ca", "Pb", "La", "K", "Na", "Bi")
B_SITES = ("Ti", "Zr", "Hf", "Nb", "Sn", "Al")


def keep(folder, a_sites):
    X = ms.featurize([f"{a}{b}O3" for a in a_sites for b in B_SITES])
    y = 2.0 + 3.0 * (X["magpie_mean_electronegativity"] - 2.3)
    return ms.fit(X, y, "oxygen_vacancy_formation_energy").save(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return keep(tmp_path_factory.mktemp("model"), A_SITES)


def run(*arguments):
    return CliRunner().invoke(app, ["explain-model", *map(str, arguments)])


def test_it_says_how_good_the_model_is_and_what_leads(folder):
    result = run(folder)
    assert result.exit_code == 0, result.output
    text = " ".join(result.output.split())
    assert "48 labels of 48 chemical systems" in text
    assert "(composition)" in text
    assert re.search(r"error [\d.e-]+ eV on unseen systems", text)
    assert re.search(r"hold \d+ % of held-out labels", text)
    assert re.search(r"electronegativity and bonding 8 [\d.e-]+ ± [\d.e-]+ █{24}", text)
    assert "Correlated groups share importance" in text
    assert (folder / "explanation.json").is_file()


def test_the_figure_needs_no_network(folder, tmp_path):
    page = tmp_path / "why.html"
    result = run(folder, "-o", page)
    assert result.exit_code == 0, result.output
    text = page.read_text(encoding="utf-8")
    assert "electronegativity and bonding" in text
    assert text.count("* plotly.js v") == 1
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=['\"]?(?!data:)\w", text)


def test_a_constant_model_is_said_to_be_one(tmp_path):
    # Eighteen chemical systems are too few to tell a model from luck.
    result = run(keep(tmp_path, A_SITES[:3]))
    assert result.exit_code == 0, result.output
    assert "The constant model looks at nothing" in result.output


def test_mistakes_are_told(folder, tmp_path):
    absent = run(tmp_path)
    assert absent.exit_code == 2
    assert f"no model in {tmp_path}" in absent.stderr
    wrong = run(folder, "-o", tmp_path / "why.png")
    assert wrong.exit_code == 2
    assert ".html" in wrong.stderr
