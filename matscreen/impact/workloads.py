"""Reference networks and the hardware and footprints that results are compared with."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

from matscreen.data import data_path
from matscreen.errors import InputError

FORWARD_AND_BACKWARD = 3.0
"""MACs of a training sample over those of its inference: the backward pass takes two more."""


@dataclass(frozen=True)
class Workload:
    """One network of `data/reference/workloads.csv`.

    Attributes:
        name: Short name.
        inference: What one inference is.
        parameters: Number of weights.
        macs_per_inference: Multiply-accumulates of one inference.
        training_macs: Multiply-accumulates of the whole training, forward and backward.
        batch: Inferences whose gradients make one update of the weights.
        neurons: Number of neurons; None where a spike means nothing.
        source: Where the figures come from.
        doi: DOI of the source, or empty.
        confidence: `verified` when read or derivable by the arithmetic in the note, else `medium`.
        note: The arithmetic and what it leaves out.
    """

    name: str
    inference: str
    parameters: float
    macs_per_inference: float
    training_macs: float
    batch: float
    neurons: float | None
    source: str
    doi: str
    confidence: str
    note: str

    def updates(self, batch: float | None = None) -> float:
        """Return the updates of the weights in a training, training MACs / (3 x batch x MACs)."""
        size = self.batch if batch is None else batch
        return self.training_macs / (FORWARD_AND_BACKWARD * size * self.macs_per_inference)


@dataclass(frozen=True)
class Benchmark:
    """One row of `data/reference/impact_benchmarks.csv`; `value` is in `unit`.

    Attributes:
        name: Short name.
        kind: `accelerator`, `analog`, `neuromorphic`, or `footprint` of a service or training.
        task: `inference` or `training`.
        value: The figure.
        lower: Lower end where a range is given, else the figure.
        upper: Upper end where a range is given, else the figure.
        unit: Its unit: J/MAC, J/synaptic event, MWh/day or t CO2e.
        includes: What it includes.
        source: Where it comes from.
        doi: DOI of the source, or empty.
        confidence: `verified`, `medium` or `low`.
        note: The arithmetic and what to beware of.
    """

    name: str
    kind: str
    task: str
    value: float
    lower: float
    upper: float
    unit: str
    includes: str
    source: str
    doi: str
    confidence: str
    note: str


@cache
def workloads() -> tuple[Workload, ...]:
    """Return the reference networks of `data/reference/workloads.csv`, smallest first."""
    return tuple(
        Workload(
            name=row["name"],
            inference=row["inference"],
            parameters=float(row["parameters"]),
            macs_per_inference=float(row["macs_per_inference"]),
            training_macs=float(row["training_macs"]),
            batch=float(row["batch"]),
            neurons=float(row["neurons"]) if row["neurons"] else None,
            source=row["source"],
            doi=row["doi"],
            confidence=row["confidence"],
            note=row["note"],
        )
        for row in _rows("workloads.csv")
    )


def get_workload(name: str) -> Workload:
    """Return one reference network.

    Raises:
        InputError: There is none of that name.
    """
    known = {workload.name: workload for workload in workloads()}
    if name not in known:
        raise InputError(f"no workload {name!r}; there are {', '.join(known)}")
    return known[name]


@cache
def benchmarks() -> dict[str, Benchmark]:
    """Return the rows of `data/reference/impact_benchmarks.csv` by name."""
    return {
        row["name"]: Benchmark(
            name=row["name"],
            kind=row["kind"],
            task=row["task"],
            value=float(row["value"]),
            lower=float(row["lower"] or row["value"]),
            upper=float(row["upper"] or row["value"]),
            unit=row["unit"],
            includes=row["includes"],
            source=row["source"],
            doi=row["doi"],
            confidence=row["confidence"],
            note=row["note"],
        )
        for row in _rows("impact_benchmarks.csv")
    }


def _rows(file: str) -> list[dict[str, str]]:
    with data_path("reference", file).open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))
