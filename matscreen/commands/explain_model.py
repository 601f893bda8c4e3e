"""`matscreen explain-model`: how good a surrogate is and what it looks at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matscreen.commands.options import output_option

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from matscreen.report.explanations import Explanation

_COLUMNS = 8
_BAR = 24


def explain_model(
    folder: Annotated[
        Path,
        typer.Argument(help="Folder of a model, as `train` leaves it.", metavar="MODEL_FOLDER"),
    ],
    output: Annotated[
        Path | None, output_option("Figures of importances and partial dependence.", "HTML")
    ] = None,
) -> None:
    """Show how good a surrogate is, what its descriptors are worth, and which ones lead.

    Importances are measured on chemical systems that were held out, by the surrogate's regressors
    fitted once more to the others; the result is kept beside the model.

    Examples:
      matscreen explain-model models/wolverton_oxides/band_gap
      matscreen explain-model .matscreen/store/models/well_depth/0123456789abcdef -o why.html
    """
    from rich.console import Group

    from matscreen.commands.opening import model_folder
    from matscreen.commands.output import next_steps, show
    from matscreen.report.explanation_page import write_page
    from matscreen.report.explanations import read_explanation
    from matscreen.surrogates.explanation_file import explanation_of
    from matscreen.surrogates.persistence import load_card

    content = explanation_of(model_folder(folder))
    card = load_card(folder)
    found = read_explanation(content)
    written = None if output is None else write_page(output, found)
    show(
        lambda: {
            "property": card["property"],
            "unit": card["unit"],
            "metrics": card["metrics"],
            "explanation": content,
            "figure": written,
        },
        lambda: Group(*_summary(card, found), *_importances(found, content)),
        *([lambda: f"figure: {written}"] if written is not None else []),
    )
    if written is None:
        next_steps(
            (f"matscreen explain-model {folder} -o why.html", "figures, partial dependence"),
            (f"matscreen edge export {folder} -o bundle", "a small copy that needs no matscreen"),
        )


def _summary(card: Mapping[str, Any], found: Explanation) -> Iterator[RenderableType]:
    from rich.rule import Rule
    from rich.table import Table
    from rich.text import Text

    metrics, unit = card["metrics"], "" if found.unit == "1" else f" {found.unit}"
    name = Text.assemble((found.name.replace("_", " "), "bold"), f"  {card['model']}")
    yield Rule(name, align="left")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    used = f"{card['n_used_features']} of {len(card['labels'])} descriptors"
    described = f" ({card['descriptor_set']})" if card["descriptor_set"] else ""
    table.add_row(
        "learned from",
        f"{card['n_labels']:,} labels of {card['n_groups']:,} chemical systems, {used}{described}",
    )
    table.add_row(
        "error",
        Text.assemble(
            (f"{_number(metrics['mae'])}{unit}", "bold"),
            f" on unseen systems (mean absolute), a constant {_number(metrics['null_mae'])}{unit}; "
            f"rank correlation {_number(metrics['spearman'])}",
        ),
    )
    table.add_row(
        "90 % intervals",
        f"hold {_percent(metrics['coverage_90'])} of held-out labels, "
        f"{_percent(metrics['coverage_worst_part'])} of the part "
        f"they hold least; median width {_number(metrics['median_width'])}{unit}",
    )
    table.add_row(
        "domain", f"{_percent(metrics['fraction_in_domain'])} of held-out labels lie inside"
    )
    if card["fallback"]:
        table.add_row("note", f"only a constant: {str(card['fallback']).replace('_', ' ')}")
    yield table


def _importances(found: Explanation, content: Mapping[str, Any]) -> Iterator[RenderableType]:
    from rich.text import Text

    if found.error is None:
        yield Text("The constant model looks at nothing: there is nothing more to explain.")
        return
    unit = "" if found.unit == "1" else f" ({found.unit})"
    counts = {row["group"]: row["n_columns"] for row in content["groups"]}
    groups = _table(f"rise of the error without a group{unit}", "group", "columns")
    top = max(found.groups[0].importance, 1e-300)
    for bar in found.groups:
        groups.add_row(
            bar.name,
            str(counts[bar.name]),
            f"{bar.importance:.3g}",
            f"± {bar.error:.2g}",
            "█" * round(_BAR * max(0.0, bar.importance) / top),
        )
    yield groups
    columns = _table(f"rise of the error without a column{unit}", "column", "group")
    for bar, row in list(zip(found.columns, content["columns"], strict=True))[:_COLUMNS]:
        columns.add_row(bar.name, row["group"], f"{bar.importance:.3g}", f"± {bar.error:.2g}", "")
    yield columns
    yield Text(
        f"Before permutation the error on {found.n_held} held-out rows is {found.error:.3g}"
        f"{unit and ' ' + found.unit}, after learning from {found.n_fitted:,} rows of other "
        "systems. Correlated groups share importance; none of it is a cause.",
        style="dim",
    )


def _table(title: str, name: str, second: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column(name, no_wrap=True)
    table.add_column(second, justify="right" if second == "columns" else "left", no_wrap=True)
    table.add_column("rise", justify="right")
    table.add_column("", style="dim")
    table.add_column("", style="cyan", no_wrap=True)
    return table


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"


def _percent(value: float | None) -> str:
    return "an unknown share" if value is None else f"{100.0 * value:.0f} %"
