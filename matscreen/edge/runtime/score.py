"""Score materials with the model in this folder. Needs numpy and onnxruntime, nothing else.

On the command line (see `python score.py --help`), or from Python:

    from score import Scorer

    scorer = Scorer()
    result = scorer.score(["BaTiO3", "La0.7Sr0.3MnO3", "Ca3(PO4)2"], top=2)
    result.scores[0].mean, result.scores[0].lower, result.scores[0].upper
    result.failures
"""

from __future__ import annotations

import argparse
import csv
import importlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnxruntime

_ELEMENTS = (
    "H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se "
    "Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb "
    "Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu Am Cm "
    "Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og"
)
SYMBOLS = _ELEMENTS.split()
ATOMIC_NUMBERS = {symbol: number for number, symbol in enumerate(SYMBOLS, start=1)}

_CHUNK = 512  # rows whose intermediate results stay in cache
_STREAM = 4096  # lines of standard input taken at once
_MOST_TERMS = 65_536
_FEW = 8  # formulas up to which reading one by one is faster
_FIND_LINES = re.compile(r"[A-Z][a-z]?(?:\d+\.?\d*|\.\d+)?|\n").findall
_FIND_TERMS = re.compile(r"[A-Z][a-z]?(?:\d+\.?\d*|\.\d+)?").findall
_TOKEN = re.compile(r"([A-Z][a-z]?)|([(\[{])|([)\]}])|(\d+\.?\d*|\.\d+)|(\S)")
_COLUMNS = ("mean", "lower", "upper", "in_domain", "distance")


