"""The choice of a device, with a stand-in for torch: no accelerator is needed."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from matscreen.errors import InputError
from matscreen.simulations.devices import VARIABLE, torch_device


def torch(*, available=True, broken=(), wrong=False):
    def ones(*shape, device):
        if device in broken:
            raise RuntimeError(f"{device}: out of\nmemory")
        return np.ones(shape) * (2.0 if wrong else 1.0)

    return SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: available), ones=ones)


def test_an_accelerator_that_computes_is_taken(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    assert torch_device(torch()) == "cuda"
    assert torch_device(torch(available=False)) == "cpu"


@pytest.mark.parametrize("bad", [torch(broken=("cuda",)), torch(wrong=True)])
def test_one_that_does_not_is_left_with_a_warning(monkeypatch, bad):
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.warns(UserWarning, match="cuda does not work"):
        assert torch_device(bad) == "cpu"


def test_the_user_decides(monkeypatch):
    monkeypatch.setenv(VARIABLE, "CPU")
    assert torch_device(torch()) == "cpu"
    monkeypatch.setenv(VARIABLE, "cuda:1")
    assert torch_device(torch(available=False)) == "cuda:1"
    with pytest.raises(InputError, match=r"MATSCREEN_DEVICE=cuda:1, but .* out of memory"):
        torch_device(torch(broken=("cuda:1",)))
