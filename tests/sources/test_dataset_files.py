"""Tests of where a published data set is read from: mirror, cache, https download."""

from __future__ import annotations

import hashlib
import os
import warnings
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from matscreen.errors import InputError, SourceError
from matscreen.sources.dataset_files import HttpsDownloader, locate, where
from matscreen.sources.dataset_registry import get_dataset
from matscreen.sources.dataset_tables import read_dataset
from tests import dataset_mirror as make

REAL = os.environ.get("MATSCREEN_MIRROR")


@pytest.fixture(autouse=True)
def no_mirror_and_own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MATSCREEN_MIRROR", raising=False)
    monkeypatch.setenv("MATSCREEN_CACHE", str(tmp_path / "cache"))


def served(content: bytes, asked: list[str] | None = None):
    """Return a downloader that writes some bytes, and keeps the addresses it was asked for."""

    def download(url: str, output_file: str, pooch: object) -> None:
        if asked is not None:
            asked.append(url)
        Path(output_file).write_bytes(content)

    return download


def client(handler) -> httpx.Client:
    return httpx.Client(transport=httpx.MockTransport(handler))


# Files: mirror, cache, download


def test_the_mirror_of_the_environment_is_read_first(tmp_path, monkeypatch):
    make.wolverton(tmp_path)
    monkeypatch.setenv("MATSCREEN_MIRROR", str(tmp_path))

    def refuse(url, output_file, pooch):
        pytest.fail(f"asked for {url}")

    table = read_dataset("wolverton_oxides", downloader=refuse)
    assert table.origin.path == tmp_path / "wolverton_oxides.csv"
    assert where(get_dataset("wolverton_oxides")) == ("mirror", table.origin.path)
    assert where(get_dataset("expt_gap")) == ("ndownloader.figshare.com", None)


