import math

import numpy as np
import pytest

from matscreen.calibration import calibrated_mechanisms, read_calibration, write_calibration
from matscreen.errors import InputError
from matscreen.mechanisms import Device, ModelError, get_mechanism
from matscreen.mechanisms.bounded import Bounded
from matscreen.mechanisms.calibrated import Calibrated, Shift, weigh

HAFNIA = {"spontaneous_polarization": np.array([50.0]), "well_depth": np.array([2.0])}


def test_no_device_changes_nothing():
    assert weigh(ModelError(1.0, 0.5), {}) == Shift(0.0, 1.0, 0.5, 0, 0)


def test_two_materials_are_weighed_with_the_prior():
    shift = weigh(ModelError(1.0, 0.5), {"A": [0.4, 0.6], "B": [1.0]})
    variance = 1.0 / (1.0 + 2 / 0.25)
    assert shift.shared == pytest.approx(math.sqrt(variance))
    assert shift.decades == pytest.approx(variance / 0.25 * 1.5)
    assert (shift.n_devices, shift.n_materials) == (3, 2)


@pytest.mark.parametrize(
    ("error", "decades", "shared"),
    [
        (ModelError(0.5, 0.0), 1.0, 0.0),  # devices say it all
        (ModelError(0.0, 0.5), 0.0, 0.0),  # what is sure stays
        (ModelError(0.0, 0.0), 0.0, 0.0),
    ],
)
def test_a_mechanism_may_state_no_error(error, decades, shared):
    shift = weigh(error, {"A": [1.0]})
    assert (shift.decades, shift.shared) == pytest.approx((decades, shared))


@pytest.mark.parametrize("decades", [-1.0, 0.7])
def test_shift_moves_the_excess_and_keeps_the_order(decades):
    plain = get_mechanism("ferroelectric")
    moved = Calibrated(plain, Shift(decades, 0.1, 0.4, 3, 2))
    before = plain.energies(HAFNIA, Device(), "logic")
    after = moved.energies(HAFNIA, Device(), "logic")
    np.testing.assert_allclose(
        after.nominal_J - after.floor_J, (before.nominal_J - before.floor_J) * 10**decades
    )
    assert (after.floor_J <= after.nominal_J).all()
    assert (after.nominal_J <= after.ceiling_J).all()
    assert moved.model_error == ModelError(0.1, 0.4)


def test_calibrations_are_written_read_and_used(tmp_path):
    path = tmp_path / "calibration.json"
    shift = Shift(0.5, 0.3, 0.4, 4, 3)
    write_calibration(path, {"ferroelectric": shift}, source="mine.csv")
    assert read_calibration(path) == {"ferroelectric": shift}
    first, second = calibrated_mechanisms(["ferroelectric", "valence_change"], path)
    assert first.model_error.shared == 0.3
    assert second.model_error == get_mechanism("valence_change").model_error


@pytest.mark.parametrize(
    ("text", "words"),
    [("not json", "is not JSON"), ("{}", "is no calibration")],
)
def test_a_wrong_file_is_a_clear_error(tmp_path, text, words):
    path = tmp_path / "wrong.json"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_calibration(path)
    with pytest.raises(InputError, match="cannot read the calibration"):
        read_calibration(tmp_path / "absent.json")


def test_bounds_on_diagnostics_become_gates():
    bounded = Bounded(get_mechanism("ferroelectric"), {"on_off_decades": 9.0, "absent": 1.0})
    energy = bounded.energies(HAFNIA, Device(), "logic")
    assert [reason.split(":")[0] for reason in energy.reasons[0]] == ["low_on_off_decades"]
