"""From the store to a surrogate and back: training tables, cached models, predictions."""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from matscreen import tables
from matscreen.errors import ModelError, StoreError
from matscreen.made_of import code_hash
from matscreen.sources.dataset_files import CACHE_VARIABLE

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from matscreen.store import Store
    from matscreen.surrogates import Surrogate, TrainingSet
    from matscreen.surrogates.transferred import Transferred

_Read = TypeVar("_Read")


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
    return _model(store, _chain(store, property_name, descriptor_set, seed=seed))


def trained_card(
    name: str, *, store: Store, descriptor_set: str, seed: int
) -> tuple[Mapping[str, Any] | None, str]:
    """Return the card of the surrogate of a property, or None and why there is none.

    A kept surrogate is not read for that, which takes a second. A function of its own so that
    another process can do it.
    """
    from matscreen.surrogates.transfer_files import whole_card

    try:
        chain = _chain(store, name, descriptor_set, seed=seed)
        card = _kept(chain, whole_card)
        return (_model(store, chain).card if card is None else card), ""
    except ModelError as error:
        return None, str(error)


def untrained(store: Store, properties: Sequence[str]) -> int:
    """Return how many properties never had a surrogate in this store."""
    return sum(not (_model_folder(store) / name).is_dir() for name in properties)


@dataclasses.dataclass(frozen=True, eq=False)
class _Level:
    """One surrogate of a chain, each transferred from the one before.

    Attributes:
        rows: What it learns from.
        options: What decides it beside the rows; arguments of `train` and `transfer`.
        descriptor_set: Name of the set.
        folder: Where it is kept.
        evidence: What its card says of the evidence; None where there is one kind only.
    """

    rows: TrainingSet
    options: Mapping[str, Any]
    descriptor_set: str
    folder: Path
    evidence: Mapping[str, Any] | None


def _chain(
    store: Store, property_name: str, descriptor_set: str, *, seed: int
) -> tuple[_Level, ...]:
    """Say which surrogates lead to that of a property, the one of the poorest evidence first.

    Raises:
        ModelError: No described candidate has a label.
    """
    from matscreen import multi_fidelity
    from matscreen.surrogates import data_hash
    from matscreen.surrogates.transfer import transfer_hash

    features = feature_table(store, descriptor_set)
    labels = store.read("labels").to_pandas()
    labels = labels[labels["property"] == property_name].rename(columns={"value": "mean"})
    labels = labels[labels["structure_id"].isin(set(features["structure_id"]))]
    levels = multi_fidelity.levels(labels)
    if not levels:
        raise ModelError(f"{property_name}: none of the described candidates has a label")
    chain: list[_Level] = []
    key = ""
    for n, level in enumerate(levels):
        rows = _rows_of(level.values, features)
        options = {
            "groups": rows.groups.tolist(),
            "property": property_name,
            "labels": list(rows.labels),
            "noise": rows.noise,
            "seed": seed,
            "descriptor_version": str(features["version"].iloc[0]),
        }
        own = data_hash(rows.X, rows.y, **options)
        key = transfer_hash(key, own) if chain else own
        folder = _model_folder(store) / property_name / key[:16]
        about = multi_fidelity.describe_levels(levels[:n], level) if len(levels) > 1 else None
        chain.append(_Level(rows, options, descriptor_set, folder, about))
    return tuple(chain)


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


def _kept(chain: Sequence[_Level], read: Callable[..., _Read]) -> _Read | None:
    """Read the last surrogate of a chain where it is kept; None where it must be trained."""
    folder = chain[-1].folder
    if not (folder / "card.json").is_file():
        return None
    try:
        found = read(folder, descriptor_version=chain[-1].options["descriptor_version"])
    except ModelError:
        return None  # of other library or descriptor versions: train anew in its place
    for level in chain:
        with suppress(OSError):  # a store for reading only, or one that another needs no more
            # In use: `model_retention` removes what is not.
            os.utime(level.folder / "card.json")
    return found


