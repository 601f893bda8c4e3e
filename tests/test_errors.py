"""The exception tree: who catches what, what the messages say, and the way between processes."""

from __future__ import annotations

import inspect
import pickle

import pytest

from matscreen import errors


def _all() -> list[type[errors.MatscreenError]]:
    found = inspect.getmembers(errors, inspect.isclass)
    return [kind for _, kind in found if kind.__module__ == errors.__name__]


def test_every_error_is_a_matscreen_error():
    assert len(_all()) >= 8
    assert all(issubclass(kind, errors.MatscreenError) for kind in _all())


@pytest.mark.parametrize(
    ("kind", "parent"),
    [
        (errors.InputError, ValueError),
        (errors.ConfigError, errors.InputError),
        (errors.StructureError, ValueError),
        (errors.MissingDependencyError, ImportError),
    ],
)
def test_errors_are_caught_as_their_builtin_kind(kind, parent):
    assert issubclass(kind, parent)


def test_one_bad_structure_is_not_the_fault_of_the_user():
    assert not issubclass(errors.StructureError, errors.InputError)


def test_messages():
    assert str(errors.ConfigError("device.thickness", "must be positive, got -1")) == (
        "device.thickness: must be positive, got -1"
    )
    assert str(errors.ConfigError("", "empty file")) == "empty file"
    assert str(errors.StructureError("disordered")) == "disordered"
    assert str(errors.StructureError("disordered", "O 0.5")) == "disordered: O 0.5"
    assert "pip install 'matscreen[simulate]'" in str(
        errors.MissingDependencyError("torch", "simulate")
    )


@pytest.mark.parametrize(
    "error",
    [
        errors.ConfigError("device.thickness", "must be positive"),
        errors.StructureError("not_converged", "60 steps"),
        errors.MissingDependencyError("torch", "simulate"),
        errors.InputError("no such file"),
        errors.StoreError("no table"),
    ],
)
def test_errors_survive_the_way_between_processes(error):
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
