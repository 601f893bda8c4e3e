"""Writers of one table on one machine take turns."""

from __future__ import annotations

from matscreen.write_lock import turn_to_write


def test_writers_of_one_table_queue_and_a_suspended_one_holds_nobody_up(tmp_path):
    root = str(tmp_path)
    with turn_to_write(root, "labels") as first:
        assert first
        with turn_to_write(root, "labels", patience=0.05) as second:
            assert not second  # goes on without its turn
        with turn_to_write(root, "ledger", patience=0.05) as other:
            assert other
    with turn_to_write(root, "labels", patience=0.0) as later:
        assert later
    with turn_to_write("s3://bucket/store", "labels") as bucket:
        assert not bucket
