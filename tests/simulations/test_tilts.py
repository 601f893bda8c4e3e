from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matscreen.errors import StructureError
from matscreen.identity import analyze_symmetry
from matscreen.simulations import get_simulation
from matscreen.simulations.cubic_parent import TILTS, polar_seed, tilt, tilt_angle
from matscreen.simulations.double_well import DoubleWell
from matscreen.simulations.relaxation import Relaxation
from matscreen.simulations.relaxing import attach, energy_of
from matscreen.simulations.tilts import OctahedralTilt
from matscreen.structures import Crystal
from tests.simulations.conftest import perovskite

PULL = 0.9


@pytest.fixture
def unstable(octahedra, cubic):
    """A potential that tilts, with its relaxed cubic parent."""
    potential = octahedra(pull=PULL)
    return potential, Relaxation().run(cubic, potential).relaxed


@pytest.mark.parametrize("symbol", TILTS)
@pytest.mark.parametrize("origin", [0.0, 0.5, 0.13])
def test_tilted_phase_has_its_space_group(symbol, origin):
    cubic = perovskite()
    moved = Crystal(cubic.lattice, cubic.atomic_numbers, cubic.frac_coords + origin)
    tilted = tilt(moved, symbol, 8.0)
    assert analyze_symmetry(tilted, symprec=1e-4).number == TILTS[symbol].spacegroup
    assert tilted.volume / cubic.volume == pytest.approx(tilted.nsites / 5)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(["I4/mcm", "P4/mbm"]), st.floats(1.0, 15.0))
def test_rotation_about_one_axis_is_seen_at_the_anions(symbol, angle):
    cubic = perovskite()
    # Displacements are linear in the angle: the bond turns by its arc tangent.
    expected = np.degrees(np.arctan(np.radians(angle)))
    assert tilt_angle(tilt(cubic, symbol, angle), cubic) == pytest.approx(expected, rel=1e-6)


def test_polar_seed_of_the_threefold_tilt_is_of_the_lithium_niobate_type(cubic):
    assert analyze_symmetry(polar_seed(tilt(cubic, "R-3c", 8.0), cubic)).number == 161


def test_stable_octahedra_give_zero_at_the_price_of_four_energies(octahedra, cubic):
    result = OctahedralTilt().run(cubic, octahedra())
    (label,) = result.labels
    assert (label.value, label.path) == (0.0, "Pm-3m")
    assert label.std == pytest.approx(10.0 / cubic.volume)
    assert result.notes["frozen_R"] > 0
    assert not any(name.startswith("tilt_gain") for name in result.notes)


def test_unstable_octahedra_give_the_depth_of_the_lowest_phase(unstable):
    potential, parent = unstable
    result = get_simulation("octahedral_tilt").run(parent, potential)
    (label,) = result.labels
    gains = {name[10:]: gain for name, gain in result.notes.items() if "tilt_gain" in name}
    assert set(gains) == set(TILTS)
    assert label.value * parent.volume == pytest.approx(max(gains.values()))
    assert gains[label.path] == max(gains.values()) > 20
    assert result.notes["frozen_R"] < 0
    assert 2 < result.notes["tilt_angle"] < 25
    # What is stored is below every frozen rotation that led to it.
    frozen = tilt(parent, "I4/mcm", 9.0)
    above = energy_of(attach(frozen.to_ase(), potential)) / 2
    above -= energy_of(attach(parent.to_ase(), potential))
    assert gains["I4/mcm"] > -1e3 * above


def test_given_phases_are_compared_without_a_relaxation(unstable, monkeypatch):
    potential, parent = unstable
    given_phases = {name: tilt(parent, name, 6.0) for name in TILTS}
    monkeypatch.setattr(
        "matscreen.simulations.tilts.relax_cell", lambda *_a, **_k: pytest.fail("relaxed")
    )
    result = OctahedralTilt().run(parent, potential, phases=given_phases)
    energies = {
        name: energy_of(attach(crystal.to_ase(), potential)) / (crystal.nsites / 5)
        for name, crystal in given_phases.items()
    }
    assert result.labels[0].path == min(energies, key=lambda name: energies[name])


def test_no_tilt_energy_without_a_cubic_parent(octahedra):
    with pytest.raises(StructureError, match="no_cubic_parent"):
        OctahedralTilt().run(tilt(perovskite(), "R-3c", 8.0), octahedra())


def test_failed_relaxations_are_no_stable_parent(unstable, monkeypatch):
    potential, parent = unstable

    def fail(*_args, **_kwargs):
        raise StructureError("not_converged", "forces stayed")

    monkeypatch.setattr("matscreen.simulations.tilts.relax_cell", fail)
    with pytest.raises(StructureError, match="not_converged"):
        OctahedralTilt().run(parent, potential)


def test_double_well_of_the_parent_tells_the_tilt(unstable):
    potential, parent = unstable
    result = DoubleWell().run(parent, potential)
    labels = {label.property: label for label in result.labels}
    alone = OctahedralTilt().run(parent, potential).labels[0]
    assert labels["tilt_energy"].value > 0.2
    # The quick choice of phases misses none of what the full one finds by more than the noise.
    assert labels["tilt_energy"].value == pytest.approx(alone.value, abs=alone.std)
