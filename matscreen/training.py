"""From the store to a surrogate and back: training tables, cached models, predictions."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matscreen import tables
from matscreen.errors import ModelError, StoreError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from matscreen.store import Store
    from matscreen.surrogates import Surrogate, TrainingSet
    from matscreen.surrogates.transferred import Transferred


def feature_table(store: Store, descriptor_set: str) -> pd.DataFrame:
    """Read the described candidates with formula and chemical system, sorted by structure id.

    Raises:
        ModelError: Nothing has been described yet.
    """
    name = f"descriptors_{descriptor_set}"
    if not store.exists(name):
        raise ModelError(f"no candidate has {descriptor_set!r} descriptors; run `describe` first")
    features = store.read(name).to_pandas()
    systems = store.read("candidates", ["structure_id", "formula", "chemsys"]).to_pandas()
    merged: pd.DataFrame = features.merge(systems, on="structure_id", how="inner")
    return merged.sort_values("structure_id", kind="stable").reset_index(drop=True)


def property_model(
    store: Store, property_name: str, descriptor_set: str, *, seed: int = 0
) -> Surrogate | Transferred:
    """Return the surrogate of a property, trained anew only when its data changed.

    Where labels of a better evidence are few beside those of a poorer one, the surrogate of the
    poorer is trained first and transferred to the better (`multi_fidelity`); the card says so under
    `evidence` and `transfer`. A model is kept beside the store under the hash of its training
    data, features, descriptor version and seed.

    Raises:
        ModelError: There are too few labels.
    """
    from matscreen import multi_fidelity

    features = feature_table(store, descriptor_set)
    labels = store.read("labels").to_pandas()
    labels = labels[labels["property"] == property_name].rename(columns={"value": "mean"})
    labels = labels[labels["structure_id"].isin(set(features["structure_id"]))]
    levels = multi_fidelity.levels(labels)
    if not levels:
        raise ModelError(f"{property_name}: none of the described candidates has a label")
    model: Surrogate | Transferred | None = None
    learned: TrainingSet | None = None
    for n, level in enumerate(levels):
        rows = _rows_of(level.values, features)
        about = multi_fidelity.describe_levels(levels[:n], level) if len(levels) > 1 else None
        model = _model(
            store,
            property_name,
            rows,
            descriptors=(descriptor_set, str(features["version"].iloc[0])),
            seed=seed,
            source=model,
            source_rows=learned,
            evidence=about,
        )
        learned = rows
    assert model is not None
    return model


def trained_card(
    name: str, *, store: Store, descriptor_set: str, seed: int
) -> tuple[Mapping[str, Any] | None, str]:
    """Return the card of the surrogate of a property, or None and why there is none.

    A function of its own so that another process can do it.
    """
    try:
        return property_model(store, name, descriptor_set, seed=seed).card, ""
    except ModelError as error:
        return None, str(error)


def untrained(store: Store, properties: Sequence[str]) -> int:
    """Return how many properties never had a surrogate in this store."""
    return sum(not (_model_folder(store) / name).is_dir() for name in properties)


def _rows_of(values: pd.DataFrame, features: pd.DataFrame) -> TrainingSet:
    """Return the labelled rows of a feature table, sorted by structure id."""
    from matscreen.surrogates import TrainingSet

    known = values[["structure_id", "mean", "std"]].merge(features, on="structure_id")
    known = known.sort_values("structure_id", kind="stable")
    names = feature_names(features)
    return TrainingSet(
        X=known[names].to_numpy(np.float32).astype(np.float64),
        y=known["mean"].to_numpy(np.float64),
        groups=known["chemsys"].to_numpy(str),
        labels=tuple(names),
        formulas=known["formula"].to_numpy(str),
        noise=known["std"].to_numpy(np.float64),
        ids=known["structure_id"].to_numpy(str),
    )


def _model(
    store: Store,
    property_name: str,
    rows: TrainingSet,
    *,
    descriptors: tuple[str, str],
    seed: int,
    source: Surrogate | Transferred | None,
    source_rows: TrainingSet | None,
    evidence: Mapping[str, Any] | None,
) -> Surrogate | Transferred:
    """Return the kept model of these rows and this source, else train and keep it."""
    from matscreen.surrogates import data_hash, save_training_set, train
    from matscreen.surrogates.transfer import transfer, transfer_hash
    from matscreen.surrogates.transfer_files import load_any, save_any

    name, version = descriptors
    decisive: dict[str, Any] = {
        "groups": rows.groups.tolist(),
        "property": property_name,
        "labels": list(rows.labels),
        "noise": rows.noise,
        "seed": seed,
        "descriptor_version": version,
    }
    key = data_hash(rows.X, rows.y, **decisive)
    if source is not None:
        key = transfer_hash(source, key)
    folder = _model_folder(store) / property_name / key[:16]
    if (folder / "card.json").is_file():
        try:
            kept = load_any(folder, descriptor_version=version)
        except ModelError:
            # Of other library or descriptor versions: train anew in its place.
            pass
        else:
            with suppress(OSError):  # a store for reading only
                (folder / "card.json").touch()  # in use: `model_retention` removes what is not
            return kept
    options = {**decisive, "ids": rows.ids.tolist(), "descriptor_set": name}
    model: Surrogate | Transferred
    if source is None:
        model = train(rows.X, rows.y, **options)
    else:
        model = transfer(
            source,
            rows.X,
            rows.y,
            source_rows=source_rows,
            formulas=rows.formulas.tolist(),
            **options,
        )
    card = {**model.card, "training_data": _origin(store, property_name, rows)}
    if evidence is not None:
        card["evidence"] = dict(evidence)
    model = dataclasses.replace(model, card=card)
    save_any(model, folder)
    save_training_set(rows, folder)
    return model


def _origin(store: Store, property_name: str, rows: TrainingSet) -> dict[str, Any]:
    """Return what a card says of labels of the store: version, methods, licences."""
    wanted = set(rows.ids.tolist())
    labels = store.read("labels").to_pandas()
    labels = labels[(labels["property"] == property_name) & labels["structure_id"].isin(wanted)]
    licences: set[str] = set()
    if store.exists("provenance"):
        origins = store.read("provenance").to_pandas()
        origins = origins[origins["structure_id"].isin(wanted)]
        licences = set(origins["licence"].dropna().astype(str)) - {""}
    return {
        "source": "store",
        "version": f"labels, table version {store.version('labels')}",
        "licence": "; ".join(sorted(licences)) or "not stated",
        "methods": sorted({str(method) for method in labels["method"]}),
    }


def predict_property(
    store: Store, property_name: str, descriptor_set: str, *, seed: int = 0
) -> pa.Table:
    """Predict one property for every described candidate, as rows of `predictions`.

    A candidate with an element that no label has is outside the domain.

    Raises:
        ModelError: There are too few labels to train on.
    """
    from matscreen.surrogates.elements import elements_of_systems

    model = property_model(store, property_name, descriptor_set, seed=seed)
    features = feature_table(store, descriptor_set)
    X = features[feature_names(features)].to_numpy(np.float32).astype(np.float64)
    elements = elements_of_systems(features["chemsys"].tolist())
    predicted = model.predict(X, elements=elements)
    columns: dict[str, Any] = {
        "structure_id": features["structure_id"].tolist(),
        "property": [property_name] * len(features),
        "mean": predicted.mean,
        "std": predicted.std,
        "std_epistemic": predicted.std_epistemic,
        "std_aleatoric": predicted.std_aleatoric,
        "lower": predicted.lower,
        "upper": predicted.upper,
        "in_domain": predicted.in_domain,
        "model_id": [str(model.card["model_id"])] * len(features),
    }
    import pyarrow as pa

    try:
        return tables.check("predictions", pa.table(columns))
    except StoreError as error:
        raise ModelError(
            f"{property_name}: the surrogate returned no usable table; {error}"
        ) from error


def model_explanation(store: Store, card: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the surrogate of a card looks at, made once and kept beside it.

    Raises:
        ModelError: The model or the rows that it learned from are not in the store.
    """
    from matscreen.surrogates.explanation_file import explanation_of

    return explanation_of(card_folder(store, card), seed=int(card["split"]["seed"]))


def explained(card: Mapping[str, Any], *, store: Store) -> tuple[Mapping[str, Any] | None, str]:
    """Return `model_explanation`, or None and why there is none; for another process to do."""
    try:
        return model_explanation(store, card), ""
    except ModelError as error:
        return None, str(error)


def unexplained(store: Store, cards: Sequence[Mapping[str, Any]]) -> int:
    """Return how many surrogates have no explanation beside them yet."""
    from matscreen.surrogates.explanation_file import FILE

    return sum(not (card_folder(store, card) / FILE).is_file() for card in cards)


def card_folder(store: Store, card: Mapping[str, Any]) -> Path:
    """Return the folder of the surrogate of a card."""
    return _model_folder(store) / str(card["property"]) / str(card["data_hash"])[:16]


def feature_names(features: pd.DataFrame) -> list[str]:
    """Return the descriptor columns of a feature table."""
    return [
        c for c in features.columns if c not in {"structure_id", "version", "formula", "chemsys"}
    ]


def _model_folder(store: Store) -> Path:
    if "://" in store.root:
        # skops reads and writes files; a bucket's models are kept in this machine's scratch.
        name = hashlib.sha256(store.root.encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / "matscreen-models" / name
    return Path(store.root) / "models"
