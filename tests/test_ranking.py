import io

import numpy as np
import pandas as pd
import pytest

from matscreen.errors import InputError
from matscreen.evidence import gather_properties
from matscreen.ranking import LEADING_COLUMNS, rank

# Wells of a machine-learned potential, meV per formula unit, and volumes, Å³.
FAMILIES = {
    "BaTiO3": (65.0, 64.5, 20.0, 0.75, 1.8, [99, 160, 221]),
    "PbTiO3": (197.0, 63.3, 45.0, 0.80, 1.7, [99, 221]),
    "KNbO3": (54.0, 65.0, 22.0, 0.70, 1.6, [38, 160, 221]),
    "SrTiO3": (4.7, 60.0, 5.0, 0.64, 1.9, [99, 160, 221]),
    "BaZrO3": (0.0, 77.0, 0.0, 1.06, 3.1, [99, 221]),
    "LaAlO3": (0.0, 56.0, 0.0, 0.97, 3.8, [161, 167, 221]),
}


def _inputs():
    candidates, labels = [], []
    for formula, (well, volume, moment, hop, gap, groups) in FAMILIES.items():
        for group in groups:
            name = f"{formula}-{group}"
            edge = volume ** (1 / 3)
            candidates.append(
                {
                    "structure_id": name,
                    "formula": formula,
                    "spacegroup": group,
                    "nsites": 5,
                    "lattice": (np.eye(3) * edge).ravel().tolist(),
                    "energy_above_hull": 0.02,
                    "source": "prototypes",
                    "source_id": f"{formula}/{group}",
                    "prototype": "perovskite",
                    "chemsys": "-",
                }
            )
            error = np.hypot(0.35 * well, 10.0) / volume
            for prop, value, std in (
                ("well_depth", well / volume, error),
                ("polar_barrier", 0.5 * well / volume, error),
                ("spontaneous_polarization", moment, np.hypot(0.5 * moment, 5.0)),
                ("oxygen_migration_barrier", hop, 0.25),
                ("band_gap", gap, 0.4),
            ):
                labels.append(
                    {
                        "structure_id": name,
                        "property": prop,
                        "value": value,
                        "std": std,
                        "evidence": "mlip",
                        "method": "test",
                    }
                )
    candidates, labels = pd.DataFrame(candidates), pd.DataFrame(labels)
    return candidates, gather_properties(candidates, labels=labels)


CANDIDATES, PROPERTIES = _inputs()


@pytest.fixture(scope="module", params=["synapse", "logic"])
def ranking(request):
    return rank(CANDIDATES, PROPERTIES, application=request.param, samples=500)


def _csv(frame):
    buffer = io.StringIO()
    frame.to_csv(buffer, index=False)
    return buffer.getvalue()


def test_columns_begin_as_designed(ranking):
    assert tuple(ranking.columns[: len(LEADING_COLUMNS)]) == LEADING_COLUMNS
    assert list(ranking.columns[:10]) == [
        "rank",
        "rank_in_mechanism",
        "formula",
        "structure_id",
        "mechanism",
        "energy_nominal_J",
        "energy_lower_J",
        "energy_upper_J",
        "energy_floor_J",
        "energy_ceiling_J",
    ]
    assert ranking.attrs["units"]["well_depth"] == "meV/Å³"
    assert ranking.attrs["units"]["energy_lower_J"] == "J"
    assert ranking.attrs["units"]["write_field_V_per_m"] == "V/m"
    assert ranking.attrs["units"]["retention_time_s"] == "s"


def test_one_row_a_material_and_mechanism(ranking):
    assert len(ranking) == 2 * len(CANDIDATES)
    assert not ranking.duplicated(["structure_id", "mechanism"]).any()


def test_energies_are_finite_and_ordered(ranking):
    energies = ranking.filter(regex="^energy_.*_J$")
    assert energies.shape[1] == 5
    assert np.isfinite(energies.to_numpy()).all()
    assert (ranking.energy_floor_J <= ranking.energy_nominal_J).all()
    assert (ranking.energy_nominal_J <= ranking.energy_ceiling_J).all()
    assert (ranking.energy_lower_J <= ranking.energy_nominal_J).all()
    assert (ranking.energy_nominal_J <= ranking.energy_upper_J).all()
    assert (ranking.energy_floor_J <= ranking.energy_lower_J).all()


