"""The rows a surrogate learned from, kept beside it for compression, explanation and transfer."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from matscreen.atomic import write_atomically
from matscreen.errors import ModelError
from matscreen.structures import FloatArray

FILE = "training.parquet"
_ROW_COLUMNS = ("structure_id", "formula", "group", "y", "noise")


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Labelled rows as they were given to `train`.

    Attributes:
        X: Features, (n, k).
        y: Labels in the unit of the property, (n,).
        groups: Chemical system of each row, (n,).
        labels: Name of each feature, (k,).
        formulas: Formula of each row, (n,); empty strings where unknown.
        noise: Standard deviation of each label, (n,); NaN where unknown.
        ids: Structure id of each row, (n,); empty strings where there is none.
    """

    X: FloatArray
    y: FloatArray
    groups: npt.NDArray[np.str_]
    labels: tuple[str, ...]
    formulas: npt.NDArray[np.str_]
    noise: FloatArray
    ids: npt.NDArray[np.str_]


def save_training_set(rows: TrainingSet, directory: str | os.PathLike[str]) -> Path:
    """Write the rows into the folder of their surrogate; features as float32, as trained on.

    Returns:
        The path of the Parquet file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        "structure_id": pa.array(rows.ids.tolist(), pa.string()),
        "formula": pa.array(rows.formulas.tolist(), pa.string()),
        "group": pa.array(rows.groups.tolist(), pa.string()),
        "y": pa.array(rows.y, pa.float64()),
        "noise": pa.array(rows.noise, pa.float64(), from_pandas=False),
    }
    for label, column in zip(rows.labels, rows.X.T, strict=True):
        columns[f"x:{label}"] = pa.array(
            np.ascontiguousarray(column, dtype=np.float32), from_pandas=False
        )
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer, compression="zstd")
    path = Path(directory) / FILE
    write_atomically(path, buffer.getvalue())
    return path


def load_training_set(directory: str | os.PathLike[str]) -> TrainingSet:
    """Read the rows that a surrogate in this folder learned from.

    Raises:
        ModelError: The folder holds none, or the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(directory) / FILE
    try:
        table = pq.read_table(path)
        labels = tuple(name[2:] for name in table.column_names if name.startswith("x:"))
        X = np.stack([table[f"x:{label}"].to_numpy() for label in labels], axis=1)
        row = {name: table[name] for name in _ROW_COLUMNS}
    except FileNotFoundError:
        raise ModelError(
            f"{directory}: the rows it was trained on were not kept ({FILE} is missing): train "
            "again"
        ) from None
    except (OSError, KeyError, ValueError, pa.ArrowException) as error:
        raise ModelError(f"{path}: not a readable training set ({error}): train again") from error
    return TrainingSet(
        X=X.astype(np.float64),
        y=row["y"].to_numpy(),
        groups=np.array(row["group"].to_pylist(), dtype=str),
        labels=labels,
        formulas=np.array(row["formula"].to_pylist(), dtype=str),
        noise=row["noise"].to_numpy(),
        ids=np.array(row["structure_id"].to_pylist(), dtype=str),
    )
