from datetime import UTC, datetime, timedelta

import pytest

from matscreen.appending import Appender
from matscreen.pull_cursors import Position, next_reading, read_position, write_position
from matscreen.sources.optimade import OptimadeSource
from matscreen.sources.streams import RawPage
from matscreen.store import Store

SOURCE = OptimadeSource("https://example.org", filter="")


def stored(store, position, following):
    page = RawPage("https://example.org/v1/structures", 1, [{}], following=following)
    after = position.after(page, ("a",), 0)
    write_position(Appender(store, "cursors"), after, SOURCE, "optimade:x", page, ("a",))
    return after


@pytest.mark.parametrize("refresh", [False, True])
def test_a_clock_that_was_set_back_hides_no_progress(tmp_path, refresh):
    store = Store(tmp_path)
    ahead = datetime.now(UTC) + timedelta(hours=1)
    stored(store, Position(SOURCE.query, ahead), None)
    finished = read_position(store, SOURCE.query)
    assert finished.state == "finished"
    begun = next_reading(finished, SOURCE.query, refresh=refresh)
    stored(store, begun, "https://example.org/v1/structures?page=2")
    going = read_position(store, SOURCE.query)
    assert (going.state, going.cursor) == ("running", "https://example.org/v1/structures?page=2")
    assert store.read("cursors").num_rows == 2
