"""What a finished ranking was made of, kept beside it, so that an unchanged one is not made again.

The record is one parquet file in the folder of the results: the ranked pairs in a few columns, and
in the metadata the fingerprints of everything that went in. It is written last and in one rename,
so a record that is there always belongs to a ranking that was finished.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from matscreen import tables
from matscreen.atomic import replacing
from matscreen.data import data_path
from matscreen.errors import StoreError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from matscreen.config import Screen
    from matscreen.shipped import Pulled
    from matscreen.store import Store

RECORD: Final = "made_of.parquet"
"""Name of the record in the folder of a screen's results."""

DECISIVE: Final = ("candidates", "provenance", "labels")
"""Tables of the store that decide a ranking."""
_INCIDENTAL: Final = frozenset({"retrieved_at", "seconds", "joules", "at"})
_LIBRARIES: Final = ("numpy", "scipy", "scikit-learn", "pandas", "pymatgen", "ase", "moyopy")
_METADATA: Final = b"matscreen"
COMPARED_COLUMNS: Final = (
    "structure_id",
    "mechanism",
    "formula",
    "rank_in_mechanism",
    "energy_nominal_J",
    "feasible",
    "reasons",
    "evidence",
    "source",
)


@dataclass(frozen=True)
class TableContent:
    """What one table of the store held.

    Attributes:
        version: Delta version; it also grows by compaction and by rows written again.
        content: Hash of the rows, whatever their order.
    """

    version: int
    content: str


@dataclass(frozen=True)
class MadeOf:
    """Fingerprints of what decides a ranking.

    Attributes:
        screen: Hash of everything that the screen asks.
        sources: Hash of the candidates that its sources name.
        code: Hash of the code and reference data of matscreen.
        libraries: Versions of the libraries that compute.
        store: Content of the tables that decide.
    """

    screen: str
    sources: str
    code: str
    libraries: Mapping[str, str]
    store: Mapping[str, TableContent]

    def differences(self, other: MadeOf) -> tuple[str, ...]:
        """Say in words what is different now; nothing where the ranking would be the same."""
        words = []
        if self.screen != other.screen:
            words.append("the screen asks something else")
        if self.code != other.code:
            words.append("another version of matscreen")
        for name in sorted({*self.libraries, *other.libraries}):
            before, after = self.libraries.get(name), other.libraries.get(name)
            if before != after:
                words.append(f"{name} {before or 'absent'} became {after or 'absent'}")
        if self.sources != other.sources:
            words.append("the sources bring other candidates")
        words.extend(
            f"the table {name} has changed"
            for name in DECISIVE
            if self.store[name].content != other.store[name].content
        )
        return tuple(words)


@dataclass(frozen=True)
class Record:
    """A finished ranking and what it was made of.

    Attributes:
        made_of: What went in.
        finished_at: When it was finished, ISO 8601.
        run_id: Identifier of the run, as in screen.json.
        models: Identifier of the surrogate of each property.
        ranking: One row a ranked pair, with the `labels` of its structure as texts.
    """

    made_of: MadeOf
    finished_at: str
    run_id: str
    models: Mapping[str, str]
    ranking: pd.DataFrame


def fingerprint(
    screen: Screen, store: Store, pulled: Sequence[Pulled], *, before: Record | None = None
) -> MadeOf:
    """Fingerprint what a ranking would be made of now.

    Args:
        screen: What is asked.
        store: Where the tables are.
        pulled: What its sources named.
        before: An earlier record: tables whose Delta version is the same are not read again.
    """
    known = before.made_of.store if before is not None else {}
    held = {}
    for name in DECISIVE:
        now = store.version(name)
        earlier = known.get(name)
        if earlier is not None and earlier.version == now:
            held[name] = earlier
        else:
            held[name] = TableContent(now, content_hash(name, store.read(name)))
    named = {(each.spec, name) for each in pulled for name in each.ids}
    return MadeOf(
        screen=_digest(screen.model_dump_json() + _calibration(screen)),
        sources=_digest("\n".join(f"{spec}\t{name}" for spec, name in sorted(named))),
        code=code_hash(),
        libraries=_versions(),
        store=held,
    )


