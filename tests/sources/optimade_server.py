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
from pathlib import Path


def provider_fields(jsonl: Path) -> list[dict[str, str]]:
    """List the fields of the example provider that the file describes in its info line."""
    with jsonl.open() as lines:
        for line in lines:
            document = json.loads(line)
            if document.get("type") == "info" and document.get("id") == "structures":
                described = document["properties"].items()
                return [{"name": name, **facts} for name, facts in described if name[0] == "_"]
    return []


def serve(jsonl: Path, *, port: int = 0, page_limit_max: int = 500) -> None:
    """Serve a file (plain or .gz) on the loopback interface until the process is ended."""
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
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", port))
            listener.listen()
            # Connections queue from here on, so nobody has to poll until the server is up.
            print(f"READY http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
            uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jsonl", type=Path, required=True, help="OPTIMADE JSON Lines, may be .gz")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--page-limit-max", type=int, default=500)
    args = parser.parse_args()
    serve(args.jsonl, port=args.port, page_limit_max=args.page_limit_max)


if __name__ == "__main__":
    main()