def test_known_ferroelectrics_pass_and_known_paraelectrics_do_not(ranking):
    rows = ranking[ranking.mechanism == "ferroelectric"]
    feasible = rows[rows.feasible].groupby("formula").size()
    assert set(feasible.index) == {"BaTiO3", "PbTiO3", "KNbO3"}
    assert not rows[rows.spacegroup.isin([221, 167])].feasible.any()
    assert (rows[rows.feasible].p_feasible > 0.5).all()
    assert (rows[rows.formula.isin(["SrTiO3", "BaZrO3", "LaAlO3"])].p_feasible < 0.1).all()


def test_paraelectrics_fall_at_the_gates_of_physics(ranking):
    rows = ranking[ranking.mechanism == "ferroelectric"].set_index("structure_id")
    assert "well_in_noise" in rows.loc["SrTiO3-99", "reasons"]
    assert "curie_below_retention" in rows.loc["BaZrO3-99", "reasons"]
    assert "nonpolar" in rows.loc["LaAlO3-167", "reasons"]
    assert rows.loc["BaTiO3-99", "reasons"] == ""


def test_feasible_rows_come_first_by_energy(ranking):
    assert ranking["feasible"].is_monotonic_decreasing
    for _, rows in ranking[ranking.feasible].groupby("mechanism"):
        assert rows.energy_nominal_J.is_monotonic_increasing
        assert rows.rank_in_mechanism.is_monotonic_increasing
    assert (ranking[~ranking.feasible].reasons != "").all()
    assert (ranking[ranking.feasible].reasons == "").all()


def test_probabilities_are_probabilities(ranking):
    assert ranking.p_feasible.between(0, 1).all()
    assert (ranking.p_top_10 <= ranking.p_feasible + 1e-12).all()
    assert (ranking.groupby("mechanism").p_top_10.sum() <= 10 + 1e-9).all()


def test_pareto_rows_are_feasible_and_hold_the_cheapest(ranking):
    assert ranking[ranking.pareto].feasible.all()
    for _, rows in ranking[ranking.feasible].groupby("mechanism"):
        assert rows.iloc[0].pareto


def test_equal_materials_share_their_rank(ranking):
    rows = ranking[(ranking.mechanism == "valence_change") & (ranking.formula == "SrTiO3")]
    same = rows[rows.structure_id.isin(["SrTiO3-99", "SrTiO3-160"])]
    assert same.rank_in_mechanism.nunique() == 1
    assert same["rank"].nunique() == 1


def test_neuron_lists_nothing_feasible_and_says_why():
    rows = rank(CANDIDATES, PROPERTIES, application="neuron", samples=100)
    assert not rows.feasible.any()
    assert (rows.p_feasible == 0).all()
    assert (rows.p_top_10 == 0).all()
    assert rows.reasons.str.contains("not_volatile").all()
    assert np.isfinite(rows.energy_nominal_J).all()


def test_bytes_do_not_depend_on_the_order_of_rows():
    first = rank(CANDIDATES, PROPERTIES, samples=200, seed=3)
    mixed = rank(
        CANDIDATES.sample(frac=1, random_state=1),
        PROPERTIES.sample(frac=1, random_state=2),
        samples=200,
        seed=3,
    )
    assert _csv(first) == _csv(mixed)
    assert _csv(first) != _csv(rank(CANDIDATES, PROPERTIES, samples=200, seed=4))


def test_other_candidates_do_not_change_the_energies_of_one():
    energies = ["energy_nominal_J", "energy_lower_J", "energy_upper_J", "p_feasible"]
    alone = rank(CANDIDATES.head(1), PROPERTIES, samples=200)
    among = rank(CANDIDATES, PROPERTIES, samples=200)
    name = CANDIDATES.structure_id.iloc[0]
    pd.testing.assert_frame_equal(
        alone.set_index("mechanism")[energies].sort_index(),
        among[among.structure_id == name].set_index("mechanism")[energies].sort_index(),
    )


