"""Tests of published data sets as tables: values, crystals, and what is wrong with rows."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from matscreen.errors import InputError, SourceError
from matscreen.sources import open_source
from matscreen.sources.dataset_registry import get_dataset, list_datasets
from matscreen.sources.dataset_tables import read_dataset
from tests import dataset_mirror as make

REAL = os.environ.get("MATSCREEN_MIRROR")
pytestmark = pytest.mark.usefixtures("no_mirror_and_own_cache")


def accounted(table) -> bool:
    return len(table) + table.n_merged + len(table.failures) == table.n_rows


def test_wolverton_values_bounds_and_sites(tmp_path):
    make.wolverton(tmp_path)
    table = read_dataset("wolverton_oxides", tmp_path)
    assert accounted(table)
    vacancy = table.values["oxygen_vacancy_formation_energy"]
    assert np.isnan(vacancy[0])  # -17 eV: unstable
    assert table.omitted["oxygen_vacancy_formation_energy"] == {"filtered": 1}
    assert vacancy[1] == pytest.approx(1.8)
    assert table.values["energy_above_hull"][1] == 0.0  # stable, -0.05 in the file
    assert table.sites[1] == ("Ca", "Zr", "O")
    assert table.groups[1] == "Ca-O-Zr"
    assert table.crystals is None
    frame = table.to_pandas()
    assert frame["site_a"].iloc[1] == "Ca"
    assert frame.attrs["units"]["oxygen_vacancy_formation_energy"] == "eV"
    assert "Emery" in frame.attrs["citation"]


def test_castelli_heat_is_per_cell_and_crystals_are_lines(tmp_path):
    make.castelli(tmp_path)
    table = read_dataset("castelli_perov5", tmp_path)
    assert accounted(table)
    hull = table.values["energy_above_hull"]
    assert hull[:3] == pytest.approx([0.1, 2.0, 0.0])  # eV per five atoms to eV/atom
    assert np.isnan(hull[3])
    assert [crystal and crystal.formula for crystal in table.crystals] == [
        "SrTiO3", "SrTiO3", "BaZrO3", "CaSnO3", None,
    ]  # fmt: skip
    assert [(f.source_id, f.reason) for f in table.cell_failures] == [("5", "no_structure")]


def test_kumagai_takes_the_lowest_neutral_site(tmp_path):
    make.kumagai(tmp_path)
    table = read_dataset("kumagai_oxygen_vacancies", tmp_path)
    assert accounted(table)
    found = dict(zip(table.ids, table.values["oxygen_vacancy_formation_energy"], strict=True))
    assert found["MgO"] == 6.0
    assert found["BaTiO3"] == 4.0
    assert np.isnan(found["CaO"])  # charged only
    assert [(f.source_id, f.reason) for f in table.failures] == [("Qq2O", "bad_formula")]
    assert table.crystals[0].volume == pytest.approx(4.2**3)


def test_smidt_takes_the_first_trusted_workflow_and_divides_by_the_volume(tmp_path):
    make.smidt(tmp_path)
    table = read_dataset("smidt_ferroelectrics", tmp_path)
    assert accounted(table)
    assert table.ids == ("p1|n1", "p2|n2")
    assert table.values["spontaneous_polarization"][0] == 30.0
    expected = 4.0 * 5 / (4.0 * 4.0 * 4.1)  # meV/atom over Å³/atom
    assert table.values["well_depth"][0] == pytest.approx(expected)
    assert table.omitted["spontaneous_polarization"] == {"filtered": 1}
    assert [f.reason for f in table.cell_failures] == ["malformed"]


def test_the_layout_of_the_home_is_read_from_a_mirror(tmp_path, monkeypatch):
    path = make.frame(
        tmp_path / "flla.json.gz",
        {
            "material_id": ["m1", "m2", "m3", "m3"],
            "formula": ["SrTiO3", "BaTiO3", "KNbO3", "KNbO3"],
            "formation_energy_per_atom": [-3.5, -3.4, None, -2.9],
            "e_above_hull": [0.0, 0.01, 99.0, 0.0],
            "structure": [
                make.structure("Sr", "Ti"),
                make.structure("Ba", "Ti"),
                {**make.structure("K", "Nb"), "@module": "os", "@class": "system"},
                None,
            ],
        },
    )
    make.trust(monkeypatch, "flla", path)
    table = read_dataset("flla", tmp_path)
    assert table.origin.verified
    assert table.origin.place == "mirror"
    assert table.ids == ("m1", "m2", "m3", "m3#2")
    assert table.values["formation_energy_per_atom"] == pytest.approx(
        [-3.5, -3.4, np.nan, -2.9], nan_ok=True
    )
    assert table.omitted["energy_above_hull"] == {"out_of_bounds": 1}
    assert table.crystals[2].formula == "KNbO3"  # data only: nothing that it names is imported
    assert table.crystals[3] is None


def test_disordered_and_damaged_cells_are_failures_of_their_row(tmp_path, monkeypatch):
    half, flat, odd = (make.structure("Sr", "Ti") for _ in range(3))
    half["sites"][0]["species"][0]["occu"] = 0.5
    flat["lattice"]["matrix"][2] = [0, 0, 0]
    odd["sites"][0]["species"][0]["element"] = "Xx"
    path = make.frame(
        tmp_path / "flla.json.gz",
        {
            "material_id": ["a", "b", "c", "d"],
            "formula": ["SrTiO3"] * 4,
            "formation_energy_per_atom": [-1.0] * 4,
            "e_above_hull": [0.0] * 4,
            "structure": [half, flat, odd, make.structure("Sr", "Ti")],
        },
    )
    make.trust(monkeypatch, "flla", path)
    table = read_dataset("flla", tmp_path)
    assert [f.reason for f in table.cell_failures] == [
        "disordered", "flat_cell", "unknown_element",
    ]  # fmt: skip
    source = open_source("dataset:flla", mirror=tmp_path)
    pages = list(source.pages())
    assert sum(len(page.items) for page in pages) == 1
    assert sum(len(page.failures) for page in pages) == 3


def test_measured_noise_and_compositions_of_json(tmp_path, monkeypatch):
    path = make.frame(
        tmp_path / "expt_formation_enthalpy_kingsbury.json.gz",
        {"formula": ["MgO", "CaO"], "expt_form_e": [-3.1, -3.3], "uncertainty": [0.02, None]},
    )
    make.trust(monkeypatch, "expt_formation_enthalpy", path)
    table = read_dataset("expt_formation_enthalpy", tmp_path)
    assert table.stds["formation_energy_per_atom"] == pytest.approx([0.02, np.nan], nan_ok=True)
    path = make.frame(
        tmp_path / "superconductivity2018.json.gz",
        {
            "composition": [{"@module": "pymatgen", "Mg": 1, "B": 2.0}, "Nb3Sn", "Pd1T0.8"],
            "Tc": [39.0, 0.0, 4.0],
        },
    )
    make.trust(monkeypatch, "supercon_tc", path)
    table = read_dataset("supercon_tc", tmp_path)
    assert table.formulas == ("Mg1B2", "Nb3Sn")
    assert table.omitted["critical_temperature"] == {"filtered": 1}  # zero: none reported
    assert [f.source_id for f in table.failures] == ["2"]


def test_classes_are_words(tmp_path):
    (tmp_path / "mit_classification.csv").write_text(
        "formula,label_0metal_1insulator_2mit,structure_file\n"
        "VO2,2,v.cif\nMgO,1,m.cif\nNaN,0,n.cif\nCaO,,c.cif\n"
    )
    table = read_dataset("mit_classification", tmp_path)
    assert table.classes["electronic_class"].tolist() == [
        "insulator-metal transition", "insulator", "metal", "",
    ]  # fmt: skip
    assert table.groups[2] == "N-Na"  # sodium nitride is no missing value


def test_a_table_without_its_columns_or_of_another_format_is_a_clear_error(tmp_path):
    path = tmp_path / "wolverton_oxides.csv"
    path.write_text("formula,atom_a\nSrTiO3,Sr\n")
    with pytest.raises(SourceError, match="no column 'e_vac_O_eV_per_O'"):
        read_dataset("wolverton_oxides", tmp_path)
    (tmp_path / "materials_project_2018.csv.gz").write_bytes(b"not gzip")
    with pytest.raises(SourceError, match="cannot be read"):
        read_dataset("materials_project_2018", tmp_path)


def test_a_table_without_its_crystals_is_a_clear_error(tmp_path):
    make.castelli(tmp_path)
    (tmp_path / "castelli_perov5_structures.jsonl.gz").unlink()
    with pytest.raises(InputError, match=r"not castelli_perov5_structures\.jsonl\.gz"):
        read_dataset("castelli_perov5", tmp_path)


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr("matscreen.sources.dataset_frames.MAX_TEXT", 3 * 2**20)
    bomb = gzip.compress(b"formula\n" + b"\n" * (8 * 2**20))
    (tmp_path / "materials_project_2018.csv.gz").write_bytes(bomb)
    with pytest.raises(SourceError, match="larger than"):
        read_dataset("materials_project_2018", tmp_path)


# Records and alternatives


JARVIS = {
    "jid": "JVASP-1", "formula": "SrTiO3", "formation_energy_peratom": -3.5, "ehull": -0.01,
    "optb88vdw_bandgap": 1.8, "dfpt_piezo_max_dielectric": "na",
    "atoms": {
        "lattice_mat": (np.eye(3) * 3.9).tolist(), "elements": ["Sr ", "Ti", "O", "O", "O"],
        "coords": make.PEROVSKITE, "cartesian": False,
    },
}  # fmt: skip


def test_records_of_jarvis_are_read_from_their_zip(tmp_path):
    cartesian = {**JARVIS["atoms"], "cartesian": True}
    cartesian["coords"] = (np.array(make.PEROVSKITE) * 3.9).tolist()
    rows = [
        JARVIS,
        {**JARVIS, "jid": "JVASP-2", "atoms": cartesian, "ehull": "na", "optb88vdw_bandgap": 0.0},
        {**JARVIS, "jid": "JVASP-3", "atoms": {"lattice_mat": 1}},
    ]
    with zipfile.ZipFile(tmp_path / "jdft_3d-12-12-2022.json.zip", "w") as archive:
        archive.writestr("jdft_3d-12-12-2022.json", json.dumps(rows))
    table = read_dataset("jarvis_dft_3d_2022", tmp_path)
    assert accounted(table)
    assert table.ids == ("JVASP-1", "JVASP-2", "JVASP-3")
    first, second, third = table.crystals
    assert third is None
    assert first.formula == second.formula == "SrTiO3"
    np.testing.assert_allclose(first.frac_coords, second.frac_coords, atol=1e-12)
    assert table.values["energy_above_hull"] == pytest.approx([0.0, np.nan, 0.0], nan_ok=True)
    assert table.values["band_gap"] == pytest.approx([1.8, 0.0, 1.8])
    with zipfile.ZipFile(tmp_path / "jdft_3d-12-12-2022.json.zip", "a") as archive:
        archive.writestr("more.json", "[]")
    with pytest.raises(SourceError, match="2 files in it"):
        read_dataset("jarvis_dft_3d_2022", tmp_path)


def test_a_condition_may_have_alternatives(tmp_path, monkeypatch):
    path = make.frame(
        tmp_path / "citrine_thermal_conductivity.json.gz",
        {"formula": ["MgO", "CaO", "BaO"], "k_expt": [50.0, 20.0, 9.0],
         "k_condition": ["Room temperature", "500", "298"]},
    )  # fmt: skip
    make.trust(monkeypatch, "citrine_thermal_conductivity", path)
    table = read_dataset("citrine_thermal_conductivity", tmp_path)
    assert table.values["thermal_conductivity"] == pytest.approx([50.0, np.nan, 9.0], nan_ok=True)
    assert table.omitted["thermal_conductivity"] == {"filtered": 1}


# The real files, where someone has them


@pytest.mark.skipif(REAL is None, reason="MATSCREEN_MIRROR names no folder of published sets")
@pytest.mark.parametrize(
    "name",
    [
        d.name
        for d in list_datasets()
        if "mirror" in d.layouts
        and not d.layouts["mirror"].is_folder
        and d.name != "materials_project_2018"
    ],
)
def test_real_sets_lose_nothing(name):
    if not (Path(REAL) / get_dataset(name).layouts["mirror"].file).is_file():
        pytest.skip("not in this mirror")
    table = read_dataset(name, REAL)
    assert accounted(table)
    assert len(table.failures) < 0.01 * table.n_rows
    assert not table.cell_failures
    for target in table.targets:
        known = table.values[target.property]
        assert np.isfinite(known).sum() > 40
        assert sum(table.omitted[target.property].values()) == np.isnan(known).sum()
