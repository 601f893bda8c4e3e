"""What a finished screen hands to the report and to the terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from matscreen.errors import StoreError
from matscreen.mechanisms import ReferenceLine

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.report.dossier import Dossier
    from matscreen.structures import Crystal

REQUIRED_COLUMNS = (
    "rank",
    "rank_in_mechanism",
    "formula",
    "structure_id",
    "mechanism",
    "energy_nominal_J",
    "energy_lower_J",
    "energy_upper_J",
    "energy_floor_J",
    "energy_ceiling_J",
    "p_feasible",
    "p_top_10",
    "feasible",
    "reasons",
)
"""Columns without which a ranking cannot be shown; every other column may be absent."""
_OPTIONAL_COLUMNS = (
    "pareto",
    "energy_above_hull",
    "in_domain",
    "evidence",
    "source",
    "source_id",
    "spacegroup",
    "prototype",
    "flags",
)


@dataclass(frozen=True)
class ScreenInfo:
    """What was asked.

    Attributes:
        name: Short name of the screen.
        title: One line for people; empty falls back to the name.
        application: The event whose energy is ranked: `synapse`, `neuron` or `logic`.
        description: What the screen is for.
        device: The resolved device specification in SI units, possibly nested.
        sources: Where the candidates came from.
        mechanisms: Mechanisms that were considered, in the order of the screen file.
        max_energy_above_hull: Stability gate, eV/atom; None when there is none.
    """

    name: str
    title: str
    application: str
    description: str
    device: Mapping[str, Any]
    sources: tuple[str, ...] = ()
    mechanisms: tuple[str, ...] = ()
    max_energy_above_hull: float | None = None


@dataclass(frozen=True)
class Candidate:
    """One ranked row: a material under a mechanism; energies in joules per event.

    Attributes:
        rank: Rank over all mechanisms; None when the row has none.
        rank_in_mechanism: Rank within the mechanism; None when the row has none.
        formula: Reduced formula.
        structure_id: Identity of the structure.
        mechanism: Name of the mechanism.
        nominal: Realistic switching energy.
        lower: Lower end of the 90 % interval.
        upper: Upper end of the 90 % interval.
        floor: Least dissipation of a switch that keeps its state as asked.
        ceiling: Coherent or full-pulse energy.
        p_feasible: Probability that the material can work at the specification.
        p_top_10: Probability of being among the ten lowest energies of its mechanism.
        feasible: Whether the nominal row passes every gate.
        reasons: Gates that failed, each as `code: detail`.
        pareto: Whether the row is on the Pareto front.
        hull: Energy above the hull, eV/atom; None when unknown.
        in_domain: Whether the surrogates know such materials; None when none was used.
        evidence: Weakest evidence behind the row.
        source: Where the structure came from.
        source_id: Identifier there.
        spacegroup: International number; None when unknown.
        prototype: Structure type; empty when unknown.
        flags: Warnings that forbid nothing, each as `code: detail`.
    """

    rank: int | None
    rank_in_mechanism: int | None
    formula: str
    structure_id: str
    mechanism: str
    nominal: float
    lower: float
    upper: float
    floor: float
    ceiling: float
    p_feasible: float
    p_top_10: float
    feasible: bool
    reasons: tuple[str, ...]
    pareto: bool = False
    hull: float | None = None
    in_domain: bool | None = None
    evidence: str = ""
    source: str = ""
    source_id: str = ""
    spacegroup: int | None = None
    prototype: str = ""
    flags: tuple[str, ...] = ()

    @property
    def position(self) -> tuple[bool, float, float, str, str]:
        """Sort key: feasible first, then by rank, then by energy, then by name."""
        rank = math.inf if self.rank is None else float(self.rank)
        nominal = self.nominal if math.isfinite(self.nominal) else math.inf
        return (not self.feasible, rank, nominal, self.formula, self.structure_id)


@dataclass(frozen=True)
class ScreenResult:
    """Everything a finished screen shows.

    Attributes:
        screen: What was asked.
        ranking: One row per (material, mechanism) with the columns of `candidates.csv`. Its
            `attrs["split_sensitivity"]`, when there, says what another split of the model error
            would make of the best candidate of each mechanism.
        reference_lines: Energies to compare with.
        model_cards: One mapping per surrogate: `property`, `unit`, `n_labels`, `metrics`
            (`null_mae` is shown beside the error), `out_of_fold` with the equally long lists `y`,
            `mean`, `lower`, `upper` in registry units.
        failures: Columns `structure_id`, `stage`, `reason`, `detail`.
        counts: `seen`, `candidates`, `ranked`, `feasible`, `failures`.
        provenance: Tables `versions`, `seconds`, `joules`, `store_versions`, `identifiers`
            (name to value), the text `command`, and anything else worth showing.
        files: What lies beside the report: name to path relative to it.
        explanations: What the surrogates look at, as `surrogates.explaining.explain` gives it.
        dossiers: What is known of the best candidates, for their cards.
        structures: Crystals of the best candidates by structure_id.
        devices: Measured devices beside their predictions, as `validation.score_devices` gives
            them; None where that was not computed.
        device_scores: Agreement with them by mechanism, as `validation.summarize` gives it.
        changes: What changed among the best since the last screen in the same folder, as
            `last_screen.changes_since` gives it; None where there was none.

    Raises:
        StoreError: A required column is missing.
    """

    screen: ScreenInfo
    ranking: pd.DataFrame
    reference_lines: Sequence[ReferenceLine]
    model_cards: tuple[Mapping[str, Any], ...]
    failures: pd.DataFrame
    counts: Mapping[str, int]
    provenance: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    explanations: tuple[Mapping[str, Any], ...] = ()
    dossiers: tuple[Dossier, ...] = ()
    structures: Mapping[str, Crystal] = field(default_factory=dict)
    devices: pd.DataFrame | None = None
    device_scores: pd.DataFrame | None = None
    changes: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        _require("ranking", self.ranking, REQUIRED_COLUMNS)
        _require("failures", self.failures, ("structure_id", "stage", "reason"))

    @property
    def n_ranked(self) -> int:
        """Rows of the whole ranking; `ranking` may hold the best of them only."""
        return max(len(self.ranking), int(self.counts.get("ranked", 0)))

    @property
    def n_feasible(self) -> int:
        """Feasible rows of the whole ranking."""
        shown = int(self.ranking["feasible"].astype(bool).sum())
        return max(shown, int(self.counts.get("feasible", 0)))

    @cached_property
    def candidates(self) -> tuple[Candidate, ...]:
        """The ranking as typed rows, best first, feasible before infeasible."""
        return read_candidates(self.ranking)

    @property
    def feasible(self) -> tuple[Candidate, ...]:
        """The rows that can work at the specification, best first."""
        return tuple(row for row in self.candidates if row.feasible)

    def row_of(self, candidate: Candidate) -> Mapping[str, Any]:
        """Return all columns of the ranking for a candidate; empty when it is not in it."""
        found = self._places.get((candidate.structure_id, candidate.mechanism))
        return {} if found is None else dict(self.ranking.iloc[found])

    def value_of(self, candidate: Candidate, column: str) -> Any:
        """Return one column of the ranking for a candidate; None when it is not in it."""
        found = self._places.get((candidate.structure_id, candidate.mechanism))
        return None if found is None else self.ranking[column].iloc[found]

    @cached_property
    def _places(self) -> dict[tuple[str, str], int]:
        keys = zip(
            self.ranking["structure_id"].astype(str),
            self.ranking["mechanism"].astype(str),
            strict=True,
        )
        return {key: index for index, key in enumerate(keys)}

    @property
    def mechanisms(self) -> tuple[str, ...]:
        """Mechanisms in a stable order: that of the screen, then any other in the ranking."""
        found = set(map(_text, self.ranking["mechanism"].unique()))
        asked = tuple(name for name in self.screen.mechanisms if name in found)
        return asked + tuple(sorted(found - set(asked)))

    def sensitivity(self, row: Candidate) -> Mapping[str, float]:
        """What other splits of the model error would make of a candidate's `p_top_10`.

        Returns:
            Probabilities by split, `independent` and `shared`; empty when they were not computed.
        """
        for note in self.ranking.attrs.get("split_sensitivity", ()):
            if (note["mechanism"], note["structure_id"]) == (row.mechanism, row.structure_id):
                start = "p_top_10_"
                return {
                    key.removeprefix(start): float(value)
                    for key, value in note.items()
                    if key.startswith(start)
                }
        return {}


def read_candidates(ranking: pd.DataFrame) -> tuple[Candidate, ...]:
    """Return a ranking as typed rows, best first.

    Args:
        ranking: Columns of `candidates.csv`; those beyond `REQUIRED_COLUMNS` may be absent.

    Raises:
        StoreError: A required column is missing.
    """
    _require("ranking", ranking, REQUIRED_COLUMNS)
    # A ranking has fifty columns more, which would cost three times as much.
    wanted = [name for name in (*REQUIRED_COLUMNS, *_OPTIONAL_COLUMNS) if name in ranking]
    rows = (_candidate(row) for row in ranking[wanted].to_dict("records"))
    return tuple(sorted(rows, key=lambda row: row.position))


def _require(name: str, frame: pd.DataFrame, columns: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise StoreError(f"{name} lacks the columns {missing}; it has {list(frame.columns)}")


def _candidate(row: Mapping[Any, Any]) -> Candidate:
    return Candidate(
        rank=_whole(row["rank"]),
        rank_in_mechanism=_whole(row["rank_in_mechanism"]),
        formula=_text(row["formula"]),
        structure_id=_text(row["structure_id"]),
        mechanism=_text(row["mechanism"]),
        nominal=_number(row["energy_nominal_J"]),
        lower=_number(row["energy_lower_J"]),
        upper=_number(row["energy_upper_J"]),
        floor=_number(row["energy_floor_J"]),
        ceiling=_number(row["energy_ceiling_J"]),
        p_feasible=_number(row["p_feasible"]),
        p_top_10=_number(row["p_top_10"]),
        feasible=_truth(row["feasible"]) is True,
        reasons=read_reasons(row["reasons"]),
        pareto=_truth(row.get("pareto")) is True,
        hull=_known(row.get("energy_above_hull")),
        in_domain=_truth(row.get("in_domain")),
        evidence=_text(row.get("evidence")),
        source=_text(row.get("source")),
        source_id=_text(row.get("source_id")),
        spacegroup=_whole(row.get("spacegroup")),
        prototype=_text(row.get("prototype")),
        flags=read_reasons(row.get("flags")),
    )


def read_reasons(value: Any) -> tuple[str, ...]:
    """Return the reason codes of a cell: text separated by semicolons, or a sequence."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(";") if part.strip())
    if _missing(value):
        return ()
    return tuple(str(part) for part in value)


def code_of(reason: str) -> str:
    """Return the code of a reason or flag, without the detail after its colon."""
    return reason.partition(":")[0].strip()


def _missing(value: Any) -> bool:
    # pandas marks an absent value as None, NaN, NaT or NA; only NaN and NaT differ from
    # themselves, and NA answers neither yes nor no
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float) and math.isnan(value)


def _number(value: Any) -> float:
    return math.nan if _missing(value) else float(value)


def _known(value: Any) -> float | None:
    number = _number(value)
    return number if math.isfinite(number) else None


def _whole(value: Any) -> int | None:
    number = _known(value)
    return None if number is None else round(number)


def _text(value: Any) -> str:
    return "" if _missing(value) else str(value)


def _truth(value: Any) -> bool | None:
    if _missing(value):
        return None
    if isinstance(value, str):
        return value.strip().lower() in {"true", "1", "yes"}
    return bool(value)
