"""The command `matscreen impact`."""

import json
import subprocess
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

from matscreen.impact import workloads
from tests.impact.impact_rows import ranking


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    ranking().to_csv(folder / "candidates.csv", index=False)
    about = {"screen": {"application": "synapse", "device": {"n_levels": 32}}}
    (folder / "screen.json").write_text(json.dumps(about))
    return folder


def run(*words):
    from matscreen.cli import app

    return CliRunner().invoke(app, ["impact", *map(str, words)])


def test_the_command_prints_and_writes_with_its_assumptions(results, tmp_path):
    table = tmp_path / "out" / "impact.csv"
    done = run(results, "-o", table, "--top", 2)
    assert done.exit_code == 0, done.output
    for word in ("KNbO₃", "SrTiO₃", "BaTiO₃", "TrueNorth", "Assumptions", "gpt-3", "300 MWh"):
        assert word in done.output
    head = [line for line in table.read_text().splitlines() if line.startswith("# ")]
    written = pd.read_csv(table, comment="#")
    assert len(written) == 4 * len(workloads())
    assert set(written["workload"]) == {workload.name for workload in workloads()}
    content = json.loads(run(results, "--json", "--top", 2).stdout)
    assert [line[2:] for line in head] == content["assumptions"]
    assert content["application"] == "synapse"
    assert content["hardware"]["adc_energy_J"] == pytest.approx(2.58e-12)
    assert len(content["best"]) == 3
    assert len(content["candidates"]) == len(written)


def test_options_reach_the_hardware(results):
    options = ["--adc-energy", 1e-11, "--rows", 64, "--bits", 4, "--carbon", 0.1, "--batch", 1]
    done = run(results, "--workload", "lenet-5", "--json", *options)
    assert done.exit_code == 0, done.output
    content = json.loads(done.stdout)
    assert content["hardware"]["rows"] == 64
    assert content["hardware"]["cells_per_weight"] == 1  # 4 bits in one cell of 32 levels
    assert content["usage"]["carbon_kg_per_kWh"] == pytest.approx(0.1)
    assert {row["workload"] for row in content["candidates"]} == {"lenet-5"}


@pytest.mark.parametrize("application", ["logic", "neuron"])
def test_other_applications_run_from_a_parquet_file(tmp_path, application):
    file = tmp_path / "candidates.parquet"
    ranking().to_parquet(file)
    done = run(file, "--application", application, "--json")
    assert done.exit_code == 0, done.output
    best = json.loads(done.stdout)["best"][0]
    assert best["inference_switching_share"] > 0.0
    assert (best["training_J"] is None) == (application == "neuron")


def test_a_ranking_without_a_feasible_candidate_says_so(tmp_path):
    file = tmp_path / "candidates.csv"
    ranking().assign(feasible=False).to_csv(file, index=False)
    done = run(file, "--application", "synapse")
    assert done.exit_code == 0, done.output
    assert "No candidate is feasible" in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent.csv"], "no ranking"),
        (["bare.csv"], "--application"),
        (["bare.csv", "--application", "logic", "--adc-energy", "1e-12"], "no meaning"),
        (["bare.csv", "--application", "neuron", "--workload", "gpt-3"], "no spiking form"),
        (["bare.csv", "--application", "synapse", "--workload", "alexnet"], "resnet-50"),
        (["results", "--cells", "1"], "32 levels"),
        (["results", "--peripheral-factor", "0"], "peripheral_factor"),
        (["broken.parquet", "--application", "synapse"], "cannot be read"),
    ],
)
def test_a_mistake_is_one_clear_line(results, tmp_path, words, said):
    ranking().to_csv(tmp_path / "bare.csv", index=False)
    (tmp_path / "broken.parquet").write_text("no parquet")
    command = [sys.executable, "-m", "matscreen.cli", "impact", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert said in done.stderr
