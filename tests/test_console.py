from __future__ import annotations

import io
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console
from rich.table import Table

from matscreen.console import screen_summary, terminal, top_candidates_table
from matscreen.report.result import ScreenInfo, ScreenResult


def _row(rank, formula, mechanism, energy, **changes):
    row = {
        "rank": rank,
        "rank_in_mechanism": rank,
        "formula": formula,
        "structure_id": f"ms-{rank}",
        "mechanism": mechanism,
        "energy_nominal_J": energy,
        "energy_lower_J": energy / 5.0,
        "energy_upper_J": energy * 5.0,
        "energy_floor_J": energy / 100.0,
        "energy_ceiling_J": energy * 50.0,
        "p_feasible": 0.9,
        "p_top_10": 0.5,
        "feasible": True,
        "reasons": "",
        "in_domain": True,
        "evidence": "mlip",
        "spacegroup": 99,
    }
    return {**row, **changes}


@pytest.fixture
def ranking():
    rows = [_row(i, f"BaTi{i}O3", "ferroelectric", i * 1e-15) for i in range(1, 13)]
    rows += [_row(i, f"SrTi{i}O3", "valence_change", i * 1e-13) for i in range(13, 20)]
    return pd.DataFrame(rows)


@pytest.fixture
def result(ranking):
    failures = [
        ("files:a.cif", "pull", "disordered", "x"),
        ("files:b.cif", "pull", "no_oxygen", ""),
    ]
    return ScreenResult(
        screen=ScreenInfo("synapse", "Analog weights", "synapse", "", {}),
        ranking=ranking,
        reference_lines=(),
        model_cards=(),
        failures=pd.DataFrame(failures, columns=["structure_id", "stage", "reason", "detail"]),
        counts={"seen": 40, "candidates": 19, "ranked": 19, "feasible": 19},
        files={"ranking": "candidates.csv"},
    )


def printed(renderable, width=100):
    stream = io.StringIO()
    Console(file=stream, width=width).print(renderable)
    return stream.getvalue()


def test_shows_what_matters_within_100_columns(ranking):
    text = printed(top_candidates_table(ranking))
    assert max(map(len, text.splitlines())) <= 100
    first = text.splitlines()[1].split()
    assert first[:4] == ["1", "BaTiO₃".replace("Ti", "Ti₁"), "P4mm", "ferroelectric"]
    assert "1.0 fJ" in text
    assert "0.20–5.0 fJ" in text
    assert "50 %" in text
    assert "mlip" in text


def test_every_mechanism_gets_its_share(ranking):
    text = printed(top_candidates_table(ranking, n=6))
    assert text.count("ferroelectric") == text.count("valence-change") == 3


def test_piped_text_has_no_escape_codes(result):
    assert "\x1b" not in printed(screen_summary(result))


def test_summary_names_counts_failures_and_paths(result):
    text = printed(screen_summary(result, folder="results/synapse"))
    assert "40 structures seen" in text
    assert "2 failures: disordered 1, no oxygen 1" in text
    assert "results/synapse/candidates.csv" in text
    assert "results/synapse/report.html" in text


def test_paths_are_never_shortened(result):
    folder = "a-folder-with-a-long-name/" * 6
    text = printed(screen_summary(result, folder=folder), width=80)
    assert f"{folder}candidates.csv" in "".join(text.split())


def test_nothing_feasible_is_said_with_reasons(result, ranking):
    none = ranking.assign(feasible=False, reasons="retention: 3 s; metal")
    text = printed(screen_summary(replace(result, ranking=none)))
    assert "Nothing is feasible" in text
    assert "retention (19)" in text


def test_square_brackets_are_text(result, ranking):
    odd = ranking.assign(formula="[red]X[/red]", evidence="[bold]")
    text = printed(screen_summary(replace(result, ranking=odd)))
    assert "[red]X[/red]" in text
    assert "[bold]" in text


def test_an_empty_ranking_is_said(result, ranking):
    assert "Nothing could be ranked" in printed(
        screen_summary(replace(result, ranking=ranking.head(0)))
    )


def test_the_terminal_shows_brackets_and_colons_as_they_are(capsys):
    table = Table("path")
    table.add_row("[red]x[/]:o:.cif")
    terminal().print(table)
    terminal().print("optimade[bold]:a:b")
    out = capsys.readouterr().out
    assert "[red]x[/]:o:.cif" in out
    assert "optimade[bold]:a:b" in out
