from __future__ import annotations

import hashlib
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest
from ase.neighborlist import neighbor_list
from pymatgen.core import Element

from matscreen.errors import InputError, StructureError
from matscreen.identity import Registry, analyze_symmetry
from matscreen.sources import Source, SourceItem, open_source
from matscreen.sources._families import template
from matscreen.sources.prototypes import (
    FAMILIES,
    GROUPS,
    MINIMUM_DISTANCE,
    PrototypeSource,
    competing_phases,
    open_prototypes,
    select_families,
)
from matscreen.structures import reduced_formula

SPACEGROUPS = {
    "perovskite-Pm-3m": 221,
    "perovskite-P4mm": 99,
    "perovskite-R3m": 160,
    "perovskite-Amm2": 38,
    "perovskite-R3c": 161,
    "perovskite-Pnma": 62,
    "perovskite-R-3c": 167,
    "perovskite-I4mcm": 140,
    "linbo3-R3c": 161,
    "ilmenite-R-3": 148,
    "antifluorite": 225,
    "cuprite": 224,
    "rocksalt": 225,
    "wurtzite": 186,
    "zincblende": 216,
    "tenorite": 15,
    "litharge": 129,
    "pdo": 131,
    "corundum": 167,
    "bixbyite": 206,
    "la2o3": 164,
    "rutile": 136,
    "anatase": 141,
    "fluorite": 225,
    "baddeleyite": 14,
    "hfo2-Pca2_1": 29,
    "zro2-P4_2nmc": 137,
    "quartz": 152,
    "cristobalite": 92,
    "v2o5": 59,
    "reo3": 221,
    "wo3-P4nmm": 129,
    "spinel": 227,
    "scheelite": 88,
    "zircon": 141,
    "pyrochlore": 227,
    "k2nif4": 139,
    "delafossite": 166,
    "nafeo2-R-3m": 166,
    "double-perovskite": 225,
}
POLAR = {
    "perovskite-P4mm",
    "perovskite-R3m",
    "perovskite-Amm2",
    "perovskite-R3c",
    "linbo3-R3c",
    "hfo2-Pca2_1",
    "wurtzite",
}


@pytest.fixture(scope="module")
def everything() -> dict[str, SourceItem]:
    pages = list(PrototypeSource().pages())
    assert not any(page.failures for page in pages)
    items = [item for page in pages for item in page.items]
    found = {item.source_id: item for item in items}
    assert len(found) == len(items), "a source_id occurs twice"
    return found


@pytest.mark.parametrize(
    ("source_id", "states"),
    [
        ("BaTiO3/perovskite-P4mm", "Ba2+ Ti4+ O2-"),
        ("PbTiO3/perovskite-P4mm", "Pb2+ Ti4+ O2-"),
        ("KNbO3/perovskite-R3m", "K1+ Nb5+ O2-"),
        ("KNbO3/perovskite-Amm2", "K1+ Nb5+ O2-"),
        ("BiFeO3/perovskite-R3c", "Bi3+ Fe3+ O2-"),
        ("SrTiO3/perovskite-Pm-3m", "Sr2+ Ti4+ O2-"),
        ("SrTiO3/perovskite-I4mcm", "Sr2+ Ti4+ O2-"),
        ("BaZrO3/perovskite-Pm-3m", "Ba2+ Zr4+ O2-"),
        ("LaAlO3/perovskite-R-3c", "La3+ Al3+ O2-"),
        ("CaTiO3/perovskite-Pnma", "Ca2+ Ti4+ O2-"),
        ("LiNbO3/linbo3-R3c", "Li1+ Nb5+ O2-"),
        ("ZnSnO3/linbo3-R3c", "Zn2+ Sn4+ O2-"),
        ("FeTiO3/ilmenite-R-3", "Fe2+ Ti4+ O2-"),
        ("TiO2/rutile", "Ti4+ O2-"),
        ("HfO2/hfo2-Pca2_1", "Hf4+ O2-"),
        ("Al2O3/corundum", "Al3+ O2-"),
        ("ZnO/wurtzite", "Zn2+ O2-"),
        ("MgAl2O4/spinel", "Mg2+ Al3+ O2-"),
        ("CaWO4/scheelite", "Ca2+ W6+ O2-"),
        ("Sr2TiO4/k2nif4", "Sr2+ Ti4+ O2-"),
        ("Ba2ScNbO6/double-perovskite", "Ba2+ Sc3+ Nb5+ O2-"),
    ],
)
def test_known_compounds_are_enumerated(
    everything: dict[str, SourceItem], source_id: str, states: str
) -> None:
    item = everything[source_id]
    assert item.attributes["oxidation_states"] == states
    assert item.source == "prototypes"
    assert item.licence == "CC0-1.0"
    assert item.prototype == source_id.split("/")[1]


