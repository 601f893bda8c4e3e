from __future__ import annotations

import numpy as np
import pytest

from matscreen.errors import InputError, MissingDependencyError, StructureError
from matscreen.identity import analyze_symmetry
from matscreen.simulations import SIMULATIONS, Simulation, get_calculator, get_simulation
from matscreen.simulations.calculators import Potential, get_potential
from matscreen.simulations.relaxation import Relaxation
from matscreen.structures import Crystal
from tests.simulations.conftest import Landau, perovskite


def copper(edge: float = 3.5) -> Crystal:
    return Crystal(np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * edge / 2, [29], [[0, 0, 0]])


def test_copper_reaches_the_lattice_constant_of_emt():
    result = Relaxation().run(copper(), get_potential("emt"))
    values = {label.property: label.value for label in result.labels}
    assert 4 * values["volume_per_atom"] == pytest.approx(3.59**3, rel=0.005)
    assert result.relaxed.volume == pytest.approx(values["volume_per_atom"])
    assert values["energy_per_atom"] == pytest.approx(-0.0057, abs=2e-3)


def test_symmetry_is_kept_even_on_a_saddle(landau, cubic):
    squeezed = Crystal(cubic.lattice * 0.98, cubic.atomic_numbers, cubic.frac_coords)
    relaxed = Relaxation().run(squeezed, landau()).relaxed
    assert analyze_symmetry(relaxed).number == 221
    np.testing.assert_allclose(np.diag(relaxed.lattice), 4.0, atol=2e-3)


def test_polar_seed_without_a_well_returns_to_the_cubic_phase(landau, cubic):
    coords = cubic.frac_coords.copy()
    coords[1, 2] += 0.02
    relaxed = (
        Relaxation()
        .run(Crystal(cubic.lattice, cubic.atomic_numbers, coords), landau(alpha=-2.0))
        .relaxed
    )
    assert analyze_symmetry(relaxed).number == 221


class _Broken(Landau):
    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        self.results["energy"] = np.nan


class _Expanding(Landau):
    def terms(self, positions, cell):
        energy, forces = super().terms(positions, cell)
        return energy - 30 * abs(np.linalg.det(cell)) / 64, forces


@pytest.mark.parametrize(
    ("calculator", "reason"),
    [(_Broken, "calculator_failed"), (lambda: _Expanding(bulk=10.0), "exploded_volume|not_conv")],
)
def test_nonsense_is_rejected(calculator, reason, cubic):
    with pytest.raises(StructureError, match=reason):
        Relaxation().run(cubic, Potential("bad", "0", calculator))


def test_unsupported_element_is_one_clear_reason():
    with pytest.raises(StructureError) as caught:
        Relaxation().run(perovskite(), get_potential("emt"))
    assert caught.value.reason in ("unsupported_element", "calculator_failed")


def test_registry_and_unknown_names():
    assert {get_simulation(name).method for name in SIMULATIONS} == set(SIMULATIONS)
    assert all(isinstance(get_simulation(name), Simulation) for name in SIMULATIONS)
    with pytest.raises(InputError, match="unknown simulation"):
        get_simulation("magic")
    with pytest.raises(InputError, match="unknown calculator"):
        get_calculator("no-such-calculator")


def test_missing_package_names_the_extra(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "sevenn.calculator", None)
    with pytest.raises(MissingDependencyError, match="simulate"):
        get_calculator("7net-0")
