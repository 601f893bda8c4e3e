"""What the clauses of a mechanism look at, and what they require of energies and gates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from matscreen.mechanisms import APPLICATIONS, Device, Gate, Mechanism, SwitchingEnergy
from matscreen.mechanisms.base import FloatArray
from matscreen.testing.contract import Broken, require, require_code, require_text
from matscreen.testing.materials import draw_materials

ENERGIES: Final = ("floor_J", "nominal_J", "ceiling_J")
"""The energies of a mechanism, the least first."""


@dataclass(frozen=True, eq=False)
class MechanismCase:
    """What the clauses of a mechanism look at.

    Attributes:
        mechanism: The mechanism.
        registered: Name by which it was opened; None when it was given itself.
        device: The specification.
        count: Materials that are drawn.
        seed: Seed of the draws.
        rising: Properties with which the nominal energy never falls.
        falling: Properties with which the nominal energy never rises.
    """

    mechanism: Mechanism
    registered: str | None
    device: Device
    count: int
    seed: int
    rising: Sequence[str]
    falling: Sequence[str]

    @cached_property
    def materials(self) -> dict[str, FloatArray]:
        """Properties of the drawn materials, (count,) each."""
        return draw_materials(self.mechanism, self.count, seed=self.seed)

    @cached_property
    def found(self) -> dict[str, SwitchingEnergy]:
        """Their energies, by application."""
        return {name: self.energies(application=name) for name in APPLICATIONS}

    def energies(
        self,
        materials: Mapping[str, FloatArray] | None = None,
        *,
        application: str = "logic",
        device: Device | None = None,
    ) -> SwitchingEnergy:
        """Compute energies, of the drawn materials and the specification unless told otherwise."""
        asked = self.materials if materials is None else materials
        return self.mechanism.energies(asked, device or self.device, application)

    def material(self, index: int) -> str:
        """Show one material as text, for an error."""
        return ", ".join(f"{name} {values[index]:.4g}" for name, values in self.materials.items())


def require_energies(energy: object, expected: tuple[int, ...], when: str) -> None:
    """Require energies of a shape, finite and positive.

    Args:
        energy: What a mechanism returned.
        expected: Shape of each of the three energies.
        when: What was asked, for the error.

    Raises:
        Broken: They are something else.
    """
    kind = type(energy).__name__
    require(isinstance(energy, SwitchingEnergy), f"energies returns {kind}, not SwitchingEnergy")
    for name in ENERGIES:
        values = getattr(energy, name)
        seen = f"{name} is {values.dtype} {values.shape}, not float64 {expected} ({when})"
        require(values.shape == expected and values.dtype == np.float64, seen)
        wrong = values[~(np.isfinite(values) & (values > 0.0))]
        require(
            not wrong.size, f"{name} holds {wrong[:3]}: joules are finite and positive ({when})"
        )


def require_equal(one: SwitchingEnergy, many: SwitchingEnergy, index: int, seen: str) -> None:
    """Require that a material alone has the energies that it has among others.

    Args:
        one: Energies of the material, (1,).
        many: Energies of all, (n,).
        index: Which of them it is.
        seen: How they were asked for, for the error.

    Raises:
        Broken: They differ.
    """
    for name in ENERGIES:
        left, right = float(getattr(one, name)[0]), float(getattr(many, name)[index])
        same = np.isclose(left, right, rtol=1e-9, atol=0.0)
        require(same, f"{name} {left:.6g} against {right:.6g} in a batch; a material {seen}")


def require_gate(gate: object, count: int, application: str) -> None:
    """Require a gate with a code, one decision a material, and a sentence that can be formatted.

    Args:
        gate: The gate.
        count: Number of materials.
        application: What was asked, for the error.

    Raises:
        Broken: It is something else.
    """
    require(isinstance(gate, Gate), f"a gate is {type(gate).__name__}, not a Gate ({application})")
    assert isinstance(gate, Gate)  # for the type checker
    require_code(gate.code, "the code of a gate")
    fits = gate.passed.dtype == np.bool_ and gate.passed.size in (1, count)
    require(fits, f"{gate.code}: `passed` is {gate.passed.dtype} {gate.passed.shape}")
    try:
        text = gate.explain(0)
    except Exception as error:
        raise Broken(f"{gate.code}: its text does not format: {error!r}") from error
    require_text(text.partition(":")[2], f"the sentence of {gate.code}")
