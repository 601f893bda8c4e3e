"""Labels of several fidelities: which evidence teaches first, and what learns on top of it.

Simulated labels are many, DFT labels few, measured ones fewer. A few good labels among many poor
ones are lost in a common fit; alone they are too few. So each evidence is a level, from the lowest
up: a level is learned by transfer from the one below (`surrogates.transfer`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from matscreen.evidence import best_evidence
from matscreen.properties import EVIDENCE

if TYPE_CHECKING:
    import pandas as pd

MIN_HIGHER: Final = 10
"""Labels of a higher evidence from which it is a level of its own."""


@dataclass(frozen=True, eq=False)
class Level:
    """Labels that are learned together.

    Attributes:
        evidence: Kinds of evidence, best first.
        values: The best value of each structure: structure_id, mean, std, evidence.
    """

    evidence: tuple[str, ...]
    values: pd.DataFrame

    @property
    def counts(self) -> dict[str, int]:
        """How many labels of each evidence."""
        found = self.values["evidence"].value_counts()
        return {name: int(found[name]) for name in self.evidence}


def levels(labels: pd.DataFrame) -> list[Level]:
    """Split the labels of one property into levels, the lowest evidence first.

    A higher evidence is a level of its own when it has at least ten labels and fewer than the
    level below. Else it joins the level below, where the best evidence of each structure counts:
    under ten labels teach no difference, and where the better labels are also the more numerous
    the poorer ones are not asked.

    Args:
        labels: Columns structure_id, property, mean, evidence and, where known, std, method; one
            property.

    Returns:
        At least one level, where there is any label.
    """
    kinds = [name for name in reversed(EVIDENCE) if (labels["evidence"] == name).any()]
    found: list[Level] = []
    for kind in kinds:
        own = best_evidence(labels[labels["evidence"] == kind])
        if not found or MIN_HIGHER <= len(own) < len(found[-1].values):
            found.append(_level([kind], labels))
        else:
            found[-1] = _level([kind, *found[-1].evidence], labels)
    return [level for level in found if len(level.values)]


def describe_levels(below: Sequence[Level], level: Level) -> dict[str, Any]:
    """Return what a card says of the evidence it was learned from; plain JSON types."""
    return {
        "levels": [each.counts for each in (*below, level)],
        "rule": f"an evidence of at least {MIN_HIGHER} labels, and fewer than the level below, is "
        "learned by transfer from that level; lowest first",
    }


def _level(kinds: Sequence[str], labels: pd.DataFrame) -> Level:
    values = best_evidence(labels[labels["evidence"].isin(list(kinds))])
    present = set(values["evidence"])
    return Level(tuple(kind for kind in kinds if kind in present), values)
