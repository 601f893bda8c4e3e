"""Where a potential computes: an accelerator that proves to work, else the processor."""

from __future__ import annotations

import os
import warnings
from typing import Any, Final

from matscreen.errors import InputError

VARIABLE: Final = "MATSCREEN_DEVICE"
CPU: Final = "cpu"


def torch_device(torch: Any) -> str:
    """Return the device on which potentials of torch compute.

    The environment variable `MATSCREEN_DEVICE` names one (`cpu`, `cuda`, `cuda:1`); otherwise the
    first CUDA device is taken if a small product on it comes out right, else the processor. A
    driver that does not fit, or an accelerator that others have filled, so costs a warning, not
    the run. Workers that share an accelerator overlap: while one computes there, the others build
    neighbour lists on the processor.

    Args:
        torch: The module.

    Raises:
        InputError: The device that was asked for does not work.
    """
    asked = os.environ.get(VARIABLE, "auto").strip().lower() or "auto"
    if asked == CPU:
        return CPU
    if asked == "auto" and not torch.cuda.is_available():
        return CPU
    device = "cuda" if asked == "auto" else asked
    trouble = _trouble(torch, device)
    if trouble is None:
        return device
    if asked != "auto":
        raise InputError(
            f"{VARIABLE}={asked}, but it does not compute: {trouble}; set it to cpu, or leave it "
            "unset to fall back by itself"
        )
    warnings.warn(f"computing on the processor: {device} does not work ({trouble})", stacklevel=2)
    return CPU


def _trouble(torch: Any, device: str) -> str | None:
    """Compute something small on a device and say what went wrong, None where nothing did."""
    try:
        found = float((torch.ones(4, 4, device=device) @ torch.ones(4, 4, device=device)).sum())
    except Exception as error:  # drivers raise of every kind
        return " ".join(str(error).split())[:200] or type(error).__name__
    return None if found == 64.0 else f"a sum of 64 came out as {found:g}"