def _model(store: Store, chain: Sequence[_Level]) -> Surrogate | Transferred:
    """Return the kept surrogate of a chain, else train what is missing and keep it."""
    from matscreen.surrogates import save_training_set, train
    from matscreen.surrogates.transfer import transfer
    from matscreen.surrogates.transfer_files import load_any, save_any

    kept = _kept(chain, load_any)
    if kept is not None:
        return kept
    *before, level = chain
    rows = level.rows
    options = {
        **level.options,
        "ids": rows.ids.tolist(),
        "descriptor_set": level.descriptor_set,
    }
    model: Surrogate | Transferred
    if not before:
        model = train(rows.X, rows.y, **options)
    else:
        model = transfer(
            _model(store, before),
            rows.X,
            rows.y,
            source_rows=before[-1].rows,
            formulas=rows.formulas.tolist(),
            **options,
        )
    card = {
        **model.card,
        "training_data": _origin(store, level.options["property"], rows),
    }
    if level.evidence is not None:
        card["evidence"] = dict(level.evidence)
    model = dataclasses.replace(model, card=card)
    save_any(model, level.folder)
    save_training_set(rows, level.folder)
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
    store: Store,
    property_name: str,
    descriptor_set: str,
    *,
    seed: int = 0,
    known: pa.Table | None = None,
) -> pa.Table:
    """Predict one property for every described candidate, as rows of `predictions`.

    A candidate with an element that no label has is outside the domain.

    Args:
        store: Where candidates, descriptors and labels are.
        property_name: Registry name.
        descriptor_set: Name of the set.
        seed: Seed of the surrogate.
        known: Predictions made before; the rows of a surrogate and candidates that have not
            changed are returned as they are, and the surrogate is not even read.

    Raises:
        ModelError: There are too few labels to train on.
    """
    from matscreen.surrogates.elements import elements_of_systems
    from matscreen.surrogates.transfer_files import whole_card

    chain = _chain(store, property_name, descriptor_set, seed=seed)
    features = feature_table(store, descriptor_set)
    ids = features["structure_id"].tolist()
    card = _kept(chain, whole_card) if known is not None else None
    if card is not None:
        same = _same_rows(known, property_name, ids, str(card["model_id"]))
        if same is not None:
            return same
    model = _model(store, chain)
    X = features[feature_names(features)].to_numpy(np.float32).astype(np.float64)
    elements = elements_of_systems(features["chemsys"].tolist())
    predicted = model.predict(X, elements=elements)
    columns: dict[str, Any] = {
        "structure_id": ids,
        "property": [property_name] * len(features),
        "mean": predicted.mean,
        "std": predicted.std,
        "std_epistemic": predicted.std_epistemic,
        "std_aleatoric": predicted.std_aleatoric,
        "lower": predicted.lower,
        "upper": predicted.upper,
        "in_domain": predicted.in_domain,
        "model_id": [str(model.card["model_id"])] * len(features),
        "code": [code_hash()] * len(features),
    }
    import pyarrow as pa

    try:
        return tables.check("predictions", pa.table(columns))
    except StoreError as error:
        raise ModelError(
            f"{property_name}: the surrogate returned no usable table; {error}"
        ) from error


def _same_rows(
    known: pa.Table, property_name: str, ids: Sequence[str], model_id: str
) -> pa.Table | None:
    """Return the rows of a property if just this model and code made them for these candidates."""
    import pyarrow.compute as pc

    rows = known.filter(pc.equal(known["property"], property_name))
    made_by = set(zip(rows["model_id"].to_pylist(), rows["code"].to_pylist(), strict=True))
    if made_by != {(model_id, code_hash())} or rows["structure_id"].to_pylist() != list(ids):
        return None
    return rows


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
        import pooch  # type: ignore[import-untyped]

        # skops reads and writes files. Not in the scratch of all users, where another could leave a
        # model under this name.
        given = os.environ.get(CACHE_VARIABLE)
        cache = Path(given).expanduser() if given else Path(pooch.os_cache("matscreen"))
        return cache / "models" / hashlib.sha256(store.root.encode()).hexdigest()[:16]
    return Path(store.root) / "models"
