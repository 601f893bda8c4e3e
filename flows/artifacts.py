"""What a run leaves in the Prefect UI: progress, the ranking, the report, failures.

An artifact is a convenience: where the server does not take one, the run says so and goes on.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec
from uuid import UUID

import flows  # sets Prefect up, so it comes before prefect

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.changes import Changes

__all__ = ["Bar", "failures", "flows", "note", "ranking", "report"]

_P = ParamSpec("_P")
_BEST = 10


def _convenience(write: Callable[_P, None]) -> Callable[_P, None]:
    @functools.wraps(write)
    def attempt(*args: _P.args, **kwargs: _P.kwargs) -> None:
        from prefect.context import FlowRunContext, TaskRunContext
        from prefect.logging import get_run_logger

        if FlowRunContext.get() is None and TaskRunContext.get() is None:
            return  # a task called by itself, as the tests do
        try:
            write(*args, **kwargs)
        except Exception as error:
            name = getattr(write, "__name__", "artifact")
            get_run_logger().warning("no artifact %r: %s", name, error)

    return attempt


def key(*words: str) -> str:
    """Return a key that Prefect takes: small letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", "-".join(words).lower()).strip("-") or "unnamed"


@_convenience
def ranking(screen: str, table: pd.DataFrame, changes: Changes | None) -> None:
    """Leave the best candidates of each mechanism and what changed among them."""
    from prefect.artifacts import create_markdown_artifact

    lines = [
        "| mechanism | # | formula | energy (J) | 90 % interval (J) | evidence |",
        "|---|---|---|---|---|---|",
    ]
    feasible = table[table["feasible"].astype(bool)].sort_values("rank_in_mechanism")
    for mechanism, rows in feasible.groupby("mechanism", sort=True):
        lines += [
            f"| {mechanism} | {r.rank_in_mechanism} | {r.formula} | {r.energy_nominal_J:.3g} "
            f"| {r.energy_lower_J:.2g} to {r.energy_upper_J:.2g} | {r.evidence} |"
            for r in rows.head(_BEST).itertuples()
        ]
    if feasible.empty:
        lines = ["Nothing is feasible at the asked specification."]
    if changes is not None:
        lines += ["", f"Since {changes.since}: {changes.summary()}.", ""]
        lines += [f"- {each}" for each in changes]
    create_markdown_artifact(
        key=key("ranking", screen), description=f"Best of {screen}", markdown="\n".join(lines)
    )


@_convenience
def report(screen: str, folder: Path) -> None:
    """Leave the link to the report."""
    from prefect.artifacts import create_link_artifact

    create_link_artifact(
        key=key("report", screen),
        link=(folder / "report.html").resolve().as_uri(),
        link_text=f"report of {screen}",
        description="Opens on the machine that ran the screen.",
    )


@_convenience
def failures(name: str, reasons: Mapping[str, int], *, failed: int, total: int) -> None:
    """Leave a table of why things failed; nothing where nothing did."""
    from prefect.artifacts import create_table_artifact

    if not reasons:
        return
    rows: list[dict[str, Any]] = [
        {"reason": reason, "items": count, "share": f"{100 * count / max(total, 1):.1f} %"}
        for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    ]
    create_table_artifact(
        key=key("failures", name), table=rows, description=f"{name}: {failed} of {total} failed"
    )


@_convenience
def note(name: str, text: str) -> None:
    """Leave a sentence."""
    from prefect.artifacts import create_markdown_artifact

    create_markdown_artifact(key=key(name), markdown=text)


class Bar:
    """A progress bar in the Prefect UI."""

    def __init__(self, stage: str) -> None:
        self._stage = stage
        self._id: UUID | None = None

    @_convenience
    def move(self, percent: float) -> None:
        """Show so many per cent."""
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        if self._id is None:
            found = create_progress_artifact(
                progress=percent, key=key("progress", self._stage), description=self._stage
            )
            self._id = found if isinstance(found, UUID) else None
        else:
            update_progress_artifact(artifact_id=self._id, progress=percent)
