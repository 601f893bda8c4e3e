"""`matscreen pull`: bring candidates into the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matscreen.commands import completion
from matscreen.commands.options import DEFAULT_STORE, MirrorOption, StoreOption
from matscreen.errors import SourceError

if TYPE_CHECKING:
    from matscreen.pulling import Tally
    from matscreen.sources import Source
    from matscreen.sources.counting import Count
    from matscreen.sources.ordering import OrderingLimits

_QUERY = "What to ask a database for"
_READING = "How to read"


def pull(
    source: Annotated[
        str,
        typer.Argument(
            help="optimade:NAME[,NAME...], optimade:all, optimade:URL, materials_project, "
            "files:PATH, dataset:NAME, prototypes, or an installed one.",
            metavar="SOURCE",
            autocompletion=completion.pulled_sources,
        ),
    ],
    family: Annotated[
        str | None,
        typer.Option(
            help="perovskites (the default), simple_perovskites, double_perovskites, "
            "layered_perovskites or oxides.",
            metavar="FAMILY",
            rich_help_panel=_QUERY,
            autocompletion=completion.families,
        ),
    ] = None,
    elements: Annotated[
        str | None,
        typer.Option(
            help="All of these are present: Ba,Ti.", metavar="LIST", rich_help_panel=_QUERY
        ),
    ] = None,
    any_of: Annotated[
        str | None,
        typer.Option(
            help="At least one of these is present.", metavar="LIST", rich_help_panel=_QUERY
        ),
    ] = None,
    exclude: Annotated[
        str | None,
        typer.Option(help="None of these is present.", metavar="LIST", rich_help_panel=_QUERY),
    ] = None,
    formula: Annotated[
        str | None,
        typer.Option(
            help="Formula type in any order: ABO3, A2BB'O6.",
            metavar="TYPE",
            rich_help_panel=_QUERY,
        ),
    ] = None,
    max_sites: Annotated[
        int | None,
        typer.Option(help="Largest cell, sites.", min=1, metavar="N", rich_help_panel=_QUERY),
    ] = None,
    max_hull: Annotated[
        float | None,
        typer.Option(
            help="Largest energy above the hull, eV/atom.",
            min=0,
            metavar="X",
            rich_help_panel=_QUERY,
        ),
    ] = None,
    filter_: Annotated[
        str | None,
        typer.Option(
            "--filter",
            help="A raw OPTIMADE filter instead; it is checked before anything is sent.",
            metavar="FILTER",
            rich_help_panel=_QUERY,
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="Base URL of a database, for the source optimade.",
            metavar="URL",
            rich_help_panel=_READING,
        ),
    ] = None,
    page_limit: Annotated[
        int | None,
        typer.Option(
            help="Entries a page; lowered if refused.",
            min=1,
            metavar="N",
            rich_help_panel=_READING,
        ),
    ] = None,
    max_items: Annotated[
        int | None,
        typer.Option(
            help="Stop after about this many of each database; the next pull goes on.",
            min=1,
            metavar="N",
            rich_help_panel=_READING,
        ),
    ] = None,
    mirror: MirrorOption = None,
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh", help="Read a finished query whole again.", rich_help_panel=_READING
        ),
    ] = False,
    order: Annotated[
        int | None,
        typer.Option(
            "--order-disordered",
            help="Order disordered crystals of at most so many sites by enumeration.",
            min=1,
            metavar="SITES",
            rich_help_panel=_READING,
        ),
    ] = None,
    gnome: Annotated[
        bool,
        typer.Option(
            "--include-gnome",
            help="Take GNoME's compounds from the Materials Project too (no commercial use).",
            rich_help_panel=_READING,
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only count what would come, and show the filter.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Pull candidates from databases or files into the store; each page is saved as it arrives.

    A pull that was interrupted goes on after its last page, and a finished one brings only what is
    new or changed. Databases are read side by side; one that fails does not hurt the others.

    Examples:
      matscreen pull optimade:mp,oqmd,alexandria-pbe --family perovskites --max-hull 0.1 --dry-run
      matscreen pull optimade:cod --elements Ti,O --exclude C,H --max-sites 40
      matscreen pull optimade:https://example.org/optimade --filter 'elements HAS "O"'
      matscreen pull files:structures/
      matscreen pull dataset:petretto_dielectric --mirror ~/datasets
    """
    from matscreen.commands.opening import store_words
    from matscreen.commands.output import next_steps, show
    from matscreen.commands.pull_screen import summary
    from matscreen.sources import open_source

    options = {
        "family": family,
        "elements": elements,
        "any_of": any_of,
        "exclude_elements": exclude,
        "anonymous": formula,
        "max_sites": max_sites,
        "max_hull": max_hull,
        "filter": filter_,
        "url": url,
        "page_limit": page_limit,
        "max_items": max_items,
        "mirror": mirror if source.startswith("dataset:") else None,
        "include_gnome": gnome or None,
    }
    given = {name: value for name, value in options.items() if value is not None}
    opened = open_source(source, **given)
    if dry_run:
        _dry_run(source, opened)
        return
    began = datetime.now(UTC)
    tallies = _pull(opened, store, refresh=refresh, ordering=_limits(order))
    failed = any(tally.failed for tally in tallies)
    show(
        lambda: {"source": source, "databases": [_facts(tally) for tally in tallies]},
        lambda: summary(tallies),
        *([lambda: _why(store, began)] if failed else []),
    )
    _stop_if_all_failed(tallies)
    where = store_words(store)
    if any(tally.entries > tally.failed or tally.unchanged for tally in tallies):
        next_steps(
            (
                f"matscreen screen synapse --source store{where} -o results/synapse",
                "rank everything stored",
            ),
            (f"matscreen store info{where}", "what the store holds by now"),
        )
    elif not failed:
        next_steps((f"{_again(source)} --dry-run", "nothing matched: count, and see the filter"))


