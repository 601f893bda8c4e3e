"""Classifiers on published labels beside a random forest on Magpie features, same folds, same run.

Five shuffled folds that keep a chemical system together; ours is the whole of `train_classifier`
on each training part. Prints a table and writes records in the style of
results/bench/surrogates.json: `mae` and `peer_mae` are the shares of wrong classes. Run as

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_classifiers.py --mirror DIR
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from matscreen.class_training import describe_formulas
from matscreen.sources.dataset_tables import read_dataset
from matscreen.surrogates.class_card import class_metrics
from matscreen.surrogates.class_fitting import stratified_folds
from matscreen.surrogates.classification import train_classifier
from matscreen.surrogates.elements import elements_of_systems

SEED = 18012019
SETS = {"mit_classification": "electronic_class"}
SWITCHING = "insulator-metal transition"


def score(mirror: Path, dataset: str, label: str, *, seed: int = SEED) -> dict[str, Any]:
    """Run five folds of both sides."""
    from scipy.stats import binomtest
    from sklearn.ensemble import RandomForestClassifier

    table = read_dataset(dataset, mirror)
    y = table.classes[label]
    X, labels = describe_formulas(table.formulas)
    kept = (y != "") & np.isfinite(X[:, :132]).all(axis=1)
    X, y, groups = X[kept], y[kept], table.groups[kept]
    names, classes = np.unique(y, return_inverse=True)
    ours, peer = (np.zeros((len(y), len(names))) for _ in range(2))
    sets = np.zeros(ours.shape, dtype=bool)
    inside, spent, chosen = np.zeros(len(y), dtype=bool), 0.0, []
    for rows, held in stratified_folds(classes, groups, seed=seed):
        start = time.process_time()
        model = train_classifier(
            X[rows], y[rows], groups=groups[rows].tolist(), label=label, labels=labels, seed=0
        )
        spent += time.process_time() - start
        found = model.predict(X[held], elements=elements_of_systems(groups[held].tolist()))
        places = [names.tolist().index(name) for name in found.classes]
        ours[np.ix_(held, places)] = found.probabilities
        sets[np.ix_(held, places)] = found.sets
        inside[held] = found.in_domain
        forest = RandomForestClassifier(300, random_state=0, n_jobs=1)
        fitted = forest.fit(X[rows][:, :132], classes[rows])
        peer[np.ix_(held, fitted.classes_)] = fitted.predict_proba(X[held][:, :132])
        chosen.append(f"{model.card['model']}, {model.card['calibration']}")
    # The log loss of a forest that is certain and wrong would be infinite.
    peer = np.maximum(peer, 1.0 / 300.0)
    peer /= peer.sum(axis=1, keepdims=True)
    mine = class_metrics(ours, classes, sets, names.tolist())
    theirs = class_metrics(peer, classes, np.ones_like(sets), names.tolist())
    held_in = sets[np.arange(len(y)), classes]
    parts = np.array_split(np.argsort(sets.sum(axis=1), kind="stable"), 3)
    shown = ("balanced_accuracy", "macro_f1", "log_loss", f"roc_auc {SWITCHING}")
    return {
        "dataset": dataset,
        "target": f"{label} (share wrong)",
        "features": "fast + lean",
        "n": len(y),
        "mae": 1.0 - float(mine["accuracy"] or 0.0),
        "peer_mae": 1.0 - float(theirs["accuracy"] or 0.0),
        "coverage_90": mine["coverage_90"],
        "coverage_p": float(binomtest(int(held_in.sum()), len(y), 0.9).pvalue),
        "min_decile_coverage": float(min(held_in[part].mean() for part in parts)),
        "parts": 3,
        "mean_set_size": mine["mean_set_size"],
        "in_domain": float(inside.mean()),
        "fit_cpu_s": spent,
        "model": "; ".join(sorted(set(chosen))),
        **{name: mine[name] for name in shown if name in mine},
        **{f"peer {name}": theirs[name] for name in shown if name in theirs},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path)
    parser.add_argument("--seeds", type=int, nargs="*", default=[SEED])
    parser.add_argument("--out", type=Path, default=Path("results/bench/classifiers.json"))
    arguments = parser.parse_args()
    if arguments.mirror is None:
        print("left out: name a folder of published data sets with --mirror")
        return
    records = []
    for dataset, label in SETS.items():
        for seed in arguments.seeds:
            record = score(arguments.mirror, dataset, label, seed=seed) | {"seed": seed}
            records.append(record)
            for name, value in record.items():
                print(
                    f"{name:40s} {value:.4g}" if isinstance(value, float) else f"{name:40s} {value}"
                )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(records, indent=2) + "\n")


if __name__ == "__main__":
    main()
