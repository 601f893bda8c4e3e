"""A second opinion: one recipe, two potentials, and their disagreement as error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from matscreen.simulations.base import Label, Simulated, Simulation
from matscreen.simulations.calculators import Potential, get_potential
from matscreen.structures import Crystal


class Disagreement:
    """Run a recipe with two potentials; the second one's answer widens the error of the first.

    The value is the first potential's. For two answers a and b the sample standard deviation is
    |a - b| / sqrt(2); it is added in quadrature to the recipe's own error, because errors that
    both potentials share (they learned from the same functional) do not show in it. Notes keep
    the second answers. A label that the second potential does not give keeps its error.

    The crystal is the one relaxed by the first potential: for labels that compare energies of
    relaxed cells the second opinion is taken at a slightly strained cell.

    Args:
        recipe: The recipe.
        second: Name of the second potential.
        load: Loads it.
    """

    def __init__(
        self,
        recipe: Simulation,
        second: str,
        *,
        load: Callable[[str], Potential] | None = None,
    ) -> None:
        self.property = recipe.property
        self.method = f"{recipe.method}~{second}"
        self.version = recipe.version
        self._recipe = recipe
        self._second = second
        self._load = load or _loaded

    def run(
        self,
        crystal: Crystal,
        potential: Potential,
        *,
        phases: Mapping[str, Crystal] | None = None,
    ) -> Simulated:
        """Label one crystal.

        Raises:
            StructureError: Either potential rejected the crystal.
            MissingDependencyError: The package of the second potential is not installed.
        """
        first = self._recipe.run(crystal, potential, phases=phases)
        # Phases relaxed by the first potential are not at rest under the second.
        second = self._recipe.run(crystal, self._load(self._second), phases=None)
        notes: dict[str, float | str] = dict(first.notes or {})
        labels = []
        for label in first.labels:
            other = _same(label, second.labels)
            if other is None:
                labels.append(label)
                continue
            notes[f"{self._second} {label.property} {label.path or ''}".strip()] = other.value
            spread = abs(label.value - other.value) / 2**0.5
            std = ((label.std or 0.0) ** 2 + spread**2) ** 0.5
            labels.append(replace(label, std=std))
        return Simulated(tuple(labels), first.relaxed, notes)


def _same(label: Label, others: tuple[Label, ...]) -> Label | None:
    """The other potential's label of the same property, of the same path where there are many."""
    candidates = [other for other in others if other.property == label.property]
    exact = [other for other in candidates if other.path == label.path]
    if exact:
        return exact[0]
    return candidates[0] if len(candidates) == 1 else None


@lru_cache(maxsize=2)
def _loaded(name: str) -> Potential:
    return get_potential(name)
