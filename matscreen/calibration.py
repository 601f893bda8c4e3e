"""Calibrations on disk: what a laboratory's own devices say of each mechanism."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from matscreen.atomic import write_atomically
from matscreen.errors import InputError
from matscreen.mechanisms import Mechanism, get_mechanism
from matscreen.mechanisms.calibrated import Calibrated, Shift

FORMAT: Final = "matscreen-calibration-1"


def write_calibration(path: Path, shifts: Mapping[str, Shift], *, source: str) -> None:
    """Write a calibration as JSON.

    Args:
        path: File to write.
        shifts: Shift by mechanism.
        source: Where the devices come from.
    """
    content = {
        "format": FORMAT,
        "source": source,
        "mechanisms": {name: asdict(shift) for name, shift in shifts.items()},
    }
    write_atomically(path, json.dumps(content, indent=2) + "\n")


def read_calibration(path: str | Path) -> dict[str, Shift]:
    """Read a calibration.

    Raises:
        InputError: There is no such file, or it is not a calibration.
    """
    file = Path(path).expanduser()
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the calibration {file}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"the calibration {file} is not JSON: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise InputError(f"{file} is no calibration; `matscreen calibrate DEVICES.csv` writes one")
    try:
        return {
            name: Shift(**{key: entry[key] for key in Shift.__dataclass_fields__})
            for name, entry in content["mechanisms"].items()
        }
    except (KeyError, TypeError) as error:
        raise InputError(f"the calibration {file} lacks {error}") from error


def calibrated_mechanisms(names: Sequence[str], calibration: str | Path | None) -> list[Mechanism]:
    """Return mechanisms by name, calibrated where a calibration says something of them."""
    shifts = read_calibration(calibration) if calibration else {}
    found = [get_mechanism(name) for name in names]
    return [
        Calibrated(mechanism, shifts[mechanism.name]) if mechanism.name in shifts else mechanism
        for mechanism in found
    ]
