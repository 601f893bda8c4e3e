"""From CIF files to the descriptors that the model takes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from matscreen.descriptors import get_descriptor_set
from matscreen.errors import StructureError
from matscreen.structures import Crystal, CrystalBatch

from .cif import CifError, read_cif


class Describer:
    """Reads and describes CIF files.

    Args:
        folder: The bundle.
        atomic_numbers: By symbol.
    """

    def __init__(self, folder: Path, atomic_numbers: Mapping[str, int]) -> None:
        self._atomic_numbers = atomic_numbers
        card = json.loads((folder / "card.json").read_text("utf-8"))
        self._set = get_descriptor_set(card["teacher"]["descriptor_set"])

    def __call__(
        self, paths: Sequence[str]
    ) -> tuple[list[str], np.ndarray, np.ndarray, list[tuple[str, str, str]]]:
        """Describe files.

        Returns:
            The paths that could be described, their features (n, k) and elements (n, m), short
            rows filled with an element of their own, and path, reason and detail of the others.
        """
        names, crystals, failures = [], [], []
        for path in paths:
            try:
                cell = read_cif(
                    Path(path).read_text("utf-8", errors="replace"), self._atomic_numbers
                )
                crystals.append(Crystal(cell.lattice, cell.numbers, cell.positions))
                names.append(path)
            except (CifError, StructureError) as error:
                failures.append((path, error.reason, error.detail))
            except OSError as error:
                failures.append((path, "unreadable", str(error.strerror)))
            except Exception as error:  # a broken file may raise anything
                failures.append((path, "unreadable", f"{type(error).__name__}: {error}"[:200]))
        described = self._set.featurize(CrystalBatch.from_crystals(crystals))
        bad = {failure.row: failure for failure in described.failures}
        failures += [(names[row], bad[row].reason, bad[row].detail) for row in sorted(bad)]
        good = [row for row in range(len(names)) if row not in bad]
        features = described.values[good].astype(np.float32)
        held = [np.unique(crystals[row].atomic_numbers) for row in good]
        elements = np.zeros((len(held), max(map(len, held), default=1)), dtype=np.int64)
        for row, numbers in enumerate(held):
            elements[row] = np.resize(numbers, elements.shape[1])
        return [names[row] for row in good], features, elements, failures
