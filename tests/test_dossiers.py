from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from matscreen.explain import explain, explain_ranked
from matscreen.mechanisms import Device, get_mechanism
from matscreen.ranking import rank

PROPERTIES = ("spontaneous_polarization", "well_depth", "polar_barrier")


@pytest.fixture(scope="module")
def candidates():
    return pd.DataFrame(
        {
            "structure_id": ["one", "two", "three"],
            "formula": ["BaTiO3", "PbTiO3", "KNbO3"],
            "spacegroup": [99, 99, 38],
        }
    )


@pytest.fixture(scope="module")
def values():
    rows = [
        (name, prop, mean)
        for name, means in (
            ("one", (26.0, 0.9, 0.9)),
            ("two", (75.0, 4.0, 3.0)),
            ("three", (30.0, 1.2, 1.1)),
        )
        for prop, mean in zip(PROPERTIES, means, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["structure_id", "property", "mean"])
    return table.assign(std=0.1 * table["mean"], evidence="mlip", method="double_well")


def test_rows_explained_together_are_explained_as_alone(candidates, values):
    mechanism, device = get_mechanism("ferroelectric"), Device()
    ranking = rank(candidates, values, [mechanism], device, "synapse", samples=400)
    together = explain_ranked(
        ranking, candidates, values, mechanism, device, "synapse", samples=400
    )
    assert [found.structure_id for found in together] == ranking["structure_id"].tolist()
    for found in together:
        own = candidates[candidates["structure_id"] == found.structure_id]
        alone = explain(own, values, mechanism, device, "synapse", samples=400)
        pd.testing.assert_frame_equal(found.properties, alone.properties)
        pd.testing.assert_frame_equal(found.uncertainty, alone.uncertainty)
        pd.testing.assert_frame_equal(found.gates, alone.gates)
        assert found.advice == alone.advice
        assert found.physics == pytest.approx(alone.physics, nan_ok=True)


def test_nothing_ranked_is_nothing_explained(candidates, values):
    mechanism, device = get_mechanism("ferroelectric"), Device()
    ranking = rank(candidates, values, [mechanism], device, "synapse", samples=400).head(0)
    assert explain_ranked(ranking, candidates, values, mechanism, device, "synapse") == []


def test_a_dossier_keeps_the_hardest_gate_of_a_code(candidates, values):
    from matscreen.dossiers import _dossier

    mechanism, device = get_mechanism("ferroelectric"), Device()
    ranking = rank(candidates, values, [mechanism], device, "synapse", samples=400)
    found = explain_ranked(ranking, candidates, values, mechanism, device, "synapse", samples=400)
    dossier = _dossier(found[0])
    hardest = found[0].gates.groupby("gate")["chance"].min()
    assert {each.code: each.chance for each in dossier.gates} == pytest.approx(hardest.to_dict())
    chances = [each.chance for each in dossier.gates]
    assert chances == sorted(chances)
    shares = [each.share for each in dossier.uncertainty]
    assert shares == sorted(shares, reverse=True)
    names = {each.name: asdict(each) for each in dossier.properties}
    gap = names["well_depth"]
    assert gap["evidence"] == "mlip"
    assert gap["lower"] < gap["value"] < gap["upper"]
    assert np.isclose(
        gap["value"], found[0].properties.set_index("property")["value"]["well_depth"]
    )
