import os
import subprocess
import sys
from pathlib import Path


def test_the_flow_gives_the_ranking_of_the_command_line(tmp_path, shared_store):
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PREFECT_HOME": str(tmp_path / "prefect")}
    flow = [sys.executable, "-m", "flows", "run", "synapse", "--store", shared_store.root]
    done = subprocess.run(
        [*flow, "--output", str(tmp_path / "flow")],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "WARNING" not in done.stderr
    cli = [sys.executable, "-m", "matscreen.cli", "screen", "synapse", "-q"]
    subprocess.run(
        [*cli, "--store", shared_store.root, "-o", str(tmp_path / "cli")], cwd=tmp_path, check=True
    )
    for name in ("candidates.csv", "failures.csv"):
        ours = (tmp_path / "flow/synapse" / name).read_bytes()
        assert ours == (tmp_path / "cli" / name).read_bytes()


def test_an_unknown_screen_is_one_line(tmp_path):
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "flows", "run", "nothing"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "unknown screen 'nothing'" in done.stderr
