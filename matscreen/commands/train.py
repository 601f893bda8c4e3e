"""`matscreen train`: surrogates from the labels of a store, or from a published data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matscreen.commands.options import DEFAULT_STORE, QuietOption, StoreOption

if TYPE_CHECKING:
    from rich.table import Table

    from matscreen.dataset_training import DatasetTraining


def train(
    dataset: Annotated[
        str | None,
        typer.Option(help="Published data set to learn from; see `matscreen datasets`."),
    ] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option("--property", help="Properties of the set; all by default.", metavar="NAME"),
    ] = None,
    descriptor_set: Annotated[
        str | None,
        typer.Option("--set", help="Descriptor set: standard; with --dataset fast."),
    ] = None,
    mirror: Annotated[
        Path | None,
        typer.Option(help="Folder with published sets, read before the network.", metavar="DIR"),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder of the models of a set.", metavar="DIR"),
    ] = None,
    max_rows: Annotated[
        int | None, typer.Option(help="Learn from this many rows of the set, drawn.", min=1)
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Kept model to learn on top of, if it helps.", metavar="DIR"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the draw, folds and models.")] = 0,
    store: StoreOption = DEFAULT_STORE,
    quiet: QuietOption = False,
) -> None:
    """Train a surrogate for every property with labels, and show how well it predicts.

    Without --dataset the labels of the store are used. With it a published set is read from a
    mirror folder (--mirror, MATSCREEN_MIRROR) or its public home, and each surrogate is kept in
    its own folder with its card and the rows it learned from. With --from it is learned on top of
    such a model, of another fidelity or of a related property, where that makes it better.

    Examples:
      matscreen train
      matscreen train --dataset wolverton_oxides -o models/wolverton
      matscreen train --dataset petretto_dielectric --set full --mirror ~/datasets
      matscreen train --dataset wolverton_oxides --from models/simulated
    """
    if dataset is None:
        _refuse_without_dataset(
            {
                "--property": properties,
                "--mirror": mirror,
                "-o": output,
                "--max-rows": max_rows,
                "--from": source,
            }
        )
        _train_store(store, descriptor_set or "standard", seed, quiet=quiet)
        return
    from matscreen.commands.progress import stages_bars
    from matscreen.console import terminal
    from matscreen.dataset_training import train_dataset
    from matscreen.sources.dataset_registry import get_dataset

    known = get_dataset(dataset)
    if known.classes and not (known.targets or properties or max_rows or source):
        _train_classes(dataset, output, mirror, seed, quiet=quiet)
        return
    with stages_bars(quiet=quiet) as progress:
        finished = train_dataset(
            dataset,
            properties,
            descriptor_set=descriptor_set or "fast",
            folder=output,
            mirror=mirror,
            max_rows=max_rows,
            seed=seed,
            source=source,
            progress=progress,
        )
    if not quiet:
        terminal().print(training_summary(finished))


def training_summary(finished: DatasetTraining) -> Any:
    """Return what training on a set gave, for the terminal: scores, losses, origin, next steps."""
    from rich.console import Group
    from rich.text import Text

    table, described = finished.table, finished.described
    lines = [
        f"{table.dataset.citation}. Licence: {table.dataset.licence}",
        f"read from {table.origin.path}",
    ]
    if not table.origin.verified and table.origin.place == "home":
        lines.append(f"no hash of it was known; received sha256 {table.origin.sha256}, recorded")
    lost = {reason: n for reason, n in _losses(finished).items() if n}
    rows = f"{table.n_rows:,} rows: {len(described.rows):,} described from their {described.basis}"
    lines.append(", ".join([rows, *(f"{n:,} {reason}" for reason, n in lost.items())]))
    for trained in finished.trained:
        omitted = table.omitted[trained.target.property]
        if omitted:
            left_out = ", ".join(
                f"{n:,} {reason.replace('_', ' ')}" for reason, n in omitted.items()
            )
            lines.append(f"{trained.target.property}: {left_out}")
    lines += [
        transfer_line(trained.card) for trained in finished.trained if "transfer" in trained.card
    ]
    warned = [f"no surrogate: {reason}" for reason in finished.refused.values()]
    warned += [
        f"{trained.target.property}: no better than a constant; it needs more labels or other "
        "descriptors (--set)"
        for trained in finished.trained
        if _is_useless(trained.card)
    ]
    # What stands on another model is not one set of regressors to explain or to export.
    alone = [each.folder for each in finished.trained if not _is_transferred(each.card)]
    steps = [
        line
        for first in alone[:1]
        for line in (f"matscreen explain-model {first}", f"matscreen edge export {first} -o bundle")
    ] or [f"matscreen train --dataset NAME --from {finished.trained[0].folder}"]
    folders = [str(trained.folder) for trained in finished.trained]
    return Group(
        Text(table.dataset.title, style="bold"),
        Text("\n".join(lines), style="dim"),
        Text(""),
        scores([trained.card for trained in finished.trained]),
        *(Text(warning, style="yellow") for warning in warned),
        Text(""),
        Text.assemble(("models  ", "dim"), "\n        ".join(folders), overflow="fold"),
        Text.assemble(("next    ", "dim"), "\n        ".join(steps), overflow="fold"),
    )


def transfer_line(card: Mapping[str, Any]) -> str:
    """Return in one line what learning on top of another model gave."""
    about = card["transfer"]
    below = about["source"]
    labels = f"the surrogate of {below['property']} ({below['n_labels']:,} labels)"
    if about["mode"] == "none":
        return f"{card['property']}: {labels} does not help it; learned from its own labels alone"
    before, after = about["mae"]["none"], about["mae"][about["mode"]]
    return (
        f"{card['property']}: learned on top of {labels}, {about['mode']}: interval score "
        f"{100 * about['saved_score']:.0f} % lower than from its {card['n_labels']:,} labels "
        f"alone, MAE {_number(after)} instead of {_number(before)}"
    )


def scores(cards: Sequence[Mapping[str, Any]]) -> Table:
    """Return the cross-validated scores of surrogates as a table for the terminal."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    names = ("property", "unit", "labels", "MAE", "null MAE", "in 90 %", "in domain", "CPU s")
    for name in names:
        # A narrow terminal folds the name of the property; no number is ever cut.
        left, fixed = name in {"property", "unit"}, name != "property"
        table.add_column(name, justify="left" if left else "right", no_wrap=fixed, overflow="fold")
    for card in cards:
        metrics = card["metrics"]
        table.add_row(
            card["property"],
            card["unit"],
            f"{card['n_labels']:,}",
            _number(metrics["mae"]),
            _number(metrics["null_mae"]),
            _percent(metrics["coverage_90"]),
            _percent(metrics["fraction_in_domain"]),
            f"{card['cpu_seconds']:.1f}",
            style="yellow" if _is_useless(card) else None,
        )
    return table


