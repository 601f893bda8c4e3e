"""Cations that form oxides: their charges, radii, how common they are, and tolerance factors."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Final

OXYGEN_RADIUS: Final = 1.40
"""Shannon radius of six-coordinate O2-, Å; the anion radius of both tolerance factors."""

TAU_LIMIT: Final = 4.18
"""Bartel's tau below this predicts a perovskite."""

BOND_VALENCE_B: Final = 0.37
"""Softness of the bond valence law, Å."""

# Anion radius that turns Shannon radii into bond lengths. Between the values of four- and
# six-coordinate O2-, so that built cells agree with relaxed (PBE) ones on average.
_BOND_OXYGEN_RADIUS: Final = 1.38

# Oxidation states met in oxides. The number after the symbol says how easily the state is made:
# 0 the usual one, 1 stable in many oxides, 2 needs pressure or strong oxidation. Radioactive
# elements, Tc and Pm are left out, and so are cations that bind oxygen into molecules or lone
# groups (C, N, S, Se, Cl, Br, I).
_STATES: Final[dict[int, str]] = {
    1: "Li0 Na0 K0 Rb0 Cs0 Ag0 Cu1 Tl1",
    2: "Mg0 Ca0 Sr0 Ba0 Mn0 Fe0 Co0 Ni0 Cu0 Zn0 Pb0 Cd0 Be0 Hg0 Sn1 Eu1 Pd0 Pt2 Ge2 V2",
    3: "Al0 Sc0 Y0 La0 Ce1 Pr0 Nd0 Sm0 Eu0 Gd0 Tb0 Dy0 Ho0 Er0 Tm0 Yb0 Lu0 Ga0 In0 Bi0 Cr0 Fe0 "
    "V1 Mn1 Co1 Ti1 Rh1 Ni2 Ru2 Tl1 Sb1",
    4: "Si0 Ti0 Zr0 Hf0 Sn0 Ge0 Ce0 Mn0 V1 Pb1 Ru0 Ir0 Mo1 Os1 Rh1 Pt1 Nb1 Te0 Re2 W2 Cr2 Fe2 "
    "Co2 Pr2 Tb2 Pd2 Ta2",
    5: "V0 Nb0 Ta0 P0 Sb1 As1 Bi2 Mo2 W2 Re2 Ru2 Os2",
    6: "Mo0 W0 Re1 Te1 Cr1",
}

# How scarce an element is in use: 0 plentiful, 1 ordinary, 2 rare, precious or very toxic.
_PLENTIFUL: Final = (
    "Al Ba Ca Ce Co Cr Cu Fe Hf K La Li Mg Mn Na Nb Ni P Pb Si Sn Sr Ta Ti V W Y Zn Zr Bi"
)
_RARE: Final = "Ag As Be Cd Cs Hg Ir Lu Os Pd Pt Re Rh Ru Tb Te Tl Tm"

# Ions without a Shannon entry: Sn2+ as Bartel et al. (2019) take it.
_EXTRA_RADII: Final[dict[tuple[str, int], dict[int, float]]] = {("Sn", 2): {8: 1.15}}

_NUMERALS: Final = "I II III IV V VI VII VIII IX X XI XII"
_ROMAN: Final = {name: number for number, name in enumerate(_NUMERALS.split(), start=1)}

# Cations that leave the centre of their oxygen polyhedron on their own: second-order Jahn-Teller
# d0 ions as octahedral cations, stereochemically active lone pairs as large cations.
_D0: Final = frozenset({("Ti", 4), ("Zr", 4), ("Hf", 4), ("V", 5), ("Nb", 5), ("Ta", 5)})
_LONE_PAIR: Final = frozenset({("Pb", 2), ("Sn", 2), ("Bi", 3), ("Ge", 2), ("Tl", 1)})


@dataclass(frozen=True, order=True, slots=True)
class Ion:
    """A cation in one oxidation state.

    Attributes:
        symbol: Element.
        charge: Oxidation state.
        cost: How uncommon it is: rarity of the state plus scarcity of the element, 0 to 4.
    """

    symbol: str
    charge: int
    cost: int = 0

    @property
    def is_d0(self) -> bool:
        """Whether an octahedron of this ion tends to a second-order Jahn-Teller distortion."""
        return (self.symbol, self.charge) in _D0

    @property
    def has_lone_pair(self) -> bool:
        """Whether the ion carries a stereochemically active lone pair."""
        return (self.symbol, self.charge) in _LONE_PAIR


