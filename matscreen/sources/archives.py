"""Read the files of zip and tar archives one by one, without trusting the archive.

A member is copied to a temporary file of a name of our own, never to where the archive says, and
bytes are counted as they come out, not as the archive states them.
"""

from __future__ import annotations

import re
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Final

from matscreen.errors import StructureError

ARCHIVES: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
"""Ends of the names of archives."""

MAX_MEMBER: Final = 2**30
"""Largest member that is unpacked, bytes."""

MAX_UNPACKED: Final = 8 * 2**30
"""Most bytes that one archive may unpack to."""

MAX_MEMBERS: Final = 1_000_000
"""Most members of one archive."""

Wanted = Callable[[str], bool]
Opener = Callable[[], IO[bytes]]

_CHUNK: Final = 1 << 20
_DRIVE = re.compile(r"^[A-Za-z]:")


@dataclass(frozen=True)
class Member:
    """One file of an archive.

    Attributes:
        name: Its path in the archive, for people.
        path: Where it was copied, until the next member is asked for; None with an error.
        error: Why it is not there.
    """

    name: str
    path: Path | None = None
    error: Exception | None = None


def is_archive(path: Path) -> bool:
    """Say whether a file is an archive, by its name."""
    return path.name.lower().endswith(ARCHIVES)


def members(path: Path, wanted: Wanted) -> Iterator[Member]:
    """Unpack the members of an archive that are wanted, in its order.

    Args:
        path: The archive.
        wanted: Called with a member's name; those it refuses are passed over. Archives in the
            archive and unsafe members are given with an error.

    Yields:
        Members. Errors: StructureError `unsafe_path` (absolute, or out of the archive),
        `not_a_file` (a link or device), `nested_archive`, `encrypted`, `too_large`; or what the
        library raises on a damaged member.

    Raises:
        StructureError: `too_large`: more members or bytes than an archive may have.
        Exception: What the library raises where the archive cannot be read any further.
    """
    with TemporaryDirectory(prefix="matscreen-") as folder:
        opener = _zip if path.name.lower().endswith(".zip") else _tar
        total = 0
        for member in opener(path):
            if is_archive(Path(member.name)):
                detail = "an archive in an archive is not opened"
                yield Member(member.name, error=StructureError("nested_archive", detail))
                continue
            if not wanted(member.name):
                continue
            copy = Path(folder, _plain(member.name))
            try:
                _check(member)
                total += _copy(member, copy, MAX_UNPACKED - total)
                given = Member(member.name, path=copy)
            except _ArchiveTooLargeError:
                raise
            except Exception as error:
                given = Member(member.name, error=error)
            yield given
            copy.unlink(missing_ok=True)


def names(path: Path) -> list[str]:
    """List the files of a zip archive without unpacking; nothing for other archives."""
    if not path.name.lower().endswith(".zip"):
        return []
    with zipfile.ZipFile(path) as archive:
        return [entry.filename for entry in archive.infolist() if not entry.is_dir()]


class _ArchiveTooLargeError(StructureError):
    pass


@dataclass(frozen=True)
class _Packed:
    """A member before it is unpacked."""

    name: str
    is_file: bool
    is_encrypted: bool
    open: Opener


def _zip(path: Path) -> Iterator[_Packed]:
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        if len(entries) > MAX_MEMBERS:
            raise _too_many()
        for entry in entries:
            if not entry.is_dir():
                # Unix keeps the kind of file in the upper bits; zero where it was not written.
                kind = entry.external_attr >> 28
                yield _Packed(
                    entry.filename,
                    kind in {0, 8},
                    bool(entry.flag_bits & 1),
                    partial(archive.open, entry),
                )


def _tar(path: Path) -> Iterator[_Packed]:
    with tarfile.open(path) as archive:
        skipped = 0
        for count, entry in enumerate(archive, start=1):
            # What is passed over is unpacked too, to find the next member.
            skipped += entry.size
            if count > MAX_MEMBERS:
                raise _too_many()
            if skipped > MAX_UNPACKED:
                raise _too_large(MAX_UNPACKED)
            if not entry.isdir():
                yield _Packed(
                    entry.name,
                    entry.isfile(),
                    is_encrypted=False,
                    open=partial(_extract, archive, entry),
                )


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> IO[bytes]:
    content = archive.extractfile(entry)
    if content is None:
        raise StructureError("not_a_file", "it is a link or a device")
    return content


def _check(member: _Packed) -> None:
    place = PurePosixPath(member.name.replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts or _DRIVE.match(member.name):
        raise StructureError("unsafe_path", "its path leads out of the archive")
    if not member.is_file:
        raise StructureError("not_a_file", "it is a link or a device")
    if member.is_encrypted:
        raise StructureError("encrypted", "it is encrypted")


def _copy(member: _Packed, to: Path, room: int) -> int:
    done = 0
    with member.open() as source, to.open("wb") as target:
        while chunk := source.read(_CHUNK):
            done += len(chunk)
            if done > MAX_MEMBER:
                raise StructureError("too_large", f"it unpacks to more than {MAX_MEMBER:,} bytes")
            if done > room:
                raise _too_large(MAX_UNPACKED)
            target.write(chunk)
    return done


def _plain(name: str) -> str:
    """Return a file name of our own that tells the readers the same kind."""
    last = re.split(r"[\\/]", name)[-1]
    return re.sub(r"[^A-Za-z0-9._-]", "_", last)[-100:].lstrip(".") or "member"


def _too_large(limit: int) -> _ArchiveTooLargeError:
    return _ArchiveTooLargeError("too_large", f"the archive unpacks to more than {limit:,} bytes")


def _too_many() -> _ArchiveTooLargeError:
    return _ArchiveTooLargeError("too_large", f"the archive has more than {MAX_MEMBERS:,} members")
