"""A Materials Project in miniature for its real client: started and stopped by the tests."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from pymatgen.core import Lattice, Structure

from matscreen.sources import Source, open_source
from matscreen.sources.materials_project_client import Patience

QUICK = Patience(retries=2, first_wait=0.001, longest_wait=1.0, timeout=5.0)
KEY = "SENTINEL0KEY0OF0THE0TESTS0abcdef"
VERSION = "2026.11.01"
PEROVSKITE = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
A_SITES = ("Ca", "Sr", "Ba", "La", "Y", "K", "Na", "Pb", "Bi", "Nd", "Sm", "Gd", "Li", "Rb", "Cs")
B_SITES = ("Ti", "Zr", "Sn", "Fe", "Mn", "Nb", "Al", "Co", "Ni", "V", "Cr", "Hf", "Ta", "Ga", "In")


def summary(number: int, a: str = "Sr", b: str = "Ti", **changes) -> dict:
    """Return a summary document of a cubic perovskite as the API sends it."""
    cell = 3.8 + 0.001 * (number % 400)
    structure = Structure(Lattice.cubic(cell), [a, b, "O", "O", "O"], PEROVSKITE).as_dict()
    document = {
        "material_id": f"mp-{number}",
        "structure": structure,
        "nsites": 5,
        "volume": cell**3,
        "energy_above_hull": 0.01 * (number % 7),
        "formation_energy_per_atom": -3.0 - 0.001 * (number % 50),
        "band_gap": 0.1 * (number % 40),
        "bulk_modulus": None,
        "shear_modulus": None,
        "e_total": None,
        "e_ij_max": None,
        "theoretical": number % 2 == 0,
        "has_props": {"dielectric": False, "piezoelectric": False},
        "builder_meta": {"license": "BY-C", "database_version": VERSION},
        "deprecated": False,
        "composition": {a: 1, b: 1, "O": 3},  # what the filters read, never sent
    }
    return document | changes


def summaries(count: int) -> list[dict]:
    """Return so many good documents, all of different compounds up to 225 of them."""
    return [
        summary(n, A_SITES[n % 15], B_SITES[n // 15 % 15], nsites=5) for n in range(1, count + 1)
    ]


class FakeMaterialsProject:
    """What the server holds, whom it refuses, and how it fails.

    Attributes:
        documents: Documents by route.
        fault: Called with route, query and documents of an answer; what it returns (status,
            headers, body) is sent instead.
        asked: Requests so far, (route, query).
        keys: Keys that came with the requests, and how often.
    """

    def __init__(self) -> None:
        self.documents: dict[str, list] = {
            name: [] for name in ("summary", "dielectric", "piezoelectric", "thermo")
        }
        self.fault: Callable[[str, dict, list], tuple[int, dict, str] | None] = lambda *_: None
        self.version = VERSION
        self.asked: list[tuple[str, dict]] = []
        self.keys: Counter[str | None] = Counter()
        self.url = ""

    def requests(self, route: str) -> list[dict]:
        """Return the queries that a route was asked for documents with; counting is left out."""
        return [query for name, query in self.asked if name == route and "_fields" in query]

    def answer(self, route: str, query: dict, key: str | None) -> tuple[int, dict, str]:
        """Answer as the API would: status, headers, body."""
        if route == "heartbeat":
            beat = {
                "version": "0.87.3",
                "db_version": self.version,
                "access_controlled_batch_ids": [],
            }
            return 200, {}, json.dumps(beat)
        self.keys[key] += 1
        self.asked.append((route, query))
        if key != KEY:
            return 401, {}, json.dumps({"detail": f"Invalid key {key}"})
        if route not in self.documents:
            return 404, {}, json.dumps({"detail": "Not Found"})
        found = [one for one in self.documents[route] if _meets(one, query)]
        if "_sort_fields" in query:
            # As the database: by text, whatever else is wrong with a document.
            found.sort(key=lambda one: str(isinstance(one, dict) and one.get("material_id")))
        total = len(found)
        limit = int(query.get("_per_page", query.get("_limit", 100)))
        skip = (int(query["_page"]) - 1) * limit if "_page" in query else int(query.get("_skip", 0))
        found = found[skip : skip + limit]
        instead = self.fault(route, query, found)
        if instead is not None:
            return instead
        fields = query.get("_fields", "material_id").split(",")
        sent = [
            {name: one[name] for name in fields if name in one} if isinstance(one, dict) else one
            for one in found
        ]
        return 200, {}, json.dumps({"data": sent, "meta": {"total_doc": total}})


def _meets(document: object, query: dict) -> bool:
    if not isinstance(document, dict) or "composition" not in document:
        ids = query.get("material_ids")
        name = document.get("material_id") if isinstance(document, dict) else None
        return ids is None or name in ids.split(",")
    counts = document["composition"]
    if "formula" in query:
        assert query["formula"] == "**O3"
        if counts.get("O") != 3 or sorted(counts.values()) != [1, 1, 3]:
            return False
    wanted = set(query["elements"].split(",")) if "elements" in query else set()
    refused = set(query.get("exclude_elements", "").split(","))
    hull = document["energy_above_hull"]
    return (
        wanted <= counts.keys()
        and not refused & counts.keys()
        and document["deprecated"] == (query.get("deprecated", "False") == "True")
        and document["nsites"] <= int(query.get("nsites_max", 10**6))
        and (hull is None or hull <= float(query.get("energy_above_hull_max", 10**6)))
        and document.get("batch_id") != query.get("batch_id_not_eq", "")
    )


@contextmanager
def serve() -> Iterator[FakeMaterialsProject]:
    """Run the server on a free port of this machine."""
    fake = FakeMaterialsProject()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            route = parts.path.strip("/").removeprefix("materials/")
            status, headers, body = fake.answer(route, query, self.headers.get("x-api-key"))
            content = body.encode()
            self.send_response(status)
            self.send_header("Content-Type", headers.pop("Content-Type", "application/json"))
            self.send_header("Content-Length", str(len(content)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def opened(target: str = "", **options: object) -> Source:
    """Open the source with little patience."""
    spec = f"materials_project:{target}" if target else "materials_project"
    return open_source(spec, patience=QUICK, **options)


def read(source: Source) -> tuple[list, list, list]:
    """Return all items, failures and pages of a source."""
    pages = list(source.pages())
    return (
        [item for page in pages for item in page.items],
        [failure for page in pages for failure in page.failures],
        pages,
    )
