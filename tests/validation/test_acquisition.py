from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from matscreen.errors import InputError
from matscreen.validation.acquisition import (
    Replay,
    bundle_vacancies,
    bundle_wells,
    published_perovskites,
    replay_table,
    simulations_needed,
    summary,
)


def pool(n=200):
    x = np.random.default_rng(1).uniform(-1, 1, size=(n, 3))
    target = (x**2).sum(axis=1)
    return Replay("bowl", x, target, np.full(n, -1.0))


def test_learning_finds_the_best_of_a_smooth_pool_sooner_than_chance():
    table = replay_table([pool()], seeds=3)
    (row,) = summary(table).to_dict("records")
    assert row["ratio"] == pytest.approx(row["acquisition"] / row["random"])
    assert row["ratio"] < 0.6
    assert (table["simulations"] <= 200).all()


def test_chance_needs_what_order_statistics_say():
    needed = [simulations_needed(pool(), seed=seed, strategy="random") for seed in range(300)]
    # The fifth of the best ten among 200 in random order comes, on average, at 5 * 201 / 11.
    assert np.mean(needed) == pytest.approx(5 * 201 / 11, rel=0.06)


def test_a_well_in_the_noise_is_not_among_the_best():
    replay = bundle_wells()
    assert replay.feasible.any()
    assert not replay.feasible.all()
    assert replay.feasible[replay.wanted].all()
    assert len(replay.wanted) == round(0.05 * len(replay.target))


def test_the_search_turns_away_from_what_is_too_low_to_be_of_use():
    bowl = pool()
    gated = Replay("ring", bowl.features, bowl.target, np.full(len(bowl.target), 0.3))
    assert (gated.target[gated.wanted] > 0.3).all()
    assert summary(replay_table([gated], seeds=10))["ratio"].item() < 0.8


def test_vacancies_of_the_bundle_come_once_a_compound_with_known_energies():
    replay = bundle_vacancies()
    assert len(replay.target) >= 300
    assert np.isfinite(replay.features).all()
    assert (replay.features[:, -4] < 0).mean() > 0.9  # formation energies


def test_only_what_is_feasible_is_wanted():
    target = np.arange(40.0)
    assert Replay("", target[:, None], target, np.full(40, 38.0)).wanted.tolist() == [39]


def test_a_folder_without_a_bundle_is_refused(tmp_path):
    with pytest.raises(InputError, match="no bundle"):
        bundle_wells(tmp_path)


def test_published_perovskites_leave_out_unstable_and_leaky_oxides(tmp_path):
    pd.DataFrame(
        {
            "formula": ["SrTiO3", "BaTiO3", "LaMnO3", "SrFeO3"],
            "e_hull_eV_per_atom": [0.0, 0.0, 0.5, 0.05],
            "e_vac_O_eV_per_O": [5.0, 4.0, 3.0, -0.5],
        }
    ).to_csv(tmp_path / "wolverton_oxides.csv", index=False)
    replay = published_perovskites(tmp_path)
    assert replay.target.tolist() == [5.0, 4.0, -0.5]
    assert replay.feasible.tolist() == [True, True, False]
    with pytest.raises(InputError, match=r"wolverton_oxides\.csv"):
        published_perovskites(tmp_path / "nowhere")
