"""Nights in a row on a small screen, with Prefect's own test server."""

import numpy as np
import pytest

import flows  # noqa: F401 - sets Prefect up before it is imported
from matscreen.structures import Crystal

SITES = np.array([[0, 0, 0], [0.5, 0.5, 0.53], [0.5, 0.5, 0.97], [0.5, 0, 0.48], [0, 0.5, 0.48]])


@pytest.fixture(scope="module")
def server():
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=180):
        yield


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a folder of crystals and screens; without bundle and surrogates priors rank them."""
    from matscreen import tables
    from matscreen.shipped import Pulled

    def predict(store, *_args, **_kwargs):
        store.replace("predictions", tables.SCHEMAS["predictions"].empty_table())
        return 0

    nothing = Pulled("bundle", (), 0, 0, 0)
    monkeypatch.setattr("matscreen.stages.load_bundle", lambda *_args, **_kwargs: nothing)
    monkeypatch.setattr("matscreen.stages.train", lambda *_args, **_kwargs: [])
    monkeypatch.setattr("matscreen.stages.predict", predict)
    (tmp_path / "cifs").mkdir()
    write(tmp_path, 38, 22)
    write(tmp_path, 56, 40)
    for name in ("first", "second"):
        (tmp_path / f"{name}.toml").write_text(
            f'name = "{name}"\napplication = "synapse"\nsources = ["files:{tmp_path / "cifs"}"]\n'
            'mechanisms = ["ferroelectric"]\n[ranking]\nsamples = 100\n'
        )
    return tmp_path


def write(place, a, b):
    from ase.io import write as write_file

    crystal = Crystal(np.diag([4.0, 4.0, 4.05]), np.array([a, b, 8, 8, 8]), SITES % 1)
    write_file(place / "cifs" / f"{a}-{b}.cif", crystal.to_ase())


def night(place, *screens):
    from flows.nightly import nightly

    return nightly(
        [str(place / f"{name}.toml") for name in screens],
        str(place / "store"),
        str(place / "results"),
    )


def test_nights_in_a_row(place, server, monkeypatch):
    told = []
    monkeypatch.setattr("flows.hooks.webhook_url", lambda: "http://127.0.0.1:9")
    monkeypatch.setattr(
        "flows.hooks.notifications.send", lambda _url, body: told.append(body) or told_ok()
    )
    (first,) = night(place, "first")
    assert first.finished is not None
    assert len(first.finished.ranking) == 2
    assert first.changes is None
    results = place / "results" / "first"
    assert (results / "report.html").is_file()

    # Nothing is new: no stage after the pull may run.
    with monkeypatch.context() as patch:
        for name in ("describe", "train", "predict"):
            patch.setattr(f"matscreen.stages.{name}", lambda *_a, **_k: pytest.fail("it ran"))
        (second,) = night(place, "first")
    assert second.finished is None
    assert second.message.startswith("first: nothing new since 20")

    # A new file: only it is described, and the webhook hears who entered if anybody did.
    write(place, 20, 72)
    described = []
    from matscreen import stages

    original = stages.describe

    def watch(*args, **kwargs):
        described.append(original(*args, **kwargs))
        return described[-1]

    with monkeypatch.context() as patch:
        patch.setattr("matscreen.stages.describe", watch)
        (third,) = night(place, "first")
    assert described == [1]
    assert len(third.finished.ranking) == 3
    assert third.changes is not None
    assert "the sources bring other candidates" in third.changes.causes
    assert [body["event"] for body in told] == (["top_ten_changed"] if third.changes else [])

    # Results that another command wrote over are made again.
    (results / "screen.json").write_text("{}")
    (fourth,) = night(place, "first")
    assert fourth.finished is not None
    assert not fourth.changes


def told_ok():
    from matscreen.notifications import Delivery

    return Delivery(True, "HTTP 200", 1)


def test_a_source_that_fails_does_not_stop_the_other_screens(place, server, monkeypatch):
    from flows.nightly import NightError
    from matscreen import stages
    from matscreen.errors import SourceError

    text = (place / "second.toml").read_text()
    (place / "second.toml").write_text(text.replace("files:", "files:/absent-"))
    original = stages.select

    def select(store, spec, **kwargs):
        if "absent" in spec:
            raise SourceError("the database is down")
        return original(store, spec, **kwargs)

    monkeypatch.setattr("matscreen.stages.select", select)
    monkeypatch.setattr("flows.tasks.pull.retries", 0)
    with pytest.raises(NightError, match="second: not ranked without files:/absent-") as caught:
        night(place, "second", "first")
    assert "the database is down" in str(caught.value)
    assert (place / "results/first/candidates.csv").is_file()
    assert not (place / "results/second").exists()


def test_a_folder_that_is_gone_does_not_stop_the_other_screens(place, server):
    from flows.nightly import NightError

    text = (place / "second.toml").read_text()
    (place / "second.toml").write_text(text.replace("files:", "files:/absent-"))
    with pytest.raises(NightError, match="second: not ranked without files:/absent-") as caught:
        night(place, "second", "first")
    assert "no such file or folder" in str(caught.value)
    assert (place / "results/first/candidates.csv").is_file()


def test_descriptors_that_fail_do_not_stop_the_screens_of_others(place, server, monkeypatch):
    from flows.nightly import NightError
    from matscreen import stages
    from matscreen.errors import StoreError

    text = (place / "second.toml").read_text()
    (place / "second.toml").write_text('descriptor_set = "composition"\n' + text)
    original = stages.describe

    def describe(store, descriptor_set, *args, **kwargs):
        if descriptor_set == "composition":
            raise StoreError("the disk is full")
        return original(store, descriptor_set, *args, **kwargs)

    monkeypatch.setattr("matscreen.stages.describe", describe)
    monkeypatch.setattr("flows.tasks.describe.retries", 0)
    with pytest.raises(NightError) as caught:
        night(place, "second", "first")
    assert str(caught.value).startswith("second: the disk is full")
    assert (place / "results/first/candidates.csv").is_file()
    assert not (place / "results/second").exists()


def test_a_broken_budget_fails_the_flow_with_its_reasons(place, server):
    from flows.budgets import FailureBudgetError
    from flows.screen import screen

    for number in range(4):
        (place / "cifs" / f"broken{number}.cif").write_text("no crystal")
    text = (place / "first.toml").read_text()
    (place / "first.toml").write_text(text + "[budget]\nmax_failed_fraction = 0.5\n")
    from matscreen.errors import SourceError

    with pytest.raises((FailureBudgetError, SourceError), match="4 of 6 failed, 67 %"):
        screen(str(place / "first.toml"), str(place / "store"), str(place / "results"))
