"""What a ranking was made of, kept beside its results, so that it can be made again.

`screen.json` says the screen and the version of every table; `pulled.parquet` which candidates
were asked for. The first is renamed into place after everything else of a run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from matscreen.atomic import replacing
from matscreen.config import Screen
from matscreen.errors import InputError
from matscreen.shipped import Pulled

if TYPE_CHECKING:
    import pyarrow as pa

PULLED: Final = "pulled.parquet"
SUMMARY: Final = "screen.json"
RANKING: Final = "candidates.parquet"
"""Names of files in the folder of a screen's results."""
_METADATA: Final = b"matscreen"


@dataclass(frozen=True)
class RankingRecord:
    """What a ranking was made of.

    Attributes:
        screen: What was asked.
        pulled: The candidates of each source.
        versions: Delta version of every table of the store.
        libraries: Versions of matscreen and of what it computes with; empty where not known.
        made: When, or as of when.
        folder: Results of that run; None where the record is of a moment, not of a run.
    """

    screen: Screen
    pulled: tuple[Pulled, ...]
    versions: Mapping[str, int]
    libraries: Mapping[str, str]
    made: str
    folder: Path | None = None


def write_pulled(pulled: Sequence[Pulled], folder: Path, *, run_id: str) -> Path:
    """Write which candidates each source of a run brought.

    Args:
        pulled: What was pulled.
        folder: Folder of the results.
        run_id: The run, as `screen.json` names it.

    Returns:
        The path written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    counts = [
        {
            "spec": each.spec,
            "seen": each.seen,
            "failed": each.failed,
            "duplicates": each.duplicates,
            "candidates": len(each.ids),
        }
        for each in pulled
    ]
    about = json.dumps({"run_id": run_id, "pulled": counts})
    table = pa.table(
        {
            # The position of the source, because one may be asked for twice.
            "pull": pa.array([n for n, each in enumerate(pulled) for _ in each.ids], pa.int32()),
            "source": pa.array([each.spec for each in pulled for _ in each.ids], pa.string()),
            "structure_id": pa.array([name for each in pulled for name in each.ids], pa.string()),
        }
    ).replace_schema_metadata({_METADATA: about.encode()})
    with replacing(folder / PULLED) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return folder / PULLED


def read_record(folder: str | Path) -> RankingRecord:
    """Read what a ranking was made of.

    Args:
        folder: Folder of the results of a screen.

    Raises:
        InputError: The folder holds no results, or those of a version that did not record this.
    """
    place = Path(folder)
    content = _summary(place)
    provenance = content["provenance"]
    table = _pulled_table(place)
    about = json.loads(table.schema.metadata[_METADATA])
    if about["run_id"] != provenance.get("identifiers", {}).get("run_id"):
        raise InputError(
            f"{place}: {PULLED} and {SUMMARY} are of different runs, the later of which did not "
            "finish: run the screen again"
        )
    of_pull: list[list[str]] = [[] for _ in about["pulled"]]
    for number, name in zip(
        table["pull"].to_pylist(), table["structure_id"].to_pylist(), strict=True
    ):
        of_pull[number].append(name)
    return RankingRecord(
        screen=_screen(content.get("screen", {}), place),
        pulled=tuple(
            Pulled(each["spec"], tuple(names), each["seen"], each["failed"], each["duplicates"])
            for each, names in zip(about["pulled"], of_pull, strict=True)
        ),
        versions={name: int(number) for name, number in provenance["store_versions"].items()},
        libraries=dict(provenance.get("versions", {})),
        made=str(content.get("finished_at", "")),
        folder=place,
    )


def pinned_versions(folders: Sequence[str | Path]) -> dict[str, set[int]]:
    """Return the table versions that the rankings under some folders were made of.

    Args:
        folders: Folders of results, or folders that hold such folders at any depth.

    Raises:
        InputError: A folder is absent, or a `screen.json` in it cannot be read: guessing would
            let files be deleted that a ranking needs.
    """
    pinned: dict[str, set[int]] = {}
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder: name one that holds results of screens")
        for file in sorted(folder.rglob(SUMMARY)):
            versions = _summary(file.parent)["provenance"]["store_versions"]
            for name, number in versions.items():
                if int(number) >= 0:
                    pinned.setdefault(name, set()).add(int(number))
    return pinned


def _summary(folder: Path) -> dict[str, Any]:
    path = folder / SUMMARY
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        dict(content["provenance"]["store_versions"])
    except FileNotFoundError:
        raise InputError(f"{folder} holds no results of a screen ({SUMMARY} is missing)") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not the summary of a screen: {error!r}") from error
    return dict(content)


def _pulled_table(folder: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / PULLED
    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise InputError(
            f"{folder} does not say which stored candidates were ranked ({PULLED} is missing): its "
            "ranking was made by an older matscreen, or of enumerated compositions, and cannot be "
            "made again from the store"
        ) from None
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if _METADATA not in (table.schema.metadata or {}):
        raise InputError(f"{path} was not written by a screen")
    return table


def _screen(values: Mapping[str, Any], folder: Path) -> Screen:
    from pydantic import ValidationError

    try:
        return Screen.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise InputError(
            f"{folder / SUMMARY}: screen.{key}: {first['msg']}; it was made by another version of "
            "matscreen"
        ) from error
