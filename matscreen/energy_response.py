"""How the energy of one event answers to the device and to the material, one number at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from matscreen.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.mechanisms import SwitchingEnergy
    from matscreen.mechanisms.device import Device

_STEP: Final = 1.01
"""Ratio of the central difference behind an exponent."""
_FLAT: Final = 1e-9
"""Changes of log energy under this are rounding."""


def sweep(
    mechanism: str,
    properties: Mapping[str, float],
    parameter: str,
    values: Sequence[float],
    device: Device | None = None,
    *,
    application: str = "synapse",
) -> pd.DataFrame:
    """Compute the energy of one event over a range of one device number or one property.

    Args:
        mechanism: Name of the mechanism.
        properties: Registry name to a value in registry units, of one material.
        parameter: What is varied: a number of the device (`area`, `switching_time`,
            `filament.voltage`...) in SI units, or a property of the material.
        values: The values that it takes.
        device: The device otherwise; the common specification when not given.
        application: `synapse`, `logic` or `neuron`.

    Returns:
        One row a value: the parameter, `floor_J`, `nominal_J`, `ceiling_J`, `feasible` and
        `reasons`. `attrs` hold mechanism, parameter, unit and application; `figure` draws it.

    Raises:
        InputError: The parameter is neither, the properties do not fit the mechanism, or a value
            is out of range (then a `ConfigError`).

    Examples:
        >>> import matscreen as ms
        >>> lead_titanate = {"spontaneous_polarization": 75.0, "well_depth": 3.0}
        >>> areas = ms.sweep("ferroelectric", lead_titanate, "area", [1e-15, 2e-15])
        >>> energy = areas["nominal_J"] - areas["floor_J"]
        >>> round(float(energy[1] / energy[0]), 6)  # twice the area, twice the energy
        2.0
    """
    import pandas as pd

    base, known = _device(device), dict(properties)
    _check_parameter(parameter, base, known, mechanism)
    rows = []
    for value in values:
        found = _energy(mechanism, known, base, parameter, value, application)
        rows.append(
            {
                parameter: value,
                "floor_J": _number(found.floor_J),
                "nominal_J": _number(found.nominal_J),
                "ceiling_J": _number(found.ceiling_J),
                "feasible": bool(found.feasible.all()),
                "reasons": "; ".join(found.reasons[0]),
            }
        )
    columns = [parameter, "floor_J", "nominal_J", "ceiling_J", "feasible", "reasons"]
    table = pd.DataFrame(rows, columns=columns)
    table.attrs |= {
        "kind": "sweep",
        "mechanism": mechanism,
        "parameter": parameter,
        "unit": parameter_unit(parameter),
        "application": application,
    }
    return table


def sensitivities(
    mechanism: str,
    properties: Mapping[str, float],
    device: Device | None = None,
    *,
    application: str = "synapse",
) -> pd.DataFrame:
    """Say what the nominal energy of one event depends on, and how steeply.

    The exponent of a number p is d ln E / d ln p, by a central difference of one per cent (to one
    side at the end of its range): with an exponent of 2, one per cent more of it costs two per cent
    more energy. Numbers that do nothing are left out, as are those that are zero.

    Args:
        mechanism: Name of the mechanism.
        properties: Registry name to a value in registry units, of one material.
        device: The device; the common specification when not given.
        application: `synapse`, `logic` or `neuron`.

    Returns:
        One row a number, steepest first: `parameter`, `of` (`device` or `material`), `value`,
        `unit`, `exponent`, and the nominal energy at half and at twice the value over that at the
        value (`at_half`, `at_twice`; NaN where that is no valid value). `attrs` hold mechanism,
        application and `nominal_J`; `figure` draws it.

    Raises:
        InputError: The properties do not fit the mechanism.

    Examples:
        >>> import matscreen as ms
        >>> steep = ms.sensitivities("josephson", {"critical_temperature": 9.2})
        >>> "critical_temperature" in set(steep["parameter"])
        True
    """
    import pandas as pd

    base, known = _device(device), dict(properties)
    nominal = _number(_evaluate(mechanism, known, base, application).nominal_J)

    def ratio(name: str, value: float) -> float:
        try:
            found = _energy(mechanism, known, base, name, value, application)
        except InputError:
            return math.nan
        return _number(found.nominal_J) / nominal

    rows = []
    numbers = [(name, value, "device") for name, value in device_numbers(base)]
    numbers += [(name, float(value), "material") for name, value in known.items()]
    for name, value, owner in numbers:
        if value == 0.0:
            continue
        count = isinstance(value, int)
        # Half of an odd count is none, and no count has a hundredth part.
        half = math.nan if count and value % 2 else ratio(name, value / 2)
        ends = (half, ratio(name, value * 2))
        near = (value // 2, value * 2) if count else (value / _STEP, value * _STEP)
        exponent = _exponent([(each / value, ratio(name, each)) for each in near if each])
        changes = [abs(math.log(end)) for end in ends if not math.isnan(end)]
        if not any(change >= _FLAT for change in (*changes, abs(exponent))):
            continue
        rows.append((name, owner, value, parameter_unit(name), exponent, *ends))
    columns = ["parameter", "of", "value", "unit", "exponent", "at_half", "at_twice"]
    table = pd.DataFrame(rows, columns=columns)
    steepest = table["exponent"].abs().sort_values(ascending=False, kind="stable").index
    table = table.loc[steepest].reset_index(drop=True)
    table.attrs |= {
        "kind": "sensitivities",
        "mechanism": mechanism,
        "application": application,
        "nominal_J": nominal,
    }
    return table


def _exponent(changes: Sequence[tuple[float, float]]) -> float:
    """Return d ln E / d ln p from values and energies over those at p; NaN is left out."""
    slopes = [
        math.log(energy) / math.log(value) for value, energy in changes if not math.isnan(energy)
    ]
    return sum(slopes) / len(slopes) if slopes else math.nan


def device_numbers(block: Any, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the dotted names and the values of all numbers of a device specification."""
    for item in fields(block):
        value = getattr(block, item.name)
        if is_dataclass(value):
            yield from device_numbers(value, f"{item.name}.")
        else:  # a specification may give 2 V as a whole number, which is no count
            yield prefix + item.name, value if _is_count(block, item.name) else float(value)


