from __future__ import annotations

import pytest

from matscreen.simulations.planning import KINDS, SHARES, Relaxed, follow_ups
from matscreen.structures import Crystal
from tests.simulations.conftest import perovskite


def relaxed(crystal: Crystal, energy: float, prototype: str) -> Relaxed:
    return Relaxed(crystal, crystal.content_hash, prototype, energy, 0.0)


def test_every_kind_of_work_is_planned_and_the_shares_add_up():
    phases = [
        relaxed(perovskite(38), -8.0, "perovskite-Pm-3m"),
        relaxed(perovskite(38, edge=4.2), -7.5, "perovskite-Pm-3m"),
    ]
    tasks = follow_ups(phases)
    assert {task.simulations for task in tasks} == {
        names for kind, names in KINDS.items() if kind != "relaxation"
    }
    assert {"elastic", "insertion"} <= set(KINDS)
    assert sum(SHARES.values()) == pytest.approx(1.0)
    well = next(task for task in tasks if task.simulations == ("double_well",))
    assert well.phases["Pm-3m"] is phases[0].crystal
    (elastic,) = [task for task in tasks if task.simulations == ("elastic",)]
    assert elastic.crystal is phases[0].crystal


def test_nothing_but_a_well_is_planned_without_oxygen():
    tasks = follow_ups([relaxed(perovskite(38, 22, 16), -5.0, "perovskite-Pm-3m")])
    assert {task.simulations for task in tasks} == {("double_well",)}
    assert follow_ups([]) == []
