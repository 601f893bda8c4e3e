"""`matscreen doctor`: examine the installation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from matscreen.commands.options import DEFAULT_STORE, MirrorOption, StoreOption

if TYPE_CHECKING:
    from matscreen.doctor import Finding

_SIGNS: Final = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "red")}


def doctor(
    store: StoreOption = DEFAULT_STORE,
    mirror: MirrorOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no server.")] = False,
) -> None:
    """Examine the installation: Python, packages, store, disk, memory, keys, databases.

    Nothing is changed, and no key is shown or sent. Exits with 1 when there is a problem; warnings
    are none.

    Examples:
      matscreen doctor
      matscreen doctor --offline --json
    """
    from matscreen.commands.output import show
    from matscreen.doctor import examine

    place = None if mirror is None else str(mirror)
    findings = list(examine(_text(store), mirror=place, offline=offline))
    show(lambda: findings, lambda: report(findings))
    if any(one.state == "problem" for one in findings):
        raise typer.Exit(1)


def report(findings: Sequence[Finding]) -> Any:
    """Return the findings for the terminal, by topic, each with what to do about it."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    topic = None
    for one, after in zip_longest(findings, findings[1:]):
        if one.topic != topic:
            if topic is not None:
                table.add_row()
            table.add_row("", Text(one.topic, style="bold"))
            topic = one.topic
        # What is absent and not needed is neither good nor bad.
        optional = one.state == "ok" and one.fix is not None
        sign, colour = ("·", "dim") if optional else _SIGNS[one.state]
        style = "" if one.state == "ok" else colour
        table.add_row(Text(sign, style=colour), Text(one.name), Text(one.seen, style=style))
        # What helps several in a row is said once, under the last.
        if one.fix is not None and (after is None or after.fix != one.fix):
            table.add_row("", "", Text(f"→ {one.fix}", style="dim"))
    counts = Counter(str(one.state) for one in findings)
    found = [(counts[state], state) for state in ("problem", "warning") if counts[state]]
    tally = ", ".join(f"{n} {word}{'' if n == 1 else 's'}" for n, word in found) or "all well"
    verdict = Text(f"{tally} in {len(findings)} checks", style="bold")
    return Group(table, Text(""), verdict)


def _text(store: Path) -> str:
    # A URL given as a path has lost one of its slashes.
    text = str(store)
    return text if "://" in text else text.replace(":/", "://", 1) if ":/" in text else text
