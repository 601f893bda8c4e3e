"""What the stage `pull` makes of odd crystals: flags, ordered stand-ins, linked variants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from matscreen.pulling import pull, pull_each
from matscreen.sources import Failure, Page, SourceItem
from matscreen.sources.disorder import DisorderedCrystal
from matscreen.sources.flags import flag_name
from matscreen.sources.optimade_entries import parse
from matscreen.sources.ordering import OrderingLimits
from matscreen.store import Store
from matscreen.structures import Crystal
from tests.sources.test_hydrogen import portlandite

PEROVSKITE = np.array(
    [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]], dtype=float
)


@dataclass(frozen=True)
class Given:
    """A source of pages made by hand."""

    name: ClassVar[str] = "given"
    given: tuple[Page, ...]
    interrupted: bool = False

    def pages(self) -> Iterator[Page]:
        yield from self.given
        if self.interrupted:
            raise KeyboardInterrupt


def item(name: str, crystal: Crystal, flags: tuple[str, ...] = ()) -> SourceItem:
    return SourceItem(crystal, "given", name, "CC0-1.0", flags=flags)


def perovskite(edge: float = 4.0) -> Crystal:
    return Crystal(np.eye(3) * edge, np.array([56, 22, 8, 8, 8]), PEROVSKITE)


def slab() -> Crystal:
    lattice = np.diag([4.0, 4.0, 24.0])
    coords = PEROVSKITE * [1, 1, 4 / 24]
    return Crystal(lattice, np.array([56, 22, 8, 8, 8]), coords)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def flags(store: Store) -> dict[str, list[str]]:
    """Return the names of the flags of each candidate by source id."""
    rows = {row["structure_id"]: row for row in store.read("candidates").to_pylist()}
    return {
        row["source_id"]: [flag_name(text) for text in rows[row["structure_id"]]["flags"]]
        for row in store.read("provenance").to_pylist()
    }


def test_flags_are_stored_and_an_empty_list_says_that_nothing_is_odd(store: Store) -> None:
    doubled = Crystal(
        perovskite(4.1).lattice,
        np.array([56, 22, 8, 8, 8, 8]),
        np.vstack([PEROVSKITE, PEROVSKITE[-1]]),
    )
    odd = item("known odd", perovskite(3.9), ("missing_hydrogen: says the source",))
    page = Page((item("good", perovskite()), item("slab", slab()), item("twice", doubled), odd))
    pulled = pull(store, Given((page,)))
    assert (pulled.seen, pulled.failed) == (4, 0)
    assert flags(store) == {
        "good": [],
        "slab": ["layered", "vacuum"],
        "twice": ["merged_sites"],
        "known odd": ["missing_hydrogen"],
    }
    stored = store.read("candidates").to_pylist()
    assert {(row["formula"], row["nsites"]) for row in stored} == {("BaTiO3", 5)}


def test_disordered_crystals_are_skipped_unless_asked_for(store: Store) -> None:
    shared = DisorderedCrystal(
        np.eye(3) * 4.1, PEROVSKITE, ({82: 1.0}, {40: 0.5, 22: 0.5}, *[{8: 1.0}] * 3)
    )
    source = Given((Page((), (Failure("pzt", "disordered", "shared", shared),)),))
    skipped = pull(store, source)
    assert (len(skipped.ids), skipped.failed) == (0, 1)
    assert store.read("failures")["reason"].to_pylist() == ["disordered"]
    (tally,) = pull_each(store, source, ordering=OrderingLimits(max_sites=10))
    assert (tally.entries, tally.new, len(tally.ids)) == (1, 3, 3)
    assert flags(store) == {f"pzt~{n}": ["ordered_from_disorder"] for n in (1, 2, 3)}


def test_variants_but_for_hydrogen_are_linked_also_between_pulls(store: Store) -> None:
    pull(store, Given((Page((item("x-ray", portlandite(hydrogen=False)),)),)))
    assert "hydrogen_variant" not in flags(store)["x-ray"]
    pull(store, Given((Page((item("neutron", portlandite()),)),)))
    assert all("hydrogen_variant" in found for found in flags(store).values())
    rows = store.read("candidates").to_pylist()
    for row, other in (rows, rows[::-1]):
        assert any(other["structure_id"] in text for text in row["flags"])


def test_variants_are_linked_also_when_a_pull_is_interrupted(store: Store) -> None:
    page = Page((item("x-ray", portlandite(hydrogen=False)), item("neutron", portlandite())))
    with pytest.raises(KeyboardInterrupt):
        pull(store, Given((page,), interrupted=True))
    assert all("hydrogen_variant" in found for found in flags(store).values())


def optimade(features: list[str], species: list[dict]) -> dict:
    return {
        "id": "e1",
        "type": "structures",
        "attributes": {
            "lattice_vectors": (np.eye(3) * 4.1).tolist(),
            "cartesian_site_positions": (PEROVSKITE * 4.1).tolist(),
            "dimension_types": [1, 1, 1],
            "species": species,
            "species_at_sites": ["Pb", "B", "O", "O", "O"],
            "structure_features": features,
        },
    }


def simple(symbol: str) -> dict:
    return {"name": symbol, "chemical_symbols": [symbol], "concentration": [1.0]}


@pytest.mark.parametrize(
    ("features", "shares", "formula"),
    [
        (["disorder"], {"Zr": 0.5, "Ti": 0.5}, "Pb1 Zr0.5 Ti0.5 O3"),
        ([], {"Ti": 0.5, "vacancy": 0.5}, "Pb1 Ti0.5 O3"),
        (["disorder", "assemblies"], {"Zr": 0.5, "Ti": 0.5}, None),  # sites that belong together
        (["disorder"], {"Zr": 0.9, "Ti": 0.9}, None),  # more than one atom a site
    ],
)
def test_optimade_entries_keep_their_occupancies(
    features: list[str], shares: dict[str, float], formula: str | None
) -> None:
    b_site = {
        "name": "B",
        "chemical_symbols": list(shares),
        "concentration": list(shares.values()),
    }
    with pytest.raises(Exception, match="disordered") as caught:
        parse(optimade(features, [simple("Pb"), b_site, simple("O")]))
    found = caught.value.crystal
    assert (found and found.formula) == formula
