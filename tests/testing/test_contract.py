"""How clauses are run, and what an error says."""

import os
import pickle
import random

import numpy as np
import pytest

from matscreen.errors import MatscreenError
from matscreen.testing import ContractError, batch_with_bad_rows, sample_crystals
from matscreen.testing.contract import (
    Broken,
    DoesNotApply,
    check_clauses,
    in_other_state,
    opened,
    require,
    require_code,
    require_documented,
    require_identifier,
    require_same_state,
)
from matscreen.testing.crystals import TRANSFORMS, supercell


def positive(case):
    """The number is positive."""
    require(case > 0, f"it is {case}")


def even(case):
    """The number is even."""
    if case > 100:
        raise DoesNotApply
    require(case % 2 == 0, f"{case} leaves {case % 2}")


def invertible(case):
    """The number has an inverse."""
    1 / (case - 2)


CLAUSES = {clause.__name__: clause for clause in (positive, even, invertible)}


def test_the_clauses_that_hold_are_named():
    assert check_clauses("number", 4, CLAUSES) == ("positive", "even", "invertible")
    assert check_clauses("number", 101, CLAUSES) == ("positive", "invertible")


def test_the_first_broken_clause_is_named_with_its_promise_and_what_was_seen():
    with pytest.raises(ContractError) as caught:
        check_clauses("number", 3, CLAUSES)
    error = caught.value
    assert (error.subject, error.clause, error.seen) == ("number", "even", "3 leaves 1")
    assert str(error) == "number breaks `even`: 3 leaves 1\n  the contract: The number is even."
    assert isinstance(error, AssertionError)
    assert isinstance(error, MatscreenError)
    copy = pickle.loads(pickle.dumps(error))
    assert (str(copy), copy.clause) == (str(error), "even")


def test_whatever_is_raised_breaks_the_clause():
    with pytest.raises(ContractError, match=r"invertible.*ZeroDivisionError") as caught:
        check_clauses("number", 2, CLAUSES)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_subjects_are_opened_by_name_class_or_themselves():
    made = dict
    assert opened("a name", str.upper) == "A NAME"
    assert opened(made, dict) == {}
    assert opened({1: 2}, dict) == {1: 2}


@pytest.mark.parametrize("name", ["Upper", "two words", "", None, "1st", "Å"])
def test_names_must_be_usable_everywhere(name):
    with pytest.raises(Broken, match="its name"):
        require_identifier(name, "its name")
    with pytest.raises(Broken, match="a reason"):
        require_code(name, "a reason")


def test_names_that_are_usable():
    require_identifier("7net"[1:], "it")
    require_identifier("double_well-2", "it")
    require_code("too_cold", "it")


class Undocumented:
    def run(self):
        """Run."""

    def stop(self):
        return None


class Documented(Undocumented):
    """It has one."""


def test_docstrings_are_looked_for_on_the_class_and_the_methods():
    with pytest.raises(Broken, match="class Undocumented"):
        require_documented(Undocumented())
    require_documented(Documented, "run")
    with pytest.raises(Broken, match=r"Documented\.stop has no docstring"):
        require_documented(Documented(), "run", "stop")


@pytest.mark.parametrize(
    ("act", "what"),
    [
        (np.random.rand, "global generator of numpy"),
        (random.random, "state of `random`"),
        (lambda: os.environ.__setitem__("TEST_STATE", str(random.getrandbits(9))), "environment"),
        (lambda: np.seterr(all="raise" if np.geterr()["over"] != "raise" else "warn"), "errors"),
        (lambda: np.set_printoptions(precision=np.get_printoptions()["precision"] + 1), "print"),
    ],
)
def test_changed_state_is_seen(act, what, monkeypatch):
    monkeypatch.setenv("TEST_STATE", "0")
    kept = np.geterr(), np.get_printoptions()
    try:
        with pytest.raises(Broken, match=what):
            require_same_state(act)
    finally:
        np.seterr(**kept[0])
        np.set_printoptions(**kept[1])


def test_a_changed_folder_is_seen(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a" / "a").mkdir(parents=True)
    with pytest.raises(Broken, match="working folder"):
        require_same_state(lambda: os.chdir("a"))


def test_random_state_is_put_back():
    before = random.getstate(), np.random.get_state()[1].tobytes()
    first = in_other_state(lambda: (random.random(), np.random.rand()))
    assert first == in_other_state(lambda: (random.random(), np.random.rand()))
    assert before == (random.getstate(), np.random.get_state()[1].tobytes())


@pytest.mark.parametrize("kind", TRANSFORMS)
def test_settings_are_the_same_crystal(kind):
    from matscreen.identity import analyze_symmetry

    rng = np.random.default_rng(1)
    for name, crystal in sample_crystals().items():
        other = TRANSFORMS[kind](crystal, rng)
        assert other.formula == crystal.formula
        ratio = other.nsites / crystal.nsites
        assert other.volume == pytest.approx(crystal.volume * ratio)
        assert ratio == (2 if kind == "supercell" else 1)
        assert analyze_symmetry(other).number == analyze_symmetry(crystal).number, name
        assert other.content_hash != crystal.content_hash or crystal.nsites == 1


def test_sample_crystals_are_what_their_names_say():
    from matscreen.identity import analyze_symmetry

    groups = {name: analyze_symmetry(c).number for name, c in sample_crystals().items()}
    assert groups == {
        "SrTiO3 cubic": 221,
        "PbTiO3 tetragonal": 99,
        "MgO rock salt": 225,
        "CeO2 fluorite": 225,
        "TiO2 rutile": 136,
        "ZnO wurtzite": 186,
        "Cu": 225,
    }


def test_a_sheared_supercell_has_as_many_sites_as_its_determinant():
    salt = sample_crystals()["MgO rock salt"]
    assert supercell(salt, [[1, 1, 0], [-1, 2, 0], [0, 3, 2]]).nsites == 2 * 6


def test_bad_rows_are_no_crystals():
    from matscreen.errors import StructureError

    batch, wrong = batch_with_bad_rows(sample_crystals()["SrTiO3 cubic"])
    assert len(wrong) == len(batch) - 2
    for row in range(len(batch)):
        if row in wrong:
            with pytest.raises(StructureError):
                batch[row]
        else:
            assert batch[row].formula == "SrTiO3"
