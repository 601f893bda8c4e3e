from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from matscreen.errors import StoreError
from matscreen.merging import _windows
from matscreen.part_files import PartFolder
from matscreen.partitions import ROWS


@pytest.fixture
def parts(tmp_path):
    """Return a folder of two partitions of a thousand rows."""
    folder = PartFolder(str(tmp_path))
    values = np.random.default_rng(0).random(1000)
    for name in ("first", "second"):
        folder.write(name + ROWS, pa.table({"energy": values}))
    return folder


def damage(path):
    content = bytearray(path.read_bytes())
    content[4:104] = b"\xff" * 100  # the rows; the footer stays
    path.write_bytes(bytes(content))


def test_the_partition_that_is_damaged_is_named(parts, tmp_path):
    damage(tmp_path / "first.parquet")
    order = SimpleNamespace(part=np.repeat([0, 1], 1000))
    with pytest.raises(StoreError, match=r"cannot read first\.parquet in "):
        list(_windows(parts, ["first", "second"], order))
    with pytest.raises(StoreError, match=r"cannot read first\.parquet in "):
        parts.read("first.parquet")


def test_a_trouble_of_the_reader_is_not_blamed_on_the_file(parts):
    with pytest.raises(OSError, match="No space left"), parts.open("first.parquet"):
        raise OSError("No space left")


def test_what_is_no_partition_is_named(parts, tmp_path):
    (tmp_path / "third.parquet").write_bytes(b"half")
    for name in ("third.parquet", "absent.parquet"):
        with pytest.raises(StoreError, match=f"cannot read {name}"), parts.open(name):
            pass


def test_a_place_that_is_none_is_said():
    folder = PartFolder("nosuch://bucket/parts")
    for use in (
        folder.names,
        folder.mark_used,
        lambda: folder.write("a", pa.table({"b": [1]})),
        lambda: folder.read("a"),
    ):
        with pytest.raises(StoreError, match="nosuch://"):
            use()
