"""Read CIF files: cell, symmetry operations, atoms. Ordered crystals only.

What would silently give another crystal is refused: partial occupancy, atoms without positions, a
space group without its operations, atoms that do not add up to the formula in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

MAX_SITES = 400
_SITE_TOLERANCE = 1e-3
_FORMULA_TOLERANCE = 0.02
_TOKEN = re.compile(
    r"(?:^|(?<=\n));(?P<text>.*?)\n;(?=\s|$)"
    r"|'(?P<single>(?:[^'\n]|'(?=\S))*)'(?=\s|$)"
    r"|\"(?P<double>(?:[^\"\n]|\"(?=\S))*)\"(?=\s|$)"
    r"|(?P<comment>\#[^\n]*)"
    r"|(?P<bare>\S+)",
    re.DOTALL,
)
_OPERATIONS = (
    "_space_group_symop_operation_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
)
_NUMBERS = ("_space_group_it_number", "_symmetry_int_tables_number")
_NAMES = ("_space_group_name_h-m_alt", "_symmetry_space_group_name_h-m")
_TERM = re.compile(r"([+-]?)(\d+(?:\.\d*)?(?:/\d+)?|\.\d+)?\*?([xyz])?")

Tags = Mapping[str, list[str]]


class CifError(ValueError):
    """A file that cannot be used: a short `reason` and a `detail` in words."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")


@dataclass(frozen=True)
class Cell:
    """A crystal.

    Attributes:
        lattice: Cell vectors as rows, (3, 3), Å.
        numbers: Atomic number of each site, (n,).
        positions: Fractional coordinates, (n, 3).
    """

    lattice: np.ndarray
    numbers: np.ndarray
    positions: np.ndarray


def read_cif(text: str, atomic_numbers: Mapping[str, int]) -> Cell:
    """Read the first data block that lists atoms.

    Args:
        text: The file.
        atomic_numbers: By symbol.

    Raises:
        CifError: It is no CIF, or its crystal is not fully given or not ordered.
    """
    for tags in _blocks(text):
        if "_atom_site_fract_x" in tags:
            return _crystal(tags, atomic_numbers)
    raise CifError("unreadable", "no data block lists atoms with fractional coordinates")


def _crystal(tags: Tags, atomic_numbers: Mapping[str, int]) -> Cell:
    lattice = _lattice(tags)
    numbers, positions = _atoms(tags, atomic_numbers)
    rotations, shifts = _operations(tags)
    metric = lattice @ lattice.T
    moved = np.einsum("nji,jk,nkl->nil", rotations, metric, rotations)
    if np.abs(moved - metric).max() > 0.02 * np.abs(metric).max():
        raise CifError("wrong_symmetry", "the symmetry operations do not fit the cell")
    copies = np.einsum("nij,sj->sni", rotations, positions) + shifts
    all_numbers: list[int] = []
    all_positions: list[np.ndarray] = []
    for number, images in zip(numbers, copies, strict=True):
        kept: list[np.ndarray] = []
        for image in images - np.floor(images):
            if not any(_same(image, other) for other in kept):
                kept.append(image)
        for image in kept:
            clash = [z for z, p in zip(all_numbers, all_positions, strict=True) if _same(image, p)]
            if clash and clash[0] != number:
                raise CifError("disordered", "two elements share one site")
            if not clash:
                all_numbers.append(number)
                all_positions.append(image)
            if len(all_numbers) > MAX_SITES:
                raise CifError("too_large", f"more than {MAX_SITES} sites in the cell")
    _check_formula(tags, all_numbers, atomic_numbers)
    return Cell(lattice, np.array(all_numbers, dtype=np.int64), np.array(all_positions))


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    apart = one - other
    return bool(np.abs(apart - np.rint(apart)).max() < _SITE_TOLERANCE)


def _blocks(text: str) -> Iterator[dict[str, list[str]]]:
    """Yield the tags of each data block, names in lower case, every value a list."""
    tags: dict[str, list[str]] = {}
    tokens = list(_tokens(text))
    i = 0
    while i < len(tokens):
        word, bare = tokens[i]
        low = word.lower()
        if bare and low.startswith("data_"):
            yield tags
            tags = {}
            i += 1
        elif bare and low == "loop_":
            i += 1
            names: list[str] = []
            while i < len(tokens) and tokens[i][1] and tokens[i][0].startswith("_"):
                names.append(tokens[i][0].lower())
                i += 1
            values: list[str] = []
            while i < len(tokens) and not (tokens[i][1] and _is_key(tokens[i][0])):
                values.append(tokens[i][0])
                i += 1
            if names and len(values) % len(names):
                raise CifError("unreadable", f"the loop of {names[0]} has a ragged table")
            for place, name in enumerate(names):
                tags[name] = values[place :: len(names)]
        elif bare and low.startswith("_") and i + 1 < len(tokens):
            tags[low] = [tokens[i + 1][0]]
            i += 2
        else:
            i += 1
    yield tags


def _is_key(word: str) -> bool:
    low = word.lower()
    return low.startswith(("_", "data_")) or low == "loop_"


def _tokens(text: str) -> Iterator[tuple[str, bool]]:
    """Yield each word and whether it was bare, without quotes."""
    for match in _TOKEN.finditer(text.replace("\r\n", "\n").replace("\r", "\n")):
        kind = match.lastgroup
        if kind != "comment" and kind is not None:
            yield match.group(kind), kind == "bare"


def _number(word: str) -> float:
    """Read a number, its uncertainty in brackets dropped."""
    try:
        return float(word.partition("(")[0])
    except ValueError:
        raise CifError("unreadable", f"{word!r} is no number") from None


