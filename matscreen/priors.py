"""Documented guesses for properties that nobody has computed or measured for a candidate.

Every prior says where it comes from and is wide; values in registry units, intervals of 90 %.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from matscreen.band_gaps import estimate_gaps
from matscreen.errors import InputError
from matscreen.facts import load_facts
from matscreen.formulas import REMEMBERED, atomic_mass, reduced_amounts
from matscreen.mechanisms.base import Z90, FloatArray, get_entry
from matscreen.mechanisms.ferroelectric import CURIE_PER_WELL
from matscreen.mechanisms.insulator_metal import DEFAULT_ACTIVATION
from matscreen.mechanisms.valence_change import DEFAULT_BINDING
from matscreen.similar_compounds import similar_compounds

if TYPE_CHECKING:
    import pandas as pd

# fmt: off
OPEN_SHELL: Final = frozenset([
    "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Ru", "Rh",
    "Pd", "Os", "Ir", "Pt", "Re", "Tc", "Ag", "Au",
])
# fmt: on
D0_CATIONS: Final = frozenset(["Ti", "Zr", "Hf", "V", "Nb", "Ta", "Mo", "W"])
LONE_PAIR: Final = frozenset(["Pb", "Bi", "Tl", "Sn", "Sb", "Te"])


@dataclass(frozen=True)
class _Guess:
    """A prior over n materials; `sigma` in decades for log-scale properties, else in the unit."""

    mean: FloatArray
    sigma: FloatArray
    method: str


@dataclass(frozen=True)
class _Chemistry:
    """What a formula says about chemistry.

    Attributes:
        open_shell: Holds a transition metal that is usually not d0 or d10.
        d0: Holds an early transition metal.
        lone_pair: Holds a cation with a lone pair.
        abo3: Five atoms to the formula unit, three of them oxygen.
        n_atoms: Atoms in the reduced formula.
        mass: Mean atomic mass, g/mol.
        melting: log10 of the mole-weighted melting point of the binary oxides, K.
        melting_known: Share of the cations whose oxide is in the table.
    """

    open_shell: bool
    d0: bool
    lone_pair: bool
    abo3: bool
    n_atoms: float
    mass: float
    melting: float
    melting_known: float


def prior(property: str, info: pd.DataFrame) -> pd.DataFrame:  # noqa: A002 - the domain's word
    """Guess a property of many materials.

    Args:
        property: Registry name (or `migration_charge_shift`).
        info: One row a material, with `formula`; columns named like other properties
            (`well_depth`, `band_gap`, `oxygen_migration_barrier`, `volume_per_atom`) are used where
            a prior depends on them; `<name>_evidence` says of what kind a value is.

    Returns:
        Columns mean, std, lower, upper (registry unit, 90 % interval), evidence, method; same
        index. For log-scale properties the mean is the median and the interval is symmetric in the
        logarithm.

    Raises:
        InputError: There is no prior for the property.
    """
    import pandas as pd

    if property not in PRIORS:
        raise InputError(f"no prior for {property!r}; there are priors for {', '.join(PRIORS)}")
    entry = get_entry(property)
    guess = PRIORS[property](info)
    mean = np.clip(np.broadcast_to(guess.mean, len(info)), entry.lower, entry.upper)
    sigma = np.broadcast_to(guess.sigma, len(info))
    if entry.scale == "log":
        lower, upper = mean * 10.0 ** (-Z90 * sigma), mean * 10.0 ** (Z90 * sigma)
        std = (upper - lower) / (2 * Z90)
    else:
        lower, upper, std = mean - Z90 * sigma, mean + Z90 * sigma, sigma
    return pd.DataFrame(
        {
            "mean": mean,
            "std": std,
            "lower": lower,
            "upper": upper,
            "evidence": "prior",
            "method": guess.method,
        },
        index=info.index,
    )


@cache
def oxide_melting_points() -> dict[str, float]:
    """Melting point of the oxide of each cation, K: geometric mean over its binary oxides."""
    from pymatgen.core import Composition

    found: dict[str, list[float]] = {}
    facts = load_facts()
    melting = facts[facts["property"] == "melting_temperature"]
    for formula, value in zip(melting["formula"], melting["value"], strict=True):
        cations = [e.symbol for e in Composition(formula) if e.symbol != "O"]
        if len(cations) == 1:
            found.setdefault(cations[0], []).append(float(value))
    return {symbol: float(np.exp(np.mean(np.log(values)))) for symbol, values in found.items()}


@cache
def _log_melting_points() -> tuple[dict[str, float], float]:
    """Decimal logarithms of `oxide_melting_points`, and their mean."""
    points = oxide_melting_points()
    logs = {symbol: float(np.log10(value)) for symbol, value in points.items()}
    return logs, float(np.mean(np.log10(list(points.values()))))


@lru_cache(maxsize=REMEMBERED)
def _chemistry(formula: str) -> _Chemistry:
    amounts = dict(reduced_amounts(formula))
    cations = {symbol: n for symbol, n in amounts.items() if symbol != "O"}
    symbols, total = set(cations), sum(cations.values())
    by_cation, typical = _log_melting_points()
    logs = {s: by_cation.get(s, typical) for s in cations}
    n_atoms = sum(amounts.values())
    return _Chemistry(
        open_shell=bool(symbols & OPEN_SHELL),
        d0=bool(symbols & D0_CATIONS),
        lone_pair=bool(symbols & LONE_PAIR),
        abo3=n_atoms == 5 and amounts.get("O") == 3,
        n_atoms=n_atoms,
        mass=sum(n * atomic_mass(s) for s, n in amounts.items()) / n_atoms,
        melting=sum(logs[s] * n for s, n in cations.items()) / total if total else typical,
        melting_known=sum(n for s, n in cations.items() if s in by_cation) / total
        if total
        else 0.0,
    )


def _of(info: pd.DataFrame, pick: Callable[[_Chemistry], float]) -> FloatArray:
    return np.array([pick(_chemistry(str(formula))) for formula in info["formula"]], dtype=float)


def _column(info: pd.DataFrame, name: str, default: npt.ArrayLike) -> FloatArray:
    """Return a column of `info` with `default` where it is absent or unknown."""
    fallback = np.broadcast_to(np.asarray(default, float), len(info)).astype(float)
    if name not in info:
        return fallback
    values = info[name].to_numpy(dtype=float, na_value=np.nan)
    return np.where(np.isnan(values), fallback, values)


def _flat(mean: float, sigma: float, method: str) -> Callable[[pd.DataFrame], _Guess]:
    return lambda _: _Guess(np.array(mean), np.array(sigma), method)


def _band_gap(info: pd.DataFrame) -> _Guess:
    """Gap from the ions that a formula holds; see `matscreen.band_gaps`."""
    found = estimate_gaps([str(formula) for formula in info["formula"]])
    return _Guess(
        found.mean,
        found.sigma,
        "ions of the formula, over 17,800 oxides of the Materials Project (PBE)",
    )


def _permittivity(info: pd.DataFrame) -> _Guess:
    """Class means of the 177 oxides of Petretto et al. 2018; d0 ABO3 raised to film values.

    Density-functional perturbation theory sees only phases without soft modes; films of the d0
    perovskites at 300 K have 100 to 500. Their prior lies between, and is wider.
    """

    def mean(c: _Chemistry) -> float:
        if c.d0:
            return 2.0 if c.abo3 else 1.45
        return 1.17 if c.lone_pair else 1.06

    def sigma(c: _Chemistry) -> float:
        if c.d0:
            return 0.45 if c.abo3 else 0.35
        return 0.25

    return _Guess(
        10.0 ** _of(info, mean), _of(info, sigma), "class mean of DFPT and films (Petretto 2018)"
    )


def _melting(info: pd.DataFrame) -> _Guess:
    """0.917 times the mole-weighted geometric mean of the binary oxides' melting points.

    Fitted on 19 ternary oxides of `facts.csv`: bias -0.038, scatter 0.050 dex.
    """
    sigma = _of(info, lambda c: 0.07 + 0.13 * (1.0 - c.melting_known))
    return _Guess(
        10.0 ** (_of(info, lambda c: c.melting) - 0.038),
        sigma,
        "mixing rule of the binary oxides' melting points (0.05 dex on 19 ternaries)",
    )


def _conductivity(info: pd.DataFrame) -> _Guess:
    """log10 κ = 3.72 - 1.41 log10 M - 0.73 log10 n - 0.54 [open shell].

    M mean atomic mass (g/mol), n atoms per formula unit: heavy atoms and many branches carry less
    (after Slack 1973). Fitted on 26 bulk oxides, leave-one-out rmse 0.43 dex against 0.54 for a
    constant.
    """
    mass = _of(info, lambda c: np.log10(c.mass))
    atoms = _of(info, lambda c: np.log10(c.n_atoms))
    shell = _of(info, lambda c: float(c.open_shell))
    return _Guess(
        10.0 ** (3.72 - 1.41 * mass - 0.73 * atoms - 0.54 * shell),
        np.array(0.43),
        "fit of mean mass, atoms and open shells (0.43 dex on 26 oxides)",
    )


def _breakdown(info: pd.DataFrame) -> _Guess:
    """E_bd = 24.4 MV/m exp(0.315 √(E_g ω_max / eV THz)) (Kim, Pilania and Ramprasad 2016).

    With ω_max = 22 THz, as of most oxides, and the quasiparticle gap 1.358 E_PBE + 0.904 eV
    (Morales-García et al. 2017). An intrinsic value: thick or leaky films break down earlier.
    """
    semilocal = _column(info, "band_gap", _band_gap(info).mean)
    gap = 1.358 * np.maximum(semilocal, 0.0) + 0.904
    return _Guess(
        24.442e6 * np.exp(0.315 * np.sqrt(gap * 22.0)),
        np.array(0.30),
        "gap relation of Kim et al. 2016 with a typical phonon cutoff",
    )


def _curie(info: pd.DataFrame) -> _Guess:
    """Tc = 530 K per meV/Å³ of well depth.

    Geometric mean over nine ferroelectrics (BaTiO3, PbTiO3, KNbO3, LiNbO3, LiTaO3, BiFeO3, HfO2,
    Bi4Ti3O12, SrBi2Ta2O9), which scatter by 0.23 dex; 30 K for wells of nothing.
    """
    well = _column(info, "well_depth", _column(info, "polar_barrier", _well(info).mean))
    mean = np.minimum(CURIE_PER_WELL * np.maximum(well, 0.0), 2500.0)
    return _Guess(mean, 0.53 * mean + 30.0, "530 K per meV/Å³ of well depth (0.23 dex on nine)")


def _shift(info: pd.DataFrame) -> _Guess:
    """Shift from the computed neutral cell to the charged vacancy.

    Below 1 eV computed and 2+ barriers agree on average (SrTiO3, BaTiO3, TiO2, CeO2). Large ones
    fall when the vacancy is ionised (HfO2, Al2O3, MgO): by 0.45 eV per eV above 1 eV, and the
    less surely so the larger they are.
    """
    hop = _column(info, "oxygen_migration_barrier", _HOP)
    over = np.maximum(hop - 1.0, 0.0)
    return _Guess(
        -0.45 * over,
        np.hypot(0.3, 0.25 * over),
        "0 below 1 eV, -0.45 eV per eV above (neutral against 2+ in seven oxides)",
    )


def _barrier(info: pd.DataFrame) -> _Guess:
    well = _column(info, "well_depth", _well(info).mean)
    return _Guess(0.7 * well, 0.4 * well + 0.1, "between rotation and inversion of the known well")


def _well(info: pd.DataFrame) -> _Guess:
    n = len(info)
    return _Guess(np.full(n, 1.5), np.full(n, 1.5), "wide guess over known ferroelectrics")


def _of_similar(name: str) -> Callable[[pd.DataFrame], _Guess]:
    def guess(info: pd.DataFrame) -> _Guess:
        known = similar_compounds(name)
        return _Guess(
            10.0 ** known.estimate(info["formula"]),
            np.array(known.error),
            f"mean of {len(known.values)} measured compounds by likeness of cations "
            f"({known.error:.2f} dex leaving one out, {known.constant_error:.2f} for a constant)",
        )

    return guess


def _score(name: str, alike: float, foreign: float) -> Callable[[pd.DataFrame], _Guess]:
    """Standard score whose chance to be positive goes from `foreign` to `alike` with likeness.

    Certain where the property itself is measured. The two chances are guesses: most oxides, even of
    the cations of a known compound, do not show the phenomenon.
    """

    def guess(info: pd.DataFrame) -> _Guess:
        from scipy.special import ndtri

        likeness = similar_compounds(name).likeness(info["formula"])
        chance = foreign + (alike - foreign) * likeness**2
        measured = ~np.isnan(_column(info, name, np.nan))
        if f"{name}_evidence" in info:  # a computed value shows nothing
            measured &= (info[f"{name}_evidence"] == "measured").to_numpy(bool)
        return _Guess(
            np.where(measured, 6.0, ndtri(chance)),
            np.where(measured, 0.0, 1.0),
            f"measured, or a guess: {alike:.0%} for the cations of a known compound, "
            f"{foreign:.0%} for others",
        )

    return guess


_HOP: Final = 0.75

PRIORS: Final[dict[str, Callable[[pd.DataFrame], _Guess]]] = {
    # Before the properties themselves: what is known there is measured.
    "transition_score": _score("transition_temperature", 0.15, 0.01),
    "superconductivity_score": _score("critical_temperature", 0.05, 0.005),
    "volume_per_atom": _flat(12.0, 0.10, "typical oxide"),
    "band_gap": _band_gap,
    "relative_permittivity": _permittivity,
    "melting_temperature": _melting,
    "thermal_conductivity": _conductivity,
    "heat_capacity": _flat(2.55e6, 0.09, "mean of 54 binary oxides (CRC Handbook)"),
    "well_depth": _well,
    "polar_barrier": _barrier,
    "spontaneous_polarization": _flat(30.0, 20.0, "wide guess over known ferroelectrics"),
    "curie_temperature": _curie,
    "breakdown_field": _breakdown,
    "oxygen_vacancy_formation_energy": _flat(4.5, 2.0, "wide guess over oxides"),
    "oxygen_migration_barrier": _flat(_HOP, 0.18, "perovskites span 0.2 to 1.6 eV"),
    "migration_charge_shift": _shift,
    "transition_temperature": _of_similar("transition_temperature"),
    "critical_temperature": _of_similar("critical_temperature"),
    "transition_enthalpy": _of_similar("transition_enthalpy"),
    "conduction_activation_energy": _flat(
        DEFAULT_ACTIVATION, 0.15, "0.1 to 0.3 eV in VO2, NbO2 and the nickelates"
    ),
    "vacancy_binding_energy": _flat(
        DEFAULT_BINDING, 0.30, "effective 1.35 eV of HfO2 cells minus its 0.65 eV hop"
    ),
}
"""Priors by property, in an order in which each finds what it depends on."""
