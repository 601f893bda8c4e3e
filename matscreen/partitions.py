"""One partition of a screen of compositions: describe, predict, rank and keep it, anywhere.

The same function runs in this process, in a pool and on a cluster. Descriptors are never stored:
they are made again faster than they are read.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from matscreen.buildability import assess_candidates, ruled_out, smallest_diagnostics, with_notes
from matscreen.compositions import CompositionPart, NamedCompositions, name_compositions
from matscreen.config import Screen
from matscreen.descriptors.sets import featurize_compositions
from matscreen.evidence import gather_properties
from matscreen.mechanisms import Device, Mechanism
from matscreen.monte_carlo import TOP
from matscreen.part_files import PartFolder
from matscreen.ranking import Block, rank_blocks
from matscreen.structures import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from matscreen.surrogates import Surrogate
    from matscreen.surrogates.transferred import Transferred

SOURCE: Final = "compositions"
PROTOTYPE: Final = "composition only"
COMPOSITION_ONLY: Final = "composition_only: a solid solution, its order and symmetry unknown"
ROWS: Final = ".parquet"
LEADERS: Final = ".leaders.parquet"
"""Ends of the two files of a partition."""
_AT_ONCE: Final = 2000
"""Rows described and predicted at once: their descriptors stay in the cache."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What all partitions of a screen share.

    Attributes:
        screen: What is asked.
        mechanisms: Mechanisms that compositions can be judged by, calibrated.
        device: The device specification.
        models: Surrogate of each predicted property.
        folder: Where finished partitions are kept.
    """

    screen: Screen
    mechanisms: tuple[Mechanism, ...]
    device: Device
    models: Mapping[str, Surrogate | Transferred]
    folder: str


@dataclass(frozen=True)
class PartDone:
    """What a partition took.

    Attributes:
        name: Name of its files; see `part_name`.
        candidates: Compositions in it.
        seconds: Processor time by stage, s.
    """

    name: str
    candidates: int
    seconds: Mapping[str, float]


def part_name(part: CompositionPart) -> str:
    """Return the name of the files of a partition, without their ends."""
    return f"{part.start:09d}-{len(part):06d}"


def rank_part(plan: Plan, part: CompositionPart) -> PartDone:
    """Rank the compositions of a partition among themselves and keep them.

    Two files are left in the folder of the plan: `NAME.leaders.parquet`, the best ten of each draw,
    and, last, `NAME.parquet`, the rows in the order of a ranking.
    """
    clock = _Clock()
    named = name_compositions(part)
    candidates = _candidates(named)
    predicted = _predictions(plan, named, clock)
    values = gather_properties(candidates, predictions=predicted)
    constraints = plan.screen.constraints
    assessed = assess_candidates(candidates, values)
    blocks = rank_blocks(
        candidates,
        values,
        plan.mechanisms,
        plan.device,
        plan.screen.application,
        samples=plan.screen.ranking.samples,
        seed=plan.screen.ranking.seed,
        max_energy_above_hull=constraints.max_energy_above_hull,
        barred=ruled_out(constraints, candidates, assessed),
        least=smallest_diagnostics(constraints),
    )
    clock.lap("rank")
    folder, name = PartFolder(plan.folder), part_name(part)
    folder.write(name + LEADERS, leaders_table(blocks))
    folder.write(name + ROWS, _rows(blocks, assessed))
    clock.lap("export")
    return PartDone(name, len(part), clock.seconds)


def leaders_table(blocks: list[Block]) -> pa.Table:
    """Return the best ten of each draw as rows: split, mechanism, draw, energy, structure_id."""
    import pyarrow as pa

    parts = []
    for block in blocks:
        ids = block.table["structure_id"].to_numpy(dtype=object)
        mechanism = str(block.table["mechanism"].iloc[0])
        for split, leaders in block.leaders.items():
            draw, place = np.nonzero(np.isfinite(leaders.energy))
            owner = ids[leaders.owner[draw, place]]
            columns = {
                "mechanism": pa.array([mechanism] * len(draw), pa.string()).dictionary_encode(),
                "split": pa.array([split] * len(draw), pa.string()).dictionary_encode(),
                "draw": pa.array(draw, pa.int32()),
                "energy_J": pa.array(leaders.energy[draw, place]),
                "structure_id": pa.array(owner, pa.string()).dictionary_encode(),
            }
            parts.append(pa.table(columns))
    return pa.concat_tables(parts).unify_dictionaries()


def best_of_draws(
    rows: pd.DataFrame, samples: int
) -> tuple[FloatArray, np.ndarray[Any, np.dtype[np.uint64]]]:
    """Return one mechanism and split of `leaders_table`, with ids as numbers.

    Args:
        rows: Columns draw, energy_J and structure_id, by draw.
        samples: Number of draws.

    Returns:
        Energies, infinite where there are fewer than ten, and owners, (samples, 10) each.
    """
    energy = np.full((samples, TOP), np.inf)
    owner = np.zeros((samples, TOP), dtype=np.uint64)
    draw = rows["draw"].to_numpy()
    place = np.arange(len(draw)) - np.searchsorted(draw, draw)
    ids = rows["structure_id"].cat
    numbers = np.array([int(name, 16) for name in ids.categories], dtype=np.uint64)
    energy[draw, place] = rows["energy_J"].to_numpy()
    owner[draw, place] = numbers[ids.codes.to_numpy()]
    return energy, owner


def _candidates(named: NamedCompositions) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "structure_id": named.ids,
            "formula": named.formulas,
            "chemsys": named.systems,
            "prototype": PROTOTYPE,
            "source": SOURCE,
            "source_id": named.formulas,
            "flags": [(COMPOSITION_ONLY,)] * len(named.ids),
        }
    )


def _predictions(plan: Plan, named: NamedCompositions, clock: _Clock) -> pd.DataFrame:
    """Describe and predict a few rows at a time; only the predictions are kept."""
    import pandas as pd

    from matscreen.descriptors.composition import Compositions

    numbers, amounts = named.compositions.numbers, named.compositions.amounts
    found: dict[str, list[Any]] = {name: [] for name in plan.models}
    for start in range(0, len(named.ids), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        features: FloatArray = featurize_compositions(
            Compositions(numbers[rows], amounts[rows]), with_sites=True
        )
        # As descriptors come from the store that the surrogates learned from.
        features = features.astype(np.float32).astype(np.float64)
        clock.lap("describe")
        elements = [frozenset(row) for row in numbers[rows].tolist()]
        for name, model in plan.models.items():
            found[name].append(model.predict(features, elements=elements))
        clock.lap("predict")
    columns = ("mean", "std", "lower", "upper", "in_domain")
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "structure_id": named.ids,
                    "property": name,
                    "model_id": str(model.card["model_id"]),
                    **{c: np.concatenate([getattr(p, c) for p in found[name]]) for c in columns},
                }
            )
            for name, model in plan.models.items()
        ],
        ignore_index=True,
    )


def _rows(blocks: list[Block], assessed: pd.DataFrame) -> pa.Table:
    """Return the rows of all mechanisms, feasible ones first, by energy."""
    import pandas as pd
    import pyarrow as pa

    table = with_notes(pd.concat([block.table for block in blocks], ignore_index=True), assessed)
    table = table.drop(columns=["rank_in_mechanism", "p_top_10"])
    table = table.sort_values(
        ["feasible", "energy_nominal_J", "structure_id", "mechanism"],
        ascending=[False, True, True, True],
        kind="stable",
    )
    table.attrs = {}
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    # A column without any value has no type of its own: every partition must have the same.
    kinds = {"made": pa.bool_(), "spacegroup": pa.int16()}
    fields = []
    for field in arrow.schema:
        kind = kinds.get(field.name, field.type)
        if pa.types.is_null(kind) or pa.types.is_large_string(kind):
            kind = pa.string()
        fields.append(pa.field(field.name, kind))
    return arrow.cast(pa.schema(fields))


class _Clock:
    """Processor time since the last lap, by stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.process_time()

    def lap(self, stage: str) -> None:
        now = time.process_time()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
