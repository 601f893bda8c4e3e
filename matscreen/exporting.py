"""Export the best of a ranking in any format: what is chosen, its crystals, files put in place."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from matscreen.errors import InputError, StoreError
from matscreen.export_formats import FORMATS, Format, Selection, get_format
from matscreen.exports.structures import remove_earlier
from matscreen.finished_screens import FinishedScreen
from matscreen.simulations.dft_inputs import Task
from matscreen.structures import Crystal

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from matscreen.store import Store

_SHOWN: Final = 3
_OF_SUFFIX: Final = {
    ".csv": "csv",
    ".parquet": "parquet",
    ".pymatgen.json": "pymatgen",
    ".json": "json",
    ".xlsx": "xlsx",
    ".bib": "citation",
    ".extxyz": "extxyz",
    ".xyz": "extxyz",
    ".db": "ase",
    ".jsonl": "optimade",
}
"""Format by the end of a file's name; the first that fits counts."""


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        paths: Files, in the order of the formats; of input folders, one a calculation.
        notes: What could not be exported, each as a sentence.
    """

    paths: tuple[Path, ...]
    notes: tuple[str, ...]


def default_targets(formats: Sequence[str], folder: str | Path) -> dict[str, Path]:
    """Return where formats go in a folder, by format.

    Args:
        formats: Names of `FORMATS`.
        folder: The folder.

    Raises:
        InputError: No format is named, or one is unknown.
    """
    if not formats:
        raise InputError(f"name a format: {', '.join(FORMATS)}")
    return {name: Path(folder) / get_format(name).target for name in formats}


def format_of(path: Path) -> str:
    """Return the format that the suffix of a file means.

    Raises:
        InputError: It means none.
    """
    for suffix, name in _OF_SUFFIX.items():
        if path.name.endswith(suffix):
            return name
    raise InputError(
        f"cannot tell a format from {path.name!r}; use one of {', '.join(_OF_SUFFIX)}, or name the "
        f"format: {', '.join(FORMATS)}"
    )


def export_screen(
    screen: FinishedScreen,
    targets: Mapping[str, Path],
    *,
    store: Store | None = None,
    top: int | None = None,
    mechanism: str | None = None,
    infeasible: bool = False,
    task: Task = "relax",
    force: bool = False,
) -> Exported:
    """Write the best of a ranking in one or more formats, all of them or nothing.

    Tables hold every row unless `top` is given. Formats of crystals hold the `top` best feasible
    materials that have a crystal; without `top` as many as the screen itself exports.

    Args:
        screen: The ranking.
        targets: Path of the file or folder that each format writes, by name.
        store: Where the crystals are; formats that need none do without.
        top: How many materials.
        mechanism: Only the rows of this mechanism.
        infeasible: Take infeasible materials too, after the feasible ones.
        task: What the inputs of density functional theory compute.
        force: Replace files that are there already; others in a folder stay.

    Raises:
        InputError: A format or mechanism is unknown, nothing is feasible, no crystal is at hand,
            or a target is there already.
    """
    chosen = {get_format(name): path for name, path in targets.items()}
    if not force:
        _refuse_existing(list(chosen.values()))
    if top is not None and top < 1:
        raise InputError(f"top is {top}, at least 1 material must be exported")
    rows = select_rows(screen.ranking, mechanism=mechanism)
    licences = _licences(screen, store) if "citation" in targets else {}
    whole = Selection(replace(screen, ranking=rows), {}, licences, task)
    best = whole
    if any(each.needs_crystals for each in chosen):
        best = _with_crystals(whole, store, top or screen.top_k, infeasible=infeasible)
    elif top is not None:
        best = _restricted(whole, _ids(whole, infeasible=infeasible)[:top], {}, ())
    paths: list[Path] = []
    notes = list(best.notes)
    with ExitStack() as stack:
        staged = []
        for each, target in chosen.items():
            made = stack.enter_context(staging(target)) / target.name
            selection = best if each.needs_crystals or top is not None else whole
            notes += each.write(selection, made)
            staged.append((each, made, target))
        for each, made, target in staged:
            paths += _shown(each, put_in_place(made, target), target)
    return Exported(tuple(paths), tuple(dict.fromkeys(notes)))


@contextmanager
def staging(target: Path) -> Iterator[Path]:
    """Give a hidden folder beside a target, from where files are renamed and never copied."""
    parent = target.parent
    made = not parent.exists()
    parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(
            prefix=".export-", dir=parent, ignore_cleanup_errors=True
        ) as folder:
            yield Path(folder)
    finally:
        if made and not any(parent.iterdir()):
            parent.rmdir()


def put_in_place(made: Path, target: Path) -> list[Path]:
    """Rename a finished file, or the files of a finished folder, to where they belong.

    Other files in the target folder stay.

    Returns:
        The files, sorted.
    """
    files = [f for f in sorted(made.rglob("*")) if f.is_file()] if made.is_dir() else [made]
    written = [target / file.relative_to(made) for file in files]
    for file, place in zip(files, written, strict=True):
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
    return written


def select_rows(ranking: pd.DataFrame, *, mechanism: str | None = None) -> pd.DataFrame:
    """Return the rows of one mechanism, or all; the attributes of the table stay.

    Raises:
        InputError: No row has this mechanism.
    """
    if mechanism is None:
        return ranking
    rows = ranking[ranking["mechanism"] == mechanism]
    if rows.empty:
        known = ", ".join(sorted(map(str, ranking["mechanism"].unique())))
        raise InputError(f"nothing was ranked as {mechanism!r}; ranked: {known}")
    return rows


def _ids(whole: Selection, *, infeasible: bool) -> list[str]:
    """Return the materials to choose from, best first.

    Raises:
        InputError: None is feasible.
    """
    ranking = whole.rows
    feasible = ranking[ranking["feasible"].astype(bool)]
    if feasible.empty and not infeasible:
        raise InputError(_nothing_feasible(whole.screen))
    return list(dict.fromkeys((ranking if infeasible else feasible)["structure_id"]))


def _with_crystals(
    whole: Selection, store: Store | None, top: int, *, infeasible: bool
) -> Selection:
    """Keep the rows of the best materials that have a crystal, and their crystals."""
    if store is None:
        raise InputError("crystals come from the store that was ranked: name it")
    ids = _ids(whole, infeasible=infeasible)
    crystals, bare = _crystals(whole.screen, store, ids)
    found = [name for name in ids if name in crystals]
    if not found:
        raise InputError(
            "none of the chosen materials has a crystal, they are known by composition only; "
            "export a table (csv, xlsx), or rank crystals: matscreen pull optimade:mp"
        )
    kept = ids[: ids.index(found[:top][-1]) + 1]
    formulas = dict(zip(whole.rows["structure_id"], whole.rows["formula"], strict=True))
    passed = [f"{formulas[name]} ({name})" for name in kept if name in bare]
    notes = []
    if passed:
        more = f" and {len(passed) - _SHOWN} more" if len(passed) > _SHOWN else ""
        notes.append(f"passed over, known by composition only: {', '.join(passed[:_SHOWN])}{more}")
    if len(found) < top:
        notes.append(f"only {len(found)} of the materials to choose from have a crystal")
    return _restricted(whole, kept, crystals, tuple(notes))


def _restricted(
    whole: Selection, ids: Sequence[str], crystals: Mapping[str, Crystal], notes: tuple[str, ...]
) -> Selection:
    rows = whole.rows[whole.rows["structure_id"].isin(list(ids))]
    kept = {name: crystals[name] for name in ids if name in crystals}
    screen = replace(whole.screen, ranking=rows)
    return replace(whole, screen=screen, crystals=kept, notes=notes)


def _nothing_feasible(screen: FinishedScreen) -> str:
    reasons = screen.ranking["reasons"].astype(str).str.split(": ").str[0]
    common = ", ".join(
        f"{code} ({count:,})" for code, count in reasons.value_counts().head(_SHOWN).items() if code
    )
    return (
        "no candidate is feasible"
        + (f"; most common reasons: {common}" if common else "")
        + ". Read them with a table (csv, xlsx), ease the constraints or the device of the screen, "
        "or take the lowest energies all the same with --infeasible"
    )


def _crystals(
    screen: FinishedScreen, store: Store, ids: Sequence[str]
) -> tuple[dict[str, Crystal], set[str]]:
    """Return the crystals that were ranked, and the ids of candidates that have none.

    Raises:
        InputError: The store does not hold one of the candidates.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from matscreen.structures import CrystalBatch

    crystals: dict[str, Crystal] = {}
    known: set[str] = set()
    for table in _tables(screen, store, "candidates"):
        missing = [name for name in ids if name not in known]
        mine = table.filter(
            pc.is_in(table["structure_id"], value_set=pa.array(missing, pa.string()))
        )
        batch = CrystalBatch.from_arrow(mine.filter(pc.is_valid(mine["lattice"])))
        crystals |= dict(zip(batch.ids, batch, strict=True))
        known |= set(mine["structure_id"].to_pylist())
    rows = screen.ranking
    if "spacegroup" in rows:
        # Enumerated compositions are in no store; only crystals have a space group.
        crystalline = set(rows.loc[rows["spacegroup"].notna(), "structure_id"])
        lost = [name for name in ids if name in crystalline and name not in known]
        if lost:
            formula = rows.loc[rows["structure_id"] == lost[0], "formula"].iloc[0]
            others = f" and {len(lost) - 1:,} others are" if len(lost) > 1 else " is"
            raise InputError(
                f"the crystal of {formula} ({lost[0]}){others} not in the store {store.root}; give "
                "--store the store that was ranked, or run the screen again"
            )
    return crystals, set(ids) - set(crystals)


