"""Tables wider than the terminal: in blocks, with every number whole."""

from __future__ import annotations

import io

import pytest
from rich.console import Console, Group
from rich.text import Text

from matscreen.commands.narrow_tables import fitted
from matscreen.commands.output import new_table


def table():
    made = new_table("What it takes")
    made.caption = "as measured"
    made.add_column("material", no_wrap=True)
    for number in range(8):
        made.add_column(f"column {number}", justify="right", no_wrap=True)
    made.add_column("from")
    for name in ("BaTiO₃", "KNbO₃"):
        cells = [f"{name[0]}{n}.1234567 fJ" for n in range(8)]
        made.add_row(name, *cells, "a measured film and what is known of its electrodes")
    return made


def lines(made, width):
    console = Console(file=io.StringIO(), width=width)
    console.print(fitted(made, console))
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("width", [60, 80, 100])
def test_no_number_is_cut_and_no_line_too_long(width):
    shown = lines(table(), width)
    text = "\n".join(shown)
    assert "…" not in text
    assert max(map(len, shown)) <= width
    for n in range(8):
        assert text.count(f"B{n}.1234567 fJ") == text.count(f"K{n}.1234567 fJ") == 1
        assert text.count(f"column {n}") == 1
    # Each block says which material a line is of; title and caption stand once.
    assert text.count("BaTiO₃") == text.count("material") > 1
    assert text.count("What it takes") == text.count("as measured") == 1


def test_a_caption_has_the_width_of_the_terminal():
    made = table()
    made.caption = "null: the same formula, the same device, no material; left out: after the mean"
    assert made.caption in lines(made, 100)


def test_a_table_that_fits_stays_as_it_is():
    made = table()
    console = Console(file=io.StringIO(), width=200)
    assert fitted(made, console) is made
    assert fitted("text", console) == "text"


def test_single_words_keep_their_width_beside_running_text():
    made = new_table()
    for name in ("set", "rows", "home", "citation"):
        made.add_column(name, no_wrap=name == "set")
    host = "raw.server-with-a-long-name.org"
    made.add_row("a" * 30, "12,345", host, "Somebody and others, a journal of some name 12, 345")
    text = "\n".join(lines(Group(Text("before"), made), 66))
    assert host in text
    assert "12,345" in text
    assert text.startswith("before")
