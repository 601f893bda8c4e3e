"""Packages outside are found by name, and a broken one is told by name."""

from __future__ import annotations

import pytest

from matscreen.descriptors import DESCRIPTOR_SETS, get_descriptor_set, set_names
from matscreen.errors import InputError
from matscreen.mechanisms import MECHANISMS, get_mechanism, mechanism_names
from matscreen.plugins import load_outside, outside_names
from matscreen.simulations import SIMULATIONS, get_simulation, simulation_names
from matscreen.sources import open_source, source_names

REGISTRIES = {
    "matscreen.sources": (source_names, open_source),
    "matscreen.descriptors": (set_names, get_descriptor_set),
    "matscreen.simulations": (simulation_names, get_simulation),
    "matscreen.mechanisms": (mechanism_names, get_mechanism),
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Leave the metadata of a package whose module is missing, with a name in every registry."""
    folder = tmp_path / "broken_glass-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-glass\nVersion: 1.0\n")
    groups = [f"[{group}]\nglass = broken_glass:Glass\n" for group in REGISTRIES]
    (folder / "entry_points.txt").write_text("\n".join(groups))
    monkeypatch.syspath_prepend(str(tmp_path))


def test_without_packages_the_shipped_names_are_known():
    assert set_names() == tuple(DESCRIPTOR_SETS)
    assert mechanism_names() == MECHANISMS
    assert simulation_names() == SIMULATIONS
    assert load_outside("matscreen.mechanisms", "glass") is None


@pytest.mark.parametrize("group", REGISTRIES)
def test_names_of_packages_follow_the_shipped_ones(package, group):
    names, open_by_name = REGISTRIES[group]
    assert outside_names(group) == ("glass",)
    assert names()[-1] == "glass"
    with pytest.raises(InputError, match=r"unknown .*known: .*, glass"):
        open_by_name("crystal-ball")


@pytest.mark.parametrize("group", REGISTRIES)
def test_a_broken_package_is_told_by_its_name(package, group):
    told = "'glass' comes from the package broken-glass, whose broken_glass:Glass cannot be"
    with pytest.raises(InputError, match=f"{told}.*No module named 'broken_glass'"):
        REGISTRIES[group][1]("glass")


def test_a_shipped_name_is_never_taken_over(tmp_path, monkeypatch):
    folder = tmp_path / "greedy-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: greedy\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[matscreen.mechanisms]\njosephson = greedy:Mine\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert mechanism_names() == MECHANISMS
    assert get_mechanism("josephson").title == "Josephson junction"


def test_what_is_no_mechanism_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "odd-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[matscreen.mechanisms]\nodd = builtins:dict\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(InputError, match="'odd', makes no mechanism"):
        get_mechanism("odd")