def test_what_is_known_of_others_only_does_not_change_the_energies_of_one():
    """A voltage of one candidate, for which there is no prior, moves no draw of the others."""
    energies = ["energy_nominal_J", "energy_lower_J", "energy_upper_J", "p_feasible"]
    voltage = {"property": "insertion_voltage", "mean": 1.0, "std": 0.1, "evidence": "mlip"}
    other = pd.DataFrame([{"structure_id": CANDIDATES.structure_id.iloc[1], **voltage}])
    rows = [
        rank(CANDIDATES.head(2), table, ["electrochemical"], samples=200).set_index("structure_id")
        for table in (PROPERTIES, pd.concat([PROPERTIES, other]))
    ]
    name = CANDIDATES.structure_id.iloc[0]
    pd.testing.assert_series_equal(rows[0].loc[name, energies], rows[1].loc[name, energies])


def test_interval_of_exact_inputs_is_the_model_error():
    names = ["well_depth", "spontaneous_polarization", "relative_permittivity", "polar_barrier"]
    exact = PROPERTIES[
        PROPERTIES.property.isin(names) & (PROPERTIES.structure_id == "BaTiO3-99")
    ].assign(std=0.0, lower=np.nan, upper=np.nan)
    rows = rank(CANDIDATES.head(1), exact, ["ferroelectric"], samples=20_000)
    up = np.log10(rows.energy_upper_J / rows.energy_nominal_J).iloc[0]
    down = np.log10(rows.energy_nominal_J / rows.energy_lower_J).iloc[0]
    assert up == pytest.approx(1.645 * 0.5, abs=0.03)
    assert down == pytest.approx(1.645 * 0.5, abs=0.03)


def test_the_split_of_the_model_error_is_stated_with_what_it_changes():
    many, labels = [], []
    for i in range(60):
        many.append({"structure_id": f"m{i:02d}", "formula": "BaTiO3", "spacegroup": 99})
        for prop, value in (
            ("well_depth", 0.8 + 0.02 * i),
            ("spontaneous_polarization", 30.0),
            ("relative_permittivity", 100.0),
            ("polar_barrier", 0.5),
            ("curie_temperature", 700.0),
            ("breakdown_field", 1e10),
            ("band_gap", 3.0),
        ):
            labels.append(
                {"structure_id": f"m{i:02d}", "property": prop, "mean": value, "evidence": "dft"}
            )
    rows = rank(pd.DataFrame(many), pd.DataFrame(labels), ["ferroelectric"], samples=1000)
    (note,) = rows.attrs["split_sensitivity"]
    assert note["structure_id"] == "m00"
    assert note["p_top_10_shared"] == 1.0
    assert note["p_top_10_independent"] < note["p_top_10_stated"] < 1.0
    assert rows.attrs["model_error"]["ferroelectric"] == {"shared": 0.3, "material": 0.4}
    assert rows.p_top_10.sum() == pytest.approx(10.0)


def test_unstable_candidates_are_gated_and_unknown_ones_pass():
    candidates = CANDIDATES.head(3).assign(energy_above_hull=[0.3, np.nan, 0.01])
    rows = rank(candidates, PROPERTIES, samples=100, max_energy_above_hull=0.1)
    unstable = rows[rows.structure_id == candidates.structure_id.iloc[0]]
    assert not unstable.feasible.any()
    assert unstable.reasons.str.startswith("above_hull: 0.300").all()
    assert (unstable.p_feasible == 0).all()
    assert rows[rows.structure_id == candidates.structure_id.iloc[1]].feasible.any()


def test_the_hull_of_a_source_counts_where_no_property_tells_of_it():
    candidates = CANDIDATES.head(3).assign(energy_above_hull=0.3)
    name = candidates.structure_id.iloc[0]
    known = {"property": "energy_above_hull", "mean": 0.01, "std": 0.01, "evidence": "mlip"}
    table = pd.concat([PROPERTIES, pd.DataFrame([{"structure_id": name, **known}])])
    rows = rank(candidates, table, samples=100, max_energy_above_hull=0.1)
    hull = rows.drop_duplicates("structure_id").set_index("structure_id")["energy_above_hull"]
    assert hull[name] == 0.01
    assert (hull.drop(name) == 0.3).all()
    others = rows[rows.structure_id != name]
    assert others.reasons.str.startswith("above_hull: 0.300").all()


