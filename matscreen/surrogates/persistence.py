"""Save and load surrogates with skops: a listed set of types, never a pickle.

A folder holds one surrogate: `card.json`, and the fitted parts in `model-<hash>.skops`. The card
names the file and its sha256 and is renamed into place last, so that a reader sees the old
surrogate or the new one.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from matscreen.atomic import write_atomically
from matscreen.errors import ModelError
from matscreen.surrogates.card_schema import check_card
from matscreen.surrogates.parts import (
    domain_of,
    domain_parts,
    familiar_of,
    familiar_parts,
    hurdle_of,
    hurdle_parts,
)
from matscreen.surrogates.surrogate import Surrogate
from matscreen.surrogates.uncertainty import Calibration, LabelError, Parts, Scale

CARD = "card.json"

Assembled = TypeVar("Assembled")

TRUSTED_TYPES = (
    "matscreen.surrogates.kernel.MaternKernelRidge",
    "matscreen.surrogates.metric.Metric",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.tree._tree.Tree",
)
"""Types beyond those that skops trusts by itself; anything else is refused."""


def save(surrogate: Surrogate, directory: str | os.PathLike[str]) -> Path:
    """Write a surrogate into its own folder, replacing the one that is there.

    Returns:
        The path of the card.

    Raises:
        ModelError: The card is incomplete, or a fitted part is of a type that `load` would refuse.
    """
    check_card(surrogate.card, f"the surrogate of {surrogate.property}")
    return write_sealed(
        Path(directory),
        surrogate.card,
        {
            "n_features": surrogate.n_features,
            "columns": surrogate.columns,
            "familiar": familiar_parts(surrogate.familiar),
            "weights": dict(surrogate.weights),
            "estimators": dict(surrogate.estimators),
            "constant": surrogate.constant,
            "scale_kind": surrogate.scale.kind,
            "scale_floor": surrogate.scale.floor,
            "scale_regressor": surrogate.scale.regressor,
            "scale_columns": surrogate.scale.columns,
            "calibration_centers": surrogate.calibration.centers,
            "calibration_factors": surrogate.calibration.factors,
            "parts": [surrogate.parts.aleatoric, surrogate.parts.epistemic],
            "domain": domain_parts(surrogate.domain),
            "label_error": [surrogate.label_error.floor, surrogate.label_error.slope],
            "hurdle": hurdle_parts(surrogate.hurdle),
        },
    )


def load(directory: str | os.PathLike[str], *, descriptor_version: str | None = None) -> Surrogate:
    """Read a surrogate that `save` wrote.

    Args:
        directory: Its folder.
        descriptor_version: Version of the descriptors to predict from; None skips the comparison.

    Raises:
        ModelError: The folder holds no surrogate, its file was changed or holds a type that is not
            trusted, or it was trained with other descriptors or another scikit-learn.
    """
    folder = Path(directory)
    card = load_card(folder)
    check_descriptors(card, folder, descriptor_version)
    if card.get("kind") == "classifier":
        raise ModelError(
            f"{folder}: a classifier of {card.get('label')!r}, no surrogate of a property: read it "
            "with `surrogates.class_files.load_classifier`"
        )
    if "parts" in card:
        raise ModelError(
            f"{folder}: a surrogate transferred from that of other labels, which predicts "
            "(`surrogates.transfer_files.load_any`) but can neither be explained nor exported to a "
            "bundle; those take a surrogate of one kind of label"
        )
    return read_sealed(folder, card, partial(_assemble, card))


def load_card(directory: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the card of a saved surrogate.

    Raises:
        ModelError: There is none, or it is of another format.
    """
    path = Path(directory) / CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{directory}: no surrogate here ({CARD} is missing)") from None
    except ValueError as error:
        raise ModelError(f"{path}: not a card ({error})") from error
    if not isinstance(card, dict):
        raise ModelError(f"{path}: not a card: train again")
    check_card(card, str(path))
    return card


def check_descriptors(
    card: Mapping[str, Any], folder: Path, descriptor_version: str | None
) -> None:
    """Refuse descriptors of another version than a model was trained on; None skips it.

    Raises:
        ModelError: They are of another version.
    """
    if descriptor_version is not None and card.get("descriptor_version") != descriptor_version:
        raise ModelError(
            f"{folder}: trained on descriptors {card.get('descriptor_set')!r} version "
            f"{card.get('descriptor_version')!r}, asked to predict from version "
            f"{descriptor_version!r}: train again"
        )


