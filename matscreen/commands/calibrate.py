"""`matscreen calibrate`: let a laboratory's own devices correct the mechanisms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matscreen.commands.options import output_option

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def calibrate(
    devices: Annotated[
        Path,
        typer.Argument(
            help="CSV with formula, mechanism, energy_J, time_s and, where known, area_m2, "
            "thickness_m, voltage_V, temperature_K, levels.",
            metavar="DEVICES.csv",
        ),
    ],
    output: Annotated[Path, output_option("Calibration to write.", "JSON")] = Path(
        "calibration.json"
    ),
) -> None:
    """Weigh your own measured devices with the stated error of each mechanism.

    The calibration moves the energies of a mechanism, narrows what its materials share, and is used
    by every screen that names it: `calibration = "calibration.json"`.

    Examples:
      matscreen calibrate my_devices.csv -o calibration.json
    """
    from matscreen.calibration import write_calibration
    from matscreen.commands.output import next_steps, show
    from matscreen.errors import InputError
    from matscreen.mechanisms import get_mechanism
    from matscreen.mechanisms.calibrated import weigh
    from matscreen.validation.mechanisms import score_devices

    scored = score_devices(devices)
    used = scored[scored["excluded"] == ""]
    left_out = scored.loc[scored["excluded"] != "", ["id", "formula", "excluded"]]
    if used.empty:
        raise InputError(f"{devices} holds no device that can be weighed; {_left_out(left_out)}")
    shifts, found = {}, []
    for group, rows in used.groupby("mechanism"):
        name = str(group)
        error = get_mechanism(name).model_error
        shift = weigh(error, {str(f): part["decades"] for f, part in rows.groupby("formula")})
        shifts[name] = shift
        found.append(
            {
                "mechanism": name,
                "devices": shift.n_devices,
                "materials": shift.n_materials,
                "factor": 10**shift.decades,
                "shared_error_decades": shift.shared,
                "shared_error_before_decades": error.shared,
            }
        )
    write_calibration(output, shifts, source=devices.name)
    show(
        lambda: {"calibration": output, "mechanisms": found, "left_out": left_out},
        lambda: _table(found),
        lambda: _left_out(left_out),
    )
    next_steps(
        (f'calibration = "{output}"', "in a screen file: its energies are corrected by it"),
        ("matscreen validate mechanisms", "how far the physics holds without it"),
    )


def _table(found: list[dict[str, Any]]) -> Table:
    from rich.table import Table

    shown = Table(title="What your devices say", title_justify="left", box=None, pad_edge=False)
    for name in ("mechanism", "devices (materials)", "factor", "shared error", "before"):
        shown.add_column(name, justify="left" if name == "mechanism" else "right")
    for row in found:
        shown.add_row(
            row["mechanism"].replace("_", " "),
            f"{row['devices']} ({row['materials']})",
            f"{row['factor']:.2g}",
            f"{row['shared_error_decades']:.2f} decades",
            f"{row['shared_error_before_decades']:.2f} decades",
        )
    return shown


def _left_out(rows: pd.DataFrame) -> str:
    lines = [
        f"left out: {row['id']} ({row['formula']}): {row['excluded']}"
        for row in rows.to_dict("records")
    ]
    return "\n".join(lines or ["Every device was used."])
