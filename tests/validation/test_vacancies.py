from __future__ import annotations

import gzip
import json
import re

import numpy as np
import pandas as pd
import pytest
from ase.calculators.calculator import Calculator, all_changes

from matscreen.errors import InputError
from matscreen.simulations import calculators
from matscreen.simulations.calculators import Potential
from matscreen.simulations.corrections import (
    corrected_rows,
    correction_table,
    fit_correction,
    group_shares,
)
from matscreen.validation import vacancies
from matscreen.validation.readers import read_vacancies, read_wells
from matscreen.validation.statistics import agreement, bootstrap
from matscreen.validation.vacancies import compare_vacancies, lowest_sites, simulate_vacancies
from matscreen.validation.wells import compare_wells
from tests.simulations.conftest import perovskite


class PerAtom(Calculator):
    """Atoms that feel nothing; the energy counts species, oxygen by its cation's number."""

    implemented_properties = ("energy", "forces", "stress", "free_energy")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        numbers = atoms.numbers
        oxygen = (numbers == 8).sum()
        energy = -0.1 * numbers.max() * oxygen - 1.0 * (len(numbers) - oxygen)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": np.zeros((len(atoms), 3)),
            "stress": np.zeros(6),
        }


@pytest.fixture
def mirror(tmp_path):
    cells, rows = {}, []
    for name, b in (("BaTiO3", "Ti"), ("BaZrO3", "Zr"), ("BaSnO3", "Sn")):
        crystal = perovskite()
        cells[name] = {
            "lattice": crystal.lattice.tolist(),
            "species": ["Ba", b, "O", "O", "O"],
            "frac_coords": crystal.frac_coords.tolist(),
        }
        rows += [(name, "O1", 2, 0, 6.0, False), (name, "O1", 2, 2, 1.0, False)]
    rows += [("BaTiO3", "O2", 1, 0, 5.0, False)]  # site 1 is no oxygen: a rejected row
    columns = ["material", "site", "site_index", "charge", "Ef_coreAlign_eV"]
    pd.DataFrame(rows, columns=[*columns, "has_perturbed_host_state"]).to_csv(
        tmp_path / "kumagai_oxygen_vacancies.csv", index=False
    )
    with gzip.open(tmp_path / "kumagai_structures.json.gz", "wt") as file:
        json.dump(cells, file)
    return tmp_path


@pytest.fixture
def toy(monkeypatch):
    runs = []

    def make(name):
        runs.append(name)
        return Potential(name, "0", PerAtom)

    monkeypatch.setattr(vacancies, "get_potential", make)
    return runs


def test_each_site_is_computed_once_and_a_bad_one_is_a_row(mirror, toy, tmp_path, monkeypatch):
    sites, crystals = read_vacancies(mirror)
    assert len(sites) == 4  # neutral ones only
    table = simulate_vacancies(sites, crystals, tmp_path / "out", calculator="toy", workers=0)
    assert table["raw"].notna().sum() == 3
    assert table.loc[table["site"] == "O2", "reason"].tolist() == ["no_oxygen"]

    def never(*_args):
        raise AssertionError("computed twice")

    monkeypatch.setattr(vacancies, "vacancy_rows", never)
    again = simulate_vacancies(sites, crystals, tmp_path / "out", calculator="toy", workers=0)
    pd.testing.assert_frame_equal(table, again)


def test_another_recipe_version_and_an_unexpected_error(mirror, toy, tmp_path, monkeypatch):
    sites, crystals = read_vacancies(mirror)
    first = simulate_vacancies(sites, crystals, tmp_path, calculator="toy", workers=0)

    def broken(*_args, **_kwargs):
        raise RuntimeError("the model fell over")

    monkeypatch.setattr(vacancies, "site_vacancies", broken)
    again = simulate_vacancies(sites, crystals, tmp_path, calculator="toy", workers=0)
    pd.testing.assert_frame_equal(first, again)  # nothing was computed again
    monkeypatch.setattr(vacancies.OxygenVacancy, "version", "other")
    other = simulate_vacancies(sites, crystals, tmp_path, calculator="toy", workers=0)
    assert set(other["reason"]) == {"unexpected"}
    assert other["detail"].str.contains("fell over").all()
    assert other["raw"].isna().all()


