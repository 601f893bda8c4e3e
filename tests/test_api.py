"""The public names, and what importing matscreen may cost."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import matscreen

HEAVY = {
    "ase", "deltalake", "mapie", "matplotlib", "numpy", "pandas", "plotly", "prefect", "pyarrow",
    "pydantic", "pymatgen", "scipy", "sklearn", "skops", "sympy", "torch",
}  # fmt: skip


def loaded_by(statement: str) -> set[str]:
    """Return the top-level modules that a fresh Python has loaded after a statement."""
    code = f"{statement}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.split(".")[0] for name in json.loads(done.stdout)}


# Loaded modules, not seconds: a slow machine must not fail the test, nor a fast one hide it.
@pytest.mark.parametrize(
    "statement", ["import matscreen", "import matscreen.cli", "import matscreen; dir(matscreen)"]
)
def test_importing_matscreen_loads_no_heavy_library(statement):
    loaded = loaded_by(statement)
    assert "matscreen" in loaded
    assert not loaded & HEAVY


def test_loading_a_screen_needs_no_science():
    loaded = loaded_by("import matscreen; matscreen.load_screen('synapse')")
    assert not loaded & (HEAVY - {"pydantic"})


def test_no_path_through_the_public_names_needs_torch():
    names = ", ".join(matscreen.__all__)
    assert "torch" not in loaded_by(f"from matscreen import {names}")


def test_public_names_are_sorted_and_there():
    assert matscreen.__all__ == sorted(set(matscreen.__all__))
    for name in matscreen.__all__:
        assert getattr(matscreen, name) is not None
        assert name in dir(matscreen)


def test_public_names_of_the_design():
    assert set(matscreen.__all__) >= {
        "Store", "load_screen", "pull", "describe", "simulate", "train", "predict", "rank",
        "export", "switching_energy", "Device", "featurize",
    }  # fmt: skip


def test_each_public_name_has_one_home_that_type_checkers_know():
    tree = ast.parse(Path(matscreen.__file__).read_text(encoding="utf-8"))
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.name: node.module
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == matscreen._HOME
    assert list(matscreen._HOME) == matscreen.__all__


def test_the_contract_checks_need_no_test_framework():
    loaded = loaded_by("import matscreen.testing")
    assert not loaded & {"hypothesis", "pytest", "torch"}


def test_no_public_name_is_that_of_a_module():
    # Importing a module sets it as an attribute of its package, over the public name.
    from importlib.util import find_spec

    names = [name for name in matscreen.__all__ if name[0].islower()]
    assert [name for name in names if find_spec(f"matscreen.{name}") is not None] == []


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match="module 'matscreen' has no attribute 'absent'"):
        _ = matscreen.absent


def test_the_version_is_that_of_the_package():
    from importlib.metadata import version

    assert matscreen.__version__ == version("matscreen")
