"""`matscreen validate`: computed labels beside published and measured values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matscreen.commands.application import Application
from matscreen.commands.options import CalculatorOption, output_option
from matscreen.commands.output import new_table
from matscreen.commands.validate_acquisition import acquisition
from matscreen.commands.validate_mechanisms import mechanisms

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

app = Application("Check labels, choices and switching energies against independent data.")
app.verb()(mechanisms)
app.verb()(acquisition)
PARTS = ("vacancies", "wells", "lattice", "known")
_SHALLOW = 30.0
"""Wells under this, meV per atom, get a panel of their own: a few deep ones stretch the scale."""


@app.verb(keeps="Finished vacancies are in the journal; the same command goes on after them.")
def simulations(
    mirror: Annotated[
        Path,
        typer.Option(
            envvar="MATSCREEN_MIRROR", help="Folder with published data sets.", metavar="DIR"
        ),
    ],
    output: Annotated[
        Path, output_option("Folder of tables, figure and journal; a second run goes on.")
    ] = Path(".matscreen/validation"),
    only: Annotated[
        str, typer.Option(help=f"Some of {','.join(PARTS)}.", metavar="PART,PART")
    ] = ",".join(PARTS),
    limit: Annotated[
        int | None, typer.Option(min=10, help="Materials with vacancies.", metavar="N")
    ] = None,
    calculator: CalculatorOption = "7net-0",
    workers: Annotated[
        int, typer.Option(min=0, help="Processes, one thread each.", metavar="N")
    ] = 2,
    relax_wells: Annotated[
        int,
        typer.Option(
            min=0, help="Relax published wells of cells up to so many atoms too.", metavar="N"
        ),
    ] = 0,
    write_correction: Annotated[
        Path | None,
        typer.Option(help="Write the fitted correction to this file.", metavar="CSV"),
    ] = None,
) -> None:
    """Compare vacancy energies, wells, polarizations and cells with published values.

    Vacancies and wells need the simulate extra; the published sets are read from the mirror and
    never copied.

    Examples:
      matscreen validate simulations --mirror ~/datasets --only lattice,known
      matscreen validate simulations --mirror ~/datasets --limit 50 --json > checked.json
    """
    from rich.console import Group

    from matscreen.commands.output import show
    from matscreen.commands.progress import bar
    from matscreen.errors import InputError

    asked = [part.strip() for part in only.split(",") if part.strip()]
    unknown = sorted(set(asked) - set(PARTS))
    if unknown:
        raise InputError(f"unknown part {', '.join(unknown)}; known: {', '.join(PARTS)}")
    output.mkdir(parents=True, exist_ok=True)
    said: list[RenderableType] = []
    report: dict[str, Any] = {"calculator": calculator}
    panels: list[tuple[str, str, pd.DataFrame]] = []
    if "vacancies" in asked:
        with bar("vacancies") as progress:
            _vacancies(
                mirror,
                output,
                calculator,
                workers,
                limit,
                write_correction,
                said,
                report,
                panels,
                progress,
            )
    if "wells" in asked:
        with bar("wells") as progress:
            _wells(mirror, output, calculator, relax_wells, said, report, panels, progress)
    if "lattice" in asked:
        _lattice(output, said, report)
    if "known" in asked:
        _known(output, said, report)
    if panels:
        from matscreen.validation.figures import parity_figure

        figure = parity_figure(panels, output / "validation.html")
        report["figure"] = figure
        said.append(f"figure: {figure}")
    show(lambda: report, lambda: Group(*said))


def _vacancies(
    mirror: Path,
    out: Path,
    calculator: str,
    workers: int,
    limit: int | None,
    write_correction: Path | None,
    said: list[RenderableType],
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
        said,
        f"Oxygen vacancies of {n_materials} oxides, {len(rows)} sites (eV); "
        "line and cation group are fitted without the material they are applied to",
        scores[["values", "group", "n", "spearman", "mae", "bias"]],
    )
    intervals = bootstrap(rows, "corrected", "published", "material")
    said.append(
        "90 % intervals over the choice of materials, corrected: "
        + ", ".join(f"{name} {low:.2f} to {high:.2f}" for name, (low, high) in intervals.items())
    )
    if untested:
        said.append(f"no reference at all for: {', '.join(untested)}")
    lowest = lowest_sites(rows)
    said.append(
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
        said.append(f"correction: {write_correction}")
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
    said: list[RenderableType],
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
    _show(said, "Polar minus nonpolar energy, published structures (meV/atom)", scores)
    moved = rows[rows["relaxed"].notna()]
    relaxed = agreement_table(moved, "relaxed_meV", "published_meV", {"oxides": moved["oxide"]})
    if relax_up_to:
        title = f"The same relaxed by the potential, up to {relax_up_to} atoms (meV/atom)"
        _show(said, title, relaxed)
        said.append(f"rejected: {rows['relax_reason'].value_counts().to_dict()}")
    both = rows[rows["polarization"].notna() & rows["published_polarization"].notna()]
    polar = agreement_table(
        both, "polarization", "published_polarization", {"oxides": both["oxide"]}
    )
    _show(said, "Polarization, nominal charges (µC/cm²)", polar)
    said.append(
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


def _lattice(out: Path, said: list[RenderableType], report: dict[str, Any]) -> None:
    from matscreen.validation.known import lattice_constants

    table = lattice_constants()
    table.to_csv(out / "lattice.csv", index=False)
    _show(said, "Lattice constants of the bundle beside measured ones (Å)", table)
    error = table["error_percent"]
    said.append(f"mean error {error.mean():+.2f} %, mean absolute {error.abs().mean():.2f} %")
    report["lattice"] = table.to_dict("records")


def _known(out: Path, said: list[RenderableType], report: dict[str, Any]) -> None:
    from matscreen.validation.known import known_materials

    table = known_materials()
    table.to_csv(out / "known.csv", index=False)
    _show(said, "Known materials, bundle beside literature", table)
    report["known"] = table.to_dict("records")


def _show(said: list[RenderableType], title: str, frame: pd.DataFrame) -> None:

    table = new_table(title)
    for name in frame.columns:
        table.add_column(str(name), justify="left" if frame[name].dtype == object else "right")
    for row in frame.itertuples(index=False):
        table.add_row(*(f"{v:.3g}" if isinstance(v, float) else str(v) for v in row))
    said.append(table)