def write_sealed(folder: Path, card: Mapping[str, Any], parts: Mapping[str, Any]) -> Path:
    """Write fitted parts and then the card that names their file and its hash.

    Returns:
        The path of the card.

    Raises:
        ModelError: A part is of a type that `read_sealed` would refuse.
    """
    import skops.io as sio

    content = sio.dumps(dict(parts), compression=zipfile.ZIP_DEFLATED, compresslevel=1)
    unknown = sorted(set(sio.get_untrusted_types(data=content)) - set(TRUSTED_TYPES))
    if unknown:
        raise ModelError(f"the model holds types that are not trusted: {', '.join(unknown)}")
    digest = hashlib.sha256(content).hexdigest()
    name = f"model-{digest[:16]}.skops"
    write_atomically(folder / name, content)
    sealed = {**card, "file": name, "sha256": digest}
    text = json.dumps(sealed, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(folder / CARD, text)
    for old in folder.glob("model-*.skops"):
        if old.name != name:
            old.unlink(missing_ok=True)
    return folder / CARD


def read_sealed(
    folder: Path, card: Mapping[str, Any], assemble: Callable[[Mapping[str, Any]], Assembled]
) -> Assembled:
    """Read the fitted parts that a card names and make a model of them.

    Raises:
        ModelError: The file is missing, was changed, or holds a type that is not trusted, or the
            model was trained with another scikit-learn.
    """
    import skops.io as sio
    from skops.io.exceptions import UntrustedTypesFoundException

    content = check_sealed(folder, card)
    try:
        return assemble(sio.loads(content, trusted=list(TRUSTED_TYPES)))
    except ModelError:
        raise
    except UntrustedTypesFoundException as error:
        named = str(error).splitlines()[0].partition(": ")[2]
        raise ModelError(f"{folder} holds types that are not trusted: {named}") from error
    except Exception as error:  # a damaged file may raise anything
        raise ModelError(f"{folder}: not a readable model ({error}): train again") from error


def check_sealed(folder: Path, card: Mapping[str, Any]) -> bytes:
    """Return the fitted parts that a card names, unread, once they are known to be those.

    Raises:
        ModelError: The file is missing or was changed, or the model was trained with another
            scikit-learn.
    """
    _check_scikit_learn(card, folder)
    return _read_model(folder, card)


def card_of(sealed: Mapping[str, Any]) -> dict[str, Any]:
    """Return a card as it was before it was written, without file and hash."""
    return {name: value for name, value in sealed.items() if name not in ("file", "sha256")}


def _assemble(card: Mapping[str, Any], parts: Mapping[str, Any]) -> Surrogate:
    return Surrogate(
        property=str(card["property"]),
        card=card_of(card),
        n_features=int(parts["n_features"]),
        columns=np.asarray(parts["columns"], dtype=np.int64),
        familiar=familiar_of(parts["familiar"]),
        weights={str(name): float(weight) for name, weight in parts["weights"].items()},
        estimators=dict(parts["estimators"]),
        constant=float(parts["constant"]),
        scale=Scale(
            parts["scale_kind"],
            float(parts["scale_floor"]),
            parts["scale_regressor"],
            np.asarray(parts["scale_columns"], dtype=np.int64),
        ),
        calibration=Calibration(parts["calibration_centers"], parts["calibration_factors"]),
        parts=Parts(*map(float, parts["parts"])),
        domain=domain_of(parts["domain"]),
        label_error=LabelError(*map(float, parts["label_error"])),
        hurdle=hurdle_of(card, parts["hurdle"]),
    )


def _read_model(folder: Path, card: Mapping[str, Any]) -> bytes:
    name = str(card.get("file", ""))
    if not name or Path(name).name != name:
        raise ModelError(f"{folder}: the card names no model file")
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise ModelError(f"{folder}: cannot read {name} ({error.strerror})") from error
    if hashlib.sha256(content).hexdigest() != card.get("sha256"):
        raise ModelError(f"{folder}: {name} is not the file the card describes: train again")
    return content


def _check_scikit_learn(card: Mapping[str, Any], folder: Path) -> None:
    from sklearn import __version__ as present

    trained = str(card.get("versions", {}).get("scikit-learn", "unknown"))
    if trained.split(".")[:2] != present.split(".")[:2]:
        raise ModelError(
            f"{folder}: trained with scikit-learn {trained}, this is {present}: train again"
        )
