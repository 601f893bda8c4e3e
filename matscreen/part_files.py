"""Finished partitions of a screen as files in a folder or bucket, each whole or not there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from matscreen.atomic import write_atomically
from matscreen.errors import StoreError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

FOLDER: Final = "partitions"
"""Where a store keeps a folder of partitions for each question."""
ROW_GROUP: Final = 2048
"""Rows that are read at once where many partitions are merged."""


@dataclass(frozen=True)
class PartFolder:
    """A folder, or a URL of any file system that Arrow or fsspec opens (`s3://`, `gs://` ...).

    Attributes:
        uri: Where it is.
    """

    uri: str

    def names(self) -> frozenset[str]:
        """Return the names of the files that are there.

        Raises:
            StoreError: The place cannot be looked at.
        """
        from pyarrow.fs import FileSelector, FileType

        filesystem, path = self.opened()
        try:
            there = filesystem.get_file_info(FileSelector(path, allow_not_found=True))
        except OSError as error:
            raise StoreError(f"cannot look at {self.uri}: {error}") from error
        return frozenset(
            found.base_name
            for found in there
            if found.type == FileType.File and not found.base_name.startswith(".")
        )

    def write(self, name: str, table: pa.Table) -> None:
        """Write a table as Parquet: a reader sees the whole file or none.

        Raises:
            StoreError: It cannot be written.
        """
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, compression="zstd", row_group_size=ROW_GROUP)
        self._put(name, sink.getvalue())

    def mark_used(self) -> None:
        """Leave a young file, by which a clean-up sees that the others are still in use.

        Raises:
            StoreError: It cannot be written.
        """
        self._put(".used", pa.py_buffer(b""))

    def read(self, name: str) -> pa.Table:
        """Read a whole file.

        Raises:
            StoreError: It is not there or cannot be read.
        """
        with self.open(name) as file, self.reading(name):
            return file.read()

    @contextmanager
    def open(self, name: str) -> Iterator[pq.ParquetFile]:
        """Open a file, to be read a few rows at a time.

        Raises:
            StoreError: It is not there or is no Parquet file.
        """
        with ExitStack() as stack:
            with self.reading(name):
                filesystem, path = self.opened()
                source = stack.enter_context(filesystem.open_input_file(f"{path}/{name}"))
                file = pq.ParquetFile(source)
            yield file

    @contextmanager
    def reading(self, name: str) -> Iterator[None]:
        """Say of which file an error is, where several are open at once.

        Raises:
            StoreError: The block could not read.
        """
        try:
            yield
        except (OSError, pa.ArrowInvalid) as error:
            raise StoreError(f"cannot read {name} in {self.uri}: {error}") from error

    def opened(self) -> tuple[FileSystem, str]:
        """Return the file system and the path of the folder in it.

        Raises:
            StoreError: No installed package opens such a place, or it cannot be reached.
        """
        from pyarrow import fs

        if "://" not in self.uri:
            return fs.LocalFileSystem(), str(Path(self.uri).absolute())
        try:
            try:
                found: tuple[Any, str] = fs.FileSystem.from_uri(self.uri)
            except pa.ArrowInvalid:
                # Not one of Arrow's own: whatever fsspec has a package for.
                from fsspec.core import url_to_fs

                filesystem, path = url_to_fs(self.uri)
                found = fs.PyFileSystem(fs.FSSpecHandler(filesystem)), path
        except (OSError, ValueError, ImportError) as error:
            raise StoreError(f"cannot open {self.uri}: {error}") from error
        return found[0], found[1].rstrip("/")

    def _put(self, name: str, content: pa.Buffer) -> None:
        filesystem, path = self.opened()
        try:
            if "://" in self.uri:
                # An object appears when it is complete.
                filesystem.create_dir(path, recursive=True)
                with filesystem.open_output_stream(f"{path}/{name}") as sink:
                    sink.write(content)
            else:
                write_atomically(Path(path) / name, content.to_pybytes())
        except OSError as error:
            raise StoreError(f"cannot write {name} in {self.uri}: {error}") from error
