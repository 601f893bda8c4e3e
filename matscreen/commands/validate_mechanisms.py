"""`matscreen validate mechanisms`: predicted switching energies beside measured devices."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matscreen.commands.options import output_option

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def mechanisms(
    devices: Annotated[
        Path | None,
        typer.Argument(help="CSV of measured devices instead of the shipped ones.", metavar="FILE"),
    ] = None,
    recalled: Annotated[
        bool, typer.Option("--recalled", help="Score rows of low confidence too.")
    ] = False,
    output: Annotated[Path, output_option("Folder of table and figure.")] = Path(
        ".matscreen/validation"
    ),
) -> None:
    """Compare predicted switching energies with measured single devices.

    Projections, circuits, circular figures, bounds and rows of low confidence are left out, and
    counted. No constant is fitted on the rows it is scored on: the error after leaving the
    material out is given beside the error as shipped.

    Examples:
      matscreen validate mechanisms
      matscreen validate mechanisms my_devices.csv -o checked
    """
    from matscreen.commands.output import next_steps, show
    from matscreen.validation.figures import device_figure
    from matscreen.validation.mechanisms import score_devices, summarize

    scored = score_devices(devices, recalled=recalled)
    result = summarize(scored)
    output.mkdir(parents=True, exist_ok=True)
    scored.to_csv(output / "mechanisms.csv", index=False)
    figure = device_figure(scored, output / "mechanisms.html")
    left = scored.loc[scored["excluded"] != "", "excluded"].value_counts().to_dict()
    told = "; ".join(f"{n} {reason}" for reason, n in left.items()) or "none"
    show(
        lambda: {"mechanisms": result, "not_scored": left, "figure": figure},
        lambda: _shown(result),
        lambda: f"not scored: {told}",
        lambda: f"figure: {figure}",
    )
    if devices is None:
        next_steps(("matscreen calibrate my_devices.csv", "let your own devices correct them"))


def _shown(result: pd.DataFrame) -> Table:
    from rich.table import Table

    shown = Table(
        title="Measured single devices against prediction; decades of energy",
        title_justify="left",
        box=None,
        pad_edge=False,
        caption="null: the same formula, the same device, no material. left out: after the mean of "
        "the other materials. stated: the error that intervals are made of.",
        caption_justify="left",
    )
    for name in (
        "mechanism",
        "devices\n(oxides)",
        "median\nfactor",
        "\nbias",
        "\nrmse",
        "left\nout",
        "null,\nleft out",
        "Spearman\n(90 %)",
        "\nnull",
        "in 90 % interval\n(95 % exact)",
        "\np",
        "\nstated",
    ):
        shown.add_column(name, justify="left" if name == "mechanism" else "right", no_wrap=True)
    for row in result.to_dict("records"):
        shown.add_row(*_cells({str(key): value for key, value in row.items()}))
    return shown


def _cells(row: dict[str, Any]) -> list[str]:
    def number(name: str, digits: int = 2) -> str:
        value = row.get(name, math.nan)
        return "" if not math.isfinite(value) else f"{value:.{digits}f}"

    name = str(row["mechanism"]).replace("_", " ")
    if row["n"] == 0:
        return [name, "0", *[""] * 9, number("stated_decades")]
    low, high = number("spearman_low"), number("spearman_high")
    interval = f" ({low} to {high})" if low else ""
    covered = int(row["covered"])
    exact = f"{100 * row['coverage_low']:.0f}-{100 * row['coverage_high']:.0f}"
    return [
        name,
        f"{row['n']} ({row['materials']})",
        number("median_factor", 1),
        number("bias_decades"),
        number("rmse_decades"),
        number("loo_decades"),
        number("loo_null"),
        number("spearman") + interval,
        number("spearman_null"),
        f"{covered} of {row['n']} ({exact} %)",
        number("coverage_p"),
        number("stated_decades"),
    ]