def _tables(screen: FinishedScreen, store: Store, name: str) -> Iterator[pa.Table]:
    """Read a table as it was ranked, where that version can be had, then as it is now."""
    if screen.store_versions.get(name, -1) >= 0 and store.exists(name):
        then = None
        with suppress(StoreError):  # vacuumed, or this is another store
            then = store.at(screen.store_versions).read(name)
        if then is not None:
            yield then
    yield store.read(name)


def _licences(screen: FinishedScreen, store: Store | None) -> dict[str, str]:
    """Return the licences that the sources of the ranked candidates state."""
    if store is None:
        return {}
    table = next(_tables(screen, store, "provenance")).to_pandas()
    table = table[table["structure_id"].isin(set(screen.ranking["structure_id"]))]
    stated = table.dropna(subset=["licence"]).groupby("source", sort=True)["licence"]
    return {str(name): " / ".join(sorted(set(found))) for name, found in stated}


def _refuse_existing(targets: Sequence[Path]) -> None:
    there = [str(target) for target in targets if target.exists()]
    if there:
        raise InputError(
            f"{', '.join(there)} is there already; replace it with --force, or name another "
            "place with -o"
        )


def _shown(made: Format, written: Sequence[Path], target: Path) -> list[Path]:
    """Return what to show of the files of a format, and clear an earlier ranking's away."""
    if made.numbered:
        remove_earlier(target, made.numbered, written)
    if not made.folders:
        return list(written)
    # A file beside the calculations of a material says what they are for.
    depth = len(target.parts) + 3
    return list(dict.fromkeys(path.parent for path in written if len(path.parts) == depth))
