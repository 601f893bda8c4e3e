"""Labels that follow from all others, made anew by each export of a bundle.

To add some, write a function of (labels, candidates, references) that returns rows of the
`labels` table, and name it in `_makers` and in `bundle_reading.DERIVED`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyarrow as pa

from matscreen.simulations.bundle_reading import DERIVED, element_energies, stored_entries
from matscreen.simulations.calculators import oxide_correction_of
from matscreen.simulations.corrections import corrected_rows
from matscreen.simulations.labelling import label_rows, label_version
from matscreen.simulations.stability import Entry, stability_labels

References = Mapping[tuple[str, str], Mapping[str, Any]]
"""Relaxed elements by formula and calculator, as in `references.parquet`."""
Maker = Callable[[pa.Table, pa.Table, References], list[dict[str, Any]]]
"""From simulated labels, candidates and relaxed elements to rows of the `labels` table."""

STABILITY_VERSION = "2"


def derived_rows(
    labels: pa.Table, candidates: pa.Table, references: References
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the rows of each file of derived labels by its name.

    Args:
        labels: All simulated labels of the bundle; none of the derived ones.
        candidates: All candidates of the bundle.
        references: Relaxed elements.
    """
    makers = _makers()
    for name in DERIVED:
        if name in makers:
            yield name, makers[name](labels, candidates, references)


def _makers() -> dict[str, Maker]:
    return {"stability": stability_rows, "corrections": corrected_rows}


def stability_rows(
    labels: pa.Table, candidates: pa.Table, references: References
) -> list[dict[str, Any]]:
    """Label every relaxed compound with formation energy and distances to competing phases."""
    by_calculator: dict[str, list[Entry]] = {}
    for entry in stored_entries(candidates, labels):
        by_calculator.setdefault(entry.calculator, []).append(entry)
    rows = []
    for calculator, entries in sorted(by_calculator.items()):
        found = stability_labels(
            entries,
            element_energies(references, calculator),
            oxide_correction=oxide_correction_of(calculator),
        )
        for entry, label in found:
            rows += label_rows(
                [label],
                structure_id=entry.structure_id,
                input_id=entry.input_id,
                method=f"stability/{calculator}",
                version=label_version(STABILITY_VERSION, entry.calculator_version),
            )
    return rows
