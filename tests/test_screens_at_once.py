"""Two screens that run in one store at the same time, each by its own predictions."""

import numpy as np
from ase.io import write

from matscreen import screening, stages, tables
from matscreen.config import Screen
from matscreen.shipped import Pulled
from matscreen.store import Store
from matscreen.structures import Crystal

SITES = np.array([[0, 0, 0], [0.5, 0.5, 0.53], [0.5, 0.5, 0.97], [0.5, 0, 0.48], [0, 0.5, 0.48]])


def predictions(model):
    row = {"structure_id": "a", "property": "band_gap", "mean": 1.0, "std": 0.1, "lower": 0.8,
           "upper": 1.2, "in_domain": True, "model_id": model}  # fmt: skip
    return tables.from_rows("predictions", [row])


def test_predictions_of_another_screen_are_not_ranked(tmp_path, monkeypatch):
    crystal = Crystal(np.diag([4.0, 4.0, 4.05]), np.array([56, 22, 8, 8, 8]), SITES)
    (tmp_path / "cifs").mkdir()
    write(tmp_path / "cifs" / "BaTiO3.cif", crystal.to_ase())

    def predict(store, *_args, **_kwargs):
        store.replace("predictions", predictions("ours"))
        return 1

    def explain(store, *_args, **_kwargs):
        store.replace("predictions", predictions("theirs"))  # the other process, meanwhile
        return []

    nothing = Pulled("bundle", (), 0, 0, 0)
    monkeypatch.setattr(stages, "load_bundle", lambda *_args, **_kwargs: nothing)
    monkeypatch.setattr(stages, "train", lambda *_args, **_kwargs: [])
    monkeypatch.setattr(stages, "predict", predict)
    monkeypatch.setattr(stages, "explain_models", explain)
    asked = Screen.model_validate(
        {
            "name": "small",
            "application": "synapse",
            "sources": [f"files:{tmp_path / 'cifs'}"],
            "mechanisms": ["ferroelectric"],
            "ranking": {"samples": 100},
        }
    )
    store = Store(tmp_path / "store")
    finished = screening.run_screen(asked, store, tmp_path / "results")
    ranked = finished.result.provenance["store_versions"]
    assert store.at(ranked).read("predictions")["model_id"].to_pylist() == ["ours"]
    assert store.read("predictions")["model_id"].to_pylist() == ["theirs"]
