"""What is known of a candidate beyond its row of the ranking, and which candidates get a card."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from matscreen.report.result import Candidate, ScreenResult

LEADING: Final = 10
"""Best candidates over all mechanisms that get a card."""
OF_MECHANISM: Final = 5
"""Best candidates of each mechanism that get a card."""


@dataclass(frozen=True)
class KnownProperty:
    """A property of a material as its mechanism used it.

    Attributes:
        name: Registry name.
        value: Best value, in `unit`.
        lower: Lower end of its 90 % interval.
        upper: Upper end of it.
        unit: Unit of the registry; `1` where there is none.
        evidence: measured, dft, mlip, surrogate, prior, or crystal (exact).
        method: How it was found.
    """

    name: str
    value: float
    lower: float
    upper: float
    unit: str
    evidence: str
    method: str


@dataclass(frozen=True)
class UncertaintySource:
    """What a source of error does to the energy of a candidate.

    Attributes:
        name: A property, or `model error, shared` or `model error, material`.
        low_J: Nominal energy at one end of its 90 % interval, all else at its best value, J.
        high_J: The same at the other end, J.
        share: First-order share of the variance of the log energy.
    """

    name: str
    low_J: float
    high_J: float
    share: float


@dataclass(frozen=True)
class GateChance:
    """How often a gate of the specification is passed.

    Attributes:
        code: The gate.
        chance: Share of the draws that pass it.
    """

    code: str
    chance: float


@dataclass(frozen=True)
class Dossier:
    """What is known of one candidate under one mechanism.

    Attributes:
        structure_id: The candidate.
        mechanism: The mechanism.
        properties: Values that its energy is made of.
        uncertainty: Sources of error, largest share first.
        gates: Gates, least certain first.
        advice: What to measure or simulate next, most useful first.
    """

    structure_id: str
    mechanism: str
    properties: tuple[KnownProperty, ...] = ()
    uncertainty: tuple[UncertaintySource, ...] = ()
    gates: tuple[GateChance, ...] = ()
    advice: tuple[str, ...] = ()


def carded(result: ScreenResult) -> tuple[Candidate, ...]:
    """Return the candidates that get a card, best first.

    The best over all mechanisms and the best of each; candidates that fail a gate only where a
    mechanism has no other.
    """
    chosen = list(result.feasible[:LEADING])
    for name in result.mechanisms:
        mine = [row for row in result.candidates if row.mechanism == name]
        able = [row for row in mine if row.feasible]
        chosen += (able or mine)[:OF_MECHANISM]
    kept = {(row.structure_id, row.mechanism): row for row in chosen}
    return tuple(sorted(kept.values(), key=lambda row: row.position))
