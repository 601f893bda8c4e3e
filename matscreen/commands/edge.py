"""`matscreen edge`: surrogates that run where the data is, without matscreen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matscreen.commands.options import QuietOption

if TYPE_CHECKING:
    from matscreen.edge import Comparison, Compression

app = typer.Typer(
    help="Surrogates that run where the data is, with numpy and onnxruntime only.",
    no_args_is_help=True,
)

ModelArgument = Annotated[
    Path,
    typer.Argument(help="Folder of a surrogate: card.json, model-*.skops, training.parquet."),
]
VariantsOption = Annotated[
    str | None,
    typer.Option("--variants", help="Small models to try, by comma.", metavar="NAME,NAME"),
]
SeedOption = Annotated[int, typer.Option(help="Seed of folds and fits.")]


@app.callback()
def main() -> None:
    """Surrogates that run where the data is, with numpy and onnxruntime only."""


@app.command()
def export(
    model: ModelArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the bundle.", metavar="DIR")
    ],
    variants: VariantsOption = None,
    seed: SeedOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Distil a surrogate into a folder that scores formulas or CIF files by itself.

    Small models are compared on folds that neither they nor their teacher saw; the one with the
    best interval score within 0.5 MB is written, and the comparison beside it, as
    DIR-comparison.json.

    Examples:
      matscreen edge export results/models/band_gap -o bundle
      python bundle/score.py BaTiO3 SrTiO3 --top 1
    """
    from matscreen.edge import save_comparison, size_on_disk, write_graded

    card, compression, comparison = _compared(model, variants, seed=seed, quiet=quiet)
    chosen = next(g for g in compression.graded if g.variant.name == comparison.chosen)
    write_graded(chosen, card, output)
    save_comparison(comparison, output.parent / f"{output.name}-comparison.json")
    if not quiet:
        _show(comparison)
        typer.echo(f"{output}: {comparison.chosen}, {size_on_disk(output) / 1e3:.0f} kB")
        example = "BaTiO3" if comparison.level == "formula" else "my.cif"
        typer.echo(f"Next: python {output / 'score.py'} {example}")


@app.command()
def measure(
    model: ModelArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the figures.", metavar="DIR")
    ],
    variants: VariantsOption = None,
    seed: SeedOption = 0,
    quiet: QuietOption = False,
) -> None:
    """Compare small models of a surrogate: accuracy, size, latency, joules.

    Writes comparison.json and comparison.html.

    Example:
      matscreen edge measure results/models/band_gap -o results/edge
    """
    from matscreen.edge import save_comparison, write_figure

    _, _, comparison = _compared(model, variants, seed=seed, quiet=quiet)
    save_comparison(comparison, output / "comparison.json")
    figure = write_figure(comparison, output / "comparison.html")
    if not quiet:
        _show(comparison)
        typer.echo(f"Figure: {figure}")


def _compared(
    model: Path, variants: str | None, *, seed: int, quiet: bool
) -> tuple[Mapping[str, Any], Compression, Comparison]:
    from matscreen.console import terminal
    from matscreen.edge import compare, compress, fit_like, get_variants, make_task
    from matscreen.surrogates import load, load_training_set

    asked = get_variants([name.strip() for name in variants.split(",")] if variants else ())
    surrogate = load(model)
    task = make_task(surrogate.property, surrogate.card, load_training_set(model))
    error = surrogate.card["interval"]["label_error"]
    with terminal().status("compressing") as status:
        compression = compress(
            surrogate,
            task,
            asked,
            fit_like(surrogate, seed=seed),
            label_error=(float(error["floor"]), float(error["slope"])),
            seed=seed,
            progress=None if quiet else status.update,
        )
        size = sum(path.stat().st_size for path in model.glob("model-*.skops"))
        return surrogate.card, compression, compare(compression, surrogate, surrogate.card, size)


def _show(comparison: Comparison) -> None:
    from matscreen.console import terminal
    from matscreen.edge import comparison_table

    terminal().print(comparison_table(comparison))
