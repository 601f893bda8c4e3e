"""Every validation as a table: what is computed beside what was measured, with null models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from matscreen.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.store import Store
    from matscreen.validation.acquisition import Replay

Part = Literal[
    "mechanisms", "devices", "known", "lattice", "corrections", "surrogates", "predictions",
    "stability",
]  # fmt: skip
Pool = Literal["wells", "vacancies"]
_SCORES: Final = ("mae", "null_mae", "spearman", "coverage_90", "coverage_worst_part")


def validate(
    part: Part,
    *,
    store: Store | None = None,
    mirror: str | Path | None = None,
    set: str = "standard",  # noqa: A002
) -> pd.DataFrame:
    """Compare what matscreen computes with what is known independently of it.

    Args:
        part: What to compare:

            - `mechanisms`: error of each mechanism on measured devices, beside the null model that
              is the same formula without the material; nothing is fitted to the devices;
            - `devices`: each of those devices: measured, predicted and null energy, J, and
              `excluded`, why a device is not scored;
            - `known`: well-known oxides, the shipped simulations beside the literature;
            - `lattice`: relaxed cells beside measured lattice constants, Å;
            - `corrections`: errors of the shipped vacancy energies by cation group, eV, each
              material left out of the fit;
            - `surrogates`: error of each surrogate on held-out chemical systems, beside a constant;
            - `predictions`: each label beside the prediction that never saw its chemical system;
            - `stability`: formation energies beside those of the Materials Project of 2018, by
              cation, eV/atom.
        store: For `surrogates` and `predictions`: labels to train on, unless that has been done.
        mirror: For `stability`: the folder of published data sets.
        set: Descriptor set of the surrogates.

    Returns:
        One row a mechanism, device, material, group, property, label or cation. `figure` draws
        `devices`, `lattice` and `predictions`.

    Raises:
        InputError: There is no such part, or it needs a store or a mirror.
    """
    alone: dict[str, Callable[[], pd.DataFrame]] = {
        "mechanisms": _mechanisms,
        "devices": _devices,
        "known": _known,
        "lattice": _lattice,
        "corrections": _corrections,
    }
    if part in alone:
        table = alone[part]()
    elif part in ("surrogates", "predictions"):
        if store is None:
            raise InputError(f"validate({part!r}) needs the store whose surrogates it looks at")
        table = _surrogates(store, set) if part == "surrogates" else _predictions(store, set)
    elif part == "stability":
        if mirror is None:
            raise InputError("validate('stability') needs the mirror of published data sets")
        table = _stability(Path(mirror))
    else:
        known = ", ".join([*alone, "surrogates", "predictions", "stability"])
        raise InputError(f"nothing to validate is called {part!r}; known: {known}")
    table.attrs["kind"] = part
    return table


def replay_learning(
    pool: Pool = "vacancies",
    *,
    seeds: Sequence[int] = (0, 1, 2),
    strategies: Sequence[str] = ("random", "expected_improvement"),
) -> pd.DataFrame:
    """Replay active learning on shipped labels: how soon are the best materials found?

    All labels are known, and hidden until the search asks for them. It begins with ten materials
    at random; then it takes five a round, those that promise most, until half of the best 5 % are
    found.

    Args:
        pool: `vacancies` (lowest positive vacancy energy) or `wells` (least switching energy of a
            ferroelectric that is no noise).
        seeds: Seeds of the first ten; one search each.
        strategies: `random` and `expected_improvement`, or one of them.

    Returns:
        One row a simulation: strategy, seed, simulations (so far), formula, value (label of the
        material, in the unit of `attrs["unit"]`), best (lowest useful value so far) and
        share_found (of the best 5 %); `figure` draws it. `attrs` also hold the size `n` of the
        pool and how many materials are `sought`.

    Raises:
        InputError: There is no such pool or strategy.
    """
    import numpy as np
    import pandas as pd

    from matscreen.notebook.progress import bars
    from matscreen.validation.acquisition import (
        found_so_far,
        half_of_the_best,
        simulation_order,
    )

    unknown = sorted({*strategies} - {"random", "expected_improvement"})
    if unknown:
        raise InputError(
            f"unknown strategy {', '.join(unknown)}; known: random, expected_improvement"
        )
    replay, unit = _pool(pool)
    # The wells are searched by the logarithm of their depth.
    known = 10.0**replay.target if pool == "wells" else replay.target
    runs = [(strategy, seed) for strategy in strategies for seed in seeds]
    parts = []
    with bars() as progress:
        for done, (strategy, seed) in enumerate(runs, start=1):
            order = simulation_order(replay, seed=seed, strategy=strategy)
            found = found_so_far(replay, order)
            needed = int(np.searchsorted(found, half_of_the_best(replay))) + 1
            rows = np.array(order[:needed])
            values = known[rows]
            useful = np.where(replay.feasible[rows], values, np.inf)
            parts.append(
                pd.DataFrame(
                    {
                        "strategy": strategy,
                        "seed": seed,
                        "simulations": np.arange(1, needed + 1),
                        "formula": [replay.formulas[row] for row in rows],
                        "value": values,
                        "best": np.minimum.accumulate(useful),
                        "share_found": found[:needed] / len(replay.wanted),
                    }
                )
            )
            progress("replay", done, len(runs))
    table = pd.concat(parts, ignore_index=True)
    table.attrs |= {
        "kind": "replay",
        "pool": replay.name,
        "unit": unit,
        "n": len(replay.target),
        "sought": len(replay.wanted),
    }
    return table


def _pool(pool: str) -> tuple[Replay, str]:
    """Return a pool by name, and the unit of its labels."""
    from matscreen.validation.acquisition import bundle_vacancies, bundle_wells

    if pool == "wells":
        return bundle_wells(), "meV/Å³"
    if pool == "vacancies":
        return bundle_vacancies(), "eV"
    raise InputError(f"no pool is called {pool!r}; known: wells, vacancies")


def _mechanisms() -> pd.DataFrame:
    from matscreen.validation.mechanisms import score_devices, summarize

    return summarize(score_devices())


def _devices() -> pd.DataFrame:
    from matscreen.validation.mechanisms import score_devices

    return score_devices()


def _known() -> pd.DataFrame:
    from matscreen.validation.known import known_materials

    return known_materials()


def _lattice() -> pd.DataFrame:
    from matscreen.validation.known import lattice_constants

    return lattice_constants()


def _corrections() -> pd.DataFrame:
    import pandas as pd

    from matscreen.data import data_path

    table = pd.read_csv(data_path("reference", "corrections.csv"))
    groups = table[table["std"].notna()]
    return (
        groups[["term", "n_materials", "n_sites", "value", "std"]]
        .rename(columns={"term": "group", "value": "correction", "std": "error"})
        .reset_index(drop=True)
    )


def _surrogates(store: Store, descriptor_set: str) -> pd.DataFrame:
    import pandas as pd

    from matscreen import stages
    from matscreen.notebook.progress import bars

    with bars() as progress:
        cards = stages.train(store, descriptor_set, progress=progress)
    return pd.DataFrame(
        [
            {
                "property": card["property"],
                "unit": card["unit"],
                "n_labels": card["n_labels"],
                **{name: card["metrics"].get(name) for name in _SCORES},
            }
            for card in cards
        ],
        columns=["property", "unit", "n_labels", *_SCORES],
    )


def _predictions(store: Store, descriptor_set: str) -> pd.DataFrame:
    import pandas as pd

    from matscreen import stages
    from matscreen.notebook.progress import bars
    from matscreen.properties import PROPERTIES

    with bars() as progress:
        cards = stages.train(store, descriptor_set, progress=progress)
    kept = ["group", "y", "mean", "lower", "upper", "in_domain"]
    parts = [
        pd.DataFrame(dict(card["out_of_fold"])).assign(
            property=card["property"],
            unit=card["unit"],
            logarithmic=PROPERTIES[card["property"]].scale == "log",
        )
        for card in cards
    ]
    return pd.concat(parts, ignore_index=True)[["property", "unit", "logarithmic", *kept]]


def _stability(mirror: Path) -> pd.DataFrame:
    from matscreen.validation.stability import formation_energies

    return formation_energies(mirror)
