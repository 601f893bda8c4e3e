"""matscreen ranks perovskites and oxides by the energy they need to switch.

In a notebook:

    import matscreen as ms

    store = ms.Store(".matscreen/store")
    screen = ms.load_screen("synapse")
    ms.screen(screen, store, "results/synapse").ranking.head()
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matscreen.api import (
        describe,
        explain_candidate,
        export,
        featurize,
        predict,
        pull,
        rank,
        screen,
        simulate,
        switching_energy,
        train,
    )
    from matscreen.config import Screen, load_screen
    from matscreen.energy_response import sensitivities, sweep
    from matscreen.errors import MatscreenError
    from matscreen.identity import structure_id
    from matscreen.insight import importances, partial_dependence
    from matscreen.mechanisms.device import Device
    from matscreen.notebook.cards import card
    from matscreen.notebook.drawing import figure
    from matscreen.notebook.tables import table
    from matscreen.own_models import fit, load_model
    from matscreen.published import list_datasets, read_dataset, train_dataset
    from matscreen.store import Store
    from matscreen.structures import Crystal
    from matscreen.validating import replay_learning, validate

# moyo reports on every supercell that some of its operations do not fit; nothing here uses those.
logging.getLogger("moyo").setLevel(logging.ERROR)

# Names are resolved on first use: importing matscreen loads none of the heavy libraries.
_HOME = {
    "Crystal": "matscreen.structures",
    "Device": "matscreen.mechanisms.device",
    "MatscreenError": "matscreen.errors",
    "Screen": "matscreen.config",
    "Store": "matscreen.store",
    "card": "matscreen.notebook.cards",
    "describe": "matscreen.api",
    "explain_candidate": "matscreen.api",
    "export": "matscreen.api",
    "featurize": "matscreen.api",
    "figure": "matscreen.notebook.drawing",
    "fit": "matscreen.own_models",
    "importances": "matscreen.insight",
    "list_datasets": "matscreen.published",
    "load_model": "matscreen.own_models",
    "load_screen": "matscreen.config",
    "partial_dependence": "matscreen.insight",
    "predict": "matscreen.api",
    "pull": "matscreen.api",
    "rank": "matscreen.api",
    "read_dataset": "matscreen.published",
    "replay_learning": "matscreen.validating",
    "screen": "matscreen.api",
    "sensitivities": "matscreen.energy_response",
    "simulate": "matscreen.api",
    "structure_id": "matscreen.identity",
    "sweep": "matscreen.energy_response",
    "switching_energy": "matscreen.api",
    "table": "matscreen.notebook.tables",
    "train": "matscreen.api",
    "train_dataset": "matscreen.published",
    "validate": "matscreen.validating",
}

__version__ = "0.1.0"
__all__ = [
    "Crystal",
    "Device",
    "MatscreenError",
    "Screen",
    "Store",
    "card",
    "describe",
    "explain_candidate",
    "export",
    "featurize",
    "figure",
    "fit",
    "importances",
    "list_datasets",
    "load_model",
    "load_screen",
    "partial_dependence",
    "predict",
    "pull",
    "rank",
    "read_dataset",
    "replay_learning",
    "screen",
    "sensitivities",
    "simulate",
    "structure_id",
    "sweep",
    "switching_energy",
    "table",
    "train",
    "train_dataset",
    "validate",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'matscreen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
