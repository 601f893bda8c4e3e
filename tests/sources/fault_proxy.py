"""A proxy in front of an OPTIMADE server that plants faults and counts what it delivers."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self
from urllib.parse import parse_qs, urlsplit

import httpx


@dataclass(frozen=True)
class Fault:
    """What happens to one delivery of a page.

    Attributes:
        status: Status of the answer; None lets the server's own through.
        headers: Headers to add.
        body: Replaces the body.
        cut: Part of the body that is sent before the connection is closed.
        delay: Seconds before the answer.
        change: Changes the document of the page.
    """

    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    cut: float | None = None
    delay: float = 0.0
    change: Callable[[dict], None] | None = None


def busy(after: str | None = None) -> Fault:
    """429, with or without Retry-After."""
    return Fault(429, (("Retry-After", after),) if after else (), b"slow down")


def status(code: int) -> Fault:
    """A 5xx with the page of a gateway."""
    return Fault(code, (("Content-Type", "text/html"),), b"<html><h1>Bad Gateway</h1></html>")


HTML = Fault(200, (("Content-Type", "text/html"),), b"<html>Down for maintenance</html>")
TRUNCATED = Fault(200, (("Content-Type", "application/json"),), b'{"data": [{"id": "x", "attri')
CUT = Fault(cut=0.5)


def slow(seconds: float) -> Fault:
    """An answer that takes its time."""
    return Fault(delay=seconds)


@dataclass
class FaultProxy:
    """Serves on the loopback interface; a context manager.

    Attributes:
        upstream: Base URL of the real server.
        faults: Page number, from 0, to the faults of its next deliveries, one after another.
        always: Changes every page.
        delivered: Page number to how often it went out whole.
        asked: Page number to how often it was asked for.
        after: Called with the page number after a whole delivery.
    """

    upstream: str
    faults: dict[int, list[Fault]] = field(default_factory=dict)
    always: Callable[[int, dict], None] | None = None
    delivered: Counter[int] = field(default_factory=Counter)
    asked: Counter[int] = field(default_factory=Counter)
    filters: list[str] = field(default_factory=list)
    after: Callable[[int], None] | None = None

    def __enter__(self) -> Self:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                proxy._answer(self)

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._client = httpx.Client(timeout=30)
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._client.close()

    @property
    def url(self) -> str:
        """Base URL to give to a client."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        page = None
        if parts.path.rstrip("/").endswith("/structures") and "/info" not in parts.path:
            query = parse_qs(parts.query)
            limit, offset = int(query["page_limit"][0]), int(query.get("page_offset", ["0"])[0])
            page = offset // limit
        with self._lock:
            fault = None
            if page is not None:
                self.asked[page] += 1
                self.filters.append(query.get("filter", [""])[0])
                planted = self.faults.get(page)
                fault = planted.pop(0) if planted else None
        fault = fault or Fault()
        time.sleep(fault.delay)
        if fault.body is not None:
            self._send(handler, fault.status or 200, fault.body, fault.headers)
            return
        # The links of the server lead to where it was asked, so here.
        answer = self._client.get(
            self.upstream + handler.path, headers={"Host": handler.headers["Host"]}
        )
        body = answer.content
        if page is not None and answer.status_code == 200:
            document = json.loads(body)
            if fault.change is not None:
                fault.change(document)
            if self.always is not None:
                self.always(page, document)
            body = json.dumps(document).encode()
        kind = (("Content-Type", answer.headers["Content-Type"]),)
        whole = self._send(handler, answer.status_code, body, kind, cut=fault.cut)
        if page is not None and whole and answer.status_code == 200:
            with self._lock:
                self.delivered[page] += 1
            if self.after is not None:
                self.after(page)

    @staticmethod
    def _send(
        handler: BaseHTTPRequestHandler,
        code: int,
        body: bytes,
        headers: Iterable[tuple[str, str]],
        *,
        cut: float | None = None,
    ) -> bool:
        try:
            handler.send_response(code)
            for name, value in headers:
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            if cut is not None:
                handler.wfile.write(body[: int(len(body) * cut)])
                handler.close_connection = True
                return False
            handler.wfile.write(body)
        except OSError:  # the client was killed
            return False
        return True
