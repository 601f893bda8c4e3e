"""Tests of `matscreen doctor`: what it sees, what it says, what it never shows."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from matscreen import tables
from matscreen.cli import app
from matscreen.commands.doctor import report
from matscreen.doctor import Finding, examine, machine, packages, services, storage
from matscreen.store import Store

SENTINEL = "SENTINEL0KEY0OF0THE0TESTS0abcdef"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("MP_API_KEY", "PMG_MAPI_KEY", "MP_API_ENDPOINT", "MATSCREEN_MIRROR",
                 "PREFECT_API_URL", "MATSCREEN_STORE"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MATSCREEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("matscreen.sources.materials_project_key._key_from_pymatgen", lambda: None)
    monkeypatch.setattr("matscreen.sources.materials_project_key.key_from_keyring", lambda _: None)


def only(findings, name: str) -> Finding:
    (found,) = [one for one in findings if one.name == name]
    return found


# The whole


def test_a_good_installation_has_no_problem(tmp_path):
    findings = list(examine(str(tmp_path / "store"), offline=True))
    assert not [one for one in findings if one.state == "problem"]
    assert [one.topic for one in findings] == sorted(
        [one.topic for one in findings], key=["machine", "packages", "storage", "databases"].index
    )
    assert all(one.fix for one in findings if one.state != "ok")
    assert "not there yet" in only(findings, "store").seen
    assert "none was asked" in only(findings, "servers").seen
    assert not (tmp_path / "store").exists()  # nothing is changed
    for extra in packages.EXTRAS:
        assert only(findings, f"extra {extra}")


def test_an_examination_that_fails_is_a_problem_and_not_the_end(tmp_path, monkeypatch):
    def broken(*_args):
        raise RuntimeError("no disk at all")

    monkeypatch.setattr(machine, "disk", broken)
    findings = list(examine(str(tmp_path), offline=True))
    assert "no disk at all" in only(findings, "machine").seen
    assert only(findings, "needed").state == "ok"


def test_the_command_prints_a_line_each_and_exits_by_problems(tmp_path):
    run = CliRunner().invoke(app, ["doctor", "--offline", "--store", str(tmp_path / "s")])
    assert run.exit_code == 0, run.output
    for word in ("Python", "memory", "Prefect", "extra edge", "all well"):
        assert word in run.output
    (tmp_path / "file").write_text("x")
    run = CliRunner().invoke(app, ["doctor", "--offline", "--store", str(tmp_path / "file")])
    assert run.exit_code == 1
    assert "1 problem in" in run.output
    assert "name another folder with --store" in run.output


def test_json_holds_the_same_findings(tmp_path):
    arguments = ["doctor", "--offline", "--json", "--store", str(tmp_path / "s")]
    run = CliRunner().invoke(app, [*arguments, "--mirror", str(tmp_path / "absent")])
    assert run.exit_code == 1
    rows = json.loads(run.stdout)
    assert {tuple(row) for row in rows} == {("topic", "name", "state", "seen", "fix")}
    (mirror,) = [row for row in rows if row["name"] == "mirror"]
    assert mirror["state"] == "problem"
    assert "MATSCREEN_MIRROR" in mirror["fix"]


def test_help_of_the_command_is_light(tmp_path):
    code = (
        "import sys; from typer.testing import CliRunner; from matscreen.cli import app;"
        "r = CliRunner().invoke(app, ['doctor', '--help']); assert r.exit_code == 0, r.output;"
        "heavy = {'pandas', 'pymatgen', 'httpx', 'mp_api', 'deltalake'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_markup_in_a_finding_is_text():
    from rich.console import Console

    console = Console(width=80, record=True)
    console.print(report([Finding("t", "[red]n", "warning", "pip install 'a[b]'", "do [x]")]))
    text = console.export_text()
    assert "[red]n" in text
    assert "a[b]" in text
    assert "1 warning in 1 checks" in text


def test_what_helps_several_is_said_once():
    from rich.console import Console

    console = Console(width=80, record=True)
    rows = [Finding("t", name, "warning", "dead", "try later") for name in "abc"]
    console.print(report([*rows, Finding("t", "d", "problem", "gone", "buy another")]))
    text = console.export_text()
    assert text.count("try later") == 1
    assert text.index("c dead") < text.index("try later") < text.index("d gone")
    assert "1 problem, 3 warnings in 4 checks" in text


# The machine


def test_python_is_judged_by_its_version():
    assert machine.python((3, 11)).state == "ok"
    assert machine.python((3, 13)).state == "ok"
    assert machine.python((3, 10)).state == "problem"
    assert machine.python((3, 14)).state == "problem"


def test_the_supported_versions_are_those_of_the_package():
    from importlib.metadata import metadata

    from packaging.specifiers import SpecifierSet

    first, after = (".".join(map(str, version)) for version in machine.PYTHON)
    assert SpecifierSet(metadata("matscreen")["Requires-Python"]) == SpecifierSet(
        f">={first},<{after}"
    )


def test_more_threads_than_cores_are_a_warning(monkeypatch):
    for name in machine.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert machine.cores().state == "ok"
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert machine.cores().state == "ok"
    for wrong in ("5000", "many"):
        monkeypatch.setenv("OMP_NUM_THREADS", wrong)
        assert machine.cores().state == "warning"


def test_memory_and_disk_are_judged_by_what_is_left(tmp_path, monkeypatch):
    assert machine.memory(8 * 10**9).state == "ok"
    assert machine.memory(10**9).state == "warning"
    assert machine.memory(None).state == "ok"
    assert machine.available_memory() > 10**7
    for free, state in ((10**11, "ok"), (10**9, "warning"), (10**8, "problem")):
        usage = SimpleNamespace(free=free, total=10**12)
        monkeypatch.setattr(shutil, "disk_usage", lambda _place, usage=usage: usage)
        assert machine.disk("disk", tmp_path / "not" / "there").state == state


# Packages


def test_a_missing_or_old_package_is_named(monkeypatch):
    wanted = [Requirement("numpy>=1"), Requirement("nosuchpackage>=2"), Requirement("pandas>=99")]
    found = packages.core(wanted)
    assert found.state == "problem"
    assert "nosuchpackage is missing" in found.seen
    assert "is not >=99" in found.seen
    assert packages.core(wanted[:1]).state == "ok"


def test_an_extra_is_whole_absent_or_half():
    def extra(*texts: str) -> Finding:
        needed = [Requirement(f"{text}; extra == 'x'") for text in texts]
        return packages.extra_of("x", "for tests", [*needed, Requirement("numpy>=1")])

    assert extra("numpy>=1").state == "ok"
    assert "numpy" in extra("numpy>=1").seen
    absent = extra("nosuchpackage")
    assert absent.state == "ok"
    assert absent.fix == "pip install 'matscreen[x]'"
    half = extra("numpy>=1", "nosuchpackage")
    assert half.state == "warning"
    assert "nosuchpackage is missing" in half.seen


def test_prefect_breaks_with_a_new_fastapi(monkeypatch):
    assert packages.prefect("3.8.8", "0.154.0").state == "ok"
    broken = packages.prefect("3.8.8", "0.155.0")
    assert broken.state == "problem"
    assert "fastapi<0.155" in broken.fix
    assert packages.prefect(None, "0.1").state == "problem"
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    assert "127.0.0.1:4200" in packages.prefect("3.8.8", "0.154.0").seen


# Storage


def test_tables_are_counted_and_a_damaged_one_is_named(tmp_path):
    store = Store(tmp_path / "store")
    failure = tables.failure_row("x", "pull", "why", "detail")
    store.upsert("failures", tables.from_rows("failures", [failure]))
    store.upsert("labels", tables.from_rows("labels", []))
    store.append("labels", tables.SCHEMAS["labels"].empty_table())
    findings = list(storage.examine_store(str(tmp_path / "store")))
    assert only(findings, "store").state == "ok"
    assert only(findings, "tables").seen.startswith("2 tables")
    assert only(findings, "table failures").seen.startswith("1 rows, version ")
    for log in (tmp_path / "store" / "failures" / "_delta_log").glob("*.json"):
        log.write_text("{broken")
    findings = list(storage.examine_store(str(tmp_path / "store")))
    damaged = only(findings, "table failures")
    assert damaged.state == "problem"
    assert "\n" not in damaged.seen
    assert "restore" in damaged.fix
    assert only(findings, "table labels").state == "ok"


def test_a_store_in_a_place_that_cannot_be_is_a_problem(tmp_path):
    for wrong in ("100%", "a[b]"):
        (found,) = storage.examine_store(str(tmp_path / wrong))
        assert found.state == "problem"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_a_problem(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o500)
    assert storage.writable("store", tmp_path / "locked").state == "problem"


def test_a_folder_that_refuses_files_is_a_problem(tmp_path, monkeypatch):
    def refuse(**_options):
        raise OSError(30, "Read-only file system")

    assert storage.writable("store", tmp_path).state == "ok"
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr(storage.tempfile, "NamedTemporaryFile", refuse)
    assert "Read-only" in storage.writable("store", tmp_path).seen


def test_the_mirror_is_looked_into(tmp_path):
    def mirror(named: str | None) -> Finding:
        return only(storage.examine_downloads(tmp_path / "cache", named), "mirror")

    assert mirror(None).state == "ok"
    assert mirror(str(tmp_path / "absent")).state == "problem"
    assert mirror(str(tmp_path)).state == "warning"
    (tmp_path / "wolverton_oxides.csv").write_text("formula\n")
    assert ": 1 of " in mirror(str(tmp_path)).seen


# Keys and servers


def test_a_key_is_told_of_and_never_shown(tmp_path, monkeypatch):
    (absent,) = services.examine_keys()
    assert absent.state == "ok"
    assert "MP_API_KEY" in absent.fix
    monkeypatch.setenv("MP_API_KEY", SENTINEL)
    (there,) = services.examine_keys()
    assert there.state == "ok"
    assert "MP_API_KEY" in there.seen
    monkeypatch.setenv("MP_API_KEY", f"{SENTINEL} and more")
    (wrong,) = services.examine_keys()
    assert wrong.state == "problem"
    for flags in ([], ["--json"]):
        arguments = ["doctor", "--offline", *flags, "--store", str(tmp_path / "s")]
        run = CliRunner().invoke(app, arguments)
        assert "key of the Materials Project" in run.output
        assert "SENTINEL" not in run.output


class Answers(BaseHTTPRequestHandler):
    paths: list[str]

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers)))
        if self.path.startswith("/hang"):
            time.sleep(3)
        self.send_response(503 if self.path.startswith("/busy") else 200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    running.daemon_threads = True
    running.asked = []
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def test_servers_are_asked_side_by_side_and_a_dead_one_is_a_warning(server, monkeypatch):
    base = f"http://127.0.0.1:{server.server_port}"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{free.getsockname()[1]}"
    named = {"good": base, "busy": f"{base}/busy", "dead": dead, "odd": "http://[half"}
    named |= {f"hangs {n}": f"{base}/hang{n}" for n in range(5)}
    monkeypatch.setattr(services, "servers", lambda: named)
    began = time.perf_counter()
    findings = list(services.examine_servers(offline=False, timeout=0.5))
    assert time.perf_counter() - began < 2.0
    assert only(findings, "good").state == "ok"
    assert {one.state for one in findings if one.name != "good"} == {"warning"}
    assert "status 503" in only(findings, "busy").seen
    assert [one.name for one in findings] == list(named)


def test_no_key_is_sent_and_offline_asks_nobody(server, monkeypatch):
    base = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("MP_API_KEY", SENTINEL)
    monkeypatch.setenv("MP_API_ENDPOINT", base)
    monkeypatch.setenv("PREFECT_API_URL", f"{base}/api")
    here = SimpleNamespace(source="optimade:here", url=f"{base}/optimade")
    monkeypatch.setattr("matscreen.sources.optimade_providers.list_providers", lambda: (here,))
    assert [one.state for one in services.examine_servers(offline=True)] == ["ok"]
    assert not server.asked
    findings = list(services.examine_servers(offline=False))
    assert [one.name for one in findings] == [
        "Materials Project",
        "optimade:here",
        "Prefect server",
    ]
    assert {one.state for one in findings} == {"ok"}
    assert {path for path, _ in server.asked} == {"/heartbeat", "/optimade/v1/info", "/api/health"}
    assert SENTINEL not in str(server.asked)


def test_every_provider_of_the_table_is_asked():
    from matscreen.sources.optimade_providers import list_providers

    named = services.servers()
    assert len(named) == 1 + len(list_providers())
    assert all(address.startswith("http") for address in named.values())