@cache
def cations(charge: int) -> tuple[Ion, ...]:
    """Return the cations of one charge that have a radius, by symbol."""
    ions = []
    for entry in _STATES.get(charge, "").split():
        symbol, rarity = entry[:-1], int(entry[-1])
        scarcity = 0 if symbol in _PLENTIFUL.split() else 2 if symbol in _RARE.split() else 1
        if _radii(symbol, charge):
            ions.append(Ion(symbol, charge, rarity + scarcity))
    return tuple(sorted(ions))


@cache
def radius(symbol: str, charge: int, coordination: int) -> float:
    """Return the Shannon radius nearest in coordination, high spin where there is a choice.

    Args:
        symbol: Element.
        charge: Oxidation state.
        coordination: Wanted coordination number. The tabulated one nearest to it is taken; of two
            equally near ones the larger.

    Returns:
        Ionic radius, Å (Shannon 1976).

    Raises:
        KeyError: No radius is tabulated for this ion.
    """
    table = _radii(symbol, charge)
    if not table:
        raise KeyError(f"no Shannon radius of {symbol}{charge}+")
    nearest = min(table, key=lambda number: (abs(number - coordination), -number))
    return table[nearest]


@cache
def bond_valence_r0(symbol: str, charge: int) -> float:
    """Return the bond valence length of a cation-oxygen bond, Å.

    It is the R0 of s = exp((R0 - d) / 0.37 Å) that gives regular polyhedra with Shannon bond
    lengths a valence sum equal to the charge, averaged over the tabulated coordinations of four
    and more.
    """
    table = _radii(symbol, charge)
    usual = {n: r for n, r in table.items() if n >= 4} or table
    values = [
        length + _BOND_OXYGEN_RADIUS + BOND_VALENCE_B * math.log(charge / number)
        for number, length in usual.items()
    ]
    return sum(values) / len(values)


def goldschmidt(a: Ion, b: Ion) -> float:
    """Return Goldschmidt's tolerance factor t = (r_A + r_O) / (sqrt(2) (r_B + r_O)).

    Radii are Shannon's for twelve-coordinate A (else the highest tabulated coordination) and
    six-coordinate B (Goldschmidt 1926).
    """
    r_a, r_b = radius(a.symbol, a.charge, 12), radius(b.symbol, b.charge, 6)
    return (r_a + OXYGEN_RADIUS) / (math.sqrt(2.0) * (r_b + OXYGEN_RADIUS))


def bartel_tau(a: Ion, b: Ion) -> float:
    """Return tau = r_O / r_B - n_A (n_A - (r_A / r_B) / ln(r_A / r_B)).

    Below 4.18 a compound is predicted to be a perovskite (Bartel et al., Sci. Adv. 2019). The
    formula holds for r_A > r_B; otherwise the result is infinite, which reads as no perovskite.
    """
    ratio = radius(a.symbol, a.charge, 12) / radius(b.symbol, b.charge, 6)
    if ratio <= 1.0:
        return math.inf
    anion = OXYGEN_RADIUS / radius(b.symbol, b.charge, 6)
    return anion - a.charge * (a.charge - ratio / math.log(ratio))


@cache
def _radii(symbol: str, charge: int) -> dict[int, float]:
    from pymatgen.core import Element

    if (symbol, charge) in _EXTRA_RADII:
        return _EXTRA_RADII[symbol, charge]
    table = Element(symbol).data.get("Shannon radii") or {}
    result: dict[int, float] = {}
    for name, spins in (table.get(str(charge)) or {}).items():
        # Square and pyramidal entries (IVSQ, IVPY) describe other shapes than the prototypes'.
        if name not in _ROMAN:
            continue
        entry = spins.get("High Spin") or spins.get("") or next(iter(spins.values()))
        length = float(entry["ionic_radius"])
        if length > 0.0:
            result[_ROMAN[name]] = length
    return result