def parameter_unit(parameter: str) -> str:
    """Return the unit of a device number or of a property; `1` for a pure number.

    Raises:
        InputError: There is no such property.
    """
    from matscreen.mechanisms.base import get_entry
    from matscreen.mechanisms.device import Device

    block, _, name = parameter.rpartition(".")
    owner: Any = getattr(Device(), block) if block else Device()
    for item in fields(owner):
        if item.name == name:
            return str(item.metadata["unit"])
    return get_entry(parameter).unit


def _device(device: Device | None) -> Device:
    from matscreen.mechanisms.device import Device

    return device if device is not None else Device()


def _check_parameter(
    parameter: str, device: Device, properties: Mapping[str, float], mechanism: str
) -> None:
    known = [name for name, _ in device_numbers(device)]
    if parameter in known or parameter in properties:
        return
    import difflib

    close = difflib.get_close_matches(parameter, [*known, *properties], n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise InputError(
        f"cannot vary {parameter!r} of {mechanism}: it is neither a number of the device nor among "
        f"the properties given ({', '.join(properties)}){hint}"
    )


def _energy(
    mechanism: str,
    properties: Mapping[str, float],
    device: Device,
    parameter: str,
    value: float,
    application: str,
) -> SwitchingEnergy:
    if parameter in properties:
        return _evaluate(mechanism, {**properties, parameter: value}, device, application)
    return _evaluate(mechanism, properties, _with(device, parameter, value), application)


def _evaluate(
    mechanism: str, properties: Mapping[str, float], device: Device, application: str
) -> SwitchingEnergy:
    from matscreen.mechanisms import switching_energy

    return switching_energy(mechanism, properties, device, application=application)


def _with(device: Device, parameter: str, value: float) -> Device:
    """Return the device with one number changed; a count stays a whole number.

    Raises:
        ConfigError: The value is out of range, or a count is no whole number.
    """
    block, _, name = parameter.rpartition(".")
    owner = getattr(device, block) if block else device
    whole = _is_count(owner, name) and float(value).is_integer()
    number = int(value) if whole else float(value)
    changed = replace(owner, **{name: number})
    outer: dict[str, Any] = {block: changed}
    return replace(device, **outer) if block else changed


def _is_count(block: Any, name: str) -> bool:
    return any(item.name == name and isinstance(item.default, int) for item in fields(block))


def _number(values: Any) -> float:
    import numpy as np

    return float(np.ravel(values)[0])
