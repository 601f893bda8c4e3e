"""What changed between two rankings of a screen: who entered the best ten, who left, and why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from matscreen.made_of import MadeOf, Record

if TYPE_CHECKING:
    import pandas as pd

_EVIDENCE: Final = ("prior", "surrogate", "mlip", "dft", "measured")
_SAME_ENERGY: Final = 1e-6
_SHOWN_REASONS: Final = 2

Kind = Literal["entered", "left", "moved"]


@dataclass(frozen=True)
class Change:
    """One candidate whose place among the best of its mechanism changed.

    Attributes:
        kind: `entered`, `left` or `moved`.
        structure_id: Its structure.
        formula: Its formula.
        mechanism: The mechanism among whose best it is or was.
        before: Rank within the mechanism before; None when it had none.
        after: Rank within the mechanism now; None when it has none.
        energy_before_J: Nominal switching energy before, J.
        energy_after_J: Nominal switching energy now, J.
        why: Reasons, the most telling first.
    """

    kind: Kind
    structure_id: str
    formula: str
    mechanism: str
    before: int | None
    after: int | None
    energy_before_J: float | None
    energy_after_J: float | None
    why: tuple[str, ...]

    def __str__(self) -> str:
        place = {
            "entered": f"enters at {self.after}",
            "left": f"leaves place {self.before}",
            "moved": f"moves from {self.before} to {self.after}",
        }[self.kind]
        return f"{self.formula} ({self.mechanism}) {place}: {'; '.join(self.why)}"


@dataclass(frozen=True)
class Changes:
    """Everything that changed among the best of each mechanism.

    Attributes:
        since: When the earlier ranking was finished.
        causes: What differs in what the two rankings were made of.
        entered: Candidates that are among the best now.
        left: Candidates that no longer are.
        moved: Candidates that were and are, at another place.
    """

    since: str
    causes: tuple[str, ...]
    entered: tuple[Change, ...] = ()
    left: tuple[Change, ...] = ()
    moved: tuple[Change, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.entered or self.left or self.moved)

    def __iter__(self) -> Iterator[Change]:
        return iter((*self.entered, *self.left, *self.moved))

    def summary(self) -> str:
        """Return one line."""
        if not self:
            return "the best ten are the same"
        counts = (("entered", self.entered), ("left", self.left), ("moved", self.moved))
        return ", ".join(f"{len(group)} {word}" for word, group in counts if group)

    def as_dict(self) -> dict[str, Any]:
        """Return the changes as plain values for JSON."""
        return asdict(self)


def changes(
    before: Record,
    ranking: pd.DataFrame,
    made_of: MadeOf,
    *,
    labels: Mapping[str, Sequence[str]],
    models: Mapping[str, str],
    n: int = 10,
) -> Changes:
    """Compare the best feasible candidates of each mechanism with those of an earlier ranking.

    Args:
        before: Record of the earlier ranking.
        ranking: The ranking now, with the columns of candidates.csv.
        made_of: What it was made of.
        labels: Texts of the labels of each structure, see `made_of.label_texts`.
        models: Identifier of the surrogate of each property now.
        n: How many of each mechanism are the best.
    """
    causes = (*before.made_of.differences(made_of), *_new_models(before.models, models))
    earlier, now = _Rows(before.ranking), _Rows(ranking)
    old, new = _best(before.ranking, n), _best(ranking, n)
    known = set(before.ranking["structure_id"])
    found: dict[Kind, list[Change]] = {"entered": [], "left": [], "moved": []}
    for key in [*new, *(each for each in old if each not in new)]:
        kind: Kind = "entered" if key not in old else "left" if key not in new else "moved"
        if kind == "moved" and old[key] == new[key]:
            continue
        was, is_now = earlier.get(key), now.get(key)
        shown = is_now or was or {}
        found[kind].append(
            Change(
                kind=kind,
                structure_id=key[0],
                formula=str(shown["formula"]),
                mechanism=key[1],
                before=_place(was),
                after=_place(is_now),
                energy_before_J=_energy(was),
                energy_after_J=_energy(is_now),
                why=_why(was, is_now, causes, labels.get(key[0], ()), known=key[0] in known),
            )
        )
    return Changes(
        before.finished_at,
        causes,
        tuple(found["entered"]),
        tuple(found["left"]),
        tuple(found["moved"]),
    )


Key = tuple[str, str]
Row = Mapping[str, Any]


class _Rows:
    """Rows of a ranking, found by structure and mechanism without a Python object for each."""

    def __init__(self, ranking: pd.DataFrame) -> None:
        self._ranking = ranking
        self._index = ranking.set_index(["structure_id", "mechanism"]).index

    def get(self, key: Key) -> Row | None:
        try:
            row = self._index.get_loc(key)
        except KeyError:
            return None
        return dict(self._ranking.iloc[row])


def _best(ranking: pd.DataFrame, n: int) -> dict[Key, int]:
    """Return the place of the best feasible candidates within their mechanisms."""
    feasible = ranking[ranking["feasible"].astype(bool)]
    best = feasible.sort_values(["mechanism", "rank_in_mechanism"], kind="stable")
    best = best.groupby("mechanism", sort=True).head(n)
    columns = zip(best["structure_id"], best["mechanism"], best["rank_in_mechanism"], strict=True)
    return {(str(name), str(mechanism)): int(rank) for name, mechanism, rank in columns}


def _place(row: Row | None) -> int | None:
    if row is None or not row["feasible"] or not math.isfinite(row["rank_in_mechanism"]):
        return None
    return int(row["rank_in_mechanism"])


def _energy(row: Row | None) -> float | None:
    return None if row is None else float(row["energy_nominal_J"])


def _why(
    was: Row | None,
    now: Row | None,
    causes: Sequence[str],
    labels: Sequence[str],
    *,
    known: bool,
) -> tuple[str, ...]:
    if was is None and now is not None:
        word = "ranked under this mechanism for the first time" if known else "new candidate"
        return (f"{word} ({now['source']})" if now.get("source") else word,)
    if now is None or was is None:
        return ("no longer among the candidates of the sources",)
    words = [*_new_labels(was.get("labels"), labels), *_other_evidence(was, now)]
    if bool(was["feasible"]) != bool(now["feasible"]):
        words.append(
            f"became feasible, before: {_first_reasons(was)}"
            if now["feasible"]
            else f"no longer feasible: {_first_reasons(now)}"
        )
    if words:
        return tuple(words)
    old, new = float(was["energy_nominal_J"]), float(now["energy_nominal_J"])
    if math.isclose(old, new, rel_tol=_SAME_ENERGY):
        return ("its energy is the same; others passed it or fell behind",)
    change = f"its energy went from {old:.3g} to {new:.3g} J"
    return (change, *(causes or ("no cause is on record",)))


def _new_labels(before: Any, after: Sequence[str]) -> list[str]:
    # A structure without labels has none in its record, read back as None or nan.
    old = dict(_label(text) for text in (before if isinstance(before, Iterable) else ()))
    new = dict(_label(text) for text in after)
    words = [f"new label: {kind} by {method}" for kind, method in sorted(new.keys() - old.keys())]
    words += [
        f"label {kind} by {method} is now {new[kind, method]}, was {old[kind, method]}"
        for kind, method in sorted(new.keys() & old.keys())
        if new[kind, method] != old[kind, method]
    ]
    gone = sorted(old.keys() - new.keys())
    return words + [f"label {kind} by {method} is gone" for kind, method in gone]


def _label(text: str) -> tuple[tuple[str, str], str]:
    kind, method, value = text.split("|", 2)
    return (kind, method), value


def _other_evidence(was: Row, now: Row) -> list[str]:
    old, new = str(was["evidence"]), str(now["evidence"])
    if old == new or old not in _EVIDENCE or new not in _EVIDENCE:
        return []
    better = _EVIDENCE.index(new) > _EVIDENCE.index(old)
    return [f"{'better' if better else 'weaker'} evidence: {old} became {new}"]


def _first_reasons(row: Row) -> str:
    reasons = [text.strip() for text in str(row["reasons"] or "").split(";") if text.strip()]
    return ", ".join(reasons[:_SHOWN_REASONS]) or "no reason given"


def _new_models(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    words = []
    for name in sorted({*before, *after}):
        if name not in before:
            words.append(f"{name} has its first surrogate")
        elif name not in after:
            words.append(f"{name} has no surrogate any more")
        elif before[name] != after[name]:
            words.append(f"the surrogate of {name} was trained anew")
    return words
