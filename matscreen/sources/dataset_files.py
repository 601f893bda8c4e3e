"""Find the file of a published data set: in a mirror folder, in the cache, or at its home.

Nothing is parsed before its hash has been compared, where the hash is known.
"""

from __future__ import annotations

import hashlib
import logging
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin, urlsplit

from matscreen.atomic import write_atomically
from matscreen.errors import InputError, SourceError
from matscreen.sources.dataset_registry import LAYOUTS, Dataset, Layout

if TYPE_CHECKING:
    import httpx

MIRROR_VARIABLE: Final = "MATSCREEN_MIRROR"
"""Environment variable that names a mirror folder."""

CACHE_VARIABLE: Final = "MATSCREEN_CACHE"
"""Environment variable that names another folder for downloads."""

MAX_DOWNLOAD: Final = 512 * 2**20
"""Largest file that is downloaded where the size is not known, bytes."""

_REDIRECTS: Final = 5
_CHUNK: Final = 1 << 16

Progress = Callable[[str, int, int | None], None]
Downloader = Callable[[str, str, Any], None]
"""Takes an address and the path to write to, and the pooch object (unused)."""


@dataclass(frozen=True)
class Origin:
    """Where the bytes of a data set came from.

    Attributes:
        path: The file on this machine.
        layout: Its layout.
        sha256: Hash of the file as it was read.
        verified: Whether the hash equals one that the registry knows.
        place: `mirror` or `home`.
    """

    path: Path
    layout: Layout
    sha256: str
    verified: bool
    place: str


