"""The files of a Delta table through Arrow: those of a folder by Arrow's own means.

The files of delta-rs are Python objects in Arrow's threads: slower, and now and then a process that
read through them aborts as it exits (apache/arrow issue 34314).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as ds
    from deltalake import DeltaTable
    from pyarrow.fs import FileSystem


def file_system(uri: str) -> FileSystem:
    """Return what lies in a folder, or under the URL of a bucket, with paths that begin there."""
    from pyarrow import fs

    if "://" not in uri:
        return fs.SubTreeFileSystem(uri, fs.LocalFileSystem())
    from deltalake.fs import DeltaStorageHandler

    return fs.PyFileSystem(DeltaStorageHandler(uri))


def dataset(table: DeltaTable, uri: str) -> ds.Dataset:
    """Return a table for reading some of its rows, by the statistics of its files.

    Args:
        table: The table.
        uri: Where it lies.
    """
    # A bucket keeps the file system of the table itself, which has its settings.
    return table.to_pyarrow_dataset(filesystem=None if "://" in uri else file_system(uri))


def rows(table: DeltaTable, uri: str, columns: list[str] | None) -> pa.Table:
    """Read all rows of a table.

    delta-rs counts an empty list as a null in the statistics of a file, and its dataset then takes
    a column of empty lists for nulls without looking. So the files are read without statistics.

    Args:
        table: The table.
        uri: Where it lies.
        columns: Only these; all by default.
    """
    import pyarrow.dataset as ds

    known = dataset(table, uri)
    files = list(known.get_fragments())
    if not files:
        return known.to_table(columns=columns)
    bare = [known.format.make_fragment(file.path, file.filesystem) for file in files]
    plain = ds.FileSystemDataset(bare, known.schema, known.format, files[0].filesystem)
    return plain.to_table(columns=columns)
