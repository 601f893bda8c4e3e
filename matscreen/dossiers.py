"""What a report shows of the best candidates beyond the ranking, and of measured devices."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from matscreen.buildability import smallest_diagnostics

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.config import Screen
    from matscreen.explain import Explanation
    from matscreen.report.dossier import Dossier
    from matscreen.report.result import ScreenResult
    from matscreen.store import Store


def with_dossiers(
    result: ScreenResult,
    screen: Screen,
    store: Store,
    candidates: pd.DataFrame,
    values: pd.DataFrame,
) -> ScreenResult:
    """Add to a result what is known of the candidates that get a card, and their crystals.

    Args:
        result: The finished screen.
        screen: What was asked.
        store: Where the crystals are.
        candidates: What was ranked.
        values: Tidy property table of it.
    """
    from matscreen.calibration import calibrated_mechanisms
    from matscreen.explain import explain_ranked
    from matscreen.gathering import stored_crystals
    from matscreen.mechanisms.bounded import Bounded
    from matscreen.mechanisms.device import Device
    from matscreen.report.dossier import carded

    cards = carded(result)
    chosen = {(row.structure_id, row.mechanism) for row in cards}
    pairs = zip(result.ranking["structure_id"], result.ranking["mechanism"], strict=True)
    rows = result.ranking[[pair in chosen for pair in pairs]]
    least = smallest_diagnostics(screen.constraints)
    found: list[Explanation] = []
    for mechanism in calibrated_mechanisms(screen.mechanisms, screen.calibration):
        found += explain_ranked(
            rows[rows["mechanism"] == mechanism.name],
            candidates,
            values,
            Bounded(mechanism, least) if least else mechanism,
            Device.from_mapping(screen.device),
            screen.application,
            seed=screen.ranking.seed,
        )
    return replace(
        result,
        dossiers=tuple(map(_dossier, found)),
        structures=stored_crystals(store, sorted({row.structure_id for row in cards})),
    )


def with_devices(
    result: ScreenResult, known: tuple[pd.DataFrame, pd.DataFrame] | None = None
) -> ScreenResult:
    """Add to a result how its mechanisms do on measured devices, and which devices there are.

    Mechanisms are scored as shipped: a calibration of the screen has seen devices itself.

    Args:
        result: The finished screen.
        known: What `scored_devices` gave, where it was asked before.
    """
    scored, scores = known if known is not None else scored_devices()
    asked = set(result.mechanisms)
    return replace(
        result,
        devices=scored[scored["mechanism"].isin(asked)].reset_index(drop=True),
        device_scores=scores[scores["mechanism"].isin(asked)].reset_index(drop=True),
    )


@cache
def scored_devices() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the measured devices as the mechanisms predict them, and the score of each mechanism.

    Nothing but code and shipped data decides them: once a process is enough.
    """
    from matscreen.validation.mechanisms import score_devices, summarize

    scored = score_devices()
    return scored, summarize(scored)


def _dossier(found: Explanation) -> Dossier:
    from matscreen.report.dossier import Dossier, GateChance, KnownProperty, UncertaintySource

    properties = [
        KnownProperty(
            name=str(row["property"]),
            value=float(row["value"]),
            lower=float(row["lower"]),
            upper=float(row["upper"]),
            unit=str(row["unit"]),
            evidence=str(row["evidence"]),
            method=str(row["method"]),
        )
        for row in found.properties.to_dict("records")
    ]
    uncertainty = [
        UncertaintySource(
            name=str(row["source"]),
            low_J=float(row["low_J"]),
            high_J=float(row["high_J"]),
            share=float(row["share"]),
        )
        for row in found.uncertainty.to_dict("records")
    ]
    chances: dict[str, float] = {}
    # one code may stand for several gates: a draw passes it where it passes the hardest
    for code, chance in zip(found.gates["gate"], found.gates["chance"], strict=True):
        chances[str(code)] = min(float(chance), chances.get(str(code), 1.0))
    gates = sorted(chances.items(), key=lambda item: (item[1], item[0]))
    return Dossier(
        structure_id=found.structure_id,
        mechanism=found.mechanism,
        properties=tuple(properties),
        uncertainty=tuple(uncertainty),
        gates=tuple(GateChance(code, chance) for code, chance in gates),
        advice=found.advice,
    )