def test_families_have_their_space_groups(everything: dict[str, SourceItem]) -> None:
    assert set(SPACEGROUPS) == set(FAMILIES)
    counts = Counter(item.prototype for item in everything.values())
    assert min(counts[family] for family in FAMILIES) >= 1
    checked: Counter[str] = Counter()
    for item in everything.values():
        family = str(item.prototype)
        assert item.attributes["spacegroup"] == SPACEGROUPS[family]
        # The source says what it measured; measure a few of each family again.
        if checked[family] < 3:
            checked[family] += 1
            symmetry = analyze_symmetry(item.crystal)
            assert symmetry.number == SPACEGROUPS[family]
            assert symmetry.polar == (family in POLAR)
            assert symmetry.n_primitive == item.crystal.nsites


def test_every_structure_is_neutral(everything: dict[str, SourceItem]) -> None:
    for item in everything.values():
        states = str(item.attributes["oxidation_states"]).split()
        charges = {
            token.rstrip("+-0123456789"): int(
                token.rstrip("+-").lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
            )
            for token in states
        }
        charges["O"] = -2
        total = sum(charges[symbol] * n for symbol, n in item.crystal.counts.items())
        assert total == 0, item.source_id


def test_formula_matches_its_id(everything: dict[str, SourceItem]) -> None:
    for item in everything.values():
        written = reduced_formula(item.source_id.partition("/")[0])
        assert item.crystal.formula == written


def test_no_two_atoms_are_close(everything: dict[str, SourceItem]) -> None:
    shortest = []
    for item in list(everything.values())[::7]:
        distances = neighbor_list("d", item.crystal.to_ase(), 3.0)
        shortest.append(distances.min())
    assert min(shortest) > MINIMUM_DISTANCE
    # Bonds, not contacts: the shortest distance of an oxide is a bond of 1.4 to 2.9 Å.
    assert min(shortest) > 1.35
    assert max(shortest) < 2.95


def test_no_structure_occurs_twice(everything: dict[str, SourceItem]) -> None:
    found = Registry().assign_batch([item.crystal for item in everything.values()])
    known = [name for name, each in zip(everything, found, strict=True) if not each.is_new]
    assert not known


def test_size_of_the_enumeration(everything: dict[str, SourceItem]) -> None:
    assert 2500 <= len(everything) <= 5000


def test_forbidden_elements_are_absent(everything: dict[str, SourceItem]) -> None:
    for item in everything.values():
        for symbol in item.crystal.counts:
            element = Element(symbol)
            assert symbol not in {"H", "Tc", "Pm"}
            assert not element.is_noble_gas
            assert element.Z <= 83


@pytest.mark.parametrize(
    ("source_id", "edge"),
    [
        ("SrTiO3/perovskite-Pm-3m", 3.905),
        ("BaTiO3/perovskite-Pm-3m", 4.00),
        ("KTaO3/perovskite-Pm-3m", 3.988),
        ("LaAlO3/perovskite-Pm-3m", 3.81),
        ("BaZrO3/perovskite-Pm-3m", 4.19),
    ],
)
def test_cubic_cells_are_near_measured_ones(
    everything: dict[str, SourceItem], source_id: str, edge: float
) -> None:
    assert everything[source_id].crystal.volume ** (1 / 3) == pytest.approx(edge, rel=0.035)


@pytest.mark.parametrize(
    ("source_id", "volume_per_formula"),
    [
        ("TiO2/rutile", 31.2),
        ("HfO2/baddeleyite", 34.6),
        ("MgO/rocksalt", 18.7),
        ("Al2O3/corundum", 42.5),
        ("LiNbO3/linbo3-R3c", 53.0),
        ("BaO/rocksalt", 42.5),
        ("MgAl2O4/spinel", 66.0),
        ("BiFeO3/perovskite-R3c", 62.3),
    ],
)
def test_volumes_are_near_measured_ones(
    everything: dict[str, SourceItem], source_id: str, volume_per_formula: float
) -> None:
    crystal = everything[source_id].crystal
    from pymatgen.core import Composition

    formulas = crystal.nsites / Composition(source_id.partition("/")[0]).num_atoms
    assert crystal.volume / formulas == pytest.approx(volume_per_formula, rel=0.08)


def test_polar_phases_start_displaced(everything: dict[str, SourceItem]) -> None:
    lead = everything["PbTiO3/perovskite-P4mm"].crystal
    ratio = lead.lattice[2, 2] / lead.lattice[0, 0]
    assert 1.03 < ratio < 1.07
    barium = everything["BaTiO3/perovskite-P4mm"].crystal
    oxygen = barium.frac_coords[barium.atomic_numbers == 8]
    titanium = barium.frac_coords[barium.atomic_numbers == 22][0, 2]
    off_centre = np.abs(titanium - oxygen[np.abs(oxygen[:, 2] - 0.5) < 0.2][:, 2])
    assert off_centre.min() * barium.lattice[2, 2] > 0.05


def test_cubic_perovskite_is_named_after_its_roles(everything: dict[str, SourceItem]) -> None:
    crystal = everything["SrTiO3/perovskite-Pm-3m"].crystal
    atoms = crystal.to_ase()
    first, distance = neighbor_list("id", atoms, 0.55 * crystal.lattice[0, 0])
    titanium = list(crystal.atomic_numbers).index(22)
    assert (first == titanium).sum() == 6
    assert distance[first == titanium] == pytest.approx(crystal.lattice[0, 0] / 2)


