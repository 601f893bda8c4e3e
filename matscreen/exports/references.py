"""What to cite for a ranking: the software, where its candidates and values come from, its methods.

A DOI stands here only where a table of matscreen has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from typing import Final

from matscreen.mechanisms import reference_lines
from matscreen.sources.dataset_registry import get_dataset, list_datasets
from matscreen.sources.optimade_providers import Provider, list_providers

LIBRARIES: Final = ("pymatgen", "ase", "moyopy", "scikit-learn", "numpy")
"""Libraries that matscreen computes structures, symmetry and surrogates with."""


@dataclass(frozen=True)
class Reference:
    """One thing to cite.

    Attributes:
        key: BibTeX key.
        kind: BibTeX type: `article`, `software` or `misc`.
        fields: BibTeX fields in order; empty ones are left out.
    """

    key: str
    kind: str
    fields: Mapping[str, str]


def _article(key: str, author: str, year: int, published: str, note: str) -> Reference:
    """Return a paper as the code cites it; `published` is journal, volume and page."""
    return Reference(
        key, "article", {"author": author, "year": str(year), "journal": published, "note": note}
    )


_MERZ: Final = "time of a reversal against field, in the mechanism ferroelectric"
_OF_MECHANISM: Final[dict[str, tuple[Reference, ...]]] = {
    "ferroelectric": (
        _article("merz1954", "Merz, W. J.", 1954, "Phys. Rev. 95, 690", _MERZ),
        _article(
            "janovec1958",
            "Janovec, V.",
            1958,
            "Czech. J. Phys. 8, 3",
            "coercive field against thickness, in the mechanism ferroelectric",
        ),
        _article(
            "kaydunn1962",
            "Kay, H. F. and Dunn, J. W.",
            1962,
            "Philos. Mag. 7, 2027",
            "coercive field against thickness, in the mechanism ferroelectric",
        ),
    ),
    "valence_change": (
        _article(
            "menzel2011",
            "Menzel, S. and others",
            2011,
            "Adv. Funct. Mater. 21, 4487",
            "voltage-time dilemma, in the mechanism valence_change",
        ),
    ),
    "insulator_metal": (
        _article(
            "oka2003",
            "Oka, T. and Arita, R. and Aoki, H.",
            2003,
            "Phys. Rev. Lett. 91, 066406",
            "Landau-Zener field, in the mechanism insulator_metal",
        ),
    ),
    "josephson": (
        _article(
            "ambegaokar1963",
            "Ambegaokar, V. and Baratoff, A.",
            1963,
            "Phys. Rev. Lett. 10, 486",
            "critical current of a junction, in the mechanism josephson",
        ),
        _article(
            "holmes2013",
            "Holmes, D. S. and Ripple, A. L. and Manheimer, M. A.",
            2013,
            "IEEE Trans. Appl. Supercond. 23, 1701610",
            "cost of cooling, in the mechanism josephson",
        ),
    ),
}
_BREAKDOWN: Final = _article(
    "kim2016",
    "Kim, C. and Pilania, G. and Ramprasad, R.",
    2016,
    "Chem. Mater. 28, 1304",
    "prior of the breakdown field from the band gap",
)
_CORRECTIONS: Final = _article(
    "wang2021",
    "Wang, A. and others",
    2021,
    "Sci. Rep. 11, 15496",
    "MP2020 corrections of the energies of oxides, in the simulated stabilities",
)


def software_references(versions: Mapping[str, str]) -> list[Reference]:
    """Return matscreen and the libraries that it computed with.

    Args:
        versions: Version of each when the ranking was made; the present one where not recorded.
    """
    about = metadata("matscreen")
    found = [
        Reference(
            "matscreen",
            "software",
            {
                "author": "{The matscreen developers}",
                "title": f"matscreen: {about['Summary']}",
                "version": versions.get("matscreen", about["Version"]),
                "license": about["License-Expression"] or "",
            },
        )
    ]
    for name in LIBRARIES:
        try:
            version = versions.get(name) or metadata(name)["Version"]
        except PackageNotFoundError:
            continue
        fields = {"title": name, "version": version, "note": "library that matscreen computed with"}
        found.append(Reference(_key(name), "software", fields))
    return found


def source_references(
    sources: Iterable[str], licences: Mapping[str, str] | None = None
) -> list[Reference]:
    """Return where candidates come from, each with its licence.

    Args:
        sources: Names of sources as in the table `provenance`: `relaxation`, `optimade:mp`,
            `dataset:NAME`, ...
        licences: Licence by source, as the entries state it.
    """
    known = licences or {}
    return [_source(name, known.get(name, "")) for name in dict.fromkeys(sources)]


def method_references(
    mechanisms: Iterable[str],
    *,
    descriptor_set: str | None = None,
    evidence: Iterable[str] = (),
) -> list[Reference]:
    """Return the papers behind the methods of a ranking, as the code cites them.

    Args:
        mechanisms: Mechanisms of the ranked rows.
        descriptor_set: Descriptors of the surrogates.
        evidence: Kinds of evidence that occur.
    """
    from matscreen.descriptors import DESCRIPTOR_SETS

    chosen = list(dict.fromkeys(mechanisms))
    found = [reference for name in chosen for reference in _OF_MECHANISM.get(name, ())]
    landauer = next(r for r in reference_lines("logic") if r.name == "Landauer limit")
    found.append(
        Reference(
            "landauer1961",
            "article",
            {
                "author": "Landauer, R.",
                "year": "1961",
                "journal": "IBM J. Res. Dev. 5, 183",
                "doi": landauer.doi,
                "note": "least heat of erasing one bit",
            },
        )
    )
    kinds = set(evidence)
    if "mlip" in kinds:
        fields = {
            "title": "SevenNet 7net-0",
            "note": "machine-learned potential behind the evidence mlip",
        }
        found += [Reference("sevennet", "software", fields), _CORRECTIONS]
    if "prior" in kinds:
        found.append(_BREAKDOWN)
        found.append(_dataset("petretto_dielectric", "prior of the permittivity"))
    if descriptor_set in DESCRIPTOR_SETS and "surrogate" in kinds:
        cited = DESCRIPTOR_SETS[descriptor_set].citation.split("; ")
        fields = {"note": f"descriptors {descriptor_set!r} of the surrogates"}
        found += [
            Reference(f"{descriptor_set}_{n}", "misc", {"howpublished": text, **fields})
            for n, text in enumerate(cited, start=1)
        ]
    return found


def fact_references(texts: Iterable[str]) -> list[Reference]:
    """Return the sources of the measured facts behind a ranking, as `facts.csv` words them."""
    return [
        Reference(f"fact_{n}", "misc", {"howpublished": text, "note": "measured property"})
        for n, text in enumerate(dict.fromkeys(texts), start=1)
    ]


def _source(name: str, licence: str) -> Reference:
    kind, _, rest = name.partition(":")
    provider = next((each for each in list_providers() if each.source == name), None)
    if kind == "materials_project":
        provider = next(each for each in list_providers() if each.name == "mp")
    if provider is not None:
        return _provider(name, provider, licence)
    if kind == "dataset" and rest in {each.name for each in list_datasets()}:
        return _dataset(rest, "source of candidates", licence)
    title = _OWN_SOURCES.get(kind, f"candidates of the source {name}")
    return Reference(
        f"source_{_key(name)}",
        "misc",
        {"title": title, "license": licence or "not stated", "note": "source of candidates"},
    )


_OWN_SOURCES: Final = {
    "relaxation": "Crystals relaxed by matscreen with a machine-learned potential",
    "prototypes": "Oxides enumerated by matscreen from charge balance and prototypes",
    "compositions": "Compositions enumerated by matscreen",
    "known": "Oxides known by measurement, from the facts of matscreen",
    "files": "Structure files of the user",
}


def _provider(name: str, provider: Provider, licence: str) -> Reference:
    return Reference(
        f"source_{_key(name)}",
        "misc",
        {
            "title": provider.title,
            "howpublished": provider.citation,
            "url": provider.home,
            "license": licence or provider.licence,
            "note": "source of candidates",
        },
    )


def _dataset(name: str, note: str, licence: str = "") -> Reference:
    dataset = get_dataset(name)
    return Reference(
        f"dataset_{_key(name)}",
        "article",
        {
            "author": dataset.authors.replace(" et al.", " and others"),
            "title": dataset.title,
            "year": str(dataset.year),
            "journal": dataset.journal,
            "doi": dataset.doi or "",
            "url": dataset.home_page,
            "license": licence or dataset.licence,
            "note": note,
        },
    )


def _key(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)
