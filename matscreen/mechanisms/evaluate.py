"""The registry of mechanisms and the energy of materials given as plain numbers."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from matscreen.errors import InputError
from matscreen.mechanisms.base import FACTS, Mechanism, SwitchingEnergy, get_entry
from matscreen.mechanisms.device import Device
from matscreen.mechanisms.electrochemical import Electrochemical
from matscreen.mechanisms.ferroelectric import Ferroelectric
from matscreen.mechanisms.insulator_metal import InsulatorMetal
from matscreen.mechanisms.josephson import Josephson
from matscreen.mechanisms.valence_change import ValenceChange
from matscreen.plugins import load_outside, outside_names

_SHIPPED: Final[dict[str, type[Mechanism]]] = {
    "ferroelectric": Ferroelectric,
    "valence_change": ValenceChange,
    "insulator_metal": InsulatorMetal,
    "electrochemical": Electrochemical,
    "josephson": Josephson,
}
MECHANISMS: Final[tuple[str, ...]] = tuple(_SHIPPED)
"""Names of the mechanisms that come with matscreen."""

_GROUP: Final = "matscreen.mechanisms"
STAND_INS: Final = {"well_depth": "polar_barrier"}
"""Required properties that another one may stand in for."""


def mechanism_names() -> tuple[str, ...]:
    """Return the names that `get_mechanism` knows: the shipped ones, then those of packages."""
    return (*MECHANISMS, *(name for name in outside_names(_GROUP) if name not in _SHIPPED))


def get_mechanism(name: str) -> Mechanism:
    """Return a mechanism by name: one of `MECHANISMS`, or an installed entry point.

    A package adds its own through the entry-point group `matscreen.mechanisms`.

    Args:
        name: Its name.

    Raises:
        InputError: No mechanism has this name, or the entry point loads something else.

    Examples:
        >>> get_mechanism("ferroelectric").requires
        ('spontaneous_polarization', 'well_depth')
    """
    if name in _SHIPPED:
        return _SHIPPED[name]()
    made = load_outside(_GROUP, name)
    if made is not None:
        found = made()
        if not isinstance(found, Mechanism):
            raise InputError(f"{made!r}, registered as {name!r}, makes no mechanism")
        return found
    known = mechanism_names()
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise InputError(f"unknown mechanism {name!r}; known: {', '.join(known)}{hint}")


def switching_energy(
    mechanism: str | Mechanism,
    properties: Mapping[str, npt.ArrayLike],
    device: Device | None = None,
    *,
    application: str = "logic",
) -> SwitchingEnergy:
    """Compute the switching energy of materials given as numbers.

    Args:
        mechanism: Name of a mechanism, or a mechanism.
        properties: Floats or one-dimensional arrays by property name, in registry units. Properties
            that the mechanism lists as optional may be absent.
        device: The specification; the common one when not given.
        application: `synapse` (one of N analog levels), `logic` (one toggle), `neuron` (one spike).

    Returns:
        Energies with one entry a material; `lower_J` and `upper_J` hold the model error alone.

    Raises:
        InputError: A property is unknown, unused, missing, not a number or out of its bounds, or
            the shapes do not fit.
    """
    chosen = get_mechanism(mechanism) if isinstance(mechanism, str) else mechanism
    used = (*chosen.requires, *chosen.optional)
    values: dict[str, npt.ArrayLike] = {}
    for name, raw in properties.items():
        if name not in used:
            close = difflib.get_close_matches(name, used, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; it uses {', '.join(used)}"
            raise InputError(f"{chosen.name} does not use a property {name!r}{hint}")
        values[name] = _checked(name, raw)
    for name in chosen.requires:
        if name not in values and STAND_INS.get(name) not in values:
            entry = get_entry(name)
            raise InputError(f"{chosen.name} needs {name} ({entry.unit}): {entry.meaning.lower()}")
    try:
        np.broadcast_shapes(*(np.shape(value) for value in values.values()))
    except ValueError as error:
        shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in values.items())
        raise InputError(f"the shapes of the properties do not fit: {shapes}") from error
    return chosen.energies(values, device if device is not None else Device(), application)


def _checked(name: str, raw: npt.ArrayLike) -> npt.NDArray[np.float64]:
    entry = get_entry(name)
    try:
        value = np.asarray(raw, dtype=np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be a number or an array of numbers, got {raw!r}") from None
    if value.ndim > 1:
        raise InputError(f"{name} must be a number or one-dimensional, got shape {value.shape}")
    bad = ~((value >= entry.lower) & (value <= entry.upper))
    if name in FACTS:  # an unknown fact is NaN
        bad &= ~np.isnan(value)
    if bad.any():
        raise InputError(
            f"{name} must be between {entry.lower:g} and {entry.upper:g} {entry.unit}, "
            f"got {value[bad].flat[0]:g}"
        )
    return value
