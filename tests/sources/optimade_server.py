"""Serve OPTIMADE JSON Lines from the reference implementation, in memory, for tests and trials.

    python tests/sources/optimade_server.py --jsonl structures.jsonl.gz --port 5000

Needs the extra `optimade`. Prints one line, `READY http://127.0.0.1:PORT`, once it answers.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import socket
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


def provider_fields(jsonl: Path) -> list[dict[str, str]]:
    """List the fields of the example provider that the file describes in its info line."""
    with jsonl.open() as lines:
        for line in lines:
            document = json.loads(line)
            if document.get("type") == "info" and document.get("id") == "structures":
                described = document["properties"].items()
                return [{"name": name, **facts} for name, facts in described if name[0] == "_"]
    return []


def serve(
    jsonl: Path, *, port: int = 0, page_limit_max: int = 500, dates_as_text: bool = False
) -> None:
    """Serve a file (plain or .gz) on the loopback interface until the process is ended.

    Args:
        jsonl: What to serve.
        port: Where; 0 picks a free one.
        page_limit_max: Largest page.
        dates_as_text: Leave `last_modified` as JSON has it, so that no filter can compare it.
    """
    with tempfile.TemporaryDirectory(prefix="optimade-") as folder:
        # The server reads plain text and its settings file before anything else.
        plain = Path(folder, "structures.jsonl")
        opener = gzip.open if jsonl.suffix == ".gz" else open
        with opener(jsonl, "rb") as packed, plain.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
        settings = Path(folder, "optimade.json")
        settings.write_text("{}")
        os.environ["OPTIMADE_CONFIG_FILE"] = str(settings)
        os.environ["OPTIMADE_LOG_DIR"] = folder

        import uvicorn
        from optimade.server.config import ServerConfig
        from optimade.server.create_app import create_app

        app = create_app(
            ServerConfig(
                provider_fields={"structures": provider_fields(plain)},
                insert_test_data=False,
                insert_from_jsonl=plain,
                database_backend="mongomock",
                page_limit_max=page_limit_max,
                log_level="critical",
            )
        )
        if not dates_as_text:
            read_dates(app.state.entry_collections["structures"].collection)
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen()
            # Connections queue from here on, so nobody has to poll until the server is up.
            print(f"READY http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
            uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])


def read_dates(collection: Any) -> None:
    """Turn the dates of a collection into what its filters compare."""
    for document in list(collection.find({}, {"last_modified": 1})):
        text = document.get("last_modified")
        if isinstance(text, str):
            moment = datetime.fromisoformat(text).astimezone(UTC).replace(tzinfo=None)
            collection.update_one({"_id": document["_id"]}, {"$set": {"last_modified": moment}})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jsonl", type=Path, required=True, help="OPTIMADE JSON Lines, may be .gz")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--page-limit-max", type=int, default=500)
    parser.add_argument("--dates-as-text", action="store_true", help="dates no filter compares")
    args = parser.parse_args()
    serve(
        args.jsonl,
        port=args.port,
        page_limit_max=args.page_limit_max,
        dates_as_text=args.dates_as_text,
    )


if __name__ == "__main__":
    main()
