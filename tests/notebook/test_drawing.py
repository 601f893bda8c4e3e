from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import matscreen as ms
from matscreen.errors import InputError

WELL = {"spontaneous_polarization": 26.0, "well_depth": 0.31, "curie_temperature": 393.0}
HOP = {"oxygen_migration_barrier": 0.7, "vacancy_binding_energy": 0.7}


def ranking(rows):
    """Return a ranking with the columns that every ranking has."""
    base = {
        "rank": 1, "rank_in_mechanism": 1, "structure_id": "x", "mechanism": "ferroelectric",
        "energy_nominal_J": 1e-15, "energy_lower_J": 5e-16, "energy_upper_J": 5e-15,
        "energy_floor_J": 2e-19, "energy_ceiling_J": 1e-14, "p_feasible": 0.5, "p_top_10": 0.1,
        "feasible": True, "reasons": "", "energy_above_hull": 0.02,
    }  # fmt: skip
    return pd.DataFrame([{**base, **row} for row in rows])


@pytest.fixture
def oxides():
    return ranking(
        [
            {"formula": "BaTiO3", "energy_nominal_J": 2e-15},
            {"formula": "KNbO3", "energy_nominal_J": 1e-15},
            {"formula": "KTaO3", "feasible": False, "reasons": "metal: no gap"},
            {"formula": "HfO2"},
        ]
    )


def test_pairs_of_cations_are_of_one_mechanism(oxides):
    figure = ms.figure(oxides, view="pairs")
    assert set(figure.data[0].x) == {"Ba", "K"}
    other = ranking([{"formula": "SrTiO3", "mechanism": "valence_change"}])
    with pytest.raises(InputError, match="of ferroelectric, valence_change: keep those of one"):
        ms.figure(pd.concat([oxides, other]), view="pairs")


def test_elements_are_those_of_the_candidates(oxides):
    figure = ms.figure(oxides, view="elements")
    inks = {label.text: label.font.color for label in figure.layout.annotations}
    assert inks["Hf"] != inks["Zr"]


@pytest.mark.parametrize("view", ["energies", "stability"])
def test_a_filtered_ranking_is_drawn_like_a_whole_one(oxides, view):
    figure = ms.figure(oxides[oxides["feasible"]], view=view)
    assert "BaTiO₃" in str(figure.to_dict())
    assert figure.layout.height > 200


def test_sweeps_of_one_parameter_share_a_panel_and_others_do_not():
    both = [
        ms.sweep("ferroelectric", WELL, "switching_time", np.geomspace(1e-9, 1e-3, 7)),
        ms.sweep("valence_change", HOP, "switching_time", np.geomspace(1e-9, 1e-3, 7)),
    ]
    alone = ms.figure(*both)
    assert "xaxis2" not in alone.to_dict()["layout"]
    assert "valence-change" in alone.layout.annotations[0].text
    panels = ms.figure(both[0], ms.sweep("ferroelectric", WELL, "area", [1e-15, 1e-14]))
    assert panels.layout.xaxis2.title.text == "Area"
    assert panels.layout.xaxis.type == "log"


def test_the_solid_part_of_a_sweep_is_where_every_gate_passes():
    swept = ms.sweep("ferroelectric", WELL, "retention_temperature", [300.0, 380.0, 420.0])
    solid = ms.figure(swept).data[-1]
    assert solid.line.dash is None
    assert [value is not None for value in solid.y] == swept["feasible"].tolist()


def test_bars_of_exponents_leave_out_what_does_nothing():
    table = ms.sensitivities("ferroelectric", WELL)
    bars = ms.figure(table).data[0]
    assert len(bars.x) < len(table)
    assert min(abs(value) for value in bars.x) >= 0.01


@pytest.mark.parametrize(
    ("tables", "match"),
    [
        ([], "got 0 of nothing"),
        ([pd.DataFrame({"a": [1]})], "1 of unknown tables"),
        (
            [
                ms.sweep("ferroelectric", WELL, "area", [1e-15]),
                ms.sensitivities("ferroelectric", WELL),
            ],
            "2 of sensitivities, sweep",
        ),
    ],
)
def test_what_goes_into_no_figure(tables, match):
    with pytest.raises(InputError, match=match):
        ms.figure(*tables)


def test_a_view_that_is_not_there_and_a_ranking_with_nothing_to_draw(oxides):
    with pytest.raises(InputError, match="not 'pareto'"):
        ms.figure(oxides, view="pareto")
    with pytest.raises(InputError, match="two cations"):
        ms.figure(oxides[oxides["formula"] == "HfO2"], view="pairs")
    with pytest.raises(InputError, match="finite energies"):
        ms.figure(oxides.assign(energy_nominal_J=np.nan))
