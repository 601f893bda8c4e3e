"""From labels to rows of the `labels` table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matscreen.properties import get_property
from matscreen.simulations.base import Label
from matscreen.tables import WATTS_PER_CORE


def label_rows(
    labels: Sequence[Label],
    *,
    structure_id: str,
    input_id: str | None = None,
    method: str,
    version: str,
    seconds: float | None = None,
    cpu_seconds: float | None = None,
    evidence: str = "mlip",
) -> list[dict[str, Any]]:
    """Return rows of the `labels` table; the cost of the recipe is split over its labels.

    Args:
        labels: What one recipe found for one structure.
        structure_id: The structure.
        input_id: The structure it was relaxed from, when that is another one.
        method: Recipe and calculator, such as ``relaxation/7net-0``.
        version: Recipe version and calculator version, see `label_version`.
        seconds: Wall time of the recipe, s.
        cpu_seconds: Processor time of the recipe, s.
        evidence: Kind of evidence.
    """
    share = 1.0 / max(len(labels), 1)
    return [
        {
            "structure_id": structure_id,
            "input_id": input_id if input_id and input_id != structure_id else None,
            "property": label.property,
            "site": label.site,
            "charge": label.charge,
            "path": label.path,
            "temperature": label.temperature,
            "value": label.value,
            "std": label.std,
            "unit": get_property(label.property).unit,
            "evidence": evidence,
            "method": method,
            "version": version,
            "seconds": None if seconds is None else seconds * share,
            "joules": None if cpu_seconds is None else cpu_seconds * WATTS_PER_CORE * share,
        }
        for label in labels
    ]


def label_version(recipe: str, calculator_version: str) -> str:
    """Return the version column of a label: recipe version, ``+``, calculator version."""
    return f"{recipe}+{calculator_version}"
