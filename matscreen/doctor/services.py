"""Look at the keys, and whether databases and the Prefect server answer."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from matscreen.doctor.finding import Finding

TIMEOUT: Final = 6.0
"""Longest wait for one server, s."""

_TOPIC: Final = "databases"


def examine_keys() -> Iterator[Finding]:
    """Say which keys are set, never what they are."""
    from matscreen.sources.materials_project_key import find_key, malformed

    key = find_key()
    name = "key of the Materials Project"
    if key is None:
        how = "get one at https://next-gen.materialsproject.org/api and set MP_API_KEY"
        seen = "not set; the source materials_project asks for one"
        yield Finding(_TOPIC, name, "ok", seen, how)
        return
    trouble = malformed(key)
    if trouble is None:
        yield Finding(_TOPIC, name, "ok", f"set, in {key.found_in}")
    else:
        yield Finding(_TOPIC, name, "problem", trouble, "set MP_API_KEY to the key of your account")


def examine_servers(*, offline: bool, timeout: float = TIMEOUT) -> Iterator[Finding]:
    """Ask every known server side by side whether it is there."""
    addresses = servers()
    if offline:
        yield Finding(_TOPIC, "servers", "ok", f"{len(addresses)} known, none was asked (offline)")
        return
    with ThreadPoolExecutor(max_workers=len(addresses)) as pool:
        yield from pool.map(lambda pair: ask(*pair, timeout=timeout), addresses.items())


def servers() -> Mapping[str, str]:
    """Return what can be asked: name and address of databases, and of a Prefect server if set."""
    from matscreen.sources.materials_project_client import DEFAULT_ENDPOINT, ENDPOINT_VARIABLE
    from matscreen.sources.optimade_providers import list_providers

    base = os.environ.get(ENDPOINT_VARIABLE) or DEFAULT_ENDPOINT
    found = {"Materials Project": base.rstrip("/") + "/heartbeat"}
    for provider in list_providers():
        found[provider.source] = f"{provider.url}/v1/info"
    if server := os.environ.get("PREFECT_API_URL"):
        found["Prefect server"] = server.rstrip("/") + "/health"
    return found


def ask(name: str, url: str, *, timeout: float) -> Finding:
    """Ask one server; no key is sent. One that does not answer is a warning: others do."""
    import httpx

    began = time.perf_counter()
    try:
        # A slow body must not hold up the others: the head of the answer is enough.
        with (
            httpx.Client(timeout=timeout, follow_redirects=True, max_redirects=3) as client,
            client.stream("GET", url) as response,
        ):
            status = response.status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        trouble = type(error).__name__
        fix = "check the network and the proxy settings (HTTPS_PROXY), or try later"
        return Finding(_TOPIC, name, "warning", f"{url} does not answer ({trouble})", fix)
    milliseconds = (time.perf_counter() - began) * 1e3
    if status >= 400:
        fix = "try later; see the status page of the database"
        return Finding(_TOPIC, name, "warning", f"{url} answers with status {status}", fix)
    return Finding(_TOPIC, name, "ok", f"answers in {milliseconds:.0f} ms")
