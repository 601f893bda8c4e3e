"""Remove finished partitions of screens of compositions that no screen has used for long.

A screen keeps them in a folder named by the hash of all that decides them, so that one that was cut
off goes on where it stopped; another question leaves the old folder where it is. Each use marks the
folder. The rankings made of them do not need them, and what is removed can be computed again.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from matscreen.errors import StoreError
from matscreen.maintenance import RETENTION, Removal, check_retention
from matscreen.part_files import FOLDER, PartFolder

if TYPE_CHECKING:
    from pyarrow.fs import FileInfo

    from matscreen.store import Store


def remove_unused_partitions(
    store: Store, retention: timedelta = RETENTION, *, dry_run: bool = True
) -> Removal:
    """Delete the folders of partitions in which no file is younger than the retention.

    Args:
        store: The store, in a folder or a bucket.
        retention: How long partitions stay after their last use; at least a day.
        dry_run: Only say what would be deleted.

    Raises:
        InputError: The retention is too short.
        StoreError: The partitions cannot be looked at or removed.
    """
    from pyarrow.fs import FileSelector, FileType

    check_retention(retention)
    limit = datetime.now(UTC) - retention
    place = PartFolder(f"{store.root}/{FOLDER}")
    try:
        filesystem, path = place.opened()
        folders: dict[str, list[FileInfo]] = defaultdict(list)
        for file in filesystem.get_file_info(
            FileSelector(path, recursive=True, allow_not_found=True)
        ):
            if file.type == FileType.File:
                folders[str(PurePosixPath(file.path).parent)].append(file)
        # A file system that does not say how old a file is gives no reason to delete it.
        unused = {
            folder: files
            for folder, files in folders.items()
            if all(file.mtime is not None and file.mtime < limit for file in files)
        }
        if not dry_run:
            for folder in unused:
                filesystem.delete_dir(folder)
    except OSError as error:
        raise StoreError(f"the partitions in {place.uri} cannot be removed: {error}") from error
    sizes = [file.size for files in unused.values() for file in files]
    return Removal(FOLDER, len(sizes), sum(sizes), done=not dry_run and bool(sizes))