def test_a_line_cut_short_is_done_again(mirror, toy, tmp_path):
    sites, crystals = read_vacancies(mirror)
    simulate_vacancies(sites, crystals, tmp_path, calculator="toy", workers=0)
    journal = tmp_path / vacancies.JOURNAL
    journal.write_text(journal.read_text()[:-20])
    table = simulate_vacancies(sites, crystals, tmp_path, calculator="toy", workers=0)
    assert table["raw"].notna().sum() == 3


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"kumagai_structures\.json\.gz"):
        read_vacancies(tmp_path)
    with pytest.raises(InputError, match=r"smidt_structure_pairs\.json\.gz"):
        read_wells(tmp_path)


def synthetic(n=60, seed=0):
    rng = np.random.default_rng(seed)
    counts = [
        {"Ba": 1, symbol: 1, "O": 3} for symbol in rng.choice(["Ti", "W", "Mn", "Sn", "Al"], size=n)
    ]
    raw = rng.uniform(2, 7, n)
    shares = group_shares(counts)
    published = raw + 0.4 + shares @ [2.0, 4.0, -1.0] + rng.normal(0, 0.1, n)
    return raw, published, counts, [f"m{i}" for i in range(n)]


def test_a_known_group_error_is_found_and_removed_from_materials_left_out():
    raw, published, counts, names = synthetic()
    correction, left_out = fit_correction(raw, published, counts, names, calculator="toy")
    assert correction.coefficients["early_U"] == pytest.approx(
        4.0, abs=0.8
    )  # the penalty shrinks it
    assert agreement(raw, published)["mae"] > 0.5
    assert agreement(left_out, published)["mae"] < 0.3
    assert correction.std["other"] < 0.4
    with pytest.raises(InputError, match="ten materials"):
        fit_correction(raw[:5], published[:5], counts[:5], names[:5], calculator="toy")


def test_a_group_without_reference_gets_no_shift_but_the_spread_of_the_others():
    raw, published, counts, names = synthetic()
    known = [i for i, one in enumerate(counts) if "Mn" not in one]
    correction, _ = fit_correction(
        raw[known],
        published[known],
        [counts[i] for i in known],
        [names[i] for i in known],
        calculator="toy",
    )
    assert correction.coefficients["late_U"] == 0.0
    assert correction.materials["late_U"] == 0
    half = group_shares([{"La": 1, "Mn": 1, "O": 3}])
    plain = group_shares([{"La": 1, "Al": 1, "O": 3}])
    assert correction.apply([3.0], half) == pytest.approx(correction.apply([3.0], plain))
    c = [correction.coefficients[name] for name in ("d0", "early_U")]
    expected = np.hypot(correction.std["other"], 0.5 * np.sqrt(np.mean(np.square(c))))
    assert correction.error(half[0]) == pytest.approx(expected)
    assert correction.error(half[0]) > 3 * correction.error(plain[0])
    # copper has its d shell full or nearly so and no +U in the training data: it is no late_U
    assert not group_shares([{"Cu": 1, "O": 1}]).any()


def test_intervals_widen_when_the_pairs_of_a_material_go_together():
    rng = np.random.default_rng(0)
    shift = np.repeat(rng.normal(0, 1, 20), 8)
    frame = pd.DataFrame({"published": np.zeros(160), "computed": shift})
    frame["published"] += rng.uniform(0, 5, 160)
    frame["computed"] += frame["published"]
    frame["material"], frame["site"] = np.repeat(np.arange(20), 8), np.arange(160)
    together = bootstrap(frame, "computed", "published", "material")["mae"]
    apart = bootstrap(frame, "computed", "published", "site")["mae"]
    assert together[1] - together[0] > 1.5 * (apart[1] - apart[0])
    mae = agreement(frame["computed"], frame["published"])["mae"]
    assert together[0] < mae < together[1]