@dataclass(frozen=True)
class HttpsDownloader:
    """Downloads one file by https, redirects included, up to a size.

    Attributes:
        limit: Largest file, bytes.
        client: HTTP client; a new one a file by default.
        progress: Called with `download kB`, what is done, and the total when the server says it.
    """

    limit: int = MAX_DOWNLOAD
    client: httpx.Client | None = None
    progress: Progress | None = None

    def __call__(self, url: str, output_file: str, pooch: Any = None) -> None:  # noqa: ARG002
        """Write the file at an address.

        Raises:
            SourceError: The server cannot be reached or refuses, answers with more bytes than the
                limit, or sends on to an address that is not https.
        """
        import httpx

        client = self.client or httpx.Client(timeout=60.0, follow_redirects=False)
        try:
            self._fetch(client, url, output_file)
        except httpx.HTTPError as error:
            raise SourceError(f"{url}: {type(error).__name__} {error}".strip()) from error
        finally:
            if self.client is None:
                client.close()

    def _fetch(self, client: httpx.Client, url: str, output_file: str) -> None:
        address = url
        for _ in range(_REDIRECTS + 1):
            _require_https(address)
            # As it lies there: a file that the server packs once more would have another hash.
            headers = {"Accept-Encoding": "identity"}
            with client.stream("GET", address, headers=headers, follow_redirects=False) as response:
                if response.is_redirect:
                    address = urljoin(address, response.headers.get("Location", ""))
                    continue
                if response.status_code != 200:
                    raise SourceError(f"{address} answered {response.status_code}")
                self._write(response, output_file)
                return
        raise SourceError(f"{url} sends on more than {_REDIRECTS} times")

    def _write(self, response: httpx.Response, output_file: str) -> None:
        stated = response.headers.get("Content-Length", "")
        total = int(stated) if stated.isdigit() else None
        if total is not None and total > self.limit:
            raise SourceError(_too_large(response, self.limit))
        done = 0
        with Path(output_file).open("wb") as file:
            for chunk in response.iter_bytes(_CHUNK):
                done += len(chunk)
                if done > self.limit:
                    raise SourceError(_too_large(response, self.limit))
                file.write(chunk)
                if self.progress is not None:
                    self.progress("download kB", done // 1000, total and total // 1000)
        if total is not None and done < total:
            raise SourceError(
                f"{response.url} broke off after {done:,} of {total:,} bytes; nothing is kept, run "
                "it again"
            )


def locate(
    dataset: Dataset,
    *,
    mirror: str | os.PathLike[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    downloader: Downloader | None = None,
    progress: Progress | None = None,
) -> Origin:
    """Find the file of a set: the mirror folder first, then the cache, then its home.

    Args:
        dataset: The set.
        mirror: Mirror folder; the one of `MATSCREEN_MIRROR` by default.
        cache: Folder of downloads; the one of `MATSCREEN_CACHE`, or the user's cache, by default.
        downloader: Called instead of the https download.
        progress: Called with `download kB`, what is done, and the total.

    Raises:
        InputError: The mirror is no folder, or the set is in no mirror and has no known address.
        SourceError: The download failed, or a file is not the one that the registry knows.
    """
    folder = _mirror(mirror)
    for layout, path in _mirrored(dataset, folder):
        return _checked(dataset, layout, path, "mirror")
    home = dataset.layouts.get("home")
    if home is None or home.url is None:
        raise InputError(_not_to_be_had(dataset, folder))
    if downloader is None:
        downloader = HttpsDownloader(limit=home.size or MAX_DOWNLOAD, progress=progress)
    return _download(dataset, home, home.url, cache_folder(cache), downloader)


def companion(origin: Origin) -> Path | None:
    """Return the file of crystals beside a located table, or None where it has none.

    Raises:
        InputError: The mirror holds the table but not its crystals.
    """
    cells = origin.layout.cells
    if cells is None:
        return None
    path = origin.path.parent / cells.file
    if not path.is_file():
        raise InputError(
            f"{origin.path.parent} holds {origin.layout.file} but not {cells.file}, which has its "
            "crystals"
        )
    return path


def where(
    dataset: Dataset, *, mirror: str | os.PathLike[str] | None = None
) -> tuple[str, Path | None]:
    """Say where a set would be read from, without reading it.

    Returns:
        `mirror`, `cache`, the host of its home, or `needs a mirror`; and the file, where it is on
        this machine.
    """
    folder = _mirror(mirror)
    for _, path in _mirrored(dataset, folder):
        return "mirror", path
    home = dataset.layouts.get("home")
    if home is None or home.url is None:
        return "needs a mirror", None
    cached = cache_folder() / _cached_name(dataset, home)
    return ("cache", cached) if cached.is_file() else (str(urlsplit(home.url).hostname), None)


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file; of a folder, that of the names and hashes of its files."""
    if path.is_dir():
        digest = hashlib.sha256()
        for inside in sorted(path.rglob("*")):
            if inside.is_file():
                name = inside.relative_to(path).as_posix()
                digest.update(f"{name} {sha256_of(inside)}\n".encode())
        return digest.hexdigest()
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(
    dataset: Dataset, layout: Layout, url: str, cache: Path, downloader: Downloader
) -> Origin:
    import pooch  # type: ignore[import-untyped]

    pooch.get_logger().setLevel(logging.WARNING)
    _require_https(url)
    name = _cached_name(dataset, layout)
    # Where the registry knows no hash, the first one seen is kept: the file must not change.
    record = cache / f"{name}.sha256"
    seen = record.read_text().strip() if record.is_file() else None
    known = layout.sha256 or seen
    try:
        path = Path(
            pooch.retrieve(
                url,
                known_hash=f"sha256:{known}" if known else None,
                fname=name,
                path=cache,
                downloader=downloader,
            )
        )
    except SourceError as error:
        raise SourceError(
            f"{error}. A copy of {layout.file} ({dataset.home_page}) in a folder does as well; "
            f"name it with --mirror or {MIRROR_VARIABLE}"
        ) from error
    except ValueError as error:  # pooch: the hash differs; the file was deleted
        raise SourceError(
            f"{dataset.name}: the file at {url} is not the one known by sha256 {known}; nothing of "
            "it was read and it was deleted. Try again; if it happens again, the file at its home "
            f"has changed ({dataset.home_page})"
        ) from error
    except OSError as error:
        raise SourceError(f"{dataset.name}: cannot write to {cache}: {error}") from error
    found = sha256_of(path)
    if layout.sha256 is None:
        write_atomically(record, found + "\n")
        if seen is None:
            warnings.warn(
                f"{dataset.name}: the registry knows no hash of {url}; the file received has "
                f"sha256 {found}, recorded in {record}",
                stacklevel=3,
            )
    return Origin(path, layout, found, layout.sha256 is not None, "home")


def _checked(dataset: Dataset, layout: Layout, path: Path, place: str) -> Origin:
    found = sha256_of(path)
    if layout.sha256 is not None and found != layout.sha256:
        raise SourceError(
            f"{dataset.name}: {path} has sha256 {found}, the file at its home {layout.sha256}; "
            "nothing of it was read. Fetch it again"
        )
    return Origin(path, layout, found, layout.sha256 is not None, place)


def _mirrored(dataset: Dataset, folder: Path | None) -> Iterator[tuple[Layout, Path]]:
    """Yield the layouts of a set that a mirror folder holds, with their places in it."""
    if folder is None:
        return
    for name in LAYOUTS:
        layout = dataset.layouts.get(name)
        if layout is not None:
            path = folder / layout.file
            if path.is_file() or (layout.is_folder and path.is_dir()):
                yield layout, path


def _mirror(mirror: str | os.PathLike[str] | None) -> Path | None:
    given = mirror if mirror is not None else os.environ.get(MIRROR_VARIABLE) or None
    if given is None:
        return None
    folder = Path(given).expanduser()
    if not folder.is_dir():
        raise InputError(f"the mirror {folder} is no folder")
    return folder


def cache_folder(cache: str | os.PathLike[str] | None = None) -> Path:
    """Return the folder of downloads: as given, that of `MATSCREEN_CACHE`, or the user's cache."""
    given = cache if cache is not None else os.environ.get(CACHE_VARIABLE) or None
    if given is not None:
        return Path(given).expanduser()
    import pooch

    return Path(pooch.os_cache("matscreen")) / "datasets"


def _cached_name(dataset: Dataset, layout: Layout) -> str:
    return f"{dataset.name}-{layout.file}"


def _require_https(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        raise SourceError(f"refused {url!r}: only https addresses are read")


def _too_large(response: httpx.Response, limit: int) -> str:
    return f"{response.url} is larger than {limit:,} bytes, the most that is read"


def _not_to_be_had(dataset: Dataset, folder: Path | None) -> str:
    files = [layout.file for layout in dataset.layouts.values()]
    looked = f"{folder} holds no {' or '.join(files)}" if folder else "no mirror folder is given"
    return (
        f"{dataset.name}: {looked}, and no address is known to fetch it from. Get it from "
        f"{dataset.home_page} ({dataset.citation}), and name its folder with --mirror or "
        f"{MIRROR_VARIABLE}"
    )
