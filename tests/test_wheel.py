"""An installed wheel, outside the checkout, carries its data and runs."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


def run(*command, cwd, **variables):
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(repo, tmp_path_factory):
    """Build the wheel with the installed hatchling, so that no network is needed."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder, cwd=repo)
    [path] = folder.glob("matscreen-*.whl")
    return path


@pytest.fixture(scope="module")
def site(wheel, tmp_path_factory):
    """Install the wheel alone; its dependencies are those of this environment."""
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--no-deps", "--no-index", "--no-compile"]
    run(*pip, "--target", target, wheel, cwd=target)
    return target


def test_the_wheel_holds_the_package_and_its_data(wheel, repo):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert "matscreen/cli.py" in names
    assert not [name for name in names if name.startswith(("tests/", "flows/", "tools/"))]
    assert not [name for name in names if "__pycache__" in name]
    assert [name for name in names if name.endswith("licenses/LICENSE")]
    shipped = {
        str(Path("matscreen/_data") / path.relative_to(repo / "data"))
        for path in (repo / "data").rglob("*")
        if path.is_file()
    }
    assert {"matscreen/_data/screens/synapse.toml"} <= shipped
    assert any(name.startswith("matscreen/_data/reference/") for name in shipped)
    assert any(name.startswith("matscreen/_data/bundle/candidates") for name in shipped)
    assert shipped <= names


def test_data_are_found_outside_the_checkout(site, tmp_path):
    code = (
        "import matscreen\n"
        "from matscreen.data import data_path\n"
        "print(matscreen.__file__)\n"
        "print(data_path('bundle'))\n"
        "print(matscreen.load_screen('synapse').application)\n"
    )
    lines = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(site)).splitlines()
    assert lines == [
        str(site / "matscreen" / "__init__.py"),
        str(site / "matscreen" / "_data" / "bundle"),
        "synapse",
    ]


def test_the_command_runs_outside_the_checkout(site, tmp_path):
    text = run(site / "bin" / "matscreen", "--help", cwd=tmp_path, PYTHONPATH=str(site))
    assert "Usage" in text
    assert "screen" in text
    assert not list(tmp_path.iterdir())  # asking for help leaves nothing behind
