"""Enumerated solid solutions: balanced, distinct, in one order, and described as their formulas."""

import numpy as np
import pytest

from matscreen import compositions
from matscreen.compositions import name_compositions, parts
from matscreen.descriptors.composition import parse_formula
from matscreen.descriptors.sets import featurize_compositions, featurize_formulas
from matscreen.errors import InputError
from matscreen.formulas import element_symbols, spelling
from matscreen.structures import reduced_formula

COUNT = 3000


@pytest.fixture(scope="module")
def named():
    return name_compositions(next(parts(COUNT, COUNT)))


def test_every_composition_is_there_once(named):
    assert len(set(named.ids)) == len({spelling(f) for f in named.formulas}) == COUNT


def test_formulas_hold_what_the_arrays_hold(named):
    for row in range(0, COUNT, 97):
        slots = named.compositions.present[row]
        numbers, amounts = (
            named.compositions.numbers[row, slots],
            named.compositions.amounts[row, slots],
        )
        assert parse_formula(named.formulas[row]) == pytest.approx(
            dict(zip(numbers.tolist(), amounts.tolist(), strict=True))
        )
        symbols = sorted(element_symbols()[z] for z in numbers)
        assert named.systems[row] == "-".join(symbols)


def test_formulas_are_written_as_everywhere_else(named):
    for formula in named.formulas[::53]:
        assert formula == reduced_formula(formula)


def test_charges_balance_and_sites_hold_two_cations_at_most(named):
    part = next(parts(COUNT, COUNT))
    a, b = compositions._site("A"), compositions._site("B")
    assert (a.charge[part.a] + b.charge[part.b] == 60).all()
    assert named.compositions.amounts.sum(axis=1) == pytest.approx(5.0)
    t = (a.radius[part.a] + 1.40) / (np.sqrt(2.0) * (b.radius[part.b] + 1.40))
    assert (t >= compositions.TOLERANCE[0]).all()
    assert (t <= compositions.TOLERANCE[1]).all()


def test_a_longer_enumeration_begins_with_a_shorter_one():
    short = np.concatenate([part.a for part in parts(500, 120)])
    long = next(parts(200_000, 200_000))
    assert np.array_equal(short, long.a[:500])


def test_common_ions_come_first():
    part = next(parts(200_000, 200_000))
    cost = compositions._site("A").cost[part.a] + compositions._site("B").cost[part.b]
    assert (np.diff(cost) >= 0).all()


def test_arrays_are_described_as_their_formulas(named):
    some = slice(0, 40)
    values = featurize_compositions(
        type(named.compositions)(
            named.compositions.numbers[some], named.compositions.amounts[some]
        ),
        with_sites=True,
    )
    formulas = featurize_formulas(named.formulas[some], with_sites=True).values
    np.testing.assert_allclose(values, formulas, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("count", [0, 30_000])
def test_a_count_that_cannot_be_is_refused(count, monkeypatch):
    monkeypatch.setattr(compositions, "_RAREST", 0)
    with pytest.raises(InputError, match=f"{count} (compositions )?are asked for"):
        next(parts(count, 100))
