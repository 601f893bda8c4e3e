"""`matscreen train`: surrogates from the labels of a store, or from a published data set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matscreen.commands import completion
from matscreen.commands.options import (
    DEFAULT_STORE,
    MirrorOption,
    SeedOption,
    StoreOption,
    output_option,
    set_option,
)
from matscreen.commands.output import new_table

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from matscreen.class_training import TrainedClasses
    from matscreen.dataset_training import DatasetTraining
    from matscreen.sources.dataset_registry import Dataset


def train(
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Published data set to learn from; see `matscreen datasets`.",
            metavar="NAME",
            autocompletion=completion.datasets,
        ),
    ] = None,
    properties: Annotated[
        list[str] | None,
        typer.Option(
            "--property",
            help="Property of the set, may be repeated; all by default.",
            metavar="NAME",
            autocompletion=completion.properties,
        ),
    ] = None,
    descriptor_set: Annotated[
        str | None, set_option("Descriptor set: standard; with --dataset fast.")
    ] = None,
    mirror: MirrorOption = None,
    output: Annotated[Path | None, output_option("Folder of the models of a set.")] = None,
    max_rows: Annotated[
        int | None,
        typer.Option(help="Learn from this many rows of the set, drawn.", min=1, metavar="N"),
    ] = None,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="Kept model to learn on top of, if it helps.", metavar="DIR"),
    ] = None,
    seed: SeedOption = 0,
    store: StoreOption = DEFAULT_STORE,
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
                "-o": output,
                "--max-rows": max_rows,
                "--from": source,
            }
        )
        _train_store(store, descriptor_set or "standard", seed)
        return
    from matscreen.commands.output import next_steps, show
    from matscreen.commands.progress import stages_bars
    from matscreen.dataset_training import train_dataset
    from matscreen.sources.dataset_registry import get_dataset

    known = get_dataset(dataset)
    if known.classes and not (known.targets or properties or max_rows or source):
        _train_classes(dataset, output, mirror, seed)
        return
    _check_properties(known, properties or ())
    with stages_bars() as progress:
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
    show(lambda: _training_data(finished), lambda: training_summary(finished))
    # What stands on another model is not one set of regressors to explain or to export.
    alone = [each.folder for each in finished.trained if not _is_transferred(each.card)]
    if alone:
        next_steps(
            (f"matscreen explain-model {alone[0]}", "how good it is, what it looks at"),
            (f"matscreen edge export {alone[0]} -o bundle", "a small copy, without matscreen"),
        )
    elif finished.trained:
        step = f"matscreen train --dataset NAME --from {finished.trained[0].folder}"
        next_steps((step, "learn another set on top of it"))


def _check_properties(dataset: Dataset, asked: Sequence[str]) -> None:
    """Refuse a property that the set has not, before anything is downloaded."""
    from difflib import get_close_matches

    from matscreen.errors import InputError

    known = [one.property for one in dataset.targets] + [one.name for one in dataset.classes]
    for name in asked:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise InputError(
                f"{dataset.name} holds no property {name!r}; it holds {', '.join(known)}{hint}"
            )


def _training_data(finished: DatasetTraining) -> dict[str, Any]:
    return {
        "dataset": finished.table.dataset.name,
        "rows": finished.table.n_rows,
        "described": len(finished.described.rows),
        "lost": _losses(finished),
        "refused": finished.refused,
        "models": [_model_data(each.card, each.folder) for each in finished.trained],
    }


def _model_data(card: Mapping[str, Any], folder: Path | None = None) -> dict[str, Any]:
    """Return what programs read of a model: all of its card but the long lists."""
    found = {name: value for name, value in card.items() if name not in {"out_of_fold", "labels"}}
    return {**found, "folder": folder} if folder is not None else found


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
    folders = [str(trained.folder) for trained in finished.trained]
    return Group(
        Text(table.dataset.title, style="bold"),
        Text("\n".join(lines), style="dim"),
        Text(""),
        scores([trained.card for trained in finished.trained]),
        *(Text(warning, style="yellow") for warning in warned),
        Text(""),
        Text.assemble(("models  ", "dim"), "\n        ".join(folders), overflow="fold"),
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
    table = new_table()
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


def _train_store(store: Path, descriptor_set: str, seed: int) -> None:
    from matscreen import stages
    from matscreen.commands.opening import open_store, store_words
    from matscreen.commands.output import next_steps, show
    from matscreen.commands.progress import stages_bars
    from matscreen.descriptors import get_descriptor_set
    from matscreen.power import Ledger

    get_descriptor_set(descriptor_set)
    opened = open_store(store)
    ledger = Ledger("train")
    with stages_bars() as progress:
        stages.load_bundle(opened, progress=progress)
        with ledger.stage("describe") as spent:
            spent.items = stages.describe(opened, descriptor_set, progress=progress)
        with ledger.stage("train") as spent:
            cards = stages.train(opened, descriptor_set, seed=seed, progress=progress)
            spent.items = len(cards)
    ledger.write(opened)
    show(
        lambda: {"store": opened.root, "models": [_model_data(card) for card in cards]},
        lambda: _store_table(cards),
    )
    where = store_words(store)
    next_steps(
        (f"matscreen screen synapse{where}", "rank with these"),
        (f"matscreen simulate synapse --budget 1h{where}", "more labels where they teach most"),
    )


def _store_table(cards: Sequence[Mapping[str, Any]]) -> Table:
    from rich.table import Table

    table = Table(
        title="Surrogates, cross-validated by chemical system",
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
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
    return table


def _train_classes(dataset: str, output: Path | None, mirror: Path | None, seed: int) -> None:
    """Train the classifiers of a set that holds labels only, and show how well they predict."""
    from rich.console import Group

    from matscreen.class_training import train_dataset_classes
    from matscreen.commands.output import show
    from matscreen.commands.progress import stages_bars

    with stages_bars() as progress:
        finished = train_dataset_classes(
            dataset, folder=output, mirror=mirror, seed=seed, progress=progress
        )
    show(
        lambda: {
            "dataset": dataset,
            "models": [_model_data(each.classifier.card, each.folder) for each in finished],
        },
        lambda: Group(*(part for each in finished for part in _class_parts(each))),
    )


def _class_parts(trained: TrainedClasses) -> Iterator[RenderableType]:
    from rich.text import Text

    card, about = trained.classifier.card, trained.table.dataset
    yield Text(about.title, style="bold")
    yield Text(f"{about.citation}. Licence: {about.licence}", style="dim")
    counts = zip(card["classes"], card["class_counts"], strict=True)
    yield Text(", ".join(f"{n:,} {name}" for name, n in counts), style="dim")
    table = new_table()
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
    yield table
    yield Text(f"model   {trained.folder}", style="dim")


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
