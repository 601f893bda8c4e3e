from __future__ import annotations

import gzip
import json

import pandas as pd
import pytest
from typer.testing import CliRunner

from matscreen.cli import app
from matscreen.simulations import calculators
from matscreen.simulations.calculators import Potential
from matscreen.validation import vacancies
from tests.simulations.conftest import perovskite
from tests.validation.test_vacancies import PerAtom

B_SITES = ("Ti", "Zr", "Hf", "Nb", "Ta", "V", "Mo", "W", "Sn", "Ge", "Al", "Ga")


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    folder = tmp_path / "mirror"
    folder.mkdir()
    crystal = perovskite()

    def cell(b, shift=0.0):
        coords = crystal.frac_coords.copy()
        coords[1, 2] += shift
        return {
            "lattice": crystal.lattice.tolist(),
            "species": ["Ba", b, "O", "O", "O"],
            "frac_coords": coords.tolist(),
        }

    names = {f"Ba{b}O3": b for b in B_SITES}
    with gzip.open(folder / "kumagai_structures.json.gz", "wt") as file:
        json.dump({name: cell(b) for name, b in names.items()}, file)
    pd.DataFrame(
        {
            "material": list(names),
            "site": "O1",
            "site_index": 2,
            "charge": 0,
            "Ef_coreAlign_eV": [5.0 + 0.1 * k for k in range(len(names))],
            "has_perturbed_host_state": False,
        }
    ).to_csv(folder / "kumagai_oxygen_vacancies.csv", index=False)
    pairs = {f"mp-{k}|mp-0": {"polar": cell(b, 0.02)} for k, b in enumerate(B_SITES[:4])}
    for k, pair in enumerate(pairs.values()):
        pair["nonpolar_in_polar_setting"] = cell(B_SITES[k])
    with gzip.open(folder / "smidt_structure_pairs.json.gz", "wt") as file:
        json.dump(pairs, file)
    pd.DataFrame(
        {
            "polar_mpid": [name.split("|")[0] for name in pairs],
            "nonpolar_mpid": "mp-0",
            "formula": list(names)[:4],
            "category": ["smooth", "smooth", "smooth", "static_only"],
            "E_polar_minus_nonpolar_eV_per_atom": [-0.01, -0.02, -0.03, -0.04],
            "polarization_uC_cm2": [10.0, 20.0, 30.0, 40.0],
        }
    ).to_csv(folder / "smidt_ferroelectrics.csv", index=False)

    def toy(name):
        return Potential(name, "0", PerAtom)

    monkeypatch.setattr(vacancies, "get_potential", toy)
    monkeypatch.setattr(calculators, "get_potential", toy)
    return folder


def run(*arguments):
    return CliRunner().invoke(app, ["validate", "simulations", *map(str, arguments)])


def test_tables_figure_and_numbers_are_written(mirror, tmp_path):
    out, correction = tmp_path / "out", tmp_path / "c.csv"
    options = ("--mirror", mirror, "-o", out, "--calculator", "toy", "--workers", 0)
    parts = ("--only", "vacancies,wells", "--json", "--write-correction", correction)
    result = run(*options, *parts)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout, parse_constant=pytest.fail)  # no NaN: it is no JSON
    scores = pd.DataFrame(found["vacancies"]["scores"]).set_index(["values", "group"])
    assert scores.loc[("raw", "all"), "n"] == len(B_SITES)
    assert scores.loc[("raw", "d0"), "n"] == 5
    assert found["vacancies"]["untested"] == ["late_U"]
    low, high = found["vacancies"]["intervals_90"]["mae"]
    assert low <= scores.loc[("cation group", "all"), "mae"] <= high
    energies = pd.DataFrame(found["wells"]["energy_meV_per_atom"]).set_index("group")
    # the toy does not feel displacements: it misses all of 10, 20 and 30 meV/atom
    assert energies.loc["all", ["n", "mae"]].tolist() == [3, pytest.approx(20.0)]
    table = pd.read_csv(correction).set_index("term")
    assert table.loc["d0", "n_materials"] == 5
    assert table.loc["early_U", ["n_materials", "value"]].tolist() == [3, 0.0]  # too few to fit
    html = (out / "validation.html").read_text()
    assert all(f'"legend":"{name}"' in html for name in ("legend", "legend2", "legend3"))
    assert len(pd.read_csv(out / "vacancies.csv")) == len(B_SITES)


def test_an_unknown_part_and_a_missing_mirror_are_named(mirror, tmp_path):
    wrong = run("--mirror", mirror, "-o", tmp_path, "--only", "vacancy")
    assert wrong.exit_code == 2
    assert "vacancy" in wrong.stderr
    empty = run("--mirror", tmp_path, "-o", tmp_path, "--only", "vacancies")
    assert empty.exit_code == 2
    assert "kumagai" in empty.stderr
