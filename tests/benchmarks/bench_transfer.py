"""How many labels transfer saves: learning curves with and without another label set.

For each pair of label sets the target's surrogate is learned from 2 to 100 % of its training
labels, alone (`surrogates.train`) and on top of a surrogate of the source (`surrogates.transfer`),
and both predict the same test rows. Saved is what transfer needs less to reach the error of all
target labels without it. Two questions, each with its own test rows:

- new systems: a fifth of the chemical systems is held out at random;
- new elements: elements are held out until a fifth of the rows has one, so that no target label
  has shown them. The source may have.

Strict: no source row has a chemical system of a test row. Seen, first seed only: the source
keeps them. Known: the source is no surrogate but a cheaper label of the very material that is asked
for, of a simulation or another property (`LabelSource`), as when every candidate is relaxed but few
get phonons or a better functional; no target label of a test system is learned from.

Needs a mirror folder of published sets; the other labels ship with matscreen. Prints a table,
writes results/bench/transfer.json and a figure. About 40 minutes on one core, less with
--seeds 1. Run as

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_transfer.py --mirror DIR [--only vacancy]
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from transfer_pairs import PAIRS, Pair

from matscreen.surrogates import Surrogate, TrainingSet, train
from matscreen.surrogates.label_source import LabelSource
from matscreen.surrogates.space import Space
from matscreen.surrogates.transfer import transfer
from matscreen.surrogates.transferred import Transferred

FRACTIONS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
SYSTEMS, ELEMENTS = "new systems", "new elements"
_HELD = 0.2
_LEAST = 10


def held_out(groups: np.ndarray, split: str, seed: int) -> np.ndarray:
    """Say which rows are test rows."""
    rng = np.random.default_rng([seed, 7])
    names = np.unique(groups)
    if split == SYSTEMS:
        return np.isin(groups, rng.permutation(names)[: int(_HELD * len(names))])
    elements = sorted({element for name in names for element in name.split("-")} - {"O"})
    held = np.zeros(len(groups), dtype=bool)
    parts = [frozenset(name.split("-")) for name in groups]
    for element in rng.permutation(elements):
        if held.mean() >= _HELD:
            break
        held |= np.array([element in part for part in parts])
    return held


def take(rows: TrainingSet, chosen: np.ndarray) -> TrainingSet:
    """Return some rows."""
    return TrainingSet(
        X=rows.X[chosen],
        y=rows.y[chosen],
        groups=rows.groups[chosen],
        labels=rows.labels,
        formulas=rows.formulas[chosen],
        noise=rows.noise[chosen],
        ids=rows.ids[chosen],
    )


def fit_source(pair: Pair, kept: np.ndarray, seed: int) -> tuple[Surrogate, TrainingSet]:
    """Train the source on at most `most` of the kept rows, those of the target's formulas first."""
    order = np.random.default_rng([seed, 8]).permutation(np.flatnonzero(kept))
    shared = np.isin(pair.source.groups[order], np.unique(pair.target.groups))
    rows = take(pair.source, np.concatenate([order[shared], order[~shared]])[: pair.most])
    model = train(
        rows.X,
        rows.y,
        groups=rows.groups.tolist(),
        property=pair.properties[0],
        labels=rows.labels,
        seed=seed,
    )
    return model, rows


