"""Compilation of the innermost loops, where numba is installed.

The same functions run without it, a few hundred times slower; the extra `compiled` brings it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from types import ModuleType
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


def keep_compiled(module: ModuleType) -> None:
    """Keep on disk, too, what numba makes of the functions of another package.

    Packages that compile without keeping it take seconds for that in every process.
    """
    if not COMPILED:
        return
    from numba.core.dispatcher import Dispatcher

    for function in vars(module).values():
        if isinstance(function, Dispatcher):
            with suppress(RuntimeError):  # there is no place to keep it
                function.enable_caching()


def _compiled(function: Callable[..., Any], *, nogil: bool) -> Any:
    if not COMPILED:
        return function
    from numba import njit

    return njit(cache=True, fastmath=False, nogil=nogil)(function)
