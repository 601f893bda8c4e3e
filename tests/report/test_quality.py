from __future__ import annotations

import pytest

from matscreen.errors import StoreError
from matscreen.report.quality import measure

CARD = {
    "property": "oxygen_migration_barrier",
    "unit": "eV",
    "n_labels": 4,
    "metrics": {},
    "out_of_fold": {
        "y": [1.0, 2.0, 3.0, 4.0],
        "mean": [1.5, 2.0, 3.0, 3.0],
        "lower": [1.2, 1.0, 2.0, 2.5],
        "upper": [2.0, 3.0, 4.0, 4.0],
    },
}


def test_error_coverage_and_null_model():
    quality = measure(CARD)
    assert quality.mae == pytest.approx(0.375)
    assert quality.coverage == pytest.approx(0.75)
    assert quality.covered == (False, True, True, True)
    assert quality.null_mae == pytest.approx(1.0)  # the median 2.5 for 1, 2, 3, 4
    assert quality.beats_null
    assert quality.logarithmic


def test_the_null_model_of_the_card_counts():
    quality = measure({**CARD, "metrics": {"null_mae": 0.3}})
    assert quality.null_mae == 0.3
    assert not quality.beats_null


def test_rows_without_prediction_are_left_out():
    lists = {key: [*values, float("nan")] for key, values in CARD["out_of_fold"].items()}
    assert measure({**CARD, "out_of_fold": lists}) == measure(CARD)


def test_no_held_out_rows_gives_no_claim():
    quality = measure({**CARD, "out_of_fold": {}})
    assert quality.y == ()
    assert quality.mae != quality.mae
    assert quality.beats_null


def test_malformed_cards_are_refused():
    lists = {**CARD["out_of_fold"], "upper": [1.0]}
    with pytest.raises(StoreError, match="differ in length"):
        measure({**CARD, "out_of_fold": lists})
    with pytest.raises(StoreError, match="lacks its property"):
        measure({"unit": "eV"})
