"""Tests of reading single OPTIMADE entries."""

from __future__ import annotations

import numpy as np
import pytest

from matscreen.errors import StructureError
from matscreen.sources.optimade_entries import entry_id, parse, wanted_fields

COORDS = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])


def entry(**attributes) -> dict:
    return {
        "id": "bad",
        "type": "structures",
        "attributes": {
            "dimension_types": [1, 1, 1],
            "lattice_vectors": (np.eye(3) * 4.0).tolist(),
            "cartesian_site_positions": (COORDS * 4.0).tolist(),
            "species": [
                {"name": e, "chemical_symbols": [e], "concentration": [1.0]}
                for e in ("Ba", "O", "Ti")
            ],
            "species_at_sites": ["Ba", "Ti", "O", "O", "O"],
            "structure_features": [],
            **attributes,
        },
    }


def test_a_good_entry_is_read() -> None:
    parsed = parse(entry())
    assert parsed.source_id == "bad"
    assert parsed.crystal.formula == "BaTiO3"
    np.testing.assert_allclose(parsed.crystal.frac_coords, COORDS, atol=1e-12)
    assert not parsed.properties


def test_species_that_no_site_uses_do_not_matter() -> None:
    spare = {"name": "spare", "chemical_symbols": ["X"]}
    species = [*entry()["attributes"]["species"], spare]
    assert parse(entry(species=species)).crystal.formula == "BaTiO3"


def test_names_of_sites_stand_for_elements_when_species_is_missing() -> None:
    assert parse(entry(species=None)).crystal.formula == "BaTiO3"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"structure_features": ["disorder"]}, "disordered"),
        ({"structure_features": ["assemblies"]}, "disordered"),
        ({"structure_features": ["implicit_atoms"]}, "missing_atoms"),
        ({"structure_features": ["unknown_positions"]}, "missing_coordinates"),
        ({"lattice_vectors": None}, "not_periodic"),
        ({"lattice_vectors": [[4, 0, 0], [0, 4, 0], [None] * 3]}, "not_periodic"),
        ({"dimension_types": [1, 1, 0]}, "not_periodic"),
        ({"lattice_vectors": [[4, 0, 0], [0, 4, 0], [4, 4, 0]]}, "flat_cell"),
        ({"cartesian_site_positions": None}, "missing_coordinates"),
        ({"cartesian_site_positions": [[0, 0, None]] * 5}, "missing_coordinates"),
        ({"cartesian_site_positions": [[0, 0, 0]] * 4}, "malformed"),
        ({"cartesian_site_positions": [[0, 0, "far"]] * 5}, "malformed"),
        ({"cartesian_site_positions": [[0, 0, float("nan")]] * 5}, "not_finite"),
        ({"species_at_sites": None}, "malformed"),
        ({"species_at_sites": ["Ba", "Zz", "O", "O", "O"]}, "malformed"),
        ({"species": "Ba"}, "malformed"),
        (
            {"species": [{"name": "Ba", "chemical_symbols": ["Ba", "vacancy"]}]},
            "disordered",
        ),
        (
            {
                "species": [
                    {"name": "Ba", "chemical_symbols": ["Ba", "Sr"], "concentration": [0.5, 0.5]}
                ]
            },
            "disordered",
        ),
        (
            {"species": [{"name": "Ba", "chemical_symbols": ["Ba"], "concentration": [0.9]}]},
            "disordered",
        ),
        ({"species": [{"name": "Ba", "chemical_symbols": ["X"]}]}, "unknown_element"),
        (
            {"species": [{"name": "Ba", "chemical_symbols": ["Ba"], "attached": ["H"]}]},
            "missing_atoms",
        ),
    ],
)
def test_a_bad_entry_is_refused_with_its_reason(change: dict, reason: str) -> None:
    with pytest.raises(StructureError) as caught:
        parse(entry(**change))
    assert caught.value.reason == reason
    assert caught.value.detail


@pytest.mark.parametrize("broken", [None, "text", 3, [], {}, {"id": "x"}, {"id": "", "a": 1}])
def test_what_is_no_entry_is_malformed(broken: object) -> None:
    with pytest.raises(StructureError, match="malformed"):
        parse(broken)


def test_an_identifier_is_found_in_a_broken_entry() -> None:
    assert entry_id({"id": "x"}) == "x"
    assert entry_id({"id": 7}) == "7"
    assert entry_id({"id": None}) is None
    assert entry_id("x") is None


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"_alexandria_hull_distance": None, "_alexandria_band_gap": None}, {}),
        ({"_alexandria_hull_distance": "na", "_alexandria_band_gap": -3.0}, {}),
        ({"_oqmd_stability": -0.01, "_oqmd_band_gap": 0}, {"energy_above_hull": 0, "band_gap": 0}),
        ({"_mp_stability": None}, {}),
        (
            {
                "_mp_stability": {
                    "gga_gga+u_r2scan": {"energy_above_hull": None},
                    "gga_gga+u": {"energy_above_hull": 0.02, "formation_energy_per_atom": -3.1},
                }
            },
            {"energy_above_hull": 0.02, "formation_energy_per_atom": -3.1},
        ),
        ({"_jarvis_formation_energy_peratom": True}, {}),
        ({"_other_band_gap": 1.0}, {}),
    ],
)
def test_provider_fields_become_properties_and_null_is_missing(
    fields: dict, expected: dict[str, float]
) -> None:
    assert parse(entry(**fields)).properties == expected


def test_only_known_and_licence_fields_are_wanted() -> None:
    offered = ["nsites", "_oqmd_stability", "_oqmd_spin", "_mp_stability", "_exmpl_licence"]
    assert wanted_fields(offered) == ("_exmpl_licence", "_mp_stability", "_oqmd_stability")
    assert parse(entry(_exmpl_license="CC0-1.0")).licence == "CC0-1.0"