def _first(tags: Tags, names: Sequence[str]) -> str:
    found = (tags[name][0].strip() for name in names if tags.get(name))
    return next((value for value in found if value not in {"", "?", "."}), "")


def _lattice(tags: Tags) -> np.ndarray:
    names = [f"_cell_length_{axis}" for axis in "abc"]
    names += [f"_cell_angle_{angle}" for angle in ("alpha", "beta", "gamma")]
    values = [_first(tags, [name]) for name in names]
    if "" in values:
        raise CifError("unreadable", f"{names[values.index('')]} is missing")
    a, b, c, *angles = (_number(value) for value in values)
    alpha, beta, gamma = np.radians(angles)
    cosine = np.clip(
        (np.cos(alpha) * np.cos(beta) - np.cos(gamma)) / (np.sin(alpha) * np.sin(beta)), -1.0, 1.0
    )
    star = np.arccos(cosine)
    return np.array(
        [
            [a * np.sin(beta), 0.0, a * np.cos(beta)],
            [
                -b * np.sin(alpha) * np.cos(star),
                b * np.sin(alpha) * np.sin(star),
                b * np.cos(alpha),
            ],
            [0.0, 0.0, c],
        ]
    )


def _atoms(tags: Tags, atomic_numbers: Mapping[str, int]) -> tuple[list[int], np.ndarray]:
    count = len(tags["_atom_site_fract_x"])
    kinds = tags.get("_atom_site_type_symbol") or tags.get("_atom_site_label") or []
    if len(kinds) != count:
        raise CifError("unreadable", "the atoms have no element")
    occupancy = tags.get("_atom_site_occupancy") or ["1"] * count
    numbers, positions = [], []
    columns = (tags.get(f"_atom_site_fract_{axis}", []) for axis in "xyz")
    for kind, filled, *place in zip(kinds, occupancy, *columns, strict=True):
        if filled not in {"?", "."} and abs(_number(filled) - 1.0) > 0.01:
            raise CifError("disordered", f"{kind} has occupancy {filled}")
        if "?" in place or "." in place:
            raise CifError("missing_atoms", f"{kind} has no position")
        numbers.append(_element(kind, atomic_numbers))
        positions.append([_snapped(_number(word)) for word in place])
    return numbers, np.array(positions, dtype=np.float64)


def _snapped(coordinate: float) -> float:
    """Return thirds for what four digits leave of them; 0.3333 would split a special position."""
    near = (third for third in (1 / 3, 2 / 3) if abs(1.0 - coordinate / third) < 1e-4)
    return next(near, coordinate)


def _element(kind: str, atomic_numbers: Mapping[str, int]) -> int:
    match = re.match(r"[A-Za-z]{1,2}", kind)
    word = match.group().capitalize() if match else ""
    for symbol in (word, word[:1]):
        if symbol in {"D", "T"}:
            return 1
        if symbol in atomic_numbers:
            return atomic_numbers[symbol]
    raise CifError("unknown_element", f"{kind!r} is no element")


def _operations(tags: Tags) -> tuple[np.ndarray, np.ndarray]:
    listed = next((tags[name] for name in _OPERATIONS if tags.get(name)), None)
    if listed is None:
        number, name = _first(tags, _NUMBERS), _first(tags, _NAMES).replace(" ", "").upper()
        if number not in {"", "1"} or (not number and name not in {"", "P1"}):
            raise CifError(
                "no_operations", f"space group {name or number} without its symmetry operations"
            )
        listed = ["x,y,z"]
    rows = [_operation(text) for text in listed]
    return np.array([row[0] for row in rows]), np.array([row[1] for row in rows])


def _operation(text: str) -> tuple[np.ndarray, np.ndarray]:
    """Read an operation such as `-y, x-y, z+1/3`."""
    rotation, shift = np.zeros((3, 3)), np.zeros(3)
    parts = text.lower().replace(" ", "").split(",")
    if len(parts) != 3:
        raise CifError("unreadable", f"symmetry operation {text!r}")
    for row, part in enumerate(parts):
        position = 0
        while position < len(part):
            match = _TERM.match(part, position)
            if match is None or match.end() == position:
                raise CifError("unreadable", f"symmetry operation {text!r}")
            sign = -1.0 if match.group(1) == "-" else 1.0
            try:
                amount = float(Fraction(match.group(2))) if match.group(2) else 1.0
            except (ValueError, ZeroDivisionError):
                raise CifError("unreadable", f"symmetry operation {text!r}") from None
            if match.group(3):
                rotation[row, "xyz".index(match.group(3))] += sign * amount
            elif match.group(2):
                shift[row] += sign * amount
            else:
                raise CifError("unreadable", f"symmetry operation {text!r}")
            position = match.end()
    return rotation, shift


def _check_formula(tags: Tags, numbers: Sequence[int], atomic_numbers: Mapping[str, int]) -> None:
    stated: dict[int, float] = {}
    for term in re.findall(r"([A-Z][a-z]?)(\d*\.?\d*)", _first(tags, ["_chemical_formula_sum"])):
        symbol = "H" if term[0] in {"D", "T"} else term[0]
        if symbol not in atomic_numbers:
            return
        z = atomic_numbers[symbol]
        stated[z] = stated.get(z, 0.0) + float(term[1] or 1.0)
    if not stated:
        return
    missing = sorted(set(stated) - set(numbers))
    if missing:
        raise CifError("missing_atoms", f"atomic numbers {missing} are in the formula only")
    total, sites = sum(stated.values()), list(numbers)
    for z in {*stated, *sites}:
        share = stated.get(z, 0.0) / total
        if abs(share - sites.count(z) / len(sites)) > _FORMULA_TOLERANCE * max(share, 0.05):
            raise CifError("wrong_formula", "the atoms do not add up to the formula of the file")
