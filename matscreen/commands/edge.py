"""`matscreen edge`: surrogates that run where the data is, without matscreen."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matscreen.commands.application import Application
from matscreen.commands.options import SeedOption, output_option

if TYPE_CHECKING:
    from matscreen.edge import Comparison, Compression

app = Application("Surrogates that run where the data is, with numpy and onnxruntime only.")

ModelArgument = Annotated[
    Path,
    typer.Argument(
        help="Folder of a surrogate: card.json, model-*.skops, training.parquet.",
        metavar="MODEL_FOLDER",
    ),
]
VariantsOption = Annotated[
    str | None,
    typer.Option("--variants", help="Small models to try, by comma.", metavar="NAME,NAME"),
]


@app.verb()
def export(
    model: ModelArgument,
    output: Annotated[Path, output_option("Folder of the bundle.")],
    variants: VariantsOption = None,
    seed: SeedOption = 0,
) -> None:
    """Distil a surrogate into a folder that scores formulas or CIF files by itself.

    Small models are compared on folds that neither they nor their teacher saw; the one with the
    best interval score within 0.5 MB is written, and the comparison beside it, as
    DIR-comparison.json.

    Examples:
      matscreen edge export results/models/band_gap -o bundle
      python bundle/score.py BaTiO3 SrTiO3 --top 1
    """
    from matscreen.commands.output import next_steps, show
    from matscreen.edge import comparison_table, save_comparison, size_on_disk, write_graded

    card, compression, comparison = _compared(model, variants, seed=seed)
    chosen = next(g for g in compression.graded if g.variant.name == comparison.chosen)
    write_graded(chosen, card, output)
    save_comparison(comparison, output.parent / f"{output.name}-comparison.json")
    size = size_on_disk(output)
    show(
        lambda: {"bundle": output, "bytes": size, "comparison": comparison},
        lambda: comparison_table(comparison),
        lambda: f"{output}: {comparison.chosen}, {size / 1e3:.0f} kB",
    )
    example = "BaTiO3" if comparison.level == "formula" else "my.cif"
    next_steps((f"python {output / 'score.py'} {example}", "score without matscreen"))


@app.verb()
def measure(
    model: ModelArgument,
    output: Annotated[Path, output_option("Folder of the figures.")],
    variants: VariantsOption = None,
    seed: SeedOption = 0,
) -> None:
    """Compare small models of a surrogate: accuracy, size, latency, joules.

    Writes comparison.json and comparison.html.

    Examples:
      matscreen edge measure results/models/band_gap -o results/edge
    """
    from matscreen.commands.output import next_steps, show
    from matscreen.edge import comparison_table, save_comparison, write_figure

    _, _, comparison = _compared(model, variants, seed=seed)
    save_comparison(comparison, output / "comparison.json")
    figure = write_figure(comparison, output / "comparison.html")
    show(
        lambda: {"figure": figure, "comparison": comparison},
        lambda: comparison_table(comparison),
        lambda: f"figure: {figure}",
    )
    next_steps((f"matscreen edge export {model} -o bundle", "write the best of these"))


def _compared(
    model: Path, variants: str | None, *, seed: int
) -> tuple[Mapping[str, Any], Compression, Comparison]:
    from matscreen.commands.opening import model_folder
    from matscreen.commands.output import errors, manner
    from matscreen.edge import compare, compress, fit_like, get_variants, make_task
    from matscreen.surrogates import load, load_training_set

    asked = get_variants([name.strip() for name in variants.split(",")] if variants else ())
    surrogate = load(model_folder(model))
    task = make_task(surrogate.property, surrogate.card, load_training_set(model))
    error = surrogate.card["interval"]["label_error"]
    with errors().status("compressing") as status:
        compression = compress(
            surrogate,
            task,
            asked,
            fit_like(surrogate, seed=seed),
            label_error=(float(error["floor"]), float(error["slope"])),
            seed=seed,
            progress=None if manner().quiet else status.update,
        )
        size = sum(path.stat().st_size for path in model.glob("model-*.skops"))
        return surrogate.card, compression, compare(compression, surrogate, surrogate.card, size)
