"""Write a student as a folder that scores by itself."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from matscreen.atomic import write_atomically
from matscreen.edge.graph import OUTPUTS, student_model
from matscreen.edge.lean import VERSION as LEAN_VERSION
from matscreen.edge.networks import Network
from matscreen.edge.structure_code import write_structure_code
from matscreen.edge.student import Student
from matscreen.errors import InputError
from matscreen.properties import get_property

FORMAT: Final = 2
MODEL: Final = "model.onnx"
CARD: Final = "card.json"
MAX_BYTES: Final = 500_000
"""Size of a bundle that is aimed at, all files together."""
_ELEMENTS: Final = (
    "int64 (n, m), atomic numbers; empty slots repeat an element of the row, zeros are unknown"
)


def write_bundle(
    student: Student,
    folder: str | os.PathLike[str],
    *,
    name: str,
    metrics: Mapping[str, float],
    card: Mapping[str, Any],
) -> Path:
    """Write a bundle.

    Args:
        student: The calibrated student.
        folder: Where to write; made, or emptied of an older bundle.
        name: Name of the variant.
        metrics: How it did on rows it never saw.
        card: Card of the surrogate that taught it.

    Returns:
        The folder.

    Raises:
        InputError: The folder holds something else than a bundle.
    """
    target = Path(folder)
    _make_room(target)
    entry = get_property(student.property)
    content = {
        "format": FORMAT,
        "property": student.property,
        "meaning": entry.meaning,
        "unit": entry.unit,
        "level": student.level,
        "model": name,
        "features": f"lean {LEAN_VERSION}"
        if student.level == "formula"
        else f"{card['descriptor_set']} {card['descriptor_version']}",
        "inputs": _inputs(student),
        "outputs": list(OUTPUTS),
        "interval": {
            "level": 0.9,
            "method": "conformal, from residuals on rows that neither the model nor its teacher "
            "saw, every chemical system of equal weight",
            "quantile": student.quantile,
        },
        "domain": {
            "method": "distance to the nearest of a few centres of the labelled materials in "
            "principal components, and across to it how far features lie outside the range of the "
            "labelled ones; an element that no label has adds two thresholds",
            "threshold": student.domain.threshold,
        },
        "metrics": {key: round(value, 6) for key, value in metrics.items()},
        "teacher": {
            "model_id": card.get("model_id"),
            "model": card.get("model"),
            "n_labels": card.get("n_labels"),
            "descriptor_set": card.get("descriptor_set"),
            "descriptor_version": card.get("descriptor_version"),
            "data_hash": card.get("data_hash"),
        },
    }
    facts = {key: str(content[key]) for key in ("property", "unit", "level", "model", "features")}
    write_atomically(target / MODEL, student_model(student, facts))
    write_atomically(target / CARD, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    write_atomically(target / "README.md", _readme(student, content))
    write_atomically(target / "score.py", runtime_text("score.py"))
    if student.level == "structure":
        write_structure_code(target)
    return target


def runtime_text(name: str) -> str:
    """Read a file that is copied into bundles."""
    return files("matscreen.edge").joinpath("runtime", name).read_text(encoding="utf-8")


def size_on_disk(folder: str | os.PathLike[str]) -> int:
    """Return the bytes of all files of a bundle, without caches of Python."""
    paths = (path for path in Path(folder).rglob("*") if "__pycache__" not in path.parts)
    return sum(path.stat().st_size for path in paths if path.is_file())


def _make_room(target: Path) -> None:
    if target.is_dir() and any(target.iterdir()):
        if not (target / MODEL).is_file():
            raise InputError(
                f"{target} is not empty and holds no bundle: name a new folder with --output"
            )
        shutil.rmtree(target)
    elif target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file: name a folder with --output")


def _inputs(student: Student) -> dict[str, str]:
    if student.level == "structure":
        return {
            "elements": _ELEMENTS,
            "features": f"float32 (n, {student.n_features}), NaN where unknown",
        }
    return {
        "elements": _ELEMENTS,
        "amounts": "float64 (n, m), any scale; zero in empty slots",
    }


def _readme(student: Student, content: Mapping[str, Any]) -> str:
    metrics = content["metrics"]
    unit = content["unit"]
    formula = student.level == "formula"
    names = "BaTiO3 SrTiO3" if formula else "first.cif second.cif"
    kind = "network" if isinstance(student.regressor, Network) else "boosted trees"
    needs = "numpy onnxruntime" + ("" if formula else " moyopy")
    return f"""# {content["property"]} at the edge

{content["meaning"]}, in {unit}, with a 90 % interval and an applicability flag, from
{"formulas" if formula else "CIF files"}. Made by matscreen; runs without it:

    pip install {needs}
    python score.py {names} --top 1
    python score.py --csv --top 10 --order ascending < names.txt

`from score import Scorer; Scorer().score([...])` does the same in Python. `model.onnx` also runs in
any other ONNX runtime (1.21 or later, for the operator `ai.onnx.ml.TreeEnsemble`); `card.json` says
what goes in and out.

Model: {content["model"]} ({kind}), distilled from a surrogate of
{content["teacher"]["n_labels"]} labels. On labels that neither saw: mean absolute error
{metrics["mae"]:.4g} {unit}, {metrics["coverage_90"]:.1%} of the labels in their interval, mean
width {metrics["mean_width"]:.4g} {unit}. Outside the domain (`in_domain` false) intervals widen;
do not rank by such values.
"""
