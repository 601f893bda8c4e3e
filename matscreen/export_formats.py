"""The formats that a ranking is exported in, by name: what each writes, and from what."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from matscreen import exports
from matscreen.errors import InputError, rejection
from matscreen.exports.records import ranked_crystals
from matscreen.finished_screens import FinishedScreen
from matscreen.simulations.dft_inputs import Code, Task
from matscreen.structures import Crystal

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Selection:
    """What of a ranking is exported.

    Attributes:
        screen: Where it comes from; its ranking holds the chosen rows only.
        crystals: Crystals by structure id; empty where no format asks for them.
        licences: Licence by source, as the entries of the store state it.
        task: What the inputs of density functional theory compute.
        notes: What could not be chosen, each as a sentence.
    """

    screen: FinishedScreen
    crystals: Mapping[str, Crystal]
    licences: Mapping[str, str]
    task: Task = "relax"
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> pd.DataFrame:
        """The chosen rows, best first."""
        return self.screen.ranking


Writer = Callable[[Selection, Path], Sequence[str]]
"""Writes a selection to a path and returns sentences on what it left out."""


@dataclass(frozen=True)
class Format:
    """A way to write a ranking.

    Attributes:
        name: Name on the command line.
        target: File, or folder where it ends with `/`, that it writes.
        needs_crystals: Whether it writes crystals; else it writes rows.
        write: Writes a selection.
        numbered: End of the names of numbered files, of which those of an earlier ranking go.
        folders: Whether people look for the folders that it writes, and not for their files.
    """

    name: str
    target: str
    needs_crystals: bool
    write: Writer
    numbered: str = ""
    folders: bool = False


def get_format(name: str) -> Format:
    """Return a format by its name.

    Raises:
        InputError: There is none of this name.
    """
    if name in FORMATS:
        return FORMATS[name]
    close = difflib.get_close_matches(name, FORMATS, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise InputError(f"unknown format {name!r}; {hint}known: {', '.join(FORMATS)}")


def _rows(write: Callable[[pd.DataFrame, Path], object]) -> Writer:
    def written(chosen: Selection, path: Path) -> Sequence[str]:
        write(chosen.rows, path)
        return ()

    return written


def _rows_and_origin(write: Callable[..., object]) -> Writer:
    def written(chosen: Selection, path: Path) -> Sequence[str]:
        write(chosen.rows, path, about=chosen.screen.about)
        return ()

    return written


def _crystals(
    write: Callable[[pd.DataFrame, Mapping[str, Crystal], Path], object],
) -> Writer:
    def written(chosen: Selection, path: Path) -> Sequence[str]:
        write(chosen.rows, chosen.crystals, path)
        return ()

    return written


def _optimade(chosen: Selection, path: Path) -> Sequence[str]:
    exports.write_optimade(chosen.rows, chosen.crystals, path, made_at=chosen.screen.made_at)
    return ()


def _citation(chosen: Selection, path: Path) -> Sequence[str]:
    exports.write_citations(
        chosen.rows,
        path,
        licences=chosen.licences,
        descriptor_set=chosen.screen.descriptor_set,
        versions=chosen.screen.versions,
    )
    return ()


def _inputs_of(code: Code) -> Writer:
    def write(chosen: Selection, path: Path) -> Sequence[str]:
        from matscreen.simulations.dft_inputs import write_dft_inputs

        notes: list[str] = []
        done = 0
        for each in ranked_crystals(chosen.rows, chosen.crystals):
            crystal = {each.name: each.crystal}
            try:
                written = write_dft_inputs(crystal, path, code=code, task=chosen.task)
            except Exception as error:  # such as an element that a set of inputs does not know
                shutil.rmtree(path / each.name, ignore_errors=True)
                notes.append(f"{each.name}: {': '.join(rejection(error))}")
                continue
            left_out = written[written["path"].isna()]
            notes += [f"{row.name}: {row.reason}" for row in left_out.itertuples(index=False)]
            done += len(written) - len(left_out)
        if not done:
            raise InputError(
                f"no {chosen.task} input could be written: {'; '.join(notes)}; take more "
                "candidates with --top, or another --task"
            )
        return notes

    return write


FORMATS: Final[dict[str, Format]] = {
    each.name: each
    for each in (
        Format("csv", "candidates.csv", False, _rows(exports.write_csv)),
        Format("parquet", "candidates.parquet", False, _rows(exports.write_parquet)),
        Format("json", "candidates.json", False, _rows_and_origin(exports.write_json)),
        Format("xlsx", "candidates.xlsx", False, _rows_and_origin(exports.write_xlsx)),
        Format("citation", "citations.bib", False, _citation),
        Format("cif", "cif/", True, _crystals(exports.write_cifs), numbered=".cif"),
        Format(
            "poscar", "poscar/", True, _crystals(exports.write_poscars), numbered=".POSCAR.vasp"
        ),
        Format("extxyz", "candidates.extxyz", True, _crystals(exports.write_extxyz)),
        Format("ase", "candidates.db", True, _crystals(exports.write_ase_db)),
        Format("optimade", "candidates.optimade.jsonl", True, _optimade),
        Format("pymatgen", "candidates.pymatgen.json", True, _crystals(exports.write_pymatgen)),
        Format("vasp", "vasp/", True, _inputs_of("vasp"), folders=True),
        Format("espresso", "espresso/", True, _inputs_of("espresso"), folders=True),
        Format("gpaw", "gpaw/", True, _inputs_of("gpaw"), folders=True),
    )
}
"""Formats by name."""