def content_hash(name: str, table: pa.Table) -> str:
    """Return a hash of the rows of a table that no order, time stamp or cost changes."""
    import pyarrow as pa

    kept = table.select([each for each in table.column_names if each not in _INCIDENTAL])
    keys = [key for key in tables.KEYS[name] if key in kept.column_names]
    kept = kept.sort_by([(key, "ascending") for key in keys]).combine_chunks()
    # Units and other metadata of the columns do not make other rows.
    plain = pa.schema([pa.field(each.name, each.type) for each in kept.schema])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, plain) as writer:
        writer.write_table(kept.cast(plain))
    return hashlib.sha256(sink.getvalue()).hexdigest()[:16]


@functools.cache
def code_hash() -> str:
    """Return a hash of the installed code of matscreen and of the reference data it ships."""
    package = Path(__file__).parent
    files = sorted(package.rglob("*.py")) + sorted(data_path("reference").rglob("*.csv"))
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def write_record(
    folder: Path,
    made_of: MadeOf,
    *,
    ranking: pd.DataFrame,
    store: Store,
    run_id: str,
    models: Mapping[str, str],
) -> None:
    """Keep the record of a finished ranking; call it after every other file is written."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kept = ranking[[name for name in COMPARED_COLUMNS if name in ranking]].reset_index(drop=True)
    kept = kept.assign(labels=kept["structure_id"].map(label_texts(store)))
    table = pa.Table.from_pandas(kept, preserve_index=False)
    about = {
        "made_of": asdict(made_of),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "run_id": run_id,
        "models": dict(models),
    }
    with replacing(folder / RECORD) as temporary:
        pq.write_table(
            table.replace_schema_metadata({_METADATA: json.dumps(about).encode()}),
            temporary,
            compression="zstd",
        )


def read_record(folder: Path) -> Record | None:
    """Read the record of a folder of results; None where there is none.

    Another command may have written over the results since: `belongs` tells.

    Raises:
        StoreError: The record cannot be read; deleting it makes the ranking anew.
    """
    import pyarrow.parquet as pq

    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        table = pq.read_table(path)
        about = json.loads(table.schema.metadata[_METADATA])
        held = {name: TableContent(**each) for name, each in about["made_of"]["store"].items()}
        made_of = MadeOf(**{**about["made_of"], "store": held})
        return Record(
            made_of, about["finished_at"], about["run_id"], about["models"], table.to_pandas()
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{path} cannot be read ({error}); delete it to rank anew") from error


def belongs(record: Record, folder: Path) -> bool:
    """Say whether the files of a folder are those that the record was written for."""
    try:
        content = json.loads((folder / "screen.json").read_text(encoding="utf-8"))
        run_id = content["provenance"]["identifiers"]["run_id"]
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(run_id == record.run_id) and (folder / "candidates.csv").is_file()


def label_texts(store: Store) -> dict[str, list[str]]:
    """Return the labels of each structure as `property|method|value`, sorted."""
    columns = ["structure_id", "property", "method", "value"]
    labels = store.read("labels", columns)
    found: dict[str, list[str]] = {}
    for name, kind, method, value in zip(
        *(labels[each].to_pylist() for each in columns), strict=True
    ):
        found.setdefault(name, []).append(f"{kind}|{method}|{value:.6g}")
    return {name: sorted(texts) for name, texts in found.items()}


def _calibration(screen: Screen) -> str:
    """Return the content of the calibration file: it may change under the same name."""
    if screen.calibration is None or not Path(screen.calibration).is_file():
        return ""
    return Path(screen.calibration).read_text(encoding="utf-8")


def _versions() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
