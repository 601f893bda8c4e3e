"""Write a file whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a hidden file beside the target to write into, renamed into place at the end.

    A reader sees the old file or the new one; after an error the old one stays. Missing folders
    are made. Two that write one target at once, in one process or on two machines, each have a file
    of their own; the one that ends last stays.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The number of a process will not do: containers on a shared disk are all number 1.
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.part")
    try:
        yield temporary
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: str | os.PathLike[str], content: bytes | str) -> Path:
    """Write a text or bytes as `replacing` does.

    Text is written as UTF-8 with its line ends as they are.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(path)