def _train_store(store: Path, descriptor_set: str, seed: int, *, quiet: bool) -> None:
    from matscreen import stages
    from matscreen.commands.progress import stages_bars
    from matscreen.console import terminal
    from matscreen.power import Ledger
    from matscreen.store import Store

    opened = Store(store)
    ledger = Ledger("train")
    with stages_bars(quiet=quiet) as progress:
        stages.load_bundle(opened, progress=progress)
        with ledger.stage("describe") as spent:
            spent.items = stages.describe(opened, descriptor_set, progress=progress)
        with ledger.stage("train") as spent:
            cards = stages.train(opened, descriptor_set, seed=seed, progress=progress)
            spent.items = len(cards)
    ledger.write(opened)
    if quiet:
        return
    from rich.table import Table

    table = Table(title="Surrogates, cross-validated by chemical system")
    for column in ("property", "unit", "labels", "MAE", "null MAE", "Spearman", "90 % coverage"):
        table.add_column(column, justify="left" if column in {"property", "unit"} else "right")
    for card in cards:
        metrics = card["metrics"]
        table.add_row(
            card["property"],
            card["unit"],
            str(card["n_labels"]),
            *(_number(metrics[key]) for key in ("mae", "null_mae", "spearman", "coverage_90")),
        )
    terminal().print(table)


def _train_classes(
    dataset: str, output: Path | None, mirror: Path | None, seed: int, *, quiet: bool
) -> None:
    """Train the classifiers of a set that holds labels only, and show how well they predict."""
    from rich.table import Table

    from matscreen.class_training import train_dataset_classes
    from matscreen.commands.progress import stages_bars
    from matscreen.console import terminal

    with stages_bars(quiet=quiet) as progress:
        finished = train_dataset_classes(
            dataset, folder=output, mirror=mirror, seed=seed, progress=progress
        )
    if quiet:
        return
    console = terminal()
    for trained in finished:
        card, about = trained.classifier.card, trained.table.dataset
        console.print(about.title, style="bold")
        console.print(f"{about.citation}. Licence: {about.licence}", style="dim")
        counts = zip(card["classes"], card["class_counts"], strict=True)
        console.print(", ".join(f"{n:,} {name}" for name, n in counts), style="dim")
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for name in ("label", "labels", "accuracy", "balanced", "log loss", "null", "in 90 % set"):
            table.add_column(name, justify="left" if name == "label" else "right")
        metrics = card["metrics"]
        table.add_row(
            card["label"],
            f"{card['n_labels']:,}",
            *(_percent(metrics[key]) for key in ("accuracy", "balanced_accuracy")),
            *(_number(metrics[key]) for key in ("log_loss", "null_log_loss")),
            f"{_percent(metrics['coverage_90'])}, {_number(metrics['mean_set_size'])} classes",
        )
        console.print(table)
        console.print(f"model   {trained.folder}", style="dim")


def _refuse_without_dataset(options: Mapping[str, object]) -> None:
    from matscreen.errors import InputError

    given = [name for name, value in options.items() if value]
    if given:
        raise InputError(
            f"{', '.join(given)} belongs to training on a published set: add --dataset NAME "
            "(names: matscreen datasets)"
        )


def _losses(finished: DatasetTraining) -> dict[str, int]:
    losses: dict[str, int] = {"merged with another": finished.table.n_merged}
    for failure in finished.table.failures:
        reason = failure.reason.replace("_", " ")
        losses[reason] = losses.get(reason, 0) + 1
    for reason, count in finished.described.failed.items():
        losses[reason.replace("_", " ")] = losses.get(reason.replace("_", " "), 0) + count
    return losses


def _is_transferred(card: Mapping[str, Any]) -> bool:
    return bool(card.get("transfer", {"mode": "none"})["mode"] != "none")


def _is_useless(card: Mapping[str, Any]) -> bool:
    return bool(card["metrics"]["mae"] >= card["metrics"]["null_mae"])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3g}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.0f} %"
