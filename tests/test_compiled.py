"""What numba compiles is kept for the next process."""

import importlib.util

import pytest

from matscreen.compiled import keep_compiled

SOURCE = """
from numba import njit


@njit
def doubled(x):
    return 2.0 * x


def plain(x):
    return x
"""


def test_functions_of_another_package_are_kept_on_disk(tmp_path):
    pytest.importorskip("numba")
    file = tmp_path / "foreign.py"
    file.write_text(SOURCE)
    spec = importlib.util.spec_from_file_location("foreign", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    keep_compiled(module)

    assert module.doubled(1.5) == 3.0
    assert list((tmp_path / "__pycache__").glob("foreign.doubled-*.nbi"))
    assert module.plain(1.5) == 1.5
