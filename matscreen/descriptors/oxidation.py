"""Charge-balanced oxidation states of many compositions.

The most probable neutral assignment, with the frequency of each ion in the ICSD as prior; one
element may be mixed-valent (Fe3O4), and rare states (peroxides) are tried only when the usual ones
cannot be neutral. Compounds with as many elements are solved together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

import numpy as np

from matscreen.compiled import COMPILED, compiled
from matscreen.descriptors.base import Column
from matscreen.descriptors.composition import Compositions
from matscreen.descriptors.elements import element_table, ionic_radius
from matscreen.structures import FloatArray, IntArray

_RARE = 0.01
_FLOOR = 1e-4
# Cost of a mixed valence in the log probability of each of its atoms.
_MIXING = 0.5
_MAX_COMBINATIONS = 50_000
_MAX_GRID = 1_000_000
# Ions that form the anion sublattice of a compound when no neutral assignment exists.
_ANIONS = (7, 8, 9, 16, 17, 34, 35, 52, 53)

COLUMNS: tuple[Column, ...] = (
    ("charge_balanced", "1"),
    ("charge_mixed_valence", "1"),
    ("charge_cation_mean", "e"),
    ("charge_cation_max", "e"),
    ("charge_cation_min", "e"),
    ("charge_anion_mean", "e"),
    ("radius_cation_max", "Å"),
    ("radius_cation_min", "Å"),
    ("radius_ratio_cation", "1"),
    ("radius_ratio_anion", "1"),
    ("cation_anion_ratio", "1"),
)

_States = tuple[tuple[float, float], ...]


@cache
def _ion_frequencies() -> dict[int, dict[int, float]]:
    """Share of each oxidation state among the charged ions of an element in the ICSD."""
    from pymatgen.core import Composition, Element

    # pymatgen fills this table on the first guess.
    Composition("NaCl").oxi_state_guesses()
    counts: dict[int, dict[int, float]] = {z: {} for z in range(1, 119)}
    for ion, count in (Composition.oxi_prob or {}).items():
        charge = round(float(ion.oxi_state))
        if charge:
            counts[ion.element.Z][charge] = counts[ion.element.Z].get(charge, 0.0) + count
    shares: dict[int, dict[int, float]] = {}
    for z, of_element in counts.items():
        total = sum(of_element.values())
        share = {q: n / total for q, n in of_element.items()}
        element = Element.from_Z(z)
        listed = [int(q) for q in element.icsd_oxidation_states or () if q]
        listed += [int(q) for q in element.common_oxidation_states if q]
        for q in listed:
            share.setdefault(q, _RARE if share else 1.0 / len(set(listed)))
        shares[z] = share
    return shares


@cache
def _states(z: int, rare: bool) -> _States:
    """Oxidation states of an element with their log probability, most probable first."""
    shares = _ion_frequencies()[z]
    usual = {q: p for q, p in shares.items() if rare or p >= _RARE}
    ordered = sorted(usual.items(), key=lambda item: (-item[1], item[0]))
    return tuple((float(q), math.log(max(p, _FLOOR))) for q, p in ordered)


@cache
def _state_table(rare: bool) -> tuple[FloatArray, FloatArray]:
    """Oxidation states of all elements and their log probability, (119, w) each, padded."""
    states: list[_States] = [(), *(_states(z, rare) for z in range(1, 119))]
    width = max(map(len, states))
    charges, chances = np.zeros((119, width)), np.full((119, width), -np.inf)
    for z, of_element in enumerate(states):
        for level, (charge, log_probability) in enumerate(of_element):
            charges[z, level], chances[z, level] = charge, log_probability
    return charges, chances


@compiled
def _search(q, p, n):  # type: ignore[no-untyped-def]
    """Do for one compound after the other what `_single_valued` and `_mixed_valued` do for all.

    Args:
        q: Charges of the states of each element, (rows, k, w).
        p: Their log probabilities, -inf where there is no state, (rows, k, w).
        n: Atomic fractions, (rows, k).

    Returns:
        Charges, (rows, k); NaN where nothing is neutral.
    """
    rows, k, width = q.shape
    result = np.full((rows, k), np.nan)
    level = np.zeros(k, dtype=np.int64)
    count = np.zeros(k, dtype=np.int64)
    order = np.zeros(width, dtype=np.int64)
    for row in range(rows):
        bound, least = 0.0, np.inf
        for j in range(k):
            count[j] = 0
            top = -np.inf
            while count[j] < width and np.isfinite(p[row, j, count[j]]):
                top = max(top, p[row, j, count[j]])
                count[j] += 1
            bound += top * n[row, j]
            least = min(least, n[row, j])
        best, beatable = -np.inf, True
        for mixed in range(-1, k):
            if mixed == 0:
                # A mixed valence costs at least this much of the best score of anything.
                beatable = best < bound - _MIXING * least
            if mixed >= 0 and not beatable:
                break
            if mixed >= 0:
                # Levels of the mixed element by charge.
                for c in range(count[mixed]):
                    place = c
                    while place > 0 and q[row, mixed, order[place - 1]] > q[row, mixed, c]:
                        order[place] = order[place - 1]
                        place -= 1
                    order[place] = c
            empty = False
            for j in range(k):
                level[j] = 0
                if count[j] == 0:
                    empty = True
            if empty:
                continue
            top, found = -np.inf, False
            while True:
                charge, chance = 0.0, 0.0
                for j in range(k):
                    if j != mixed:
                        charge += q[row, j, level[j]] * n[row, j]
                        chance += p[row, j, level[j]] * n[row, j]
                if mixed < 0:
                    if abs(charge) < 1e-6 and chance > best:
                        best = chance
                        for j in range(k):
                            result[row, j] = q[row, j, level[j]]
                else:
                    needed = -charge / n[row, mixed]
                    prior = -np.inf
                    for c in range(count[mixed] - 1):
                        q0, q1 = q[row, mixed, order[c]], q[row, mixed, order[c + 1]]
                        if q0 * q1 > 0 and q0 <= needed <= q1:
                            p0, p1 = p[row, mixed, order[c]], p[row, mixed, order[c + 1]]
                            prior = max(prior, p0 + (p1 - p0) * (needed - q0) / (q1 - q0))
                    score = chance + (prior - _MIXING) * n[row, mixed]
                    if score > top and score > best:
                        top, found = score, True
                        for j in range(k):
                            result[row, j] = needed if j == mixed else q[row, j, level[j]]
                j = k - 1
                while j >= 0:
                    if j != mixed:
                        level[j] += 1
                        if level[j] < count[j]:
                            break
                        level[j] = 0
                    j -= 1
                if j < 0:
                    break
            if found:
                best = top
    return result


def _solve(numbers: IntArray, fractions: FloatArray, *, rare: bool) -> FloatArray:
    """Assign the charges of compounds that have the same number of elements.

    Args:
        numbers: Atomic numbers, (n, k).
        fractions: Atomic fractions, (n, k).
        rare: Use also the states that are rarely seen.

    Returns:
        Oxidation states, (n, k), e; NaN where none is neutral.
    """
    n, k = numbers.shape
    charges_of, chances_of = _state_table(rare)
    # At least one (empty) level, for elements without any known ion.
    width = int(np.isfinite(chances_of[numbers]).sum(axis=2).max(initial=1)) or 1
    width = min(width, int(_MAX_COMBINATIONS ** (1 / k)))
    q, p = charges_of[numbers][:, :, :width], chances_of[numbers][:, :, :width]
    if COMPILED:
        found: FloatArray = _search(
            np.ascontiguousarray(q), np.ascontiguousarray(p), np.ascontiguousarray(fractions)
        )
        return found
    result = np.empty((n, k))
    step = max(1, _MAX_GRID // max(width**k, 1))
    for start in range(0, n, step):
        part = np.arange(start, min(start + step, n))
        result[part], score = _single_valued(q[part], p[part], fractions[part])
        # A mixed valence costs at least this much of the best score that anything could have.
        bound = (p[part].max(axis=2) * fractions[part]).sum(axis=1)
        beatable = score < bound - _MIXING * fractions[part].min(axis=1)
        part, score = part[beatable], score[beatable]
        for charges, mixed in _mixed_valued(q[part], p[part], fractions[part]):
            better = mixed > score
            result[part[better]] = charges[better]
            score = np.where(better, mixed, score)
    return result


def _grid(values: FloatArray) -> FloatArray:
    """Sum one level of each element, over all combinations: (n, k, w) to (n, w^k)."""
    n, width = len(values), values.shape[2]
    total = np.zeros((n, 1))
    for j in range(values.shape[1]):
        sums = total[:, :, None] + values[:, j, None, :]
        total = sums.reshape(n, total.shape[1] * width)
    return total


def _pick(values: FloatArray, combination: IntArray) -> FloatArray:
    """Take the level of each element that belongs to a combination of `_grid`, (n, k)."""
    shape = (values.shape[2],) * values.shape[1]
    levels = np.stack(np.unravel_index(combination, shape), axis=1)
    return np.take_along_axis(values, levels[:, :, None], axis=2)[:, :, 0]


def _single_valued(q: FloatArray, p: FloatArray, n: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Give every element one of its states: charges and score, -inf where nothing is neutral."""
    neutral = np.abs(_grid(q * n[:, :, None])) < 1e-6
    score = np.where(neutral, _grid(p * n[:, :, None]), -np.inf)
    top = np.argmax(score, axis=1)
    best = np.take_along_axis(score, top[:, None], axis=1)[:, 0]
    return np.where(np.isfinite(best)[:, None], _pick(q, top), np.nan), best


