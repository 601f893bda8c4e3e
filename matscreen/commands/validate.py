"""`matscreen validate`: computed labels beside published and measured values."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matscreen.commands.validate_acquisition import acquisition
from matscreen.commands.validate_mechanisms import mechanisms

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

app = typer.Typer(
    help="Check labels, choices and switching energies against independent data.",
    no_args_is_help=True,
)
app.command()(acquisition)
app.command()(mechanisms)
PARTS = ("vacancies", "wells", "lattice", "known")
_SHALLOW = 30.0
"""Wells under this, meV per atom, get a panel of their own: a few deep ones stretch the scale."""


@app.callback()
def main() -> None:
    """Check labels, choices and switching energies against independent data."""


@app.command()
def simulations(
    mirror: Annotated[
        Path, typer.Option(envvar="MATSCREEN_MIRROR", help="Folder of published data sets.")
    ],
    out: Annotated[
        Path, typer.Option(help="Folder of tables, figure and journal; a second run goes on.")
    ] = Path(".matscreen/validation"),
    only: Annotated[str, typer.Option(help=f"Some of {','.join(PARTS)}.")] = ",".join(PARTS),
    limit: Annotated[int | None, typer.Option(min=10, help="Materials with vacancies.")] = None,
    calculator: Annotated[str, typer.Option(help="Potential: 7net-0, chgnet...")] = "7net-0",
    workers: Annotated[int, typer.Option(min=0, help="Processes, one thread each.")] = 2,
    relax_wells: Annotated[
        int, typer.Option(min=0, help="Relax published wells of cells up to so many atoms too.")
    ] = 0,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers here as well.")
    ] = None,
    write_correction: Annotated[
        Path | None, typer.Option(help="Write the fitted correction to this CSV file.")
    ] = None,
) -> None:
    """Compare vacancy energies, wells, polarizations and cells with published values.

    Vacancies and wells need the simulate extra; the published sets are read from the mirror and
    never copied.
    """
    from matscreen.commands.progress import bar
    from matscreen.console import terminal
    from matscreen.errors import InputError

    asked = [part.strip() for part in only.split(",") if part.strip()]
    unknown = sorted(set(asked) - set(PARTS))
    if unknown:
        raise InputError(f"unknown part {', '.join(unknown)}; known: {', '.join(PARTS)}")
    out.mkdir(parents=True, exist_ok=True)
    console = terminal()
    report: dict[str, Any] = {"calculator": calculator}
    panels: list[tuple[str, str, pd.DataFrame]] = []
    if "vacancies" in asked:
        with bar("vacancies") as progress:
            _vacancies(
                mirror,
                out,
                calculator,
                workers,
                limit,
                write_correction,
                console,
                report,
                panels,
                progress,
            )
    if "wells" in asked:
        with bar("wells") as progress:
            _wells(mirror, out, calculator, relax_wells, console, report, panels, progress)
    if "lattice" in asked:
        _lattice(out, console, report)
    if "known" in asked:
        _known(out, console, report)
    if panels:
        from matscreen.validation.figures import parity_figure

        console.print(f"figure: {parity_figure(panels, out / 'validation.html')}")
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(_finite(report), indent=2, allow_nan=False) + "\n")


def _finite(value: Any) -> Any:
    """Return nested values with null for what JSON has no number for."""
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _vacancies(
    mirror: Path,
    out: Path,
    calculator: str,
    workers: int,
    limit: int | None,
    write_correction: Path | None,
    console: Console,
    report: dict[str, Any],
    panels: list[tuple[str, str, pd.DataFrame]],
    progress: Any,
) -> None:
    import pandas as pd

    from matscreen.simulations.corrections import GROUPS, correction_table
    from matscreen.validation.readers import read_vacancies
    from matscreen.validation.statistics import agreement_table, bootstrap
    from matscreen.validation.vacancies import (
        compare_vacancies,
        lowest_sites,
        simulate_vacancies,
    )

    sites, crystals = read_vacancies(mirror)
    table = simulate_vacancies(
        sites, crystals, out, calculator=calculator, workers=workers, limit=limit, progress=progress
    )
    rows, correction = compare_vacancies(table, crystals, calculator=calculator)
    rows.to_csv(out / "vacancies.csv", index=False)
    groups = {name: rows[name] > 0 for name in GROUPS}
    groups["other"] = rows[list(GROUPS)].sum(axis=1) == 0
    untested = [name for name, mask in groups.items() if not mask.any()]
    groups = {name: mask for name, mask in groups.items() if mask.any()}
    before = agreement_table(rows, "raw", "published", groups).assign(values="raw")
    line = agreement_table(rows, "linear", "published", groups).assign(values="line")
    after = agreement_table(rows, "corrected", "published", groups).assign(values="cation group")
    scores = pd.concat([before, line, after], ignore_index=True)
    n_materials = rows["material"].nunique()
    _show(
        console,
        f"Oxygen vacancies of {n_materials} oxides, {len(rows)} sites (eV); "
        "line and cation group are fitted without the material they are applied to",
        scores[["values", "group", "n", "spearman", "mae", "bias"]],
    )
    intervals = bootstrap(rows, "corrected", "published", "material")
    console.print(
        "90 % intervals over the choice of materials, corrected: "
        + ", ".join(f"{name} {low:.2f} to {high:.2f}" for name, (low, high) in intervals.items())
    )
    if untested:
        console.print(f"no reference at all for: {', '.join(untested)}")
    lowest = lowest_sites(rows)
    console.print(
        f"lowest site found in {100 * lowest['share']:.0f} % of {lowest['n']} oxides with several; "
        f"rejected: {table['reason'].value_counts().to_dict()}"
    )
    report["vacancies"] = {
        "n_materials": int(n_materials),
        "scores": scores.to_dict("records"),
        "intervals_90": intervals,
        "untested": untested,
        "lowest_site": lowest,
        "rejected": table["reason"].value_counts().to_dict(),
        "coefficients": dict(correction.coefficients),
    }
    if write_correction is not None:
        correction_table(correction).to_csv(write_correction, index=False, float_format="%.6g")
        console.print(f"correction: {write_correction}")
    shared = {"reference": rows["published"], "name": rows["material"] + " " + rows["site"]}
    panels.append(
        (
            "Neutral oxygen vacancy",
            "eV",
            pd.concat(
                [
                    pd.DataFrame({**shared, "computed": rows["raw"], "series": "raw"}),
                    pd.DataFrame({**shared, "computed": rows["corrected"], "series": "corrected"}),
                ]
            ),
        )
    )


def _wells(
    mirror: Path,
    out: Path,
    calculator: str,
    relax_up_to: int,
    console: Console,
    report: dict[str, Any],
    panels: list[tuple[str, str, pd.DataFrame]],
    progress: Any,
) -> None:
    import pandas as pd

    from matscreen.simulations.calculators import get_potential
    from matscreen.validation.readers import read_wells
    from matscreen.validation.statistics import agreement_table
    from matscreen.validation.wells import compare_wells

    pairs, crystals = read_wells(mirror)
    rows = compare_wells(
        pairs, crystals, get_potential(calculator), relax_up_to=relax_up_to, progress=progress
    )
    rows.to_csv(out / "wells.csv", index=False)
    for name in ("computed", "relaxed", "published"):
        rows[f"{name}_meV"] = 1e3 * rows[name]
    energies = rows[rows["computed"].notna()]
    scores = agreement_table(
        energies, "computed_meV", "published_meV", {"oxides": energies["oxide"]}
    )
    _show(console, "Polar minus nonpolar energy, published structures (meV/atom)", scores)
    moved = rows[rows["relaxed"].notna()]
    relaxed = agreement_table(moved, "relaxed_meV", "published_meV", {"oxides": moved["oxide"]})
    if relax_up_to:
        title = f"The same relaxed by the potential, up to {relax_up_to} atoms (meV/atom)"
        _show(console, title, relaxed)
        console.print(f"rejected: {rows['relax_reason'].value_counts().to_dict()}")
    both = rows[rows["polarization"].notna() & rows["published_polarization"].notna()]
    polar = agreement_table(
        both, "polarization", "published_polarization", {"oxides": both["oxide"]}
    )
    _show(console, "Polarization, nominal charges (µC/cm²)", polar)
    console.print(
        "All structures carry Materials Project ids, whose relaxations trained the potential: "
        "part of this agreement may be memory."
    )
    report["wells"] = {
        "energy_meV_per_atom": scores.to_dict("records"),
        "relaxed_meV_per_atom": relaxed.to_dict("records") if relax_up_to else [],
        "polarization": polar.to_dict("records"),
    }
    points = pd.DataFrame(
        {
            "reference": energies["published_meV"],
            "computed": energies["computed_meV"],
            "name": energies["formula"],
            "series": ["oxide" if oxide else "other" for oxide in energies["oxide"]],
        }
    )
    shallow = points[points["reference"].abs() < _SHALLOW]
    panels.append(("Polar minus nonpolar energy", "meV/atom", points))
    panels.append((f"The same within {_SHALLOW:.0f} meV/atom", "meV/atom", shallow))


def _lattice(out: Path, console: Console, report: dict[str, Any]) -> None:
    from matscreen.validation.known import lattice_constants

    table = lattice_constants()
    table.to_csv(out / "lattice.csv", index=False)
    _show(console, "Lattice constants of the bundle beside measured ones (Å)", table)
    error = table["error_percent"]
    console.print(f"mean error {error.mean():+.2f} %, mean absolute {error.abs().mean():.2f} %")
    report["lattice"] = table.to_dict("records")


def _known(out: Path, console: Console, report: dict[str, Any]) -> None:
    from matscreen.validation.known import known_materials

    table = known_materials()
    table.to_csv(out / "known.csv", index=False)
    _show(console, "Known materials, bundle beside literature", table)
    report["known"] = table.to_dict("records")


def _show(console: Console, title: str, frame: pd.DataFrame) -> None:
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for name in frame.columns:
        table.add_column(str(name), justify="left" if frame[name].dtype == object else "right")
    for row in frame.itertuples(index=False):
        table.add_row(*(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row))
    console.print(table)
