"""Tables that are wider than the terminal: broken into blocks, so that no number is cut."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.measure import Measurement
from rich.styled import Styled
from rich.table import Column, Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

READABLE: Final = 18
"""Columns of the terminal under which running text is a ladder of single words."""


def fitted(made: RenderableType, console: Console) -> RenderableType:
    """Break every table that does not fit into blocks below each other.

    rich shortens what does not fit, and a shortened number is a wrong one. Each block begins with
    the first column again, as pandas prints wide frames.

    Args:
        made: A table, a group of tables and text, or anything else, which stays as it is.
        console: Where it will be printed.
    """
    if isinstance(made, Group):
        return Group(*(fitted(part, console) for part in made.renderables))
    if not isinstance(made, Table) or len(made.columns) < 3:
        return made
    sizes = [_sizes(column, console) for column in made.columns]
    space = made.padding[1] + made.padding[3]
    widths = [least + space for least, _ in sizes]
    # The last column's padding falls off the edge of a table without a frame.
    if sum(widths) - made.padding[1] <= console.width:
        return made
    # rich would take room from a column of single words to give it to running text.
    columns = [
        replace(column, no_wrap=column.no_wrap or least == most)
        for column, (least, most) in zip(made.columns, sizes, strict=True)
    ]
    blocks: list[list[Column]] = []
    room = 0
    for column, width in zip(columns[1:], widths[1:], strict=True):
        if not blocks or width - made.padding[1] > room:
            blocks.append([columns[0]])
            room = console.width - widths[0]
        blocks[-1].append(column)
        room -= width
    shown: list[RenderableType] = []
    for number, held in enumerate(blocks):
        shown += [Text("")] if shown else []
        shown.append(_block(made, held, first=number == 0))
    if made.caption:
        # Not below the last block, whose few columns would make a ladder of it.
        shown.append(Styled(made.caption, made.caption_style or "table.caption"))
    return Group(*shown)


def _sizes(column: Column, console: Console) -> tuple[int, int]:
    """Return the least width at which a column can be read, and the one that it would like."""
    widest = longest_word = 0
    for cell in (column.header, *column.cells):
        least, most = Measurement.get(console, console.options.update(max_width=10_000), cell)
        longest_word, widest = max(longest_word, least), max(widest, most)
    least = widest if column.no_wrap else max(longest_word, min(widest, READABLE))
    return least, widest


def _block(table: Table, columns: list[Column], *, first: bool) -> Table:
    block = copy(table)
    block.columns = [replace(column, _index=place) for place, column in enumerate(columns)]
    block.title = table.title if first else ""
    block.caption = None
    return block
