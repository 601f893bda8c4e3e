"""A package outside extends matscreen at its four seams: installed, found, used and checked."""

from __future__ import annotations

import importlib
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest

import matscreen as ms
from matscreen.descriptors import set_names
from matscreen.mechanisms import mechanism_names
from matscreen.simulations import simulation_names
from matscreen.sources import open_source, source_names
from matscreen.testing import (
    ContractError,
    check_descriptor,
    check_mechanism,
    check_simulation,
    check_source,
    sample_crystals,
)

PLUGIN = Path(__file__).parent / "example_plugin"
SOURCE = "monoxides:MgO,CaO,Fe2O3,NiO,SrO"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the wheel of the example and unpack it as an installer does, without a network."""
    folder = tmp_path_factory.mktemp("plugin")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=PLUGIN, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def installed(site):
    """Put the site on the path of this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(site))
        yield
    for name in [name for name in sys.modules if name.startswith("matscreen_phase_change")]:
        del sys.modules[name]


def test_without_the_package_nothing_is_there():
    assert "monoxides" not in source_names()


def test_nothing_is_imported_before_it_is_asked_for(installed):
    assert [point.name for point in entry_points(group="matscreen.mechanisms")] == ["phase_change"]
    assert "monoxides" in source_names()
    assert set_names()[-1] == "packing"
    assert simulation_names()[-1] == "equation_of_state"
    assert mechanism_names()[-1] == "phase_change"
    assert not [name for name in sys.modules if name.startswith("matscreen_phase_change")]


def test_its_source_keeps_the_contract(installed):
    checked = check_source(SOURCE, failing=["Fe2O3"], entries=5)
    assert {"registered", "one_bad_entry", "stored"} <= set(checked)


def test_its_descriptor_set_keeps_the_contract(installed):
    assert "registered" in check_descriptor("packing")


def test_its_simulation_keeps_the_contract(installed):
    copper = sample_crystals()["Cu"]
    barium = sample_crystals()["SrTiO3 cubic"]
    assert "registered" in check_simulation("equation_of_state", copper, "emt", refuses=[barium])


def test_its_mechanism_keeps_the_contract(installed):
    checked = check_mechanism("phase_change", rising=["melting_temperature", "heat_capacity"])
    assert {"registered", "monotonic"} <= set(checked)


@pytest.mark.parametrize(
    ("attribute", "check"),
    [
        ("monoxides.Monoxides.name", lambda: check_source("monoxides:MgO")),
        ("packing.Packing.name", lambda: check_descriptor("packing")),
        (
            "equation_of_state.EquationOfState.method",
            lambda: check_simulation("equation_of_state", sample_crystals()["Cu"]),
        ),
        ("mechanism.PhaseChange.name", lambda: check_mechanism("phase_change")),
    ],
)
def test_an_object_registered_under_a_name_that_is_not_its_own(
    installed, monkeypatch, attribute, check
):
    module, kind, name = attribute.split(".")
    loaded = importlib.import_module(f"matscreen_phase_change.{module}")
    monkeypatch.setattr(getattr(loaded, kind), name, "glass")
    with pytest.raises(ContractError, match="'glass'") as caught:
        check()
    assert caught.value.clause == "registered"


def test_a_source_that_takes_any_option(installed, monkeypatch):
    monoxides = importlib.import_module("matscreen_phase_change.monoxides")
    real = monoxides.open_monoxides
    monkeypatch.setattr(monoxides, "open_monoxides", lambda target, **_: real(target))
    with pytest.raises(ContractError, match="no_such_option") as caught:
        check_source("monoxides:MgO")
    assert caught.value.clause == "registered"


def test_it_works_in_the_notebook(installed):
    described = ms.featurize([item.crystal for item in _items("MgO,NiO")], set="packing")
    assert list(described.columns) == ["packing_fraction", "volume_per_atom", "density"]
    assert described.loc["MgO", "density"] == pytest.approx(3.58, rel=0.05)  # measured, g/cm³
    energy = ms.switching_energy("phase_change", {"melting_temperature": [3098.0, 900.0]})
    assert energy.nominal_J[0] > energy.nominal_J[1]
    assert energy.feasible.all()
    neuron = {"melting_temperature": [450.0]}
    [reasons] = ms.switching_energy("phase_change", neuron, application="neuron").reasons
    assert [reason.partition(":")[0] for reason in reasons] == ["not_volatile", "crystallises"]


def test_it_runs_in_a_screen_with_labels_of_its_own_simulation(installed, tmp_path):
    store = ms.Store(tmp_path / "store")
    pulled = ms.pull(store, SOURCE)
    assert sorted(pulled["formula"]) == ["CaO", "MgO", "NiO", "SrO"]
    assert len(ms.describe(store, "packing")) == 4
    nickel = pulled.loc[pulled["formula"] == "NiO", "structure_id"]
    labels = ms.simulate(store, "equation_of_state", list(nickel), calculator="emt")
    assert list(labels["method"]) == ["equation_of_state/emt"]
    failed = ms.simulate(store, "equation_of_state", list(pulled["structure_id"]), "emt")
    assert len(failed) == 1  # EMT knows nickel and oxygen, but no alkaline earth
    reasons = store.read("failures").to_pandas()
    assert set(reasons["reason"]) >= {"no_monoxide", "calculator_failed"}

    file = tmp_path / "glass.toml"
    file.write_text(
        f'name = "glass"\napplication = "logic"\nsources = ["{SOURCE}"]\n'
        'mechanisms = ["phase_change", "valence_change"]\ndescriptor_set = "packing"\n'
        "[ranking]\nsamples = 200\n"
    )
    ranking = ms.rank(ms.load_screen(file), store)
    own = ranking[ranking["mechanism"] == "phase_change"].set_index("formula")
    assert set(own.index) == {"CaO", "MgO", "NiO", "SrO"}
    assert set(own["source"]) == {"monoxides"}
    assert np.isfinite(own["energy_nominal_J"]).all()
    assert (own["energy_floor_J"] <= own["energy_nominal_J"]).all()
    assert set(ranking["mechanism"]) == {"phase_change", "valence_change"}


def _items(formulas):
    return [item for page in open_source(f"monoxides:{formulas}").pages() for item in page.items]
