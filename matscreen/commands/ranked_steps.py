"""What to do after a ranking: with the best candidate, or when there is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Final

from matscreen.commands.opening import store_words
from matscreen.commands.output import Step

if TYPE_CHECKING:
    import pandas as pd

_RELAX: Final = {
    "above_critical": ("device.josephson.operating_temperature", "lower it"),
    "above_hull": ("constraints.max_energy_above_hull", "raise it"),
    "antiferrodistortive": ("sources", "add others: these tilt instead of turning polar"),
    "antiferroelectric": ("mechanisms", "try another: no film of these keeps a polarization"),
    "breakdown": ("device.thickness", "raise it, or device.switching_time: the field is too high"),
    "curie_below_retention": ("device.retention_temperature", "lower it"),
    "diffusion_time": ("device.switching_time", "raise it"),
    "excluded_element": ("constraints.exclude_elements", "shorten it"),
    "hazardous": ("constraints.allow_hazardous", "set it to true"),
    "improper": ("mechanisms", "try another: their polarization cannot be switched alone"),
    "keeps_no_state": ('application = "neuron"', "these mechanisms keep no state"),
    "low_endurance_margin": ("constraints.min_endurance_margin", "lower it"),
    "low_on_off_decades": ("constraints.min_on_off_decades", "lower it"),
    "melting": ("device.filament.voltage", "lower it, or raise device.switching_time"),
    "metal": ("device.minimum_band_gap", "lower it, or exclude metals from the sources"),
    "metal_at_rest": ("device.temperature", "lower it"),
    "never_made": ("constraints.require_made", "set it to false"),
    "no_estimate": ("sources", "add labels: matscreen simulate, or files with your own"),
    "no_known_superconductor": ("sources", 'add "known": only measured superconductors count'),
    "no_known_transition": ("sources", 'add "known": only measured transitions count'),
    "no_substrate": ("constraints.max_mismatch", "raise it, or add to constraints.substrates"),
    "nonpolar": ("sources", "add polar phases, or try other mechanisms"),
    "nonpolar_parent": ("sources", "add others: these are stable without polarization"),
    "nonpolar_polymorph": ("sources", "add others: these grow as a nonpolar polymorph"),
    "not_volatile": ('application = "synapse" or "logic"', "a neuron needs a switch that forgets"),
    "one_bit_only": ('application = "logic"', "a flux quantum is one bit"),
    "outside_validity": ("device.electrolyte.window", "raise it, or device.switching_time"),
    "pulse_time": ("device.switching_time", "raise it"),
    "radioactive": ("constraints.allow_hazardous", "set it to true"),
    "read_margin": ("device.n_levels", "ask for fewer, or raise device.area"),
    "reduces_by_itself": ("sources", "add oxides that hold their oxygen better"),
    "retention": ("device.retention_time", "shorten it, or lower device.retention_temperature"),
    "scarce": ("constraints.max_hhi", "raise it"),
    "thermal_budget": ("constraints.max_process_temperature", "raise it"),
    "thermally_unstable": ("device.area", "raise it, or shorten device.retention_time"),
    "too_cold": ("device.josephson.lowest_temperature", "lower it"),
    "too_fast": ("device.switching_time", "raise it"),
    "toxic": ("constraints.allow_hazardous", "set it to true"),
    "well_in_noise": ("sources", "add candidates with deeper wells: these are within the error"),
}
"""Reason of a row that is not feasible, to the key of a screen file and what to do with it."""
_REASONS: Final = 4


def screen_steps(
    name: str, ranking: pd.DataFrame, *, folder: Path | None, store: Path
) -> list[Step]:
    """Return the commands that go on from a ranking.

    Args:
        name: The screen as it was asked for: a shipped one, or a file.
        ranking: Columns of `candidates.csv`.
        folder: Folder of a finished screen; None where there is only a ranking.
        store: Store that was ranked.
    """
    where = store_words(store)
    if ranking.empty:
        return [(f"matscreen doctor{where}", "what the store holds and what is missing")]
    feasible = ranking[ranking["feasible"].astype(bool)]
    if feasible.empty:
        return list(_relaxing(name, ranking, where))
    best = feasible.iloc[0]
    why = "why this energy, and what is uncertain in it"
    steps = [(f"{_explain(name, best)}{where}", why)]
    if folder is not None:
        place = quote(str(folder))
        steps += [
            (f"matscreen impact {place}", "joules per inference and per training"),
            (
                f"matscreen export poscar {place} --top 3{where}",
                "crystals; also cif, vasp, xlsx",
            ),
        ]
    steps.append((f"matscreen simulate {quote(name)} --budget 1h{where}", "settle the best ones"))
    return steps


def _relaxing(name: str, ranking: pd.DataFrame, where: str) -> Iterator[Step]:
    """Say what excludes most, and which key of the screen file relaxes it."""
    from matscreen.report.formatting import plural, words
    from matscreen.report.result import read_candidates
    from matscreen.report.verdict import common_reasons

    if not name.endswith(".toml"):
        yield f"matscreen screen {name} --show-file > mine.toml", "a copy to change, as follows"
    for code, count in common_reasons(read_candidates(ranking))[:_REASONS]:
        key, advice = _RELAX.get(code, ("device, constraints", "see the reasons in the ranking"))
        yield key, f"{advice} ({words(code)}: {plural(count, 'pair')})"
    nearest = ranking.sort_values("p_feasible", ascending=False, kind="stable").iloc[0]
    share = f"{100 * float(nearest['p_feasible'] or 0.0):.0f} % of the draws"
    yield f"{_explain(name, nearest)}{where}", f"the nearest: passes in {share}"


def _explain(name: str, row: pd.Series) -> str:
    formula, mechanism = quote(str(row["formula"])), row["mechanism"]
    return f"matscreen explain {formula} --screen {quote(name)} --mechanism {mechanism}"
