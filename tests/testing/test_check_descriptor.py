"""Our own sets keep the contract, and sets that break one clause are caught in that clause."""

import numpy as np
import pytest

from matscreen.descriptors import DESCRIPTOR_SETS, Failure, Features
from matscreen.errors import InputError, StructureError
from matscreen.testing import ContractError, check_descriptor, sample_crystals
from matscreen.testing.descriptors import CLAUSES


class Density:
    """Volume per atom and mean atomic number."""

    name = "density"
    version = "1"
    labels = ("volume_per_atom", "mean_number")
    units = ("Å³", "1")
    citation = "none"

    def featurize(self, batch):
        """Describe every structure."""
        values = np.full((len(batch), len(self.labels)), np.nan)
        failures = []
        for row in range(len(batch)):
            try:
                values[row] = self.describe(batch[row])
            except StructureError as error:
                failures.append(Failure(row, error.reason, error.detail))
        return Features(values, tuple(failures), self.labels)

    def describe(self, crystal):
        return crystal.volume / crystal.nsites, crystal.atomic_numbers.mean()


class NamedOddly(Density):
    """."""

    name = "Density of ours"


class NoVersion(Density):
    """."""

    version = ""


class OneUnit(Density):
    """."""

    units = ("Å³",)


class SameLabels(Density):
    """."""

    labels = ("volume", "volume")


class TakenLabel(Density):
    """."""

    labels = ("structure_id", "mean_number")


class Single(Density):
    """."""

    def featurize(self, batch):
        found = super().featurize(batch)
        return Features(found.values.astype(np.float32), found.failures)


class Infinite(Density):
    """."""

    def describe(self, crystal):
        with np.errstate(divide="ignore"):
            return crystal.volume, np.float64(1.0) / (crystal.nsites - 2)


class OxidesOnly(Density):
    """."""

    def describe(self, crystal):
        if 8 not in crystal.atomic_numbers:
            raise StructureError("no_oxygen", crystal.formula)
        return super().describe(crystal)


class NeedsOne(Density):
    """."""

    def featurize(self, batch):
        _ = batch[0]
        return super().featurize(batch)


class Noisy(Density):
    """."""

    def describe(self, crystal):
        return super().describe(crystal) + 1e-9 * np.random.rand(2)


class Standardised(Density):
    """."""

    def featurize(self, batch):
        found = super().featurize(batch)
        if not len(batch):
            return found
        return Features(found.values - np.nanmean(found.values, axis=0), found.failures)


class Previous(Density):
    """."""

    def featurize(self, batch):
        found = super().featurize(batch)
        found.values[1:, 1] += 1e-3 * found.values[:-1, 1]
        return found


class Wraps(Density):
    """."""

    def featurize(self, batch):
        batch.frac_coords[:] = np.mod(batch.frac_coords, 1.0)
        return super().featurize(batch)


class DiesOfOne(Density):
    """."""

    def featurize(self, batch):
        return Features(np.array([self.describe(c) for c in batch]).reshape(-1, 2))


class HidesFailures(Density):
    """."""

    def featurize(self, batch):
        return Features(super().featurize(batch).values)


class Extensive(Density):
    """."""

    def describe(self, crystal):
        return crystal.volume, crystal.atomic_numbers.mean()


class FirstSite(Density):
    """."""

    def describe(self, crystal):
        return crystal.volume / crystal.nsites, crystal.atomic_numbers[0]


class Oriented(Density):
    """."""

    def describe(self, crystal):
        return crystal.lattice[0, 0], crystal.atomic_numbers.mean()


class FromTheOrigin(Density):
    """."""

    def describe(self, crystal):
        return np.mod(crystal.frac_coords, 1.0).sum() / crystal.nsites, 1.0


class Seeds(Density):
    """."""

    def featurize(self, batch):
        """Describe, after setting the seed of everybody."""
        np.random.seed(len(batch))
        return super().featurize(batch)


class Silent(Density):
    __doc__ = None


BROKEN = [
    (NamedOddly, "protocol", "Density of ours"),
    (NoVersion, "protocol", "version"),
    (OneUnit, "columns", "2 labels but 1 units"),
    (SameLabels, "columns", "volume"),
    (TakenLabel, "columns", "structure_id"),
    (Single, "shape", "float32"),
    (Infinite, "shape", "mean_number of MgO rock salt is infinite"),
    (OxidesOnly, "shape", r"Cu \(no_oxygen\)"),
    (NeedsOne, "empty_batch", "IndexError"),
    (Noisy, "deterministic", "SrTiO3 cubic described twice"),
    (Standardised, "batch_independent", "volume_per_atom"),
    (Previous, "batch_independent", "mean_number"),
    (Wraps, "inputs_untouched", "frac_coords"),
    (DiesOfOne, "one_bad_structure", "StructureError: flat_cell"),
    (HidesFailures, "one_bad_structure", "flat cell is no failure"),
    (Extensive, "invariant", "supercell of SrTiO3 cubic: volume_per_atom"),
    (FirstSite, "invariant", "permutation"),
    (Oriented, "invariant", "rotation"),
    (FromTheOrigin, "invariant", "origin"),
    (Seeds, "no_global_state", "generator of numpy"),
    (Silent, "documented", "Silent has no docstring"),
]


@pytest.mark.parametrize("name", DESCRIPTOR_SETS)
def test_our_own_sets_keep_the_contract(name):
    assert set(check_descriptor(name)) == set(CLAUSES)


def test_a_small_set_from_outside_passes_as_class_and_as_instance():
    expected = tuple(name for name in CLAUSES if name != "registered")
    assert check_descriptor(Density) == expected
    assert check_descriptor(Density()) == expected


@pytest.mark.parametrize(("kind", "clause", "seen"), BROKEN)
def test_a_broken_set_is_caught_in_the_right_clause(kind, clause, seen):
    with pytest.raises(ContractError, match=seen) as caught:
        check_descriptor(kind)
    assert caught.value.clause == clause


def test_every_clause_but_two_can_fail():
    # A set under another name and one that does not pickle need a registry and a process.
    assert set(CLAUSES) - {clause for _, clause, _ in BROKEN} == {"registered", "pickles"}


def test_crystals_of_the_author_are_used():
    oxides = {name: c for name, c in sample_crystals().items() if name != "Cu"}
    assert check_descriptor(OxidesOnly, crystals=oxides)


def test_a_set_registered_under_another_name(monkeypatch):
    monkeypatch.setitem(DESCRIPTOR_SETS, "compactness", Density())
    with pytest.raises(ContractError, match="registered as 'compactness', its name is 'density'"):
        check_descriptor("compactness")


def test_a_name_that_nobody_registered():
    with pytest.raises(InputError, match="unknown descriptor set"):
        check_descriptor("no-such-set")
