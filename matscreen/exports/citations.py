"""Write what to cite for a ranking as a BibTeX file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from matscreen.atomic import write_atomically
from matscreen.exports.references import (
    Reference,
    fact_references,
    method_references,
    software_references,
    source_references,
)
from matscreen.facts import facts_for
from matscreen.sources.dataset_registry import list_datasets
from matscreen.sources.optimade_providers import list_providers

if TYPE_CHECKING:
    import pandas as pd

_SPECIAL: Final = {"&": r"\&", "%": r"\%", "#": r"\#", "_": r"\_", "$": r"\$"}
_BRACES: Final = str.maketrans("", "", "{}")
_VERBATIM: Final = frozenset({"author", "doi", "url"})
_JOINED: Final = ";"


def write_citations(
    ranking: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    licences: Mapping[str, str] | None = None,
    descriptor_set: str | None = None,
    versions: Mapping[str, str] | None = None,
) -> Path:
    """Write what to cite for the rows of a ranking as BibTeX.

    Entries: matscreen and the libraries it computed with; every source of the rows with its
    licence; the publications behind the mechanisms, priors and descriptors; the sources of the
    measured facts that the rows rest on. DOIs are those of matscreen's own tables, papers without
    one are as the code cites them.

    Args:
        ranking: Rows to cite for; columns structure_id, formula, mechanism, evidence, source,
            source_id and the evidence of each property.
        path: Target file.
        licences: Licence by source, as the entries of the store state it.
        descriptor_set: Descriptors of the surrogates.
        versions: Versions of the software when the ranking was made.

    Returns:
        The path written.
    """
    kinds = {
        str(kind)
        for name in ranking.columns
        if name == "evidence" or str(name).endswith("_evidence")
        for kind in ranking[name].dropna().unique()
    }
    references = [
        *software_references(versions or {}),
        *source_references(ranked_sources(ranking), licences),
        *method_references(
            ranking["mechanism"].unique(), descriptor_set=descriptor_set, evidence=kinds
        ),
        *fact_references(_facts(ranking)),
    ]
    unique = {reference.key: reference for reference in references}
    return write_atomically(path, "\n".join(map(bibtex, unique.values())))


def bibtex(reference: Reference) -> str:
    """Return a reference as a BibTeX entry."""
    fields = [
        f"  {name} = {{{value if name in _VERBATIM else _escaped(value)}}}"
        for name, value in reference.fields.items()
        if value
    ]
    return f"@{reference.kind}{{{reference.key},\n" + ",\n".join(fields) + "\n}\n"


def ranked_sources(ranking: pd.DataFrame) -> list[str]:
    """Return the sources of the rows of a ranking, each once, in their order.

    A relaxed crystal also has the source that it was relaxed from, which its source id names.
    """
    databases = [each.source for each in list_providers()]
    databases += [f"dataset:{each.name}" for each in list_datasets()]
    databases += ["materials_project", "prototypes", "files"]
    found: list[str] = []
    for source, source_id in (
        ranking[["source", "source_id"]].drop_duplicates().itertuples(index=False)
    ):
        names = _parts(source)
        if "relaxation" in names:
            names += [
                name
                for part in _parts(source_id)
                for name in databases
                if part.startswith(f"{name}:")
            ]
        found += names
    return list(dict.fromkeys(found))


def _parts(text: object) -> list[str]:
    return [part for part in str(text).split(_JOINED) if part] if isinstance(text, str) else []


def _facts(ranking: pd.DataFrame) -> Iterable[str]:
    """Return the sources of the measured values behind the rows."""
    materials = ranking.drop_duplicates("structure_id")
    facts = facts_for(materials[["structure_id", "formula", "spacegroup"]])
    used = set()
    for name in map(str, ranking.columns):
        if name.endswith("_evidence"):
            measured = ranking.loc[ranking[name] == "measured", "structure_id"]
            used |= {(one, name.removesuffix("_evidence")) for one in measured}
    pairs = zip(facts["structure_id"], facts["property"], facts["method"], strict=True)
    return sorted({str(source) for one, name, source in pairs if (one, name) in used})


def _escaped(text: str) -> str:
    """Return a text that ends where its field ends, whatever a database wrote into it."""
    text = " ".join(text.translate(_BRACES).split())
    return "".join(_SPECIAL.get(letter, letter) for letter in text)