class BadInputError(ValueError):
    """One formula or file cannot be scored: a short `reason`, and `detail` in words."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")


class Score(NamedTuple):
    """Prediction for one material, in the unit of `Scorer.unit`.

    Attributes:
        name: Formula or file.
        mean: Predicted value.
        lower: Lower end of the 90 % interval.
        upper: Upper end of the 90 % interval.
        in_domain: Whether the material is like those that the model learned from.
        distance: How far it is from them; 1 is the end of the domain.
    """

    name: str
    mean: float
    lower: float
    upper: float
    in_domain: bool
    distance: float


class Failure(NamedTuple):
    """A material that could not be scored, and why.

    Attributes:
        name: Formula or file.
        reason: Short, stable code.
        detail: What was seen, in one sentence.
    """

    name: str
    reason: str
    detail: str


@dataclass
class Result:
    """What came of the materials.

    Attributes:
        scores: Scores, sorted when only the best were asked for.
        failures: Materials that could not be scored.
    """

    scores: list[Score]
    failures: list[Failure]


class _Terms(dict[str, tuple[int, float]]):
    """Atomic number and amount of a term such as `O3`, read once; zeros for the end of a line."""

    def __missing__(self, term: str) -> tuple[int, float]:
        if term == "\n":
            self[term] = (0, 0.0)
            return 0, 0.0
        symbol = term.rstrip("0123456789.")
        if symbol not in ATOMIC_NUMBERS:
            raise BadInputError("bad_formula", f"no element {symbol!r}")
        if len(self) >= _MOST_TERMS:
            self.clear()
        amount = term[len(symbol) :]
        self[term] = found = (ATOMIC_NUMBERS[symbol], float(amount) if amount else 1.0)
        return found


_terms = _Terms()


def parse_formula(formula: str) -> tuple[list[int], list[float]]:
    """Read atomic numbers and amounts; brackets may nest.

    Raises:
        BadInputError: It is not a formula.
    """
    terms = _FIND_TERMS(formula)
    if not terms or "".join(terms) != formula:
        return _merge(_read_groups(formula), formula)
    pairs = [_terms[term] for term in terms]
    numbers = [number for number, _ in pairs]
    amounts = [amount for _, amount in pairs]
    if len(set(numbers)) < len(numbers) or min(amounts) <= 0.0:
        return _merge(pairs, formula)
    return numbers, amounts


def _read_groups(formula: str) -> list[tuple[int, float]]:
    stack: list[list[tuple[int, float]]] = [[]]
    last: list[tuple[int, float]] = []
    for element, opened, closed, amount, other in _TOKEN.findall(formula):
        if element:
            if element not in ATOMIC_NUMBERS:
                raise BadInputError("bad_formula", f"no element {element!r} in {formula!r}")
            last = [(ATOMIC_NUMBERS[element], 1.0)]
            stack[-1].extend(last)
        elif opened:
            stack.append([])
            last = []
        elif closed:
            if len(stack) < 2:
                raise BadInputError("bad_formula", f"a bracket closes too early in {formula!r}")
            last = stack.pop()
            stack[-1].extend(last)
        elif amount and last:
            del stack[-1][-len(last) :]
            stack[-1].extend((number, n * float(amount)) for number, n in last)
            last = []
        else:
            raise BadInputError("bad_formula", f"{other or amount!r} is misplaced in {formula!r}")
    if len(stack) != 1:
        raise BadInputError("bad_formula", f"a bracket is not closed in {formula!r}")
    return stack[0]


def _merge(pairs: Iterable[tuple[int, float]], formula: str) -> tuple[list[int], list[float]]:
    merged: dict[int, float] = {}
    for number, amount in pairs:
        merged[number] = merged.get(number, 0.0) + amount
    merged = {number: amount for number, amount in merged.items() if amount > 0.0}
    if not merged:
        raise BadInputError("bad_formula", f"{formula!r} is not made of elements")
    return list(merged), list(merged.values())


class Scorer:
    """The model of a bundle, loaded and ready.

    Args:
        folder: The bundle; the folder of this file when not given.
        threads: Threads of the runtime.
    """

    def __init__(self, folder: str | Path | None = None, *, threads: int = 1) -> None:
        self.folder = Path(folder) if folder else Path(__file__).resolve().parent
        self.card: dict[str, Any] = json.loads((self.folder / "card.json").read_text("utf-8"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(self.folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._run = self._session.run
        self._describe: Any = None
        if self.level == "structure":
            sys.path.insert(0, str(self.folder))
            try:
                self._describe = importlib.import_module("describing.crystals").Describer(
                    self.folder, ATOMIC_NUMBERS
                )
            finally:
                sys.path.remove(str(self.folder))

    @property
    def level(self) -> str:
        """What is scored: `formula` or `structure` (paths of CIF files)."""
        return str(self.card["level"])

    @property
    def unit(self) -> str:
        """Unit of mean, lower and upper."""
        return str(self.card["unit"])

    def score(
        self,
        names: Sequence[str],
        *,
        top: int | None = None,
        ascending: bool = False,
        by: str = "mean",
    ) -> Result:
        """Score formulas, or CIF files by their paths.

        Args:
            names: What to score.
            top: Keep this many; all, in the given order, when not given.
            ascending: The smallest are the best.
            by: `mean`, or the end of the interval that decides: `lower` or `upper`.
        """
        scores: list[Score] = []
        failures: list[Failure] = []
        for start in range(0, len(names), _CHUNK):
            self._score_chunk(names[start : start + _CHUNK], scores, failures)
        return Result(best(scores, top, ascending=ascending, by=by), failures)

    def score_features(
        self, features: np.ndarray, elements: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Score rows of ready descriptors, (n, k), of a structure model: columns by name.

        Args:
            features: The descriptors.
            elements: Atomic numbers of each row, (n, m), empty slots filled with one of them: an
                element that no label has puts a row outside the domain. None: not known.
        """
        rows = np.asarray(features, dtype=np.float32)
        known = np.zeros((len(rows), 1)) if elements is None else elements
        inputs = {"features": rows, "elements": np.asarray(known, dtype=np.int64)}
        return dict(zip(_COLUMNS, self._run(_COLUMNS, inputs), strict=True))

    def _score_chunk(
        self, names: Sequence[str], scores: list[Score], failures: list[Failure]
    ) -> None:
        kept, inputs = self._prepare(names, failures)
        if kept:
            columns = (column.tolist() for column in self._run(_COLUMNS, inputs))
            scores.extend(map(Score, kept, *columns))

    def _prepare(
        self, names: Sequence[str], failures: list[Failure]
    ) -> tuple[Sequence[str], dict[str, Any]]:
        if self._describe is not None:
            kept, features, elements, failed = self._describe(names)
            failures.extend(Failure(*item) for item in failed)
            return kept, {"features": features, "elements": elements}
        packed = _pack_plain(names) if len(names) > _FEW else None
        if packed is not None:
            return names, packed
        kept, elements, amounts, width = [], [], [], 1
        for name in names:
            try:
                numbers, parts = parse_formula(name)
            except BadInputError as error:
                failures.append(Failure(name, error.reason, error.detail))
                continue
            kept.append(name)
            elements.append(numbers)
            amounts.append(parts)
            width = max(width, len(numbers))
        for numbers, parts in zip(elements, amounts, strict=True):
            if len(numbers) < width:
                # Empty slots repeat an element, with amount zero.
                parts.extend([0.0] * (width - len(numbers)))
                numbers.extend([numbers[0]] * (width - len(numbers)))
        return kept, {
            "elements": np.array(elements, dtype=np.int64),
            "amounts": np.array(amounts, dtype=np.float64),
        }


