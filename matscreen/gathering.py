"""What the store knows of the candidates of a screen, gathered for the ranking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matscreen.errors import InputError
from matscreen.shipped import Pulled

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.store import Store
    from matscreen.structures import Crystal


def candidates_and_values(
    store: Store, pulled: Sequence[Pulled]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the pulled candidates, with the gaps to other phases, and their best property values.

    Raises:
        InputError: Nothing suitable was pulled.
    """
    from matscreen.crystal_facts import phase_gaps
    from matscreen.evidence import gather_properties

    candidates = ranked_candidates(store, pulled)
    if candidates.empty:
        raise nothing_to_rank(store, pulled)
    labels = store.read("labels").to_pandas()
    # Phases that are not ranked themselves still say whether an oxide takes a polar one.
    gaps = phase_gaps(store.read("candidates").to_pandas(), labels)
    candidates = candidates.merge(gaps, on="structure_id", how="left")
    predictions = store.read("predictions").to_pandas()
    return candidates, gather_properties(candidates, labels=labels, predictions=predictions)


def nothing_to_rank(store: Store, pulled: Sequence[Pulled]) -> InputError:
    """Return the error of a pull without any candidate: what was seen, and why none was taken."""
    specs = ", ".join(each.spec for each in pulled)
    seen = sum(each.seen for each in pulled)
    if not seen:
        return InputError(
            f"{specs} holds no entry; pull some first (`matscreen pull --help`), or name another "
            "source"
        )
    failures = relevant_failures(store, pulled)
    reasons = failures["reason"].astype(str).value_counts()
    why = ", ".join(f"{str(name).replace('_', ' ')} {n}" for name, n in list(reasons.items())[:4])
    example = failures.drop_duplicates("structure_id").head(1).to_dict("records")
    shown = f"; {example[0]['structure_id']}: {example[0]['detail']}" if example else ""
    return InputError(
        f"none of the {seen} entries of {specs} can be ranked"
        + (f" ({why}{shown})" if why else "")
        + "; ordered crystals of oxides can, as CIF, POSCAR, extxyz, JSON or an ASE database"
    )


def ranked_candidates(store: Store, pulled: Sequence[Pulled]) -> pd.DataFrame:
    """Return the pulled candidates with what identifies them, sorted by structure id.

    Several entries of one material are joined: `source` and `source_id` list all of them, so that
    every entry of a source is found either in a ranking or among the failures.
    """
    import numpy as np

    ids = {name for each in pulled for name in each.ids}
    table: pd.DataFrame = store.read("candidates").to_pandas()
    table = table[table["structure_id"].isin(ids)].reset_index(drop=True)
    known = table["lattice"].notna().to_numpy()
    cells = np.array(table.loc[known, "lattice"].tolist(), dtype=float).reshape(-1, 3, 3)
    table["volume_per_atom"] = np.nan  # composition alone: no cell
    table.loc[known, "volume_per_atom"] = (
        np.abs(np.linalg.det(cells)) / table.loc[known, "nsites"].to_numpy()
    )
    table["material_id"] = table["material_id"].fillna(table["structure_id"])
    origin = store.read("provenance").to_pandas().sort_values(["source", "source_id"])
    origin = origin.merge(table[["structure_id", "material_id"]], on="structure_id")
    joined = origin.groupby("material_id", sort=True)[["source", "source_id"]].agg(
        lambda column: ";".join(dict.fromkeys(column))
    )
    table = table.merge(joined.reset_index(), on="material_id", how="left")
    return table.sort_values("structure_id", kind="stable").reset_index(drop=True)


def stored_crystals(store: Store, ids: Sequence[str]) -> dict[str, Crystal]:
    """Return the crystals of some candidates; those known by composition alone are absent."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from matscreen.structures import CrystalBatch

    table = store.read("candidates")
    wanted = pc.is_in(table["structure_id"], value_set=pa.array(list(ids), pa.string()))
    batch = CrystalBatch.from_arrow(table.filter(pc.and_(wanted, pc.is_valid(table["lattice"]))))
    return dict(zip(batch.ids, batch, strict=True))


def relevant_failures(store: Store, pulled: Sequence[Pulled]) -> pd.DataFrame:
    """Return the failures of the pulled entries and of the candidates and models made of them.

    What other sources sent and nobody could read is not among them, unless the store is ranked.
    """
    failures: pd.DataFrame = store.read("failures").to_pandas()
    ids = {name for each in pulled for name in each.ids}
    specs = tuple(f"{each.spec.partition(':')[0]}:" for each in pulled)
    mine = failures["structure_id"].isin(ids) | failures["structure_id"].str.startswith(
        (*specs, "model:")
    )
    names = {each.spec for each in pulled}
    if "bundle" in names:
        mine |= failures["stage"] != "pull"
    if "store" in names:
        mine |= True
    columns = ["structure_id", "stage", "reason", "detail"]
    return failures.loc[mine, columns].sort_values(columns[:2]).reset_index(drop=True)