def _pull(
    source: Source, store: Path, *, refresh: bool, ordering: OrderingLimits | None
) -> list[Tally]:
    from matscreen.commands.opening import open_store
    from matscreen.commands.pull_screen import database_bars
    from matscreen.power import recorded
    from matscreen.pulling import pull_each

    opened = open_store(store)
    with database_bars() as watch, recorded(opened, "pull") as spent:
        tallies = pull_each(opened, source, watch=watch, refresh=refresh, ordering=ordering)
        spent.items = sum(tally.entries for tally in tallies)
    return tallies


def _why(store: Path, began: datetime) -> str:
    """Say why entries of this pull failed: each reason with its number and one example."""
    from matscreen.commands.opening import open_store

    rows = open_store(store).read("failures").to_pandas()
    rows = rows[(rows["stage"] == "pull") & (rows["at"] >= began)]
    lines = [
        f"failed: {str(reason).replace('_', ' ')} {len(group):,}, "
        f"such as {group['structure_id'].iloc[0]}: {group['detail'].iloc[0]}"
        for reason, group in rows.groupby("reason")
    ]
    return "\n".join(lines)


def _limits(sites: int | None) -> OrderingLimits | None:
    if sites is None:
        return None
    from matscreen.sources.ordering import OrderingLimits

    return OrderingLimits(max_sites=sites)


def _dry_run(spec: str, source: Source) -> None:
    from matscreen.commands.output import next_steps, show
    from matscreen.commands.pull_screen import expected
    from matscreen.sources.counting import count

    counts = count(source)
    show(lambda: {"source": spec, "databases": counts}, lambda: expected(counts))
    _stop_if_all_failed(counts)
    next_steps((_again(spec), "the same without --dry-run brings them"))


def _again(spec: str) -> str:
    return f"matscreen pull {quote(spec)} ..."


def _stop_if_all_failed(databases: Sequence[Tally | Count]) -> None:
    errors = [f"{each.name}: {each.error}" for each in databases if each.error]
    if len(errors) == len(databases):
        told = "; ".join(errors)
        raise SourceError(f"{told}; `matscreen doctor` says which databases answer from here")


def _facts(tally: Tally) -> dict[str, Any]:
    return {
        "name": tally.name,
        "entries": tally.entries,
        "new": tally.new,
        "duplicates": tally.duplicates,
        "unchanged": tally.unchanged,
        "failed": tally.failed,
        "pages": tally.pages,
        "pages_of_earlier_runs": tally.earlier,
        "expected": tally.expected,
        "seconds": round(tally.seconds, 3),
        "finished": tally.finished,
        "error": tally.error,
        "licence": tally.licence,
    }
