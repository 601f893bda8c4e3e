"""Requests whose address is a secret, without a line about it in any log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unlogged_addresses() -> Iterator[None]:
    """Keep the HTTP libraries from logging addresses, which hold a key, while the block runs."""
    loggers = [logging.getLogger(name) for name in ("httpx", "httpcore")]
    children = [
        logging.getLogger(name)
        for name in logging.Logger.manager.loggerDict
        if name.startswith(("httpx.", "httpcore."))
    ]
    levels = [(logger, logger.level) for logger in (*loggers, *children)]
    for logger, _ in levels:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in levels:
            logger.setLevel(level)
