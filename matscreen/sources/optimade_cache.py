"""Keep fetched pages on disk until they are stored, so that a crash fetches none of them twice."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from matscreen.atomic import write_atomically

OLDEST: Final = 24 * 3600.0
"""Age in seconds after which a kept page is fetched again: the database may have moved on."""


@dataclass(frozen=True)
class FolderCache:
    """Pages in a folder, one file each, named by the hash of their address.

    Attributes:
        folder: Where the files are; made when the first page comes.
    """

    folder: Path

    def get(self, url: str) -> Mapping[str, Any] | None:
        """Return the document that was kept for a URL, unless it is a day old or unreadable."""
        path = self._path(url)
        try:
            if time.time() - path.stat().st_mtime > OLDEST:
                return None
            document = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return None
        return document if isinstance(document, dict) else None

    def put(self, url: str, content: bytes) -> None:
        """Keep a document, as the JSON that came."""
        write_atomically(self._path(url), content)

    def drop(self, url: str) -> None:
        """Forget a document that is stored."""
        self._path(url).unlink(missing_ok=True)

    def _path(self, url: str) -> Path:
        return self.folder / f"{hashlib.sha256(url.encode()).hexdigest()[:32]}.json"
