import http.server
import json
import logging
import threading

import pytest

from matscreen import notifications
from matscreen.changes import Change, Changes


@pytest.fixture
def hook():
    """Serve a webhook that answers with the given codes, one after the other."""
    got, answers = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers.pop(0) if answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/secret-token", got, answers
    server.shutdown()
    thread.join()
    server.server_close()


def change(number):
    return Change(
        "entered", f"id{number}", f"X{number}O3", "m", None, number, None, 1e-15, ("new",)
    )


def test_the_body_of_a_changed_top_ten():
    found = Changes("2026-01-01", ("a cause",), entered=tuple(change(n) for n in range(1, 31)))
    body = notifications.top_ten_changed("synapse", found, report="r.html")
    assert body["schema"] == "matscreen.notification/1"
    assert body["event"] == "top_ten_changed"
    assert body["title"] == "synapse: 30 entered among the ten best of each mechanism"
    assert len(body["changes"]["entered"]) == 30
    assert body["changes"]["entered"][0]["formula"] == "X1O3"
    lines = body["text"].splitlines()
    assert lines[1] == "X1O3 (m) enters at 1: new"
    assert lines[-2:] == ["and 10 more", "report: r.html"]
    assert json.loads(json.dumps(body))["screen"] == "synapse"


def test_the_address_reaches_no_log(hook, caplog):
    url, _, answers = hook
    answers.append(503)
    with caplog.at_level(logging.DEBUG):
        assert notifications.send(url, {"text": "x"}, wait=lambda _s: None).attempts == 2
    assert "secret-token" not in caplog.text
    assert logging.getLogger("httpx").level != logging.CRITICAL + 1


def test_a_body_is_delivered(hook):
    url, got, _ = hook
    body = notifications.run_ended_badly(
        "failed", flow="nightly", run="n", run_id="1", state="Failed", message="a\n  b"
    )
    assert notifications.send(url, body) == notifications.Delivery(True, "HTTP 200", 1)
    assert got == [body]
    assert body["message"] == "a b"


def test_what_may_pass_is_tried_again(hook):
    url, got, answers = hook
    answers += [503, 429]
    waited = []
    delivery = notifications.send(url, {"a": 1}, wait=waited.append)
    assert delivery == notifications.Delivery(True, "HTTP 200", 3)
    assert waited == [1.0, 2.0]
    assert len(got) == 3


def test_a_refusal_is_final_and_the_url_stays_secret(hook):
    url, got, answers = hook
    answers += [404]
    delivery = notifications.send(url, {}, wait=pytest.fail)
    assert delivery == notifications.Delivery(False, "HTTP 404", 1)
    assert len(got) == 1
    gone = notifications.send("http://127.0.0.1:9/secret", {}, wait=lambda _seconds: None)
    assert (gone.delivered, gone.attempts) == (False, 3)
    assert "secret" not in gone.detail


@pytest.mark.parametrize("url", ["", "not a url", "ftp://127.0.0.1/x", "http://"])
def test_a_wrong_url_raises_nothing(url):
    assert not notifications.send(url, {}, wait=lambda _seconds: None).delivered


def test_what_is_no_json_raises_nothing(hook):
    assert not notifications.send(hook[0], {"a": object()}).delivered
