"""What an examination says: one line for each thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        topic: What it belongs to, such as `store`.
        name: What was looked at.
        state: `ok`; `warning`, something is slower or missing; `problem`, something cannot work.
        seen: What was seen, in one line.
        fix: What to do about it; None when nothing has to be done.
    """

    topic: str
    name: str
    state: State
    seen: str
    fix: str | None = None
