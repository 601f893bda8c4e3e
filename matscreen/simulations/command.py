"""Command line of the campaign: `python -m matscreen.simulations.campaign`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from matscreen.errors import MatscreenError
from matscreen.simulations.bundle import export_bundle, known_records
from matscreen.simulations.campaign import PAUSE_FILE, Progress, line_reporter, run_campaign
from matscreen.simulations.stability import reference_items
from matscreen.sources import open_source
from matscreen.sources.base import SourceItem

app = typer.Typer(add_completion=False)


@app.command()
def campaign(
    out: Annotated[Path, typer.Option(help="Folder of the journal; a second run resumes it.")],
    bundle: Annotated[Path | None, typer.Option(help="Bundle folder to extend.")] = None,
    hours: Annotated[float | None, typer.Option(help="Start no task after this time.")] = None,
    calculator: Annotated[str, typer.Option(help="Potential: 7net-0, chgnet, emt...")] = "7net-0",
    source: Annotated[str, typer.Option(help="Where crystals come from.")] = "prototypes",
    workers: Annotated[int, typer.Option(min=1, help="Processes, one thread each.")] = 2,
    limit: Annotated[int | None, typer.Option(help="Take the first N crystals only.")] = None,
    max_tasks: Annotated[int | None, typer.Option(help="Stop after N tasks.")] = None,
    time_limit: Annotated[float, typer.Option(help="Longest wall time of a task, s.")] = 600.0,
    export_minutes: Annotated[float, typer.Option(help="Write bundle parts this often.")] = 20.0,
    export_only: Annotated[bool, typer.Option(help="Only write what is new.")] = False,
) -> None:
    """Relax crystals with a potential and label them; stop and resume at any time.

    Ctrl-C, kill and power loss cost the tasks in flight at most. While a file named PAUSE lies in
    the journal's folder no new task starts.
    """
    try:
        if not export_only:
            _run(
                out,
                bundle,
                hours=hours,
                calculator=calculator,
                source=source,
                workers=workers,
                limit=limit,
                max_tasks=max_tasks,
                time_limit=time_limit,
                export_minutes=export_minutes,
            )
        if bundle is not None:
            _export(out, bundle)
    except KeyboardInterrupt:
        typer.echo(f"stopped; the same command resumes from {out}", err=True)
        raise typer.Exit(130) from None
    except MatscreenError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None


def campaign_items(source: str, *, limit: int | None = None) -> list[SourceItem]:
    """Return the crystals of a source and the elements that their stability needs."""
    items = [item for page in open_source(source).pages() for item in page.items]
    items = items[:limit] if limit is not None else items
    symbols = sorted({symbol for item in items for symbol in item.crystal.counts})
    return [*reference_items(symbols), *items]


def _run(
    out: Path,
    bundle: Path | None,
    *,
    hours: float | None,
    calculator: str,
    source: str,
    workers: int,
    limit: int | None,
    max_tasks: int | None,
    time_limit: float,
    export_minutes: float,
) -> None:
    items = campaign_items(source, limit=limit)
    known = known_records(bundle, items, calculator) if bundle is not None else []
    typer.echo(
        f"{len(items)} crystals, {len(known)} results known; journal in {out}; "
        f"pause with: touch {out / PAUSE_FILE}",
        err=True,
    )
    show, close = _rich_reporter() if sys.stderr.isatty() else (line_reporter(), lambda: None)
    last = time.monotonic()

    def report(progress: Progress) -> None:
        nonlocal last
        show(progress)
        if bundle is not None and time.monotonic() - last > 60.0 * export_minutes:
            last = time.monotonic()
            _export(out, bundle)

    try:
        run_campaign(
            items,
            out,
            calculator,
            workers=workers,
            hours=hours,
            time_limit=time_limit,
            max_tasks=max_tasks,
            known=known,
            report=report,
        )
    finally:
        close()


def _export(out: Path, bundle: Path) -> None:
    export = export_bundle(out, bundle)
    rows = ", ".join(f"{name} +{n}" for name, n in export.rows.items())
    typer.echo(f"bundle {bundle}: {rows}", err=True)


def _rich_reporter() -> tuple[Callable[[Progress], None], Callable[[], None]]:
    """Return a reporter that draws one bar a recipe, and what ends it."""
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description:>18}"),
        BarColumn(),
        TextColumn("{task.completed:.0f} done, {task.fields[failed]} failed"),
        TimeElapsedColumn(),
        console=Console(stderr=True),
    )
    rows: dict[str, int] = {}
    bars.start()

    def report(progress: Progress) -> None:
        kinds = {"oxygen_vacancy": "oxygen", "oxygen_migration": "oxygen"}
        for name in progress.done.keys() | progress.failed.keys():
            done, failed = progress.done[name], progress.failed[name]
            total = done + failed + progress.waiting.get(kinds.get(name, name), 0)
            if name not in rows:
                rows[name] = int(bars.add_task(name, total=total, failed=0))
            bars.update(rows[name], completed=done + failed, total=total, failed=failed)  # type: ignore[arg-type]

    return report, bars.stop


def main() -> None:
    """Run the command line."""
    app()
