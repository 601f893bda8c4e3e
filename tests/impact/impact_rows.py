"""Rows of a ranking, made up for the tests of its impact."""

import math

import pandas as pd


def candidate(event=1e-15, **changes):
    return {
        "formula": "KNbO3",
        "structure_id": "aa11",
        "mechanism": "ferroelectric",
        "energy_nominal_J": event,
        "energy_lower_J": event / 10,
        "energy_upper_J": event * 10,
        "feasible": True,
        **changes,
    }


def ranking():
    return pd.DataFrame(
        [
            candidate(6e-17),
            candidate(5e-17, formula="LaNiO3", feasible=False),
            candidate(4e-13, formula="SrTiO3", mechanism="valence_change"),
            candidate(8e-17, formula="BaTiO3"),
            candidate(math.nan, formula="CaTiO3"),
        ]
    )
