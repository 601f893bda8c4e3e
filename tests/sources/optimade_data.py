"""OPTIMADE entries of made-up perovskites and of any crystals, as a database would send them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from matscreen.structures import Crystal

COORDS = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
A_SITES = ("Ca", "Sr", "Ba", "Pb", "La", "K", "Na", "Y", "Nd", "Cd")
B_SITES = ("Ti", "Zr", "Hf", "Sn", "Ge", "Mn", "Fe", "Nb", "Al", "Ta")
FIRST_CHANGE = datetime(2026, 1, 1, tzinfo=UTC)


def entry_of(name: str, crystal: Crystal, *, changed: int = 0, **attributes: object) -> dict:
    """Return the entry of a crystal, last changed `changed` hours after the first change."""
    counts = crystal.counts
    symbols = sorted(counts)
    total = crystal.nsites
    divisor = np.gcd.reduce(list(counts.values()))
    ordered = sorted((n // divisor for n in counts.values()), reverse=True)
    letters = "ABCDEFGH"
    of_number = dict(zip(np.unique(crystal.atomic_numbers), _symbols(crystal), strict=True))
    formula = "".join(
        s + (str(counts[s] // divisor) if counts[s] > divisor else "") for s in symbols
    )
    return {
        "id": name,
        "type": "structures",
        "attributes": {
            "elements": symbols,
            "nelements": len(symbols),
            "elements_ratios": [counts[s] / total for s in symbols],
            "chemical_formula_reduced": formula,
            "chemical_formula_descriptive": formula,
            "chemical_formula_anonymous": "".join(
                letter + (str(n) if n > 1 else "")
                for letter, n in zip(letters, ordered, strict=False)
            ),
            "dimension_types": [1, 1, 1],
            "nperiodic_dimensions": 3,
            "lattice_vectors": crystal.lattice.tolist(),
            "cartesian_site_positions": (crystal.frac_coords @ crystal.lattice).tolist(),
            "nsites": total,
            "species": [
                {"name": s, "chemical_symbols": [s], "concentration": [1.0]} for s in symbols
            ],
            "species_at_sites": [of_number[z] for z in crystal.atomic_numbers],
            "structure_features": [],
            "last_modified": stamp(FIRST_CHANGE + timedelta(hours=changed)),
            **attributes,
        },
    }


def stamp(moment: datetime) -> str:
    """Write a moment as the standard asks for it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def perovskites(n: int = 100) -> list[dict]:
    """Return `n` <= 100 cubic perovskites, one entry a pair of cations."""
    from pymatgen.core import Element

    pairs = [(a, b) for a in A_SITES for b in B_SITES][:n]
    return [
        entry_of(
            f"{a}{b}O3",
            Crystal(np.eye(3) * (3.7 + 0.01 * i), [Element(a).Z, Element(b).Z, 8, 8, 8], COORDS),
            changed=i,
        )
        for i, (a, b) in enumerate(pairs)
    ]


def write_jsonl(entries: Iterable[dict], path: Path, *, fields: tuple[str, ...] = ()) -> Path:
    """Write entries as the reference server reads them."""
    described = {name: {"description": name, "type": "string"} for name in fields}
    lines = [
        {"x-optimade": {"meta": {"api_version": "1.1.0"}}},
        {"type": "info", "id": "structures", "properties": described},
        *entries,
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def _symbols(crystal: Crystal) -> list[str]:
    from pymatgen.core import Element

    return [Element.from_Z(int(z)).symbol for z in np.unique(crystal.atomic_numbers)]
