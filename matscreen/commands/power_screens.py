"""Plans and replays in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from matscreen.commands.bars import columns
from matscreen.commands.output import new_table
from matscreen.report.formatting import format_duration, format_number, format_percent

if TYPE_CHECKING:
    from matscreen.commands.replaying import Finished
    from matscreen.power.jobs import Plan
    from matscreen.power.replay import Saving

_WIDTH = 112
_HEIGHT = 6


def plan_screen(plan: Plan) -> RenderableType:
    """Return a plan: its hours over the trace, its windows, and what it saves."""
    trace = plan.trace
    title = Text(f"{plan.job.name}: {trace.label}", style="bold")
    if trace.synthetic:
        title.stylize("yellow")
    table = new_table(space=3)
    for name in ("run", "from (UTC)", "to (UTC)", "length"):
        table.add_column(name, no_wrap=True)
    for number, one in enumerate(plan.windows, start=1):
        table.add_row(
            str(number),
            f"{one.start:%a %Y-%m-%d %H:%M}",
            f"{one.end:%a %Y-%m-%d %H:%M}",
            format_duration(one.seconds),
        )
    unit = trace.amount_unit
    saved = Text.assemble(
        (f"{format_number(plan.amount)} {unit}", "bold"),
        f" instead of {format_number(plan.at_once)} {unit} at once: ",
        (f"{format_percent(max(plan.saving, 0.0))} saved", "bold green"),
        f"  ({format_number(plan.energy_kWh)} kWh at {plan.job.power_W:g} W)",
    )
    parts: list[RenderableType] = [title, *_chart(plan), Text(""), table, Text(""), saved]
    if plan.must_run:
        parts.append(Text("No slack is left to choose: it must run at once.", style="yellow"))
    return Group(*parts)


def replay_screen(done: Finished) -> RenderableType:
    """Return a replay: amounts, shares saved with their intervals, and the assumptions."""
    trace, result = done.trace, done.result
    title = Text(f"Replay of {len(result.starts):,} starts on {trace.label}", style="bold")
    if trace.synthetic:
        title.stylize("yellow")
    table = new_table(space=3)
    table.add_column("mean of a start", no_wrap=True)
    for name in ("at once", "planned", "saved", "95 % interval", "perfect foresight"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row(
        *_row(trace.amount_unit, result.at_once.mean(), result.planned.mean(), done.saving),
        format_percent(done.bound),
    )
    if done.also is not None and done.also_saving is not None:
        planned, plain = result.other[done.also.kind]
        table.add_row(
            *_row(done.also.amount_unit, plain.mean(), planned.mean(), done.also_saving), ""
        )
    missed = Text.assemble(
        "Deadlines missed: ",
        (f"{done.missed} of {len(result.starts):,}", "bold green" if not done.missed else "red"),
        f"; runs of a start: {result.runs.mean():.1f}; done "
        f"{result.waited.mean() * done.step_h:.1f} h later than at once",
    )
    assumed = [Text(f"• {line}", style="dim") for line in done.assumptions]
    return Group(title, table, Text(""), missed, Text(""), Text("Assumptions"), *assumed)


def _row(unit: str, plain: float, planned: float, saving: Saving) -> tuple[str, ...]:
    return (
        unit,
        format_number(plain),
        format_number(planned),
        f"{100 * saving.share:.1f} %",
        f"{100 * saving.lower:.1f} to {100 * saving.upper:.1f} %",
    )


def _chart(plan: Plan) -> list[Text]:
    """Draw the trace as columns, those of the plan coloured; several slots may share a column."""
    values, used = plan.trace.values, plan.used
    each = -(-len(values) // _WIDTH)
    groups = [slice(first, first + each) for first in range(0, len(values), each)]
    shown = [float(values[group].mean()) for group in groups]
    chosen = [bool(used[group].any()) for group in groups]
    lines = []
    rows = columns(shown, _HEIGHT)
    labels = {0: f"{max(shown):.0f}", len(rows) - 1: "0"}
    for number, line in enumerate(rows):
        text = Text(f"{labels.get(number, ''):>6} ", style="dim")
        for symbol, taken in zip(line, chosen, strict=True):
            text.append(symbol, style="bold green" if taken else "bright_black")
        lines.append(text)
    begin, end = plan.trace.start, plan.trace.end
    left = f"{begin:%a %H:%M}"
    width = max(len(shown) - len(left), 10)
    lines.append(Text(f"       {left}{f'{end:%a %H:%M} UTC':>{width}}", style="dim"))
    lines.append(
        Text.assemble(
            "       ",
            ("█", "bold green"),
            " runs  ",
            ("█", "bright_black"),
            f" rests   {plan.trace.unit}",
            style="dim",
        )
    )
    return lines
