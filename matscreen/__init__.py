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
        export,
        featurize,
        list_datasets,
        predict,
        pull,
        rank,
        read_dataset,
        screen,
        simulate,
        switching_energy,
        train,
        train_dataset,
    )
    from matscreen.config import Screen, load_screen
    from matscreen.errors import MatscreenError
    from matscreen.identity import structure_id
    from matscreen.insight import figure, importances, partial_dependence
    from matscreen.mechanisms.device import Device
    from matscreen.own_models import fit, load_model
    from matscreen.store import Store
    from matscreen.structures import Crystal

# moyo reports on every supercell that some of its operations do not fit; nothing here uses those.
logging.getLogger("moyo").setLevel(logging.ERROR)

# Names are resolved on first use: importing matscreen loads none of the heavy libraries.
_HOME = {
    "Crystal": "matscreen.structures",
    "Device": "matscreen.mechanisms.device",
    "MatscreenError": "matscreen.errors",
    "Screen": "matscreen.config",
    "Store": "matscreen.store",
    "describe": "matscreen.api",
    "export": "matscreen.api",
    "featurize": "matscreen.api",
    "figure": "matscreen.insight",
    "fit": "matscreen.own_models",
    "importances": "matscreen.insight",
    "list_datasets": "matscreen.api",
    "load_model": "matscreen.own_models",
    "load_screen": "matscreen.config",
    "partial_dependence": "matscreen.insight",
    "predict": "matscreen.api",
    "pull": "matscreen.api",
    "rank": "matscreen.api",
    "read_dataset": "matscreen.api",
    "screen": "matscreen.api",
    "simulate": "matscreen.api",
    "structure_id": "matscreen.identity",
    "switching_energy": "matscreen.api",
    "train": "matscreen.api",
    "train_dataset": "matscreen.api",
}

__version__ = "0.1.0"
__all__ = [
    "Crystal",
    "Device",
    "MatscreenError",
    "Screen",
    "Store",
    "describe",
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
    "screen",
    "simulate",
    "structure_id",
    "switching_energy",
    "train",
    "train_dataset",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'matscreen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
