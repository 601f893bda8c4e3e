"""Compilation of the innermost loops, where numba is installed.

The same functions run without it, a few hundred times slower; the extra `compiled` brings it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, Final

COMPILED: Final = find_spec("numba") is not None
"""Whether numba is installed."""


def compiled(function: Callable[..., Any]) -> Any:
    """Compile a function of arrays and numbers at its first call; keep it on disk for later runs.

    Without numba the function is returned as it is.
    """
    return _compiled(function, nogil=False)


def compiled_for_threads(function: Callable[..., Any]) -> Any:
    """Do as `compiled`, and let other threads run meanwhile.

    For a function that takes milliseconds: whoever lets others run waits for its turn afterwards.
    """
    return _compiled(function, nogil=True)


def _compiled(function: Callable[..., Any], *, nogil: bool) -> Any:
    if not COMPILED:
        return function
    from numba import njit

    return njit(cache=True, fastmath=False, nogil=nogil)(function)