def _pack_plain(formulas: Sequence[str]) -> dict[str, Any] | None:
    """Read many formulas in one pass; None unless all are plain, each element once."""
    text = "\n".join(formulas) + "\n"
    terms = _FIND_LINES(text)
    if "".join(terms) != text:
        return None
    try:
        pairs = chain.from_iterable([_terms[term] for term in terms])
        flat = np.fromiter(pairs, np.float64, 2 * len(terms)).reshape(-1, 2)
    except BadInputError:
        return None
    ends = np.flatnonzero(flat[:, 0] == 0.0)
    inside = flat[:, 0] > 0.0
    sizes = np.diff(ends, prepend=-1) - 1
    if len(ends) != len(formulas) or sizes.min() < 1 or flat[inside, 1].min() <= 0.0:
        return None
    rows = np.repeat(np.arange(len(sizes)), sizes)
    slots = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    numbers = flat[inside, 0].astype(np.int64)
    keys = np.sort(rows * 128 + numbers)
    if (keys[1:] == keys[:-1]).any():
        return None
    elements = np.repeat(numbers[np.cumsum(sizes) - sizes][:, None], sizes.max(), axis=1)
    amounts = np.zeros(elements.shape)
    elements[rows, slots] = numbers
    amounts[rows, slots] = flat[inside, 1]
    return {"elements": elements, "amounts": amounts}


def best(
    scores: list[Score], top: int | None, *, ascending: bool = False, by: str = "mean"
) -> list[Score]:
    """Return the first few when sorted; all as they are when `top` is None."""
    if top is None:
        return scores
    place = Score._fields.index(by)
    return sorted(scores, key=lambda score: score[place], reverse=not ascending)[:top]


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Predict a property with its 90 % interval. Without names they are read from "
        "standard input, one a line.",
        epilog="python score.py BaTiO3 SrTiO3 --top 1    or    python score.py --csv < names.txt",
    )
    parser.add_argument("names", nargs="*", help="formulas; for a structure model, CIF files")
    parser.add_argument("--top", type=int, metavar="K", help="send on only the best K")
    parser.add_argument(
        "--order", choices=("descending", "ascending"), default="descending", help="what is best"
    )
    parser.add_argument("--by", choices=("mean", "lower", "upper"), default="mean")
    parser.add_argument("--in-domain", action="store_true", help="drop what is outside the domain")
    parser.add_argument("--threads", type=int, default=1)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON object")
    form.add_argument("--csv", action="store_true", help="a table; failures go to standard error")
    return parser.parse_args(given)


def _lines(stream: Iterable[str]) -> Iterator[list[str]]:
    names = (line.strip() for line in stream)
    filled = (name for name in names if name)
    while chunk := list(islice(filled, _STREAM)):
        yield chunk


def _write(result: Result, scorer: Scorer, asked: argparse.Namespace) -> None:
    out = sys.stdout
    if asked.json:
        content = {
            "property": scorer.card["property"],
            "unit": scorer.unit,
            "scores": [score._asdict() for score in result.scores],
            "failures": [failure._asdict() for failure in result.failures],
        }
        out.write(json.dumps(content, indent=1) + "\n")
        return
    if asked.csv:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(Score._fields)
        writer.writerows(result.scores)
    else:
        width = max([len(score.name) for score in result.scores], default=4)
        out.write(f"{scorer.card['property']} ({scorer.unit}), 90 % interval\n")
        for score in result.scores:
            flag = "" if score.in_domain else "  outside the domain"
            out.write(
                f"{score.name:<{width}}  {score.mean:10.4g}  "
                f"[{score.lower:.4g}, {score.upper:.4g}]  distance {score.distance:.2f}{flag}\n"
            )
    for failure in result.failures:
        sys.stderr.write(f"failure: {failure.name}: {failure.reason}: {failure.detail}\n")


def main(given: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is 1 when nothing at all could be scored."""
    asked = _arguments(given)
    scorer = Scorer(threads=asked.threads)
    total = Result([], [])
    for names in [asked.names] if asked.names else _lines(sys.stdin):
        found = scorer.score(names)
        kept = [score for score in found.scores if score.in_domain or not asked.in_domain]
        ascending = asked.order == "ascending"
        # Only the best so far are held, however long the input is.
        total.scores = best(total.scores + kept, asked.top, ascending=ascending, by=asked.by)
        total.failures.extend(found.failures)
    _write(total, scorer, asked)
    return 1 if total.failures and not total.scores else 0


if __name__ == "__main__":
    sys.exit(main())
