"""What every switching mechanism shares: its result, its gates, its protocol, the common floor."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from matscreen.errors import InputError
from matscreen.mechanisms.device import APPLICATIONS, Device
from matscreen.properties import PROPERTIES, Property

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

ELEMENTARY_CHARGE: Final = 1.602176634e-19
BOLTZMANN: Final = 1.380649e-23
VACUUM_PERMITTIVITY: Final = 8.8541878128e-12
MEV_PER_A3: Final = ELEMENTARY_CHARGE * 1e-3 / 1e-30
"""One meV/Å³ in J/m³."""
MICROCOULOMB_PER_CM2: Final = 1e-2
"""One µC/cm² in C/m²."""
_LN10: Final = math.log(10.0)
Z90: Final = 1.6448536269514722
"""Half width of a central 90 % interval, standard deviations."""

FACTS: Final[dict[str, Property]] = {
    entry.name: entry
    for entry in (
        Property("polar", "1", 0.0, 1.0, "linear", "1 when the point group allows a polarization"),
        Property(
            "improper", "1", 0.0, 1.0, "linear", "1 when P follows from another, primary distortion"
        ),
        Property("axial_ratio", "1", 0.1, 10.0, "linear", "c/a of a tetragonal perovskite cell"),
        Property(
            "formula_unit_volume", "Å³", 1.0, 1e4, "linear", "Volume of one reduced formula unit"
        ),
        Property(
            "polymorph_gap",
            "eV/atom",
            -10.0,
            10.0,
            "linear",
            "Energy of a polar crystal over the lowest known nonpolar one of its formula",
        ),
        Property(
            "tilted_gap",
            "eV/atom",
            -10.0,
            10.0,
            "linear",
            "Energy of a polar perovskite over its lowest nonpolar tilted phase",
        ),
        Property(
            "tilted_spacegroup", "1", 1.0, 230.0, "linear", "Space group of that tilted phase"
        ),
        Property(
            "antiferroelectric", "1", 0.0, 1.0, "linear", "1 when films are known to be so at 300 K"
        ),
        Property("oxygen_density", "1/Å³", 1e-3, 0.3, "linear", "Oxygen atoms per volume"),
    )
}
"""What a mechanism asks of the crystal itself; known without error, NaN when unknown."""

_SHIFT = "migration_charge_shift"
PARAMETERS: Final[dict[str, Property]] = {
    _SHIFT: PROPERTIES[_SHIFT],
    **{
        name: Property(
            name, "1", -8.0, 8.0, "linear", f"Standard score; its chance to be positive is {what}"
        )
        for name, what in (
            ("transition_score", "that of an insulator-metal transition"),
            ("superconductivity_score", "that of a superconducting phase"),
        )
    },
}
"""Uncertain numbers of a model that are no property of the perfect crystal."""


def get_entry(name: str) -> Property:
    """Return the registry entry of a property, a fact of the crystal or a model parameter.

    Args:
        name: Its name.

    Raises:
        InputError: The name is unknown.
    """
    for table in (PROPERTIES, PARAMETERS, FACTS):
        if name in table:
            return table[name]
    known = ", ".join(sorted({*PROPERTIES, *PARAMETERS, *FACTS}))
    raise InputError(f"unknown property {name!r}; known: {known}")


@dataclass(frozen=True)
class ModelError:
    """What a mechanism's formula gets wrong with perfect inputs, in decades of energy (1 sigma).

    Attributes:
        shared: Part common to all materials of the mechanism on one device specification.
        material: Part of each material, independent of the others.
    """

    shared: float
    material: float

    @property
    def total(self) -> float:
        """Both parts in quadrature."""
        return math.hypot(self.shared, self.material)


@dataclass(frozen=True, eq=False)
class Gate:
    """One condition that a material must meet, for every entry of the inputs.

    Attributes:
        code: Stable code, such as `curie_below_retention`.
        passed: Whether it is met; unknown (NaN) inputs pass.
        value: The number that was judged.
        limit: What it was judged against.
        text: Template of the sentence for a failure, with `{value}` and `{limit}`.
    """

    code: str
    passed: BoolArray
    value: FloatArray
    limit: FloatArray
    text: str

    def explain(self, index: int) -> str:
        """Return `code: sentence` for one entry of one-dimensional inputs."""
        value = float(self.value.flat[index if self.value.size > 1 else 0])
        limit = float(self.limit.flat[index if self.limit.size > 1 else 0])
        return f"{self.code}: {self.text.format(value=value, limit=limit)}"


def gate_at_least(code: str, value: npt.ArrayLike, limit: npt.ArrayLike, text: str) -> Gate:
    """Gate that fails where value < limit; NaN passes.

    Args:
        code: Stable code of the condition.
        value: What is judged, any shape.
        limit: Least value that passes, a shape that fits.
        text: Sentence for a failure, with `{value}` and `{limit}`.

    Examples:
        >>> gate = gate_at_least("too_cold", [2.0, 9.0], 4.2, "{value:.0f} K is under {limit} K")
        >>> gate.passed, gate.explain(0)
        (array([False,  True]), 'too_cold: 2 K is under 4.2 K')
    """
    left, right = np.asarray(value, dtype=np.float64), np.asarray(limit, dtype=np.float64)
    return Gate(code, np.asarray(~(left < right)), left, right, text)


def gate_at_most(code: str, value: npt.ArrayLike, limit: npt.ArrayLike, text: str) -> Gate:
    """Gate that fails where value > limit; NaN passes.

    Args:
        code: Stable code of the condition.
        value: What is judged, any shape.
        limit: Greatest value that passes, a shape that fits.
        text: Sentence for a failure, with `{value}` and `{limit}`.
    """
    left, right = np.asarray(value, dtype=np.float64), np.asarray(limit, dtype=np.float64)
    return Gate(code, np.asarray(~(left > right)), left, right, text)


@dataclass(frozen=True, eq=False)
class SwitchingEnergy:
    """Wall-plug energy of one event, with the surroundings at the device temperature.

    Attributes:
        floor_J: Least dissipation of a non-adiabatic switch that keeps its state, J.
        nominal_J: Realistic, calibrated energy, J.
        ceiling_J: Coherent or full-pulse energy with all layers and losses, J.
        gates: Conditions of the mechanism; a failed one makes the entry infeasible.
        flags: Conditions worth a warning that exclude nothing.
        diagnostics: Further numbers by name with unit, such as `write_voltage_V`.
        model_error: What the formula gets wrong with perfect inputs.
    """

    floor_J: FloatArray
    nominal_J: FloatArray
    ceiling_J: FloatArray
    gates: tuple[Gate, ...] = ()
    flags: tuple[Gate, ...] = ()
    diagnostics: Mapping[str, FloatArray] = field(default_factory=dict)
    model_error: ModelError = field(default_factory=lambda: ModelError(0.0, 0.0))

    @property
    def feasible(self) -> BoolArray:
        """Whether every gate is passed."""
        result = np.ones(self.nominal_J.shape, dtype=np.bool_)
        for gate in self.gates:
            result &= gate.passed
        return result

    @property
    def reasons(self) -> tuple[tuple[str, ...], ...]:
        """Sentences of the failed gates, one tuple an entry (one-dimensional inputs)."""
        return _sentences(self.gates, self.nominal_J.size)

    @property
    def warnings(self) -> tuple[tuple[str, ...], ...]:
        """Sentences of the raised flags, one tuple an entry (one-dimensional inputs)."""
        return _sentences(self.flags, self.nominal_J.size)

    @property
    def lower_J(self) -> FloatArray:
        """Lower end of the 90 % interval from model error alone, J."""
        return with_model_error(self.floor_J, self.nominal_J, -Z90 * self.model_error.total)

    @property
    def upper_J(self) -> FloatArray:
        """Upper end of the 90 % interval from model error alone, J."""
        return with_model_error(self.floor_J, self.nominal_J, Z90 * self.model_error.total)


def with_model_error(
    floor: npt.ArrayLike, energy: npt.ArrayLike, decades: npt.ArrayLike
) -> FloatArray:
    """Apply a model error to what an energy has over its thermodynamic floor.

    E' = E_floor + (E - E_floor) 10^e: however large the error, no draw falls under the floor.

    Args:
        floor: Least energy E_floor, J, any shape.
        energy: Energy E, J; a shape that fits.
        decades: Error e in decades; a shape that fits.
    """
    low = np.asarray(floor, dtype=np.float64)
    excess = np.asarray(energy, dtype=np.float64) - low
    return np.asarray(low + excess * np.exp(_LN10 * np.asarray(decades, dtype=np.float64)))


@runtime_checkable
class Mechanism(Protocol):
    """A way in which a material switches.

    Attributes:
        name: Name used in screens and tables.
        title: Name for people.
        requires: Registry properties without which no energy can be given.
        optional: Further registry properties, facts of the crystal and parameters that it uses.
        model_error: What the formula gets wrong with perfect inputs.
    """

    name: str
    title: str
    requires: tuple[str, ...]
    optional: tuple[str, ...]
    model_error: ModelError

    def energies(
        self, properties: Mapping[str, npt.ArrayLike], device: Device, application: str
    ) -> SwitchingEnergy:
        """Compute the energy of one event.

        Args:
            properties: Values in registry units, broadcastable to (n,) or (samples, n).
            device: The specification.
            application: `synapse`, `logic` or `neuron`.
        """
        ...


def thermal_barrier(time: float, temperature: float, *, attempt_time: float = 1e-12) -> float:
    """Barrier that keeps one state for a time against thermal escape, J.

    E = k T ln(t / t0) (Néel 1949, Arrhenius): 47 kT for ten years.

    Args:
        time: How long the state lasts, s.
        temperature: Temperature at which it does, K.
        attempt_time: Shortest time scale of an escape, s.

    Examples:
        >>> ten_years = 10 * 365.25 * 86400
        >>> round(thermal_barrier(ten_years, 300.0) / (BOLTZMANN * 300.0), 1)
        47.2
    """
    return BOLTZMANN * temperature * math.log(time / attempt_time)


def landauer(temperature: float) -> float:
    """Least heat of erasing one bit, k T ln 2, J (Landauer 1961).

    Args:
        temperature: Temperature of the surroundings, K.

    Examples:
        >>> f"{landauer(300.0):.2e}"
        '2.87e-21'
    """
    return BOLTZMANN * temperature * math.log(2.0)


def floor_energy(device: Device) -> float:
    """Least dissipation of one non-adiabatic event that keeps its state, J.

    The larger of two costs, each of them the same for every material:

    - the barrier that holds the state for the retention time, k T_ret ln(t_ret / t0); a drive that
      is not recovered must lift the state over it and loses it on the other side;
    - the charge that separates two states at the reader, moved through no less than the thermal
      voltage: N_e k T.
    """
    hold = thermal_barrier(
        device.retention_time, device.retention_temperature, attempt_time=device.attempt_time
    )
    return max(hold, device.read_electrons * BOLTZMANN * device.temperature)


def thermal_decades(activation: npt.ArrayLike, temperature: float) -> FloatArray:
    """Decades of current that an activation energy in eV holds back, E q / (k T ln 10).

    What is left when the activation is gone is the best on/off ratio that a material allows; at
    most eight decades are counted, contacts and readers see no more.

    Args:
        activation: Activation energy E, eV, any shape.
        temperature: Temperature of the reading, K.
    """
    decades = np.asarray(activation, float) * ELEMENTARY_CHARGE / (BOLTZMANN * temperature * _LN10)
    return np.asarray(np.minimum(decades, 8.0))


def check_application(application: str) -> None:
    """Raise unless the application is one of `APPLICATIONS`.

    Raises:
        InputError: It is not.
    """
    if application not in APPLICATIONS:
        raise InputError(f"unknown application {application!r}; known: {', '.join(APPLICATIONS)}")


def volatile_gate(application: str) -> Gate:
    """Gate of the mechanisms that keep their state: a neuron needs one that forgets."""
    return gate_at_most(
        "not_volatile",
        1.0 if application == "neuron" else 0.0,
        0.5,
        "a neuron needs a volatile threshold, this mechanism keeps its state",
    )


def value_or(
    properties: Mapping[str, npt.ArrayLike], name: str, default: npt.ArrayLike
) -> FloatArray:
    """Return a property as an array, with `default` where it is absent or NaN.

    Args:
        properties: Values by property name.
        name: The property.
        default: What stands in for it, in its unit; a shape that fits.
    """
    fallback = np.asarray(default, dtype=np.float64)
    if name not in properties:
        return fallback
    value = np.asarray(properties[name], dtype=np.float64)
    return np.where(np.isnan(value), fallback, value) if np.isnan(value).any() else value


def _sentences(gates: tuple[Gate, ...], size: int) -> tuple[tuple[str, ...], ...]:
    rows: list[list[str]] = [[] for _ in range(size)]
    for gate in gates:
        passed = np.broadcast_to(gate.passed, (size,)) if gate.passed.size != size else gate.passed
        for index in np.flatnonzero(~passed.ravel()):
            rows[index].append(gate.explain(int(index)))
    return tuple(tuple(row) for row in rows)