def curve(pair: Pair, split: str, seed: int, *, seen: bool) -> Iterator[dict[str, Any]]:
    """Yield a record for each variant and fraction of the target's training labels."""
    target, name = pair.target, pair.properties[1]
    test = held_out(target.groups, split, seed)
    tested = take(target, np.flatnonzero(test))
    order = np.random.default_rng([seed, 9]).permutation(np.flatnonzero(~test))
    sources: dict[str, Any] = {}
    if pair.known is None:
        strict = ~np.isin(pair.source.groups, np.unique(tested.groups))
        variants = {"strict": strict} | ({"seen": np.ones(len(strict), dtype=bool)} if seen else {})
        sources = {variant: fit_source(pair, kept, seed) for variant, kept in variants.items()}
    forward = Space.of(name).forward
    for fraction in FRACTIONS:
        count = round(fraction * len(order))
        if count < _LEAST:
            continue
        rows = take(target, np.sort(order[:count]))
        options = {
            "groups": rows.groups.tolist(),
            "property": name,
            "labels": rows.labels,
            "seed": seed,
        }
        models: dict[str, Any] = {"alone": train(rows.X, rows.y, **options)}
        for variant, (model, learned) in sources.items():
            models[variant] = transfer(
                model,
                rows.X,
                rows.y,
                source_rows=learned,
                formulas=rows.formulas.tolist(),
                **options,
            )
        given = {}
        if pair.known is not None:
            chosen = np.sort(order[:count])
            models["known"] = transfer(
                LabelSource(pair.properties[0]),
                rows.X,
                rows.y,
                source_X=pair.known[chosen, None],
                **options,
            )
            if isinstance(models["known"], Transferred):
                given["known"] = pair.known[np.flatnonzero(test), None]
        for variant, model in models.items():
            found = (
                model.predict(tested.X, given[variant])
                if variant in given
                else model.predict(tested.X)
            )
            yield {
                "pair": pair.title,
                "split": split,
                "seed": seed,
                "variant": variant,
                "fraction": fraction,
                "n": count,
                "n_all": len(order),
                "n_test": len(tested.y),
                "n_source": len(sources[variant][1].y) if variant in sources else 0,
                "mode": model.card.get("transfer", {}).get("mode", "none"),
                "mae": float(np.abs(forward(found.mean) - forward(tested.y)).mean()),
                "coverage_90": float(
                    np.mean((found.lower <= tested.y) & (tested.y <= found.upper))
                ),
                "in_domain": float(found.in_domain.mean()),
            }


def fraction_needed(fractions: list[float], errors: list[float], goal: float) -> float:
    """Return the fraction from which a learning curve stays at or below an error.

    Linear in the logarithms of fraction and error between points; the first fraction where it is
    always below; infinite where it is above with all labels. A curve that dips below by luck and
    rises again has not reached the error.
    """
    above = [i for i, error in enumerate(errors) if error > goal]
    if not above:
        return fractions[0]
    last = above[-1]
    if last == len(errors) - 1:
        return math.inf
    x = np.log([errors[last + 1], errors[last]])
    y = np.log([fractions[last + 1], fractions[last]])
    return float(np.exp(np.interp(math.log(goal), x, y)))


