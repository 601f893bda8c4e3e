"""Tests of archives and patterns of the source `files`: what is read, what is refused."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ase.db import connect
from pymatgen.core import Structure
from pymatgen.io.cif import CifWriter

from matscreen.errors import InputError
from matscreen.sources import archives, formats, open_source
from matscreen.sources.files import FilesSource, open_files

COORDS = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
BATIO3 = Structure(np.eye(3) * 4.0, ["Ba", "Ti", "O", "O", "O"], COORDS)
CIF = f"{CifWriter(BATIO3)}\n"
POSCAR = BATIO3.to(fmt="poscar")
JSON = json.dumps([BATIO3.as_dict(), {"entry_id": 1, "structure": BATIO3.as_dict()}])


def read(source: FilesSource) -> tuple[list, dict[str, str]]:
    pages = list(source.pages())
    items = [item for page in pages for item in page.items]
    failures = [failure for page in pages for failure in page.failures]
    assert len(failures) == len({failure.source_id for failure in failures})
    return items, {failure.source_id: failure.reason for failure in failures}


def zipped(path: Path, members: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, members: dict[str, str | bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            raw = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(name)
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    return path


MEMBERS = {
    "a/one.cif": CIF,
    "a/POSCAR": POSCAR,
    "b.json": JSON,
    "c.cif.gz": gzip.compress(CIF.encode()),
    "README.txt": "nothing to see",
    "bad.cif": "not a crystal",
}


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz", "x.TGZ", "x.tar.bz2", "x.tar.xz"])
def test_every_member_is_an_item_or_a_failure(tmp_path: Path, name: str) -> None:
    if name == "x.zip":
        zipped(tmp_path / name, MEMBERS)
    else:
        mode = {"r": "w", "Z": "w:gz", "z": "w:gz", "2": "w:bz2"}.get(name[-1], "w:xz")
        mode = "w:gz" if name.endswith(("gz", "TGZ")) else mode
        tarred(tmp_path / name, MEMBERS, mode)
    items, failures = read(open_files(str(tmp_path / name)))
    assert [item.source_id for item in items] == [
        f"{name}/a/one.cif", f"{name}/a/POSCAR", f"{name}/b.json#0", f"{name}/b.json#1",
        f"{name}/c.cif.gz",
    ]  # fmt: skip
    assert {item.crystal.formula for item in items} == {"BaTiO3"}
    assert failures == {f"{name}/bad.cif": "unreadable"}


def test_archives_in_a_folder_are_read_with_its_files(tmp_path: Path) -> None:
    (tmp_path / "b.cif").write_text(CIF)
    zipped(tmp_path / "a.zip", {"x.cif": CIF})
    tarred(tmp_path / "c.tgz", {"y.cif": CIF})
    with connect(tmp_path / "packed.db") as base:
        base.write(BATIO3.to_ase_atoms())
    zipped(tmp_path / "d.zip", {"z.db": (tmp_path / "packed.db").read_bytes()})
    (tmp_path / "packed.db").unlink()
    items, failures = read(FilesSource(tmp_path))
    assert [i.source_id for i in items] == ["a.zip/x.cif", "b.cif", "c.tgz/y.cif", "d.zip/z.db"]
    assert not failures


def test_paths_that_lead_out_are_refused_and_nothing_is_written_there(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "in"
    folder.mkdir(parents=True)
    tricks = ["../up.cif", "/etc/up.cif", "..\\up.cif", "C:\\up.cif", "C:up.cif", "a/../../up.cif"]
    zipped(folder / "x.zip", {**dict.fromkeys(tricks, CIF), "good.cif": CIF})
    items, failures = read(open_files(str(folder / "x.zip")))
    assert [item.source_id for item in items] == ["x.zip/good.cif"]
    assert set(failures.values()) == {"unsafe_path"}
    assert len(failures) == len(tricks)
    assert not list(tmp_path.rglob("up.cif"))


def test_links_devices_and_secrets_are_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.cif"
    secret.write_text(CIF)
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for name, kind in [("link.cif", tarfile.SYMTYPE), ("hard.cif", tarfile.LNKTYPE),
                           ("dev.cif", tarfile.CHRTYPE)]:  # fmt: skip
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, str(secret)
            archive.addfile(entry)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        link = zipfile.ZipInfo("link.cif")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(secret))
    assert read(open_files(str(tmp_path / "x.tar"))) == (
        [], dict.fromkeys(["x.tar/link.cif", "x.tar/hard.cif", "x.tar/dev.cif"], "not_a_file"),
    )  # fmt: skip
    assert read(open_files(str(tmp_path / "x.zip"))) == ([], {"x.zip/link.cif": "not_a_file"})


def test_a_damaged_member_is_one_failure(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"a.cif": CIF, "b.cif": CIF + "# more\n", "c.cif": CIF})
    raw = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("b.cif").header_offset
    for place in range(start + 45, start + 90):
        raw[place] ^= 0xFF
    path.write_bytes(raw)
    items, failures = read(open_files(str(path)))
    assert [item.source_id for item in items] == ["x.zip/a.cif", "x.zip/c.cif"]
    assert failures == {"x.zip/b.cif": "unreadable"}


def test_what_is_no_archive_or_cut_short_is_a_failure_of_the_archive(tmp_path: Path) -> None:
    (tmp_path / "no.zip").write_bytes(b"no archive")
    (tmp_path / "no.tar.gz").write_bytes(b"no archive")
    zipped(tmp_path / "empty.zip", {"README": "x"})
    noise = np.random.default_rng(1).bytes(200_000)  # does not pack, so that the cut is in it
    whole = tarred(tmp_path / "cut.tgz", {"a.cif": CIF, "noise.bin": noise, "b.cif": CIF})
    whole.write_bytes(whole.read_bytes()[:100_000])
    items, failures = read(FilesSource(tmp_path))
    assert [item.source_id for item in items] == ["cut.tgz/a.cif"]
    assert failures == dict.fromkeys(["no.zip", "no.tar.gz", "empty.zip", "cut.tgz"], "unreadable")


def test_archives_in_archives_are_not_opened(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"a.cif": CIF}).read_bytes()
    outer = zipped(tmp_path / "outer.zip", {"inner.zip": inner, "b.cif": CIF})
    items, failures = read(open_files(str(outer)))
    assert [item.source_id for item in items] == ["outer.zip/b.cif"]
    assert failures == {"outer.zip/inner.zip": "nested_archive"}


def test_bombs_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBER", 1_000_000)
    monkeypatch.setattr(archives, "MAX_UNPACKED", 3_000_000)
    bomb = b"\n" * 5_000_000
    path = zipped(tmp_path / "x.zip", {"bomb.cif": bomb, "a.cif": CIF})
    items, failures = read(open_files(str(path)))
    assert [item.source_id for item in items] == ["x.zip/a.cif"]
    assert failures == {"x.zip/bomb.cif": "too_large"}
    # A header that lies about the size does not help it.
    raw = path.read_bytes().replace(len(bomb).to_bytes(4, "little"), (5).to_bytes(4, "little"))
    path.write_bytes(raw)
    items, failures = read(open_files(str(path)))
    assert [item.source_id for item in items] == ["x.zip/a.cif"]
    assert failures.keys() == {"x.zip/bomb.cif"}
    # Many small ones, and in a tar what is passed over too.
    zipped(path, {f"{n}.cif": b"\n" * 900_000 for n in range(9)})
    assert read(open_files(str(path)))[1]["x.zip"] == "too_large"
    path = tarred(tmp_path / "x.tgz", {"bomb.bin": bomb, "a.cif": CIF})
    assert read(open_files(str(path))) == ([], {"x.tgz": "too_large"})
    monkeypatch.setattr(archives, "MAX_MEMBERS", 5)
    zipped(tmp_path / "x.zip", {f"{n}.cif": CIF for n in range(9)})
    assert read(open_files(str(tmp_path / "x.zip"))) == ([], {"x.zip": "too_large"})


def test_packed_lines_without_end_are_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(formats, "MAX_BYTES", 10_000)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"id": ' + b" " * 10**6))
    (tmp_path / "b.cif.gz").write_bytes(gzip.compress(b"data_" + b" " * 10**6))
    _, failures = read(FilesSource(tmp_path))
    assert failures == {"a.jsonl.gz": "too_large", "b.cif.gz": "too_large"}


def test_atoms_that_are_only_counted_take_no_memory(tmp_path: Path) -> None:
    (tmp_path / "POSCAR").write_text("x\n1\n4 0 0\n0 4 0\n0 0 4\nBa\n99999999999\nDirect\n0 0 0\n")
    assert read(FilesSource(tmp_path)) == ([], {"POSCAR": "too_large"})


def test_atoms_of_a_frame_that_are_only_counted_take_no_time(tmp_path: Path) -> None:
    frame = '1\nLattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"\nO 0 0 0\n'
    (tmp_path / "a.xyz").write_text(frame + frame.replace("1", "999999999", 1))
    (tmp_path / "b.xyz").write_text(frame.replace("O 0", "O x") + frame + "more\n" + frame)
    (tmp_path / "c.xyz").write_text(frame.replace("pos:R:3", "pos:R:999999999"))
    items, failures = read(FilesSource(tmp_path))
    assert [item.source_id for item in items] == ["a.xyz#0", "b.xyz#1"]
    bad = ["a.xyz#1", "b.xyz#0", "b.xyz#2", "c.xyz"]
    assert failures == dict.fromkeys(bad, "unreadable")


# Patterns


def test_patterns_choose_files_and_folders(tmp_path: Path, monkeypatch) -> None:
    for name in ("s/a.cif", "s/deep/b.cif", "s/deep/er/c.cif", "s/.hidden/d.cif"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(CIF)
    (tmp_path / "s/deep/POSCAR").write_text(POSCAR)
    (tmp_path / "s/notes.txt").write_text("x")

    def ids(pattern: str) -> list[str]:
        items, failures = read(open_source(f"files:{tmp_path}/{pattern}"))
        assert not failures
        return [item.source_id for item in items]

    assert ids("s/**/*.cif") == ["a.cif", "deep/b.cif", "deep/er/c.cif"]
    assert ids("s/*.cif") == ["a.cif"]
    assert ids("s/d*") == ["deep/POSCAR", "deep/b.cif", "deep/er/c.cif"]  # a folder, whole
    assert ids("s/**/[bc].cif") == ["deep/b.cif", "deep/er/c.cif"]
    with pytest.raises(InputError, match="nothing matches"):
        open_source(f"files:{tmp_path}/s/*.xyz")
    with pytest.raises(InputError, match="1 other files"):
        open_source(f"files:{tmp_path}/s/*.txt")
    monkeypatch.chdir(tmp_path)
    assert [i.source_id for i in read(open_source("files:s/**/b.cif"))[0]] == ["deep/b.cif"]


def test_a_name_with_brackets_is_a_name(tmp_path: Path) -> None:
    (tmp_path / "x[1].cif").write_text(CIF)
    items, _ = read(open_files(str(tmp_path / "x[1].cif")))
    assert [item.source_id for item in items] == ["x[1].cif"]


# Progress


def test_the_total_is_known_where_it_is_cheap(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text(CIF)
    (tmp_path / "POSCAR").write_text(POSCAR)
    zipped(tmp_path / "b.zip", {"x.cif": CIF, "y/z.vasp": POSCAR, "README": "x"})
    with connect(tmp_path / "c.db") as base:
        for _ in range(3):
            base.write(BATIO3.to_ase_atoms())
    source = FilesSource(tmp_path)
    assert source.total() == 7
    assert len(read(source)[0]) == 7
    (tmp_path / "d.json").write_text(JSON)
    assert source.total() is None


def test_members_are_copied_one_at_a_time(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = zipped(tmp_path / "x.zip", {f"{n}.cif": CIF for n in range(20)})
    most = 0
    for member in archives.members(path, lambda _name: True):
        assert member.path is not None
        most = max(most, len(os.listdir(member.path.parent)))
    assert most == 1
    assert not list((tmp_path / "temporary").iterdir())