def _mixed_valued(
    q: FloatArray, p: FloatArray, n: FloatArray
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Let one element take the average charge that makes the compound neutral.

    Between two states the log probability is linear. Both have one sign: no element is anion and
    cation at once.
    """
    for j in range(q.shape[1]):
        q_rest, p_rest, n_rest = (np.delete(x, j, axis=1) for x in (q, p, n))
        needed = -_grid(q_rest * n_rest[:, :, None]) / n[:, j, None]
        prior = np.full_like(needed, -np.inf)
        order = np.argsort(np.where(np.isfinite(p[:, j]), q[:, j], np.inf), axis=1)
        levels = np.take_along_axis(q[:, j], order, axis=1)
        chances = np.take_along_axis(p[:, j], order, axis=1)
        for low in range(levels.shape[1] - 1):
            q0, q1 = levels[:, low, None], levels[:, low + 1, None]
            p0, p1 = chances[:, low, None], chances[:, low + 1, None]
            usable = (q0 * q1 > 0) & np.isfinite(p0) & np.isfinite(p1)
            inside = usable & (needed >= q0) & (needed <= q1)
            p0, p1 = np.where(usable, p0, 0.0), np.where(usable, p1, 0.0)
            between = p0 + (p1 - p0) * (needed - q0) / np.where(usable, q1 - q0, 1.0)
            prior = np.where(inside, np.maximum(prior, between), prior)
        score = _grid(p_rest * n_rest[:, :, None]) + (prior - _MIXING) * n[:, j, None]
        top = np.argmax(score, axis=1)[:, None]
        charges = np.insert(
            _pick(q_rest, top[:, 0]), j, np.take_along_axis(needed, top, axis=1)[:, 0], axis=1
        )
        yield charges, np.take_along_axis(score, top, axis=1)[:, 0]


def oxidation_states(compositions: Compositions) -> FloatArray:
    """Assign charge-balanced oxidation states.

    Of all neutral assignments the one with the largest Σ n ln p is taken, where p is the share of
    the ion among the ions of its element in the ICSD (the table of pymatgen). One element may be
    mixed-valent, at a cost; it gets its average charge.

    Returns:
        Oxidation state of each slot, (n, m), e; NaN in empty slots and where no assignment of
        known states is neutral.
    """
    result = np.full(compositions.numbers.shape, np.nan)
    counts = compositions.present.sum(axis=1)
    # Compounds of one formula share one solution whatever their cells.
    amounts = np.round(compositions.fractions, 9)
    for k in range(2, compositions.numbers.shape[1] + 1):
        rows = np.flatnonzero(counts == k)
        if not len(rows):
            continue
        keys = np.hstack([compositions.numbers[rows, :k], amounts[rows, :k]])
        distinct, inverse = np.unique(keys, axis=0, return_inverse=True)
        numbers, fractions = distinct[:, :k].astype(np.int64), distinct[:, k:]
        charges = _solve(numbers, fractions, rare=False)
        unsolved = np.isnan(charges[:, 0])
        if unsolved.any():
            charges[unsolved] = _solve(numbers[unsolved], fractions[unsolved], rare=True)
        result[rows[:, None], np.arange(k)] = charges[inverse.ravel()]
    return result


def anion_mask(compositions: Compositions, charges: FloatArray) -> np.ndarray:
    """Say which slots are anions.

    Those of negative charge; in a compound without a neutral assignment the most electronegative
    element, when it is one that forms anions.

    Returns:
        Mask, (n, m).
    """
    present = compositions.present
    X = np.where(present, element_table().electronegativity[compositions.numbers], -np.inf)
    X = np.where(np.isnan(X), -np.inf, X)
    forms = np.isin(compositions.numbers, _ANIONS) & present
    highest = forms & (np.max(X, axis=1, keepdims=True) == X)
    unknown = np.isnan(np.where(present, charges, 0.0)).any(axis=1, keepdims=True)
    return np.asarray(np.where(unknown, highest, charges < 0) & present)


def charge_features(compositions: Compositions, charges: FloatArray) -> FloatArray:
    """Describe the ions that the composition implies; radii are Shannon's at coordination six.

    Args:
        compositions: The compositions.
        charges: Their `oxidation_states`.

    Returns:
        Values in the order of `COLUMNS`, (n, 11).
    """
    fractions = compositions.fractions
    anion = anion_mask(compositions, charges)
    cation = compositions.present & ~anion
    radii = ionic_radius(compositions.numbers, charges, np.full(charges.shape, 6.0))
    balanced = np.isfinite(np.where(compositions.present, charges, 0.0)).all(axis=1)
    mixed = (np.abs(charges - np.round(charges)) > 1e-6).any(axis=1)

    def mean(mask: np.ndarray, values: FloatArray) -> FloatArray:
        weights = np.where(mask, fractions, 0.0)
        total = weights.sum(axis=1)
        summed = np.where(mask, values * fractions, 0.0).sum(axis=1)
        return np.asarray(np.where(total > 0, summed / np.where(total > 0, total, 1.0), np.nan))

    def extreme(values: FloatArray, sign: float) -> FloatArray:
        top = np.where(cation, sign * values, -np.inf).max(axis=1)
        return np.asarray(np.where(np.isfinite(top), sign * top, np.nan))

    def ratio(top: FloatArray, bottom: FloatArray) -> FloatArray:
        return np.asarray(top / np.where(bottom > 0, bottom, np.nan))

    largest, smallest = extreme(radii, 1.0), extreme(radii, -1.0)
    columns = (
        balanced.astype(float),
        np.where(balanced, mixed.astype(float), np.nan),
        mean(cation, charges),
        extreme(charges, 1.0),
        extreme(charges, -1.0),
        mean(anion, charges),
        largest,
        smallest,
        ratio(largest, smallest),
        ratio(smallest, mean(anion, radii)),
        ratio(
            np.where(cation, fractions, 0).sum(axis=1), np.where(anion, fractions, 0).sum(axis=1)
        ),
    )
    return np.stack(columns, axis=1)


@cache
def frequent_charges(sign: int) -> FloatArray:
    """Return the oxidation state of one sign that each element has most often in the ICSD.

    Args:
        sign: 1 for cations, -1 for anions.

    Returns:
        Oxidation states by atomic number, (119,), e; NaN for an element without such ions.
    """
    found = np.full(119, np.nan)
    for z, shares in _ion_frequencies().items():
        of_sign = {q: share for q, share in shares.items() if q * sign > 0}
        if of_sign:
            found[z] = max(of_sign, key=lambda q: (of_sign[q], -abs(q)))
    return found