def test_a_mirror_that_is_no_folder_is_a_mistake(tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        read_dataset("wolverton_oxides", tmp_path / "absent")


def test_a_download_is_checked_before_it_is_read_and_then_cached(tmp_path, monkeypatch):
    good = make.frame(
        tmp_path / "expt_gap.json.gz", {"formula": ["SrTiO3", "MgO"], "gap expt": [3.2, 7.8]}
    ).read_bytes()
    monkeypatch.setattr(
        "matscreen.sources.dataset_rows.read_frame",
        lambda *_: pytest.fail("parsed a file of another hash"),
    )
    with pytest.raises(SourceError, match="not the one known by sha256"):
        read_dataset("expt_gap", downloader=served(good))
    assert not list((tmp_path / "cache").glob("expt_gap*"))
    monkeypatch.undo()
    monkeypatch.setenv("MATSCREEN_CACHE", str(tmp_path / "cache"))
    make.trust(monkeypatch, "expt_gap", tmp_path / "expt_gap.json.gz")
    asked: list[str] = []
    for _ in range(2):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            table = read_dataset("expt_gap", downloader=served(good, asked))
        assert table.values["band_gap"] == pytest.approx([3.2, 7.8])
        assert table.origin.verified
    assert asked == ["https://ndownloader.figshare.com/files/13464434"]
    assert where(get_dataset("expt_gap")) == ("cache", table.origin.path)


def test_an_unknown_hash_is_shown_recorded_and_held_to(tmp_path):
    first = b"ABX3,exp_label,A,B,X\nSrTiO3,1.0,Sr,Ti,O\nCsPbI3,-1.0,Cs,Pb,I\n"
    seen = hashlib.sha256(first).hexdigest()
    with pytest.warns(UserWarning, match=seen):
        table = read_dataset("bartel_experimental_perovskites", downloader=served(first))
    assert not table.origin.verified
    assert table.origin.sha256 == seen
    assert table.sites == (("Sr", "Ti", "O"), ("Cs", "Pb", "I"))
    cached = tmp_path / "cache" / "bartel_experimental_perovskites-bartel_TableS1.csv"
    assert cached.with_name(cached.name + ".sha256").read_text().strip() == seen
    cached.unlink()  # fetched anew, it must be the same file
    with pytest.raises(SourceError, match=seen):
        read_dataset("bartel_experimental_perovskites", downloader=served(first + b"\n"))


def test_a_mirrored_file_of_the_home_must_be_the_known_one(tmp_path):
    make.frame(tmp_path / "expt_gap.json.gz", {"formula": ["SrTiO3"], "gap expt": [3.2]})
    with pytest.raises(SourceError, match="nothing of it was read"):
        read_dataset("expt_gap", tmp_path)


def test_a_set_without_an_address_names_its_home(tmp_path):
    dataset = get_dataset("castelli_perov5")
    bare = replace(dataset, layouts={"mirror": dataset.layouts["mirror"]})
    with pytest.raises(InputError, match=r"cmr\.fysik\.dtu\.dk.*Castelli.*--mirror"):
        locate(bare, mirror=tmp_path)
    assert where(bare) == ("needs a mirror", None)


# The https download itself


def test_redirects_are_followed_by_https_only(tmp_path):
    def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/start":
            return httpx.Response(302, headers={"Location": "/end"})
        if request.url.path == "/away":
            return httpx.Response(301, headers={"Location": "http://example.org/end"})
        if request.url.path == "/file":
            return httpx.Response(301, headers={"Location": "file:///etc/passwd"})
        if request.url.path == "/loop":
            return httpx.Response(307, headers={"Location": "/loop"})
        return httpx.Response(200, content=b"content")

    download = HttpsDownloader(client=client(handler))
    out = tmp_path / "out"
    download("https://example.org/start", str(out))
    assert out.read_bytes() == b"content"
    for path, said in (("away", "only https"), ("file", "only https"), ("loop", "sends on")):
        with pytest.raises(SourceError, match=said):
            download(f"https://example.org/{path}", str(tmp_path / path))
        assert not (tmp_path / path).exists()
    with pytest.raises(SourceError, match="only https"):
        download("http://example.org/end", str(tmp_path / "plain"))


@pytest.mark.parametrize("stated", [True, False])
def test_a_response_beyond_the_limit_is_cut(tmp_path, stated):
    def handler(request: httpx.Request) -> httpx.Response:
        if stated:
            return httpx.Response(200, content=b"x" * 900_000)
        return httpx.Response(200, stream=_Endless())

    progress: list[tuple[str, int]] = []
    download = HttpsDownloader(
        limit=200_000,
        client=client(handler),
        progress=lambda name, done, _total: progress.append((name, done)),
    )
    with pytest.raises(SourceError, match="larger than 200,000 bytes"):
        download("https://example.org/big", str(tmp_path / "big"))
    assert set(progress) <= {("download kB", kilobytes) for kilobytes in range(201)}
    assert stated or progress  # what arrives before the limit is counted


class _Endless(httpx.SyncByteStream):
    def __iter__(self):
        while True:
            yield b"x" * 70_000


@pytest.mark.parametrize("status", [404, 500])
def test_a_refusal_is_a_source_error(tmp_path, status):
    download = HttpsDownloader(client=client(lambda _request: httpx.Response(status)))
    with pytest.raises(SourceError, match=str(status)):
        download("https://example.org/gone", str(tmp_path / "gone"))


def test_a_download_that_breaks_off_leaves_nothing_behind(tmp_path, monkeypatch):
    whole = make.frame(
        tmp_path / "expt_gap.json.gz", {"formula": ["SrTiO3"] * 50, "gap expt": [3.2] * 50}
    ).read_bytes()
    make.trust(monkeypatch, "expt_gap", tmp_path / "expt_gap.json.gz")

    class Broken(httpx.SyncByteStream):
        def __iter__(self):
            yield whole[:20]
            raise httpx.RemoteProtocolError("peer closed connection")

    class Short(httpx.SyncByteStream):
        def __iter__(self):
            yield whole[:20]

    headers = {"Content-Length": str(len(whole))}
    for stream, said in ((Broken(), "peer closed"), (Short(), "broke off after 20 of")):
        answer = client(lambda _request, s=stream: httpx.Response(200, stream=s, headers=headers))
        with pytest.raises(SourceError, match=said):
            read_dataset("expt_gap", downloader=HttpsDownloader(client=answer))
        assert not [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    # And the next attempt is served.
    assert len(read_dataset("expt_gap", downloader=served(whole))) == 50


def test_a_dead_connection_is_a_source_error(tmp_path):
    def handler(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no route")

    with pytest.raises(SourceError, match="no route"):
        HttpsDownloader(client=client(handler))("https://example.org/a", str(tmp_path / "a"))
    # Who cannot reach the home of a set is told what to do instead.
    with pytest.raises(SourceError, match=r"no route.*with --mirror or MATSCREEN_MIRROR"):
        locate(get_dataset("expt_gap"), downloader=HttpsDownloader(client=client(handler)))