def summarise(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return for each pair, split and variant what fraction of the labels it needs."""
    table = []
    for pair, split in dict.fromkeys((r["pair"], r["split"]) for r in records):
        own = [r for r in records if (r["pair"], r["split"]) == (pair, split)]
        for variant in ("known", "strict", "seen"):
            seeds = sorted({r["seed"] for r in own if r["variant"] == variant})
            if not seeds:
                continue
            curves = {v: _mean_curve(own, v, seeds) for v in ("alone", variant)}
            each = []
            for seed in seeds:
                alone, helped = (_mean_curve(own, v, [seed]) for v in ("alone", variant))
                each.append(fraction_needed(*helped, alone[1][-1]))
            row = own[0]
            needed = fraction_needed(*curves[variant], curves["alone"][1][-1])
            last = [r for r in own if r["variant"] == variant and r["seed"] in seeds]
            table.append(
                {
                    "pair": pair,
                    "split": split,
                    "variant": variant,
                    "seeds": seeds,
                    "n_all": row["n_all"],
                    "mae_alone_all_labels": curves["alone"][1][-1],
                    "mae_alone_30_percent": _at(curves["alone"], 0.3),
                    "mae_transfer_30_percent": _at(curves[variant], 0.3),
                    "mae_transfer_all_labels": curves[variant][1][-1],
                    "fraction_needed": _finite(needed),
                    "fraction_needed_by_seed": [_finite(value) for value in each],
                    "first_fraction": curves[variant][0][0],
                    "coverage_90": float(np.mean([r["coverage_90"] for r in last])),
                    "coverage_90_alone": float(
                        np.mean([r["coverage_90"] for r in own if r["variant"] == "alone"])
                    ),
                }
            )
    return table


def _mean_curve(
    records: list[dict[str, Any]], variant: str, seeds: list[int]
) -> tuple[list[float], list[float]]:
    found: dict[float, list[float]] = {}
    for r in records:
        if r["variant"] == variant and r["seed"] in seeds:
            found.setdefault(r["fraction"], []).append(r["mae"])
    whole = sorted(fraction for fraction, errors in found.items() if len(errors) == len(seeds))
    return whole, [float(np.mean(found[fraction])) for fraction in whole]


def _at(points: tuple[list[float], list[float]], fraction: float) -> float:
    return points[1][points[0].index(fraction)]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def figure(records: list[dict[str, Any]], table: list[dict[str, Any]], path: Path) -> None:
    """Draw the learning curves of each pair (rows) and question (columns), log-log."""
    from plotly.subplots import make_subplots

    pairs = list(dict.fromkeys(r["pair"] for r in records))
    splits = [SYSTEMS, ELEMENTS]
    chart = make_subplots(
        rows=len(pairs),
        cols=2,
        subplot_titles=[f"{pair}<br>{split}" for pair in pairs for split in splits],
        horizontal_spacing=0.09,
        vertical_spacing=0.32 / max(len(pairs), 1),
    )
    colours = {"alone": "#51606f", "known": "#c8553d", "strict": "#c8553d", "seen": "#2a7f8e"}
    names = {
        "alone": "target labels alone",
        "known": "on top of a cheaper label of the material",
        "strict": "on top of the source, test systems unknown to it (strict)",
        "seen": "on top of the source, test systems known to it (seed 0)",
    }
    shown: set[str] = set()
    for row, pair in enumerate(pairs, start=1):
        for col, split in enumerate(splits, start=1):
            own = [r for r in records if (r["pair"], r["split"]) == (pair, split)]
            for variant, colour in colours.items():
                seeds = sorted({r["seed"] for r in own if r["variant"] == variant})
                if not seeds:
                    continue
                place = {"row": row, "col": col}
                for seed in seeds if len(seeds) > 1 else []:
                    x, y = _mean_curve(own, variant, [seed])
                    chart.add_scatter(
                        x=[100 * value for value in x], y=y, mode="lines", showlegend=False,
                        line={"color": colour, "width": 1}, opacity=0.3, **place,
                    )  # fmt: skip
                x, y = _mean_curve(own, variant, seeds)
                chart.add_scatter(
                    x=[100 * value for value in x], y=y, mode="lines+markers",
                    name=names[variant], legendgroup=variant,
                    showlegend=variant not in shown,
                    line={"color": colour, "width": 2.5, "dash": "dot" if variant == "seen" else None},
                    **place,
                )  # fmt: skip
                shown.add(variant)
            said = [t for t in table if (t["pair"], t["split"]) == (pair, split)]
            for entry in said:
                if entry["variant"] in ("known", "strict"):
                    _mark(chart, entry, row, col)
    chart.update_xaxes(
        type="log", tickvals=[2, 5, 10, 20, 30, 50, 100], range=[0.2, 2.05], ticksuffix=" %"
    )
    chart.update_xaxes(title_text="share of the target's training labels", row=len(pairs))
    chart.update_yaxes(type="log", title_text="MAE", nticks=6)
    chart.update_annotations(font_size=13)
    chart.update_layout(
        template="plotly_white",
        title="Labels that transfer saves: mean absolute error on held-out rows",
        width=1150,
        height=160 + 330 * len(pairs),
        legend={"orientation": "h", "y": -0.06},
        margin={"t": 110},
        font={"family": "system-ui, sans-serif", "color": "#1d2733"},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    chart.write_html(path, include_plotlyjs=True)


def _mark(chart: Any, entry: dict[str, Any], row: int, col: int) -> None:
    """Draw the error of all target labels, and where transfer reaches it."""
    goal, needed = entry["mae_alone_all_labels"], entry["fraction_needed"]
    place = {"row": row, "col": col}
    chart.add_hline(y=goal, line={"color": "#51606f", "width": 1, "dash": "dash"}, **place)
    if needed is None:
        text, at = "not reached", 100.0
    else:
        below = "at most " if needed <= entry["first_fraction"] else ""
        text, at = f"<b>{below}{100 * needed:.0f} % of the labels</b>", 100.0 * needed
        chart.add_scatter(
            x=[at], y=[goal], mode="markers", showlegend=False,
            marker={"color": "#c8553d", "size": 12, "symbol": "diamond"}, **place,
        )  # fmt: skip
    each = ", ".join(
        "never" if value is None else f"{100 * value:.0f}"
        for value in entry["fraction_needed_by_seed"]
    )
    chart.add_annotation(
        x=math.log10(2.0), y=math.log10(goal), text=f"{text} (by seed: {each})", showarrow=False,
        yshift=-12, xanchor="left", bgcolor="rgba(255,255,255,0.8)",
        font={"color": "#c8553d", "size": 13}, **place,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path)
    parser.add_argument("--only", nargs="*", choices=list(PAIRS), default=list(PAIRS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("results/bench/transfer.json"))
    arguments = parser.parse_args()
    if arguments.mirror is None:
        print("left out: name a folder of published data sets with --mirror")
        return
    logging.getLogger("moyo").setLevel(logging.ERROR)
    started = time.process_time()
    records: list[dict[str, Any]] = []
    for name in arguments.only:
        pair = PAIRS[name](arguments.mirror)
        for split in (SYSTEMS, ELEMENTS):
            for seed in range(arguments.seeds):
                for record in curve(pair, split, seed, seen=seed == 0):
                    records.append(record)
                    print(
                        f"{pair.title[:60]:60s} {split:12s} {seed} {record['variant']:7s} "
                        f"{100 * record['fraction']:4.0f} % {record['n']:5d} {record['mode']:8s} "
                        f"MAE {record['mae']:.4f}  90 %: {record['coverage_90']:.3f}",
                        flush=True,
                    )
        table = summarise(records)
        content = {
            "command": "tests/benchmarks/bench_transfer.py --mirror DIR",
            "cpu_s": round(time.process_time() - started, 1),
            "summary": table,
            "records": records,
        }
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(content, indent=1) + "\n")
        figure(records, table, arguments.out.with_suffix(".html"))
    print()
    for entry in summarise(records):
        needed = entry["fraction_needed"]
        each = ", ".join(
            "never" if value is None else f"{100 * value:.0f} %"
            for value in entry["fraction_needed_by_seed"]
        )
        print(
            f"{entry['pair'][:64]:64s} {entry['split']:12s} {entry['variant']:6s} needs "
            f"{'more' if needed is None else f'{100 * needed:.0f} %'} ({each}) of "
            f"{entry['n_all']}; MAE alone {entry['mae_alone_all_labels']:.4f} (30 %: "
            f"{entry['mae_alone_30_percent']:.4f}), on top of the source "
            f"{entry['mae_transfer_all_labels']:.4f} ({entry['mae_transfer_30_percent']:.4f}); 90 %: {entry['coverage_90']:.3f} "
            f"(alone {entry['coverage_90_alone']:.3f})"
        )
    print(f"figure: {arguments.out.with_suffix('.html')}")


if __name__ == "__main__":
    main()
