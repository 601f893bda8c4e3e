import math

import pytest

from matscreen.fabrication import hazards, restricted, supply_concentration


def test_thallium_is_toxic_and_bismuth_is_not_radioactive():
    assert hazards("TlScO3") == ("toxic: holds Tl",)
    assert hazards("BiFeO3") == ()
    assert hazards("PmNiO3") == ("radioactive: holds Pm",)
    assert restricted("PbTiO3") == ("restricted: holds Pb (RoHS)",)


def test_index_is_a_mass_weighted_mean():
    _, titania = supply_concentration("TiO2")
    _, baria = supply_concentration("BaO")
    _, both = supply_concentration("BaTiO3")
    assert min(titania, baria) < both < max(titania, baria)
    titanium, barium, oxygen = 47.867, 137.327, 15.999
    elements = {e: supply_concentration(e)[1] for e in ("Ti", "Ba", "O")}
    total = titanium + barium + 3 * oxygen
    expected = (
        titanium * elements["Ti"] + barium * elements["Ba"] + 3 * oxygen * elements["O"]
    ) / total
    assert both == pytest.approx(expected, rel=1e-3)


def test_unknown_markets_are_missing():
    assert math.isnan(supply_concentration("AcO")[0]) or supply_concentration("AcO")[0] > 0
