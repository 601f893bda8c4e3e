"""Who is A, B and X, and what the ions on these sites are.

In a perovskite the cation with the long bonds is A and the one with the short bonds is B. The same
rule serves any oxide: the cation elements, sorted by mean bond length, are cut at the largest gap.
Only the structure decides, so BaTiO3 with Ba and Ti exchanged is another compound; compositional
descriptors cannot see this.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from matscreen.descriptors.base import Column
from matscreen.descriptors.bonds import Bonds
from matscreen.descriptors.composition import Compositions, magpie_property
from matscreen.descriptors.elements import (
    d_electrons,
    element_table,
    f_electrons,
    has_lone_pair,
    ionic_radius,
    ionization_energy,
)
from matscreen.structures import FloatArray, IntArray

NONE, A, B, X = 0, 1, 2, 3
"""Roles of an element in a structure."""

_OXIDE_RADIUS = 1.40  # Å, O2- in sixfold coordination (Shannon 1976)
# Mean bond lengths that differ by less are a tie, which charge decides (spinels).
_TIE = 1.05

_ION_COLUMNS: tuple[Column, ...] = (
    ("number", "1"),
    ("group", "1"),
    ("row", "1"),
    ("electronegativity", "1"),
    ("mendeleev_number", "1"),
    ("ionization_energy", "eV"),
    ("oxidation_state", "e"),
    ("last_ionization_energy", "eV"),
    ("ionic_radius", "Å"),
    ("ionic_potential", "e/Å"),
    ("d_electrons", "1"),
    ("f_electrons", "1"),
    ("d0", "1"),
    ("lone_pair", "1"),
    ("covalent_radius", "pm"),
    ("melting_t", "K"),
    ("gs_volume_pa", "Å³"),
    ("n_valence", "1"),
    ("n_unfilled", "1"),
)
_ANION_COLUMNS: tuple[Column, ...] = (
    ("number", "1"),
    ("electronegativity", "1"),
    ("oxidation_state", "e"),
    ("ionic_radius", "Å"),
)
COLUMNS: tuple[Column, ...] = (
    *((f"site_{role}_{name}", unit) for role in "ab" for name, unit in _ION_COLUMNS),
    *((f"site_x_{name}", unit) for name, unit in _ANION_COLUMNS),
    ("site_ratio_a_b", "1"),
    ("site_ratio_cation_x", "1"),
    ("site_electronegativity_difference_ax", "1"),
    ("site_electronegativity_difference_bx", "1"),
    ("tolerance_factor", "1"),
    ("tolerance_factor_bartel", "1"),
    ("octahedral_factor", "1"),
)


@dataclass(frozen=True, eq=False)
class Sites:
    """Roles and ions of the elements of a batch, slot by slot as in its `Compositions`.

    Attributes:
        roles: `A`, `B`, `X` or `NONE`, (n, m).
        charges: Oxidation states, (n, m), e.
        coordination: Mean effective coordination number; six for anions, (n, m).
        radii: Shannon's ionic radius at this charge and coordination, (n, m), Å.
    """

    roles: IntArray
    charges: FloatArray
    coordination: FloatArray
    radii: FloatArray


def slot_means(
    values: FloatArray, row: IntArray, slot: IntArray, shape: tuple[int, int]
) -> FloatArray:
    """Average a value over the sites of each element; NaN where no site has a value.

    Args:
        values: One value a site, (s,).
        row: Structure of each site, (s,).
        slot: Slot of its element, (s,).
        shape: Shape (n, m) of the compositions.
    """
    known = np.isfinite(values)
    key = row[known] * shape[1] + slot[known]
    size = shape[0] * shape[1]
    total = np.bincount(key, values[known], minlength=size)
    count = np.bincount(key, minlength=size)
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return np.asarray(mean.reshape(shape))


def assign_sites(
    compositions: Compositions,
    charges: FloatArray,
    anion: np.ndarray,
    bonds: Bonds,
    *,
    row: IntArray,
    slot: IntArray,
) -> Sites:
    """Decide the role of every element.

    Args:
        compositions: The compositions, (n, m) slots.
        charges: Oxidation states, (n, m), e; NaN where unknown.
        anion: Which slots are anions, (n, m).
        bonds: Bonds between cations and anions.
        row: Structure of each site, (s,).
        slot: Slot of the element of each site, (s,).
    """
    shape = compositions.numbers.shape
    length = slot_means(bonds.mean_length, row, slot, shape)
    coordination = slot_means(bonds.coordination, row, slot, shape)
    cation = compositions.present & ~anion & np.isfinite(length)
    # A proton is never the B cation of an oxide that has another one.
    heavy = cation & (compositions.numbers != 1)
    cation = np.where(heavy.any(axis=1, keepdims=True), heavy, cation)
    roles = np.where(anion, X, _split(compositions, charges, cation, length))
    coordination = np.where(anion, 6.0, coordination)
    radii = ionic_radius(compositions.numbers, charges, coordination)
    return Sites(roles, charges, coordination, radii)


def assign_sites_by_radius(
    compositions: Compositions, charges: FloatArray, anion: np.ndarray
) -> Sites:
    """Decide the role of every element from the formula alone.

    The rule is that of `assign_sites`, with bond lengths estimated by Shannon's radii in sixfold
    coordination; A then gets twelve neighbours and B six, as in a perovskite.

    Args:
        compositions: The compositions, (n, m) slots.
        charges: Oxidation states, (n, m), e; NaN where unknown.
        anion: Which slots are anions, (n, m).
    """
    six = np.full(compositions.numbers.shape, 6.0)
    radius = ionic_radius(compositions.numbers, charges, six)
    length = radius + _OXIDE_RADIUS
    cation = compositions.present & ~anion & np.isfinite(length)
    heavy = cation & (compositions.numbers != 1)
    cation = np.where(heavy.any(axis=1, keepdims=True), heavy, cation)
    roles = np.where(anion, X, _split(compositions, charges, cation, length))
    coordination = np.where(roles == A, 12.0, 6.0)
    radii = ionic_radius(compositions.numbers, charges, coordination)
    return Sites(roles, charges, coordination, radii)


def _split(
    compositions: Compositions, charges: FloatArray, cation: np.ndarray, length: FloatArray
) -> IntArray:
    """Cut the sorted cations at the largest gap: A before it, B after it."""
    log_length = np.where(cation, np.log(np.where(cation, length, 1.0)), np.nan)

    def spread(values: FloatArray) -> FloatArray:
        top = np.where(cation, values, -np.inf).max(axis=1)
        return np.asarray(top + np.where(cation, -values, -np.inf).max(axis=1))

    known_charges = np.where(cation, charges, 0.0)
    charged = np.isfinite(known_charges).all(axis=1, keepdims=True)
    charge_spread = spread(np.where(charged, known_charges, 0.0))
    X_pauling = element_table().electronegativity[compositions.numbers]
    by_length = spread(log_length) > np.log(_TIE)
    by_charge = ~by_length & (charge_spread > 1e-6)
    size = np.where(
        by_length[:, None], log_length, np.where(by_charge[:, None], -known_charges, -X_pauling)
    )
    size = np.where(cation, np.nan_to_num(size), -np.inf)
    order = np.argsort(-size, axis=1, kind="stable")
    ordered = np.take_along_axis(size, order, axis=1)
    n_cations = cation.sum(axis=1)
    if size.shape[1] < 2:
        return np.where(cation, B, NONE)
    inside = np.arange(size.shape[1] - 1) < (n_cations - 1)[:, None]
    with np.errstate(invalid="ignore"):
        gaps = np.where(inside, ordered[:, :-1] - ordered[:, 1:], -np.inf)
    cut = np.argmax(gaps, axis=1)
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(size.shape[1])[None, :], axis=1)
    is_a = (place <= cut[:, None]) & (n_cations > 1)[:, None]
    return np.where(cation, np.where(is_a, A, B), NONE)


def role_mean(
    sites: Sites, compositions: Compositions, role: int, values: FloatArray
) -> FloatArray:
    """Average a property of the ions over one role, weighted by amount.

    Args:
        sites: Roles.
        compositions: Amounts.
        role: `A`, `B` or `X`.
        values: One value a slot, (n, m).

    Returns:
        Means, (n,); NaN where nothing has this role or a value is missing.
    """
    mask = sites.roles == role
    weights = np.where(mask, compositions.amounts, 0.0)
    total = weights.sum(axis=1)
    summed = np.where(mask, values * compositions.amounts, 0.0).sum(axis=1)
    return np.asarray(np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.nan))


def tolerance_factor(r_a: FloatArray, r_b: FloatArray, r_x: FloatArray) -> FloatArray:
    """Goldschmidt's tolerance factor (r_a + r_x) / (√2 (r_b + r_x)) (Goldschmidt 1926).

    Args:
        r_a: Ionic radius of the A ion, Å, (n,).
        r_b: Ionic radius of the B ion, Å, (n,).
        r_x: Ionic radius of the anion, Å, (n,).

    Examples:
        >>> radii = np.array([1.44]), np.array([0.605]), np.array([1.40])  # SrTiO3
        >>> tolerance_factor(*radii).round(2)
        array([1.])
    """
    return np.asarray((r_a + r_x) / (np.sqrt(2) * (r_b + r_x)))


def bartel_factor(
    r_a: FloatArray, r_b: FloatArray, r_x: FloatArray, charge_a: FloatArray
) -> FloatArray:
    """Tolerance factor of Bartel et al. (2019); perovskites have it below 4.18.

    r_x / r_b - n_a (n_a - (r_a / r_b) / ln(r_a / r_b)), defined for r_a > r_b > 0.

    Args:
        r_a: Ionic radius of the A ion, Å, (n,).
        r_b: Ionic radius of the B ion, Å, (n,).
        r_x: Ionic radius of the anion, Å, (n,).
        charge_a: Oxidation state n_a of the A ion, e, (n,).

    Returns:
        The factor, (n,); NaN where it is not defined.

    Examples:
        >>> radii = np.array([1.44]), np.array([0.605]), np.array([1.40])  # SrTiO3
        >>> bartel_factor(*radii, charge_a=np.array([2.0])).round(2)  # a perovskite
        array([3.8])
    """
    defined = (r_b > 0) & (r_a > r_b * 1.001)
    ratio = np.where(defined, r_a / np.where(defined, r_b, 1.0), 2.0)
    factor = r_x / np.where(defined, r_b, 1.0) - charge_a * (charge_a - ratio / np.log(ratio))
    return np.asarray(np.where(defined, factor, np.nan))


def site_features(compositions: Compositions, sites: Sites) -> FloatArray:
    """Describe the ions on A, B and X.

    Averages over the ions of a role, weighted by amount. The radii of `site_*_ionic_radius` are
    at the coordination found in the structure; those of the tolerance factors (Goldschmidt 1926,
    Bartel et al. 2019) at coordination 12 for A and 6 for B and X, as they were defined. The
    ionic potential is charge over radius; `last_ionization_energy` belongs to the electron that
    was removed last, and so says how easily the ion is reduced. The last five are element
    properties of the Magpie table (Ward et al. 2016). A compound with one cation has no A.

    Returns:
        Values in the order of `COLUMNS`, (n, 49).
    """
    z, charges = compositions.numbers, sites.charges
    table = element_table()
    d = d_electrons(z, charges)
    d0 = np.where(np.isfinite(d), (table.d_block[z] & (d < 0.01)).astype(float), np.nan)
    potential = charges / np.where(sites.radii > 0, sites.radii, np.nan)
    ions = (
        z.astype(float),
        table.group[z],
        table.row[z],
        table.electronegativity[z],
        table.mendeleev[z],
        table.ionization[:, 1][z],
        charges,
        ionization_energy(z, charges),
        sites.radii,
        potential,
        d,
        f_electrons(z, charges),
        d0,
        has_lone_pair(z, charges),
        *(magpie_property(name)[z] for name, _ in _ION_COLUMNS[-5:]),
    )
    anions = (z.astype(float), table.electronegativity[z], charges, sites.radii)

    def mean(role: int, values: FloatArray) -> FloatArray:
        return role_mean(sites, compositions, role, values)

    def amount(*roles: int) -> FloatArray:
        return np.asarray(np.where(np.isin(sites.roles, roles), compositions.amounts, 0).sum(1))

    r_a = mean(A, ionic_radius(z, charges, np.full(z.shape, 12.0)))
    r_6 = ionic_radius(z, charges, np.full(z.shape, 6.0))
    r_b, r_x = mean(B, r_6), mean(X, r_6)
    X_a, X_b, X_x = (mean(role, table.electronegativity[z]) for role in (A, B, X))
    n_a, n_b, n_x = amount(A), amount(B), amount(X)
    columns = [mean(A, values) for values in ions]
    columns += [mean(B, values) for values in ions]
    columns += [mean(X, values) for values in anions]
    columns += [
        np.where((n_a > 0) & (n_b > 0), n_a / np.where(n_b > 0, n_b, 1.0), np.nan),
        np.where(n_x > 0, (n_a + n_b) / np.where(n_x > 0, n_x, 1.0), np.nan),
        X_x - X_a,
        X_x - X_b,
        tolerance_factor(r_a, r_b, r_x),
        bartel_factor(r_a, r_b, r_x, mean(A, charges)),
        r_b / r_x,
    ]
    return np.stack(columns, axis=1)