def test_of_two_copies_the_one_lower_above_the_hull_of_its_source_stands_for_the_material():
    twice = pd.concat(
        [CANDIDATES.head(1), CANDIDATES.head(1).assign(structure_id="another")]
    ).assign(material_id="the-same", energy_above_hull=[0.05, 0.0])
    rows = rank(twice, PROPERTIES.head(0), samples=100)
    assert set(rows.structure_id) == {"another"}


def test_flags_of_the_crystal_come_with_those_of_the_device():
    odd = ["layered: bonds run on in two directions", "vacuum: 20.0 Å"]
    candidates = CANDIDATES.head(3).reset_index(drop=True)
    plain = rank(candidates, PROPERTIES, samples=100).set_index(["structure_id", "mechanism"])
    candidates["flags"] = [odd, [], None]
    flagged = rank(candidates, PROPERTIES, samples=100).set_index(["structure_id", "mechanism"])
    for (structure_id, mechanism), text in flagged["flags"].items():
        own = odd if structure_id == candidates["structure_id"][0] else []
        device = plain["flags"][structure_id, mechanism]
        assert text == "; ".join([*own, *([device] if device else [])])


def test_one_material_from_two_databases_is_ranked_once():
    twice = pd.concat(
        [CANDIDATES.head(1), CANDIDATES.head(1).assign(structure_id="another")]
    ).assign(material_id="the-same")
    rows = rank(twice, PROPERTIES, samples=100)
    assert set(rows.structure_id) == {CANDIDATES.structure_id.iloc[0]}


def test_a_barrier_stands_in_for_an_unknown_well():
    """As in `switching_energy`, which takes either: a guess would bar the candidate."""
    name = CANDIDATES.structure_id.iloc[0]
    own = PROPERTIES[PROPERTIES.structure_id == name]
    (barrier,) = own.loc[own.property == "polar_barrier", "mean"]
    without = own[own.property != "well_depth"]
    (row,) = rank(CANDIDATES.head(1), without, ["ferroelectric"], samples=200).to_dict("records")
    assert (row["well_depth"], row["well_depth_evidence"]) == (barrier, "mlip")
    assert "no_estimate" not in row["reasons"]
    assert row["feasible"]


def test_nothing_known_is_ranked_on_priors_and_says_so():
    bare = pd.DataFrame({"structure_id": ["x"], "formula": ["CaHfO3"]})
    empty = pd.DataFrame(columns=["structure_id", "property", "mean", "std", "evidence"])
    rows = rank(bare, empty, samples=100)
    assert (rows.evidence == "prior").all()
    assert rows["reasons"].str.contains("no_estimate").all()
    assert not rows["feasible"].any()
    assert (rows["p_feasible"] == 0).all()
    assert np.isfinite(rows.energy_nominal_J).all()


def test_in_domain_follows_the_predictions_that_are_used():
    table = PROPERTIES.assign(in_domain=True)
    outside = (table.structure_id == "BaTiO3-99") & (table.property == "well_depth")
    rows = rank(CANDIDATES, table.assign(in_domain=~outside), samples=100)
    row = rows.set_index(["structure_id", "mechanism"])["in_domain"]
    assert not row["BaTiO3-99", "ferroelectric"]
    assert row["BaTiO3-99", "valence_change"]
    assert row["KNbO3-38", "ferroelectric"]


def test_no_candidates_give_an_empty_ranking():
    rows = rank(CANDIDATES.head(0), PROPERTIES, samples=100)
    assert rows.empty
    assert tuple(rows.columns[: len(LEADING_COLUMNS)]) == LEADING_COLUMNS


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"candidates": CANDIDATES.drop(columns="formula")}, "lack the columns formula"),
        ({"candidates": pd.concat([CANDIDATES, CANDIDATES])}, "occurs twice"),
        ({"samples": 10}, "at least 100 samples"),
        ({"mechanisms": []}, "at least one mechanism"),
        ({"mechanisms": ["magic"]}, "unknown mechanism"),
        ({"application": "brain"}, "unknown application"),
    ],
)
def test_wrong_questions_are_named(change, words):
    with pytest.raises(InputError, match=words):
        rank(**({"candidates": CANDIDATES, "properties": PROPERTIES} | change))
