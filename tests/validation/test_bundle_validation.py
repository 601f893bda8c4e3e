"""The data card and the comparison of formation energies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from matscreen.errors import InputError
from matscreen.simulations.base import Label
from matscreen.simulations.bundle import export_bundle
from matscreen.simulations.element_states import reference_items
from matscreen.simulations.journal import Journal, Record
from matscreen.sources.base import SourceItem
from matscreen.structures import Crystal
from matscreen.validation.data_card import data_card, histogram, label_counts
from matscreen.validation.stability import (
    MIRROR_FILE,
    compare_formation_energies,
    formation_energies,
    hull_agreement,
    scheme_offset,
)

ROCK_SALT = np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
ENERGIES = {"Mg": -1.5, "Fe": -8.2, "O2": -4.9}


def oxide(metal: int, edge: float) -> Crystal:
    half = edge / 2
    lattice = np.array([[0, half, half], [half, 0, half], [half, half, 0]])
    return Crystal(lattice, np.array([metal, 8]), ROCK_SALT)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("card")
    journal = Journal(folder / "out")
    oxides = [
        (SourceItem(oxide(12, 4.2), "test", "MgO", None, "rock salt"), -6.0),
        (SourceItem(oxide(26, 4.3), "test", "FeO", None, "rock salt"), -7.5),
    ]
    pure = [
        (item, ENERGIES[item.crystal.formula])
        for symbol in ("Mg", "Fe", "O")
        for item in reference_items([symbol])
    ]
    journal.append_inputs([item for item, _ in oxides + pure])
    for item, energy in oxides + pure:
        journal.append(
            Record(
                item.crystal.content_hash,
                item.crystal.content_hash,
                "relaxation",
                "1",
                "7net-0",
                "test-1",
                labels=(Label("energy_per_atom", energy, 0.03),),
                relaxed=item.crystal,
                seconds=3.0,
                cpu_seconds=2.0,
            )
        )
    bad = SourceItem(oxide(20, 4.8), "test", "CaO", None, "rock salt")
    journal.append_inputs([bad])
    hash_ = bad.crystal.content_hash
    journal.append(
        Record(hash_, hash_, "relaxation", "1", "7net-0", "test-1", reason="not_converged")
    )
    export_bundle(journal.folder, folder / "bundle")
    return folder / "bundle"


def test_the_card_counts_what_is_there(bundle):
    text = data_card(bundle)
    assert "| relaxed crystals | 2 |" in text
    assert "| relaxation | not_converged | 1 |" in text
    assert "| relaxed elements (and O2) | 3 |" in text
    assert "| relaxation/7net-0 | 1+test-1 | 2 | 1 | 3.0 | 2.0 | 20 | 20 |" in text
    assert "energy_above_hull" in text


def test_no_bundle_is_said(tmp_path):
    with pytest.raises(InputError, match="no bundle"):
        data_card(tmp_path)


def test_histogram_shows_where_the_values_lie():
    text = histogram([1.0] * 10 + [2.0] * 5)
    assert text[1] == "█"
    assert text[-2] in "▄▅"
    assert set(text[2:-2]) == {" "}
    assert histogram([1.0, 2.0]) == histogram([3.0] * 9) == ""
    even = histogram(np.logspace(0, 3, 4800), log=True)
    assert len(set(even[2:-2])) <= 2


def test_labels_are_summed_up_by_property_and_method():
    labels = pd.DataFrame(
        {
            "structure_id": ["a", "a", "b"],
            "property": ["bulk_modulus"] * 3,
            "method": ["m"] * 3,
            "value": [100.0, 110.0, 200.0],
            "std": [10.0] * 3,
        }
    )
    row = label_counts(labels).iloc[0]
    assert (row["labels"], row["crystals"], row["median"]) == (3, 2, "110")


@pytest.fixture
def mirror(tmp_path):
    # uncorrected MgO: -6 + (1.5 + 4.9) / 2 = -2.8; corrected -0.687 / 2 more
    published = {"MgO": -2.8 - 0.687 / 2 - 0.01, "Fe1O1": -1.9, "Fe2O3": -1.8, "Co": 0.0}
    rows = [
        {"mpid": name, "formula": name, "e_form_eV_per_atom": e, "e_hull_eV_per_atom": 0.0}
        for name, e in published.items()
    ]
    rows.append({**rows[0], "e_form_eV_per_atom": -2.0, "e_hull_eV_per_atom": 1.0})
    pd.DataFrame(rows).to_csv(tmp_path / MIRROR_FILE, index=False)
    return tmp_path


def test_formation_energies_beside_published_ones(bundle, mirror):
    table = compare_formation_energies(mirror, bundle=bundle).set_index("formula")
    assert set(table.index) == {"MgO", "FeO"}
    assert table.loc["MgO", "raw"] == pytest.approx(-2.8)
    assert table.loc["MgO", "formation"] == pytest.approx(-2.8 - 0.687 / 2)
    # the scheme of 2018 shifted oxygen by -0.70229 eV: 8 meV/atom of MgO are no error
    assert table.loc["MgO", "offset"] == pytest.approx((0.70229 - 0.687) / 2, abs=1e-4)
    assert table.loc["MgO", "error"] == pytest.approx(0.01 - 0.00765, abs=1e-4)
    summary = formation_energies(mirror, bundle=bundle).set_index("cation")
    assert summary.loc["all", "n"] == 2
    assert summary.loc["Mg", "bias_raw"] - summary.loc["Mg", "bias_corrected"] == pytest.approx(
        0.687 / 2
    )
    assert hull_agreement(mirror, bundle=bundle)["agreement"] == 1.0


def test_offset_between_the_two_schemes_of_iron_oxide():
    # -2.256 against -2.733 eV per Fe, -0.687 against -0.70229 per O
    expected = (2 * (2.733 - 2.256) + 3 * (0.70229 - 0.687)) / 5
    assert scheme_offset({"Fe": 2, "O": 3}) == pytest.approx(expected, abs=1e-4)


def test_a_mirror_without_the_table_is_a_user_error(bundle, tmp_path):
    with pytest.raises(InputError, match="has no materials_project"):
        formation_energies(tmp_path, bundle=bundle)
