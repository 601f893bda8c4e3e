"""Find a candidate in the store, or bring it there, and explain it under each mechanism."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from matscreen import stages
from matscreen.errors import InputError
from matscreen.stages import Progress, quiet

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.config import Screen
    from matscreen.explain import Explanation
    from matscreen.store import Store


def explain_candidate(
    store: Store, screen: Screen, candidate: str, *, progress: Progress = quiet
) -> list[Explanation]:
    """Explain a candidate under every mechanism of a screen.

    Args:
        store: Where the tables live; surrogates are trained where predictions are missing.
        screen: Mechanisms, device and constraints.
        candidate: A reduced formula, a structure id, or the path of a structure file.
        progress: Called as stages advance.

    Returns:
        One explanation a mechanism, of the phase that it ranks best under the constraints of the
        screen.

    Raises:
        InputError: There is no such candidate, or a file with no or several structures was given.
    """
    from matscreen.buildability import smallest_diagnostics
    from matscreen.calibration import calibrated_mechanisms
    from matscreen.explain import explain
    from matscreen.fabrication_limits import fabrication_limits
    from matscreen.gathering import candidates_and_values, nothing_to_rank
    from matscreen.mechanisms.bounded import Bounded
    from matscreen.mechanisms.device import Device
    from matscreen.ranking import rank

    bundle = stages.load_bundle(store, progress=progress)
    pulled = [bundle, stages.load_known(store)]
    chosen: tuple[str, ...] = ()
    if Path(candidate).is_file():
        read = stages.select(store, f"files:{candidate}", progress=progress)
        pulled.append(read)
        chosen = read.ids
        if not chosen:
            raise nothing_to_rank(store, [read])
        if len(chosen) != 1:
            raise InputError(
                f"{candidate} holds {len(chosen)} structures that can be ranked, explain takes one"
            )
    else:
        pulled.append(stages.select(store, "store", progress=progress))
        chosen = _ids(store, candidate)
    wanted = {name for each in pulled for name in each.ids}
    stages.describe(store, screen.descriptor_set, wanted, progress=progress)
    stages.train(store, screen.descriptor_set, seed=screen.ranking.seed, progress=progress)
    stages.predict(store, screen.descriptor_set, seed=screen.ranking.seed, progress=progress)
    table, values = candidates_and_values(store, pulled)
    table = table[table["structure_id"].isin(chosen)]
    device = Device.from_mapping(screen.device)
    hull = screen.constraints.max_energy_above_hull
    least = smallest_diagnostics(screen.constraints)
    _, barred = fabrication_limits(screen, store, table, values, progress=progress)
    found = []
    for plain in calibrated_mechanisms(screen.mechanisms, screen.calibration):
        mechanism = Bounded(plain, least) if least else plain
        ranked = rank(
            table,
            values,
            [mechanism],
            device,
            screen.application,
            samples=400,
            seed=screen.ranking.seed,
            max_energy_above_hull=hull,
            barred=barred,
        )
        best = table[table["structure_id"] == ranked["structure_id"].iloc[0]]
        found.append(
            explain(
                best,
                values,
                mechanism,
                device,
                screen.application,
                seed=screen.ranking.seed,
                max_energy_above_hull=hull,
                barred=barred,
            )
        )
    return found


def _ids(store: Store, candidate: str) -> tuple[str, ...]:
    """Ids of one structure id, or of all phases of a formula, relaxed where they have been."""
    from matscreen.structures import reduced_formula

    columns = ["structure_id", "input_id", "formula"]
    table: pd.DataFrame = store.read("candidates", columns).to_pandas()
    found = table[table["structure_id"] == candidate]
    if found.empty:
        try:
            formula = reduced_formula(candidate)
        except ValueError:
            formula = candidate
        found = table[table["formula"].isin([formula, candidate])]
        # A relaxed phase has the labels, and stands for the structure that it was relaxed from.
        found = found[~found["structure_id"].isin(found["input_id"])]
    if found.empty:
        raise InputError(
            f"no candidate {candidate!r} among the {len(table)} stored; give a reduced formula, a "
            "structure id of candidates.csv or a structure file"
        )
    return tuple(found["structure_id"])