def test_tolerance_factors_are_recorded(everything: dict[str, SourceItem]) -> None:
    attributes = everything["SrTiO3/perovskite-Pm-3m"].attributes
    assert attributes["goldschmidt_t"] == pytest.approx(1.002, abs=1e-3)
    assert attributes["bartel_tau"] == pytest.approx(3.802, abs=2e-3)
    for item in everything.values():
        if item.prototype in GROUPS["perovskite"]:
            assert 0.7 < float(item.attributes["goldschmidt_t"]) < 1.2


def test_order_puts_common_chemistry_first(everything: dict[str, SourceItem]) -> None:
    ids = list(everything)
    early = ["BaTiO3", "PbTiO3", "KNbO3", "SrTiO3", "BaZrO3", "BiFeO3", "NaNbO3", "CaTiO3"]
    for formula in early:
        first = min(i for i, name in enumerate(ids) if name.startswith(f"{formula}/"))
        assert first < 150, formula
    position = {name: i for i, name in enumerate(ids)}
    assert position["TiO2/rutile"] < 400
    assert position["LaAlO3/perovskite-R-3c"] < 400
    assert position["SrTiO3/perovskite-Pm-3m"] < position["SrIrO3/perovskite-Pm-3m"]


def test_enumeration_is_the_same_in_another_process() -> None:
    code = (
        "import hashlib; from matscreen.sources.prototypes import PrototypeSource\n"
        "h = hashlib.sha256()\n"
        "for p in PrototypeSource(300).pages():\n"
        "    for i in p.items: h.update((i.source_id + i.crystal.content_hash).encode())\n"
        "import sys; sys.stdout.write(h.hexdigest())"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": "7", "PATH": ""},
    )
    digest = hashlib.sha256()
    for page in PrototypeSource(300).pages():
        for item in page.items:
            digest.update((item.source_id + item.crystal.content_hash).encode())
    assert other.stdout == digest.hexdigest()
    assert other.stderr == ""


def test_pages_and_limits() -> None:
    source = PrototypeSource(max_items=300, families=("perovskite",))
    assert isinstance(source, Source)
    pages = list(source.pages())
    assert [len(page.items) for page in pages] == [256, 44]
    assert {item.prototype for page in pages for item in page.items} <= set(GROUPS["perovskite"])


def test_a_limit_is_a_prefix(everything: dict[str, SourceItem]) -> None:
    few = [item.source_id for page in PrototypeSource(40).pages() for item in page.items]
    assert few == list(everything)[:40]


def test_competing_phases_are_binary_oxides_of_the_elements() -> None:
    phases = competing_phases(["Ba", "Ti"])
    names = {item.source_id for item in phases}
    assert {"BaO/rocksalt", "TiO2/rutile", "TiO2/anatase"} <= names
    for item in competing_phases():
        assert len(item.crystal.counts) == 2
    assert all(set(item.crystal.counts) <= {"Ba", "Ti", "O"} for item in phases)


def test_opened_by_name() -> None:
    source = open_source("prototypes:rocksalt, rutile", max_items=5)
    items = [item for page in source.pages() for item in page.items]
    assert len(items) == 5
    assert {item.prototype for item in items} <= {"rocksalt", "rutile"}
    assert open_prototypes(families="binary").families == ("binary",)


def test_bad_requests_are_input_errors() -> None:
    with pytest.raises(InputError, match="unknown prototype family 'perovskit'"):
        PrototypeSource(families=("perovskit",))
    with pytest.raises(InputError, match="max_items"):
        PrototypeSource(max_items=0)
    with pytest.raises(InputError, match="not both"):
        open_prototypes("binary", families="ternary")
    with pytest.raises(InputError, match="unknown source 'prototype'"):
        open_source("prototype")
    with pytest.raises(InputError, match="page_limit"):
        open_source("prototypes", page_limit=3)
    with pytest.raises(InputError, match="selected"):
        select_families(())


def test_wrong_symmetry_becomes_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    import matscreen.sources.prototypes as module

    def refuse(crystal: object) -> object:
        raise StructureError("wrong_symmetry", "forced")

    monkeypatch.setattr(module, "analyze_symmetry", refuse)
    (page,) = PrototypeSource(families=("reo3",)).pages()
    assert not page.items
    assert {failure.reason for failure in page.failures} == {"wrong_symmetry"}
    assert "WO3/reo3" in {failure.source_id for failure in page.failures}


def test_baddeleyite_metal_has_seven_neighbours() -> None:
    from matscreen.sources._binary_oxides import BINARY

    for name in ("baddeleyite", "hfo2-Pca2_1"):
        shape = template(next(family for family in BINARY if family.name == name))
        near = (shape.bonds["A"] < 2.6).sum() / shape.counts["A"]
        assert near == 7