def test_the_table_of_a_correction_gives_it_back(tmp_path, monkeypatch):
    from matscreen.simulations import corrections

    raw, published, counts, names = synthetic()
    correction, _ = fit_correction(raw, published, counts, names, calculator="toy")
    correction_table(correction).to_csv(tmp_path / "corrections.csv", index=False)
    monkeypatch.setattr(corrections, "data_path", lambda *_parts: tmp_path / "corrections.csv")
    corrections.shipped_correction.cache_clear()
    read = corrections.shipped_correction("toy")
    corrections.shipped_correction.cache_clear()
    shares = group_shares(counts)
    assert read.apply(raw, shares) == pytest.approx(correction.apply(raw, shares))
    assert read.materials == correction.materials
    assert read.sites == correction.sites
    assert read.error(shares[0]) == pytest.approx(correction.error(shares[0]))


def test_the_shipped_correction_adds_corrected_rows_beside_raw_ones():
    from matscreen.data import data_path
    from matscreen.simulations.bundle_reading import read_table

    folder = data_path("bundle")
    labels = read_table(folder, "labels", derived=False)
    rows = corrected_rows(labels, read_table(folder, "candidates"))
    raw = labels.to_pandas()
    raw = raw[(raw["method"] == "oxygen_vacancy/7net-0") & raw["property"].str.startswith("oxygen")]
    assert [row["structure_id"] for row in rows] == raw["structure_id"].tolist()
    assert {row["method"] for row in rows} == {"oxygen_vacancy+cation_group/7net-0"}
    shift = np.array([row["value"] for row in rows]) - raw["value"].to_numpy()
    assert shift.mean() > 0.2  # the potential is low
    # manganese, iron, cobalt and nickel have no reference: their error is larger, not hidden
    formula = read_table(folder, "candidates").to_pandas().set_index("structure_id")["formula"]
    late = np.array([bool(re.search("Mn|Fe|Co|Ni", formula[row["structure_id"]])) for row in rows])
    std = np.array([row["std"] for row in rows])
    assert late.any()
    assert std[late].min() > np.median(std[~late])


def test_lowest_sites_counts_materials_with_several():
    rows = pd.DataFrame(
        {
            "material": ["a", "a", "b", "b", "c"],
            "raw": [1.0, 2.0, 2.0, 1.0, 1.0],
            "published": [1.5, 2.5, 1.0, 2.0, 1.0],
        }
    )
    assert lowest_sites(rows) == {"n": 2, "share": 0.5}


def test_comparison_holds_what_the_figure_needs():
    raw, published, counts, names = synthetic()

    class Cell:
        def __init__(self, counts):
            self.counts = counts

    table = pd.DataFrame({"material": names, "raw": raw, "published": published})
    crystals = {name: Cell(c) for name, c in zip(names, counts, strict=True)}
    rows, _ = compare_vacancies(table, crystals, calculator="toy")
    assert {"linear", "corrected", "d0", "early_U", "late_U"} <= set(rows)
    corrected = agreement(rows["corrected"], rows["published"])["mae"]
    assert corrected < agreement(rows["linear"], rows["published"])["mae"]


def test_wells_are_differences_per_atom_and_an_unknown_element_is_a_row():
    polar, nonpolar = perovskite(edge=4.0), perovskite(edge=4.0)
    table = pd.DataFrame({"pair": ["x"], "published": [0.0]})
    rows = compare_wells(table, {"x": (polar, nonpolar)}, Potential("toy", "0", PerAtom))
    assert rows["computed"].tolist() == [0.0]
    assert rows["polarization"].tolist() == [pytest.approx(0.0, abs=1e-9)]
    assert rows["relaxed"].isna().all()  # not asked for
    rows = compare_wells(
        table, {"x": (polar, nonpolar)}, Potential("toy", "0", PerAtom), relax_up_to=5
    )
    assert rows["relaxed"].tolist() == [0.0]
    emt = calculators.get_potential("emt")  # knows no barium
    rows = compare_wells(table, {"x": (polar, nonpolar)}, emt)
    assert rows["reason"].notna().all()
