"""Files are whole or not there, also after an error half-way."""

from __future__ import annotations

import pytest

from matscreen.atomic import replacing, write_atomically


def test_a_write_makes_folders_and_keeps_text_as_it_is(tmp_path):
    path = write_atomically(tmp_path / "new" / "text", "Å\r\n")
    assert path.read_bytes() == "Å\r\n".encode()
    write_atomically(path, b"\x00")
    assert path.read_bytes() == b"\x00"
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = write_atomically(tmp_path / "kept", "old")

    def write():
        with replacing(path) as temporary:
            temporary.write_text("half")
            assert path.read_text() == "old"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_process_do_not_share_a_file(tmp_path):
    path = tmp_path / "kept"
    with replacing(path) as first, replacing(path) as second:
        first.write_text("first")
        second.write_text("second")
    assert path.read_text() == "first"  # the inner one was renamed before
    assert list(tmp_path.iterdir()) == [path]
