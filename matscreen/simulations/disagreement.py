"""A second opinion: one recipe, two potentials, and their disagreement as error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache

from matscreen.errors import StructureError
from matscreen.simulations.base import Label, Simulated, Simulation
from matscreen.simulations.calculators import Potential, describe_calculator, get_potential
from matscreen.simulations.relaxing import attach, relax_cell
from matscreen.structures import Crystal


class Disagreement:
    """Run a recipe with two potentials; the second one's answer widens the error of the first.

    The value is the first potential's, so that it stays comparable with its other labels. If both
    answers were the truth plus independent errors of the same variance, (a - b)^2 would be twice
    that variance: |a - b| / sqrt(2) estimates the error of either. It is added in quadrature to
    the recipe's own error and never lowers it, because errors that both potentials share (they
    learned from the same functional, often from the same calculations) do not show in it.

    The second potential relaxes the crystal, and the phases that are known, before its turn: under
    it the first one's cells are strained, which would pass for disagreement.

    Notes keep the second answers and its version. A label that the second potential does not give
    keeps its error.

    Args:
        recipe: The recipe.
        second: Name of the second potential.
        load: Loads it.

    Raises:
        MissingDependencyError: The package of the second potential is not installed.
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
        about = describe_calculator(second) if load is None else load(second).version
        self.version = f"{recipe.version}~{about}"
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
            StructureError: Either potential rejected the crystal; the detail names the second.
        """
        first = self._recipe.run(crystal, potential, phases=phases)
        second = self._ask_second(crystal, phases)
        notes: dict[str, float | str] = dict(first.notes or {})
        labels = []
        for label in first.labels:
            other = _same(label, second.labels)
            if other is None:
                labels.append(label)
                continue
            place = label.path or label.site or ""
            notes[f"{self._second} {label.property} {place}".strip()] = other.value
            spread = abs(label.value - other.value) / 2**0.5
            std = ((label.std or 0.0) ** 2 + spread**2) ** 0.5
            labels.append(replace(label, std=std))
        return Simulated(tuple(labels), first.relaxed, notes)

    def _ask_second(self, crystal: Crystal, phases: Mapping[str, Crystal] | None) -> Simulated:
        potential = self._load(self._second)
        own: dict[str, Crystal] = {}
        for symbol, phase in (phases or {}).items():
            try:
                own[symbol] = _relaxed(phase, potential)
            except StructureError:
                continue  # a recipe seeds the phases that it misses
        try:
            relaxed = _relaxed(crystal, potential)
            return self._recipe.run(relaxed, potential, phases=own if phases is not None else None)
        except StructureError as error:
            raise StructureError(error.reason, f"{self._second}: {error.detail}") from error


def _relaxed(crystal: Crystal, potential: Potential) -> Crystal:
    atoms = attach(crystal.to_ase(), potential)
    relax_cell(atoms)
    return Crystal.from_ase(atoms)


def _same(label: Label, others: tuple[Label, ...]) -> Label | None:
    """Return the other potential's label of the same quantity.

    Site and path may differ between potentials (the lowest vacancy, the lowest saddle); then the
    only label of the same property, charge and temperature is meant.
    """
    alike = [
        other
        for other in others
        if (other.property, other.charge, other.temperature)
        == (label.property, label.charge, label.temperature)
    ]
    exact = [other for other in alike if (other.site, other.path) == (label.site, label.path)]
    if exact:
        return exact[0]
    return alike[0] if len(alike) == 1 else None


@lru_cache(maxsize=2)
def _loaded(name: str) -> Potential:
    return get_potential(name)
