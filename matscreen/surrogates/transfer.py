"""Learn a property from few labels with the help of a surrogate of many.

The source is a surrogate of another fidelity of the same property, or of a related property. Three
candidates compete, all trained by `regression.train` on the same rows and folds:

- `none`: the target's labels alone;
- `stacked`: s and the half width of its interval are two more columns, where s is the source's
  prediction in the space of its property;
- `delta`: from the same columns t - a s - b is learned, where t is the label in the space of its
  property, and a and b are a robust linear fit: the source is a prior mean.

What the source says of a material that it learned from itself is taken out of fold
(`source_view`), so that the two are weighed as they deserve on a new material.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from matscreen.errors import InputError, ModelError
from matscreen.properties import get_property
from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates.regression import MIN_LABELS, data_hash, train
from matscreen.surrogates.robust_line import held_out_line, robust_line
from matscreen.surrogates.source_view import Source, SourceView, source_columns, unseen_view
from matscreen.surrogates.space import Space
from matscreen.surrogates.surrogate import Surrogate
from matscreen.surrogates.training_set import TrainingSet
from matscreen.surrogates.transfer_scores import NONE, choose, transferred_metrics
from matscreen.surrogates.transferred import (
    CORRECTION,
    DELTA,
    SOURCE_LABELS,
    STACKED,
    Transferred,
    corrected_ends,
)

SCHEME: Final = "transfer-1"
"""Version of the procedure; part of every `data_hash` of a transferred surrogate."""


@dataclass(frozen=True)
class _Options:
    """Options of `train` that all candidates share."""

    seed: int
    descriptor_set: str
    descriptor_version: str


@dataclass(frozen=True, eq=False)
class _Rows:
    """Usable target rows, and what the source says of them."""

    X: FloatArray
    y: FloatArray
    groups: list[str]
    noise: FloatArray | None
    ids: list[str] | None
    labels: tuple[str, ...]
    view: SourceView

    @property
    def with_source(self) -> FloatArray:
        """Features with `SOURCE_LABELS`, (n, k + 2)."""
        return np.column_stack([self.X, self.view.mean, self.view.half])


def transfer(
    source: Source,
    X: FloatArray,
    y: FloatArray,
    *,
    groups: Sequence[str],
    property: str,  # noqa: A002 - the column name of the labels table
    labels: Sequence[str],
    source_X: FloatArray | None = None,
    source_rows: TrainingSet | None = None,
    formulas: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    noise: FloatArray | None = None,
    seed: int = 0,
    descriptor_set: str = "",
    descriptor_version: str = "",
) -> Surrogate | Transferred:
    """Train the surrogate of a property on its labels and on another surrogate.

    The three are compared by the interval score of grouped out-of-fold predictions, and the source
    is used only where it beats the labels alone by more than luck (`transfer_scores.choose`), so
    that an unrelated source does no harm. The intervals in the card are out of fold for both the
    target's labels and the source's: they hold for materials that neither has seen.

    Args:
        source: The surrogate of many labels; a `LabelSource` where the materials are labelled
            themselves.
        X: Features of the target rows, (n, k).
        y: Labels in the unit of the registry, (n,).
        groups: Chemical system of each row.
        property: Registry name of the target.
        labels: Name of each feature, (k,).
        source_X: Descriptors of the source, (n, m), where they are not among `labels` by name.
        source_rows: What the source learned from; with `formulas` it tells which materials the
            source has seen. Without it, structure ids alone tell.
        formulas: Formula of each row.
        ids: Structure id of each row.
        noise: Standard deviation of each label in its unit, (n,); NaN means unknown.
        seed: Seed of folds and models.
        descriptor_set: Name of the descriptor set, for the card.
        descriptor_version: Version of the descriptor set.

    Returns:
        A `Transferred`; where the source does not help the `Surrogate` of the labels alone. Either
        card has `transfer`.

    Raises:
        ModelError: Fewer than 8 usable labels, or `source_rows` are not those of the source.
        InputError: Shapes disagree, the property is unknown, or the source's descriptors are
            missing.
    """
    started, cpu = time.perf_counter(), time.process_time()
    features = np.asarray(X, dtype=np.float32).astype(np.float64)
    columns = source_columns(source, labels) if source_X is None else None
    own = features[:, columns] if columns is not None else np.asarray(source_X, dtype=np.float64)
    values = np.asarray(y, dtype=np.float64).reshape(-1)
    given = {"y": values, "groups": groups, "ids": ids, "formulas": formulas, "noise": noise}
    for name, item in {**given, "source_X": own}.items():
        if item is not None and len(item) != len(features):
            raise InputError(f"{len(features)} rows of features but {len(item)} of {name}")
    view = unseen_view(source, own, ids=ids, formulas=formulas, source_rows=source_rows)
    usable = Space.of(property).allows(values) & np.isfinite(features).any(axis=1)
    kept = np.flatnonzero(usable & np.isfinite(view.mean))
    if len(kept) < MIN_LABELS:
        raise ModelError(f"{property}: {len(kept)} usable labels, at least {MIN_LABELS} are needed")
    rows = _Rows(
        features[kept],
        values[kept],
        np.asarray(groups, dtype=str)[kept].tolist(),
        None if noise is None else np.asarray(noise, dtype=np.float64)[kept],
        None if ids is None else np.asarray(ids, dtype=str)[kept].tolist(),
        tuple(labels),
        view.take(kept),
    )
    options = _Options(seed, descriptor_set, descriptor_version)
    found: dict[str, Surrogate | Transferred] = {
        NONE: _train_plain(rows, property, options),
        DELTA: _train_delta(source, columns, rows, property, options),
        STACKED: _train_stacked(source, columns, rows, property, options),
    }
    mode, selection = choose({name: model.card for name, model in found.items()}, property)
    digest = transfer_hash(
        str(source.card["data_hash"]),
        data_hash(
            X,
            y,
            groups=groups,
            property=property,
            labels=labels,
            noise=noise,
            seed=seed,
            descriptor_version=descriptor_version,
        ),
    )
    chosen = found[mode]
    about = {
        "mode": mode,
        **selection,
        "source": _about(source),
        "n_known_to_source": int(rows.view.known.sum()),
        "slope": chosen.slope if isinstance(chosen, Transferred) else 0.0,
        "offset": chosen.offset if isinstance(chosen, Transferred) else 0.0,
        "statement": "rows whose material the source learned from got its out-of-fold prediction; "
        "the metrics hold for materials that neither source nor target has seen",
    }
    card = {
        **chosen.card,
        "model_id": f"{property}-{digest[:12]}",
        "data_hash": digest,
        "n_rejected": len(values) - len(kept),
        "seconds": round(time.perf_counter() - started, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "transfer": about,
    }
    return replace(chosen, card=card)


def transfer_hash(source_hash: str, target_hash: str) -> str:
    """Return the `data_hash` of a transferred surrogate, from those of its source and its labels.

    Unchanged hashes need no training.
    """
    parts = [SCHEME, source_hash, target_hash]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _train_plain(rows: _Rows, name: str, options: _Options) -> Surrogate:
    return train(
        rows.X,
        rows.y,
        groups=rows.groups,
        property=name,
        labels=rows.labels,
        noise=rows.noise,
        ids=rows.ids,
        **asdict(options),
    )


def _train_stacked(
    source: Source, columns: IntArray | None, rows: _Rows, name: str, options: _Options
) -> Transferred:
    target = train(
        rows.with_source,
        rows.y,
        groups=rows.groups,
        property=name,
        labels=(*rows.labels, *SOURCE_LABELS),
        noise=rows.noise,
        ids=rows.ids,
        **asdict(options),
    )
    card = _card(rows, name, target, target.card["out_of_fold"])
    return Transferred(card, source, target, STACKED, columns)


def _train_delta(
    source: Source, columns: IntArray | None, rows: _Rows, name: str, options: _Options
) -> Transferred:
    space = Space.of(name)
    labels = space.forward(rows.y)
    base = held_out_line(rows.view.mean, labels, rows.groups, seed=options.seed)
    target = train(
        rows.with_source,
        labels - base,
        groups=rows.groups,
        property=CORRECTION,
        labels=(*rows.labels, *SOURCE_LABELS),
        noise=None if rows.noise is None else space.noise(rows.y, rows.noise),
        ids=rows.ids,
        **asdict(options),
    )
    table = target.card["out_of_fold"]
    ends = corrected_ends(
        name, base, *(np.asarray(table[key]) for key in ("mean", "lower", "upper"))
    )
    own = {key: value.tolist() for key, value in zip(("mean", "lower", "upper"), ends, strict=True)}
    slope, offset = robust_line(rows.view.mean, labels)
    card = _card(rows, name, target, {**table, **own})
    return Transferred(card, source, target, DELTA, columns, slope, offset)


def _card(rows: _Rows, name: str, target: Surrogate, table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the target's card with the rows and scores of the property itself."""
    if len(table["group"]) != len(rows.y):
        raise ModelError(
            f"{name}: {len(rows.y)} rows were to be learned from, the target kept "
            f"{len(table['group'])}"
        )
    entry = get_property(name)
    inside = np.asarray(table["in_domain"], dtype=bool) & rows.view.in_domain
    out_of_fold = {**table, "y": rows.y.tolist(), "in_domain": inside.tolist()}
    return {
        **target.card,
        "property": name,
        "unit": entry.unit,
        "transform": "log10" if entry.scale == "log" else "none",
        "labels": list(rows.labels),
        "metrics": transferred_metrics(target.card["metrics"], out_of_fold, rows.groups),
        "out_of_fold": out_of_fold,
    }


def _about(source: Source) -> dict[str, Any]:
    card = source.card
    about = {
        name: card[name]
        for name in ("property", "model_id", "data_hash", "n_labels", "n_groups", "descriptor_set")
    }
    for name in ("evidence", "training_data"):
        if name in card:
            about[name] = card[name]
    return about
