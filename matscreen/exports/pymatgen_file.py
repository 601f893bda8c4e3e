"""Write the crystals of the best candidates as pymatgen structures in one JSON file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from matscreen.atomic import write_atomically
from matscreen.exports.records import ranked_crystals
from matscreen.structures import Crystal

if TYPE_CHECKING:
    import pandas as pd


def write_pymatgen(
    ranking: pd.DataFrame,
    crystals: Mapping[str, Crystal],
    path: str | os.PathLike[str],
    *,
    top_k: int | None = None,
) -> Path:
    """Write the first structures of a ranking as a JSON list of pymatgen structures, best first.

    `monty.serialization.loadfn` gives back the list of `Structure`. The `properties` of each are
    the known columns of its best row, `units` of those that have one, and `by_mechanism`. They are
    structures and no `ComputedEntry`, because a ranking holds no total energies.

    Args:
        ranking: As for `write_cifs`; units are `attrs["units"]`.
        crystals: As for `write_cifs`.
        path: Target file.
        top_k: How many structures are written at most; all by default.

    Returns:
        The path written.
    """
    structures = []
    for each in ranked_crystals(ranking, crystals, top_k=top_k):
        structure = each.crystal.to_pymatgen()
        facts = each.facts()
        structure.properties = {
            **facts,
            "units": {c.name: c.unit for c in each.columns if c.unit and c.name in facts},
            "by_mechanism": each.by_mechanism(),
        }
        structures.append(structure.as_dict())
    return write_atomically(path, json.dumps(structures, allow_nan=False) + "\n")
