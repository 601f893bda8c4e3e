"""`matscreen calibrate`: let a laboratory's own devices correct the mechanisms."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def calibrate(
    devices: Annotated[
        Path,
        typer.Argument(
            help="CSV with formula, mechanism, energy_J, time_s and, where known, area_m2, "
            "thickness_m, voltage_V, temperature_K, levels.",
            metavar="DEVICES.csv",
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Calibration to write.")] = Path(
        "calibration.json"
    ),
) -> None:
    """Weigh your own measured devices with the stated error of each mechanism.

    The calibration moves the energies of a mechanism, narrows what its materials share, and is used
    by every screen that names it: `calibration = "calibration.json"`.

    Examples:
      matscreen calibrate my_devices.csv -o calibration.json
    """
    from rich.table import Table

    from matscreen.calibration import write_calibration
    from matscreen.console import terminal
    from matscreen.mechanisms import get_mechanism
    from matscreen.mechanisms.calibrated import weigh
    from matscreen.validation.mechanisms import score_devices

    scored = score_devices(devices)
    used = scored[scored["excluded"] == ""]
    console = terminal()
    shown = Table(title="What your devices say", title_justify="left")
    for name in ("mechanism", "devices (materials)", "factor", "shared error", "before"):
        shown.add_column(name, justify="left" if name == "mechanism" else "right")
    shifts = {}
    for group, rows in used.groupby("mechanism"):
        name = str(group)
        error = get_mechanism(name).model_error
        shift = weigh(error, {str(f): part["decades"] for f, part in rows.groupby("formula")})
        shifts[name] = shift
        shown.add_row(
            name.replace("_", " "),
            f"{shift.n_devices} ({shift.n_materials})",
            f"{10**shift.decades:.2g}",
            f"{shift.shared:.2f} decades",
            f"{error.shared:.2f} decades",
        )
    console.print(shown)
    for _, row in scored[scored["excluded"] != ""].iterrows():
        console.print(f"left out: {row['id']} ({row['formula']}): {row['excluded']}")
    write_calibration(output, shifts, source=devices.name)
    console.print(f'written to {output}; name it in a screen file: calibration = "{output}"')
