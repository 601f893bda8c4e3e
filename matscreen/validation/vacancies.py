"""Simulated oxygen-vacancy energies beside published ones, site by site."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd

from matscreen.errors import rejection
from matscreen.simulations.calculators import Potential, describe_calculator, get_potential
from matscreen.simulations.corrections import GROUPS, Correction, fit_correction, group_shares
from matscreen.simulations.labelling import label_version
from matscreen.simulations.oxygen_vacancy import (
    OxygenVacancy,
    oxygen_chemical_potential,
    site_vacancies,
)
from matscreen.simulations.relaxing import attach, relax_cell
from matscreen.structures import Crystal

JOURNAL = "vacancies.jsonl"
Progress = Callable[[int, int], None]


def simulate_vacancies(
    sites: pd.DataFrame,
    crystals: Mapping[str, Crystal],
    folder: Path,
    *,
    calculator: str = "7net-0",
    workers: int = 2,
    limit: int | None = None,
    progress: Progress = lambda _done, _total: None,
) -> pd.DataFrame:
    """Compute the neutral vacancy energy of each published site; a second call goes on.

    What another version of the recipe or of the potential computed is done again.

    Each cell is relaxed by the potential in its symmetry, the ground state of its defect cell is
    searched, and each site is relaxed without its oxygen (`simulations.oxygen_vacancy`). The
    materials come in an order that their names do not decide (hash), so that a limit samples.

    Args:
        sites: From `readers.read_vacancies`.
        crystals: From there too.
        folder: Folder of the journal, one line a site, written when its material is done.
        calculator: Name of the potential.
        workers: Processes of one thread each; zero works in this one.
        limit: Number of materials.
        progress: Called with materials done and their total.

    Returns:
        `sites` with raw (eV), cell_atoms, broken, seconds, and, where rejected, reason, detail.
    """
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / JOURNAL
    names = sorted(crystals, key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:limit]
    version = label_version(OxygenVacancy.version, describe_calculator(calculator))
    key = {"calculator": calculator, "version": version}
    done = {row["material"] for row in _known(journal, key)}
    todo = [name for name in names if name not in done]
    progress(len(names) - len(todo), len(names))
    jobs = [
        (name, crystals[name], sites.loc[sites["material"] == name, "site_index"].tolist())
        for name in todo
    ]
    for count, rows in enumerate(_run(jobs, calculator, workers), start=1):
        _append(journal, [{**row, **key} for row in rows])
        progress(len(names) - len(todo) + count, len(names))
    found = pd.DataFrame(_known(journal, key))
    chosen = sites[sites["material"].isin(names)]
    return chosen.merge(
        found.drop_duplicates(["material", "site_index"], keep="last"),
        on=["material", "site_index"],
        how="left",
    )


def _run(
    jobs: Sequence[tuple[str, Crystal, list[int]]], calculator: str, workers: int
) -> Iterator[list[dict[str, Any]]]:
    if not workers:
        potential = get_potential(calculator)
        for name, crystal, indices in jobs:
            yield vacancy_rows(name, crystal, indices, potential)
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(_work, calculator, *job) for job in jobs]
        for future in as_completed(futures):
            yield future.result()


_potentials: dict[str, Potential] = {}


def _work(calculator: str, name: str, crystal: Crystal, indices: list[int]) -> list[dict[str, Any]]:
    if calculator not in _potentials:
        _potentials[calculator] = get_potential(calculator)
    return vacancy_rows(name, crystal, indices, _potentials[calculator])


def vacancy_rows(
    name: str, crystal: Crystal, indices: Iterable[int], potential: Potential
) -> list[dict[str, Any]]:
    """Return one row a site: its raw vacancy energy, or why there is none."""
    rows: list[dict[str, Any]] = []
    relaxed: Crystal | tuple[str, str]
    try:
        atoms = attach(crystal.to_ase(), potential)
        relax_cell(atoms)
        relaxed = Crystal.from_ase(atoms)
    except Exception as error:
        relaxed = rejection(error)
    for index in indices:
        start = perf_counter()
        row: dict[str, Any] = {"material": name, "site_index": int(index), "reason": None}
        if isinstance(relaxed, tuple):
            row |= {"raw": None, "reason": relaxed[0], "detail": relaxed[1]}
            rows.append({**row, "seconds": 0.0})
            continue
        try:
            base, (vacancy,) = site_vacancies(relaxed, potential, sites=[index])
        except Exception as error:
            reason, detail = rejection(error)
            row |= {"raw": None, "reason": reason, "detail": detail}
        else:
            row["raw"] = vacancy.energy - base.energy + oxygen_chemical_potential(potential)
            row |= {"cell_atoms": len(base.atoms), "broken": bool(base.broken)}
        rows.append({**row, "seconds": perf_counter() - start})
    return rows


def compare_vacancies(
    table: pd.DataFrame, crystals: Mapping[str, Crystal], *, calculator: str = "7net-0"
) -> tuple[pd.DataFrame, Correction]:
    """Fit the correction by cation group and add what it gives to materials left out of the fit.

    Args:
        table: From `simulate_vacancies`; rows without a raw energy are dropped.
        crystals: The cells.
        calculator: Name of the potential.

    Returns:
        Columns of `table`, linear (line fitted to all others, eV), corrected (eV, both
        leave-one-material-out), and one share for each cation group; and the correction fitted
        to all.
    """
    rows = table[table["raw"].notna()].reset_index(drop=True)
    counts = [crystals[name].counts for name in rows["material"]]
    raw, published = rows["raw"].to_numpy(float), rows["published"].to_numpy(float)
    correction, corrected = fit_correction(
        raw, published, counts, rows["material"].tolist(), calculator=calculator
    )
    shares = pd.DataFrame(group_shares(counts), columns=list(GROUPS))
    linear = _line_left_out(raw, published, rows["material"].to_numpy())
    return pd.concat([rows.assign(linear=linear, corrected=corrected), shares], axis=1), correction


def _line_left_out(raw: Any, published: Any, names: Any) -> Any:
    out = np.empty(len(raw))
    for name in np.unique(names):
        test = names == name
        out[test] = np.polyval(np.polyfit(raw[~test], published[~test], 1), raw[test])
    return out


def lowest_sites(rows: pd.DataFrame) -> dict[str, float]:
    """Say how often the site lowest in the simulation is the lowest published one.

    Returns:
        n (materials with two sites or more) and share.
    """
    several = [part for _, part in rows.groupby("material") if len(part) > 1]
    right = [
        part["raw"].to_numpy().argmin() == part["published"].to_numpy().argmin() for part in several
    ]
    return {"n": len(several), "share": float(np.mean(right)) if right else float("nan")}


def _known(journal: Path, key: Mapping[str, str]) -> list[dict[str, Any]]:
    return [row for row in _lines(journal) if all(row.get(k) == v for k, v in key.items())]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:  # a line cut short by a crash: its material is done again
            continue


def _append(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    cut = path.exists() and not path.read_text(encoding="utf-8").endswith("\n")
    with path.open("a", encoding="utf-8") as file:
        file.write(("\n" if cut else "") + text)  # a line that a crash cut short stays alone
        file.flush()
        os.fsync(file.fileno())
