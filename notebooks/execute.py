"""Run the notebooks from top to bottom in one clean folder, and store them with their outputs.

    python notebooks/execute.py            # all of them, in order
    python notebooks/execute.py 03 06      # those whose names begin so
    python notebooks/execute.py --folder DIR 02      # in a folder whose store is trained already

A code host runs no JavaScript: beside the data of each Plotly figure, which a notebook shows as an
interactive one, the picture is stored that an installed Chromium draws of it. What changes from
run to run (times, widgets) is left out, and a path of this machine in an output is an error.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
PLOTLY = "application/vnd.plotly.v1+json"
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
SCALE = 1.5
LIMIT = 1_500_000
"""Bytes that a stored notebook may have."""

HEAVY = 200_000
"""Bytes over which a figure is stored without the texts of its points."""

Draw = Callable[[dict[str, Any]], bytes]


def main(names: Sequence[str], work: Path | None = None) -> None:
    """Execute and store notebooks.

    Args:
        names: Beginnings of their names; all by default.
        work: Folder to run in; a clean one by default.
    """
    os.environ["PLOTLY_RENDERER"] = "plotly_mimetype"
    paths = [
        path
        for path in sorted(HERE.glob("*.ipynb"))
        if not names or any(path.name.startswith(name) for name in names)
    ]
    with tempfile.TemporaryDirectory() as clean, pictures() as draw:
        folder = str(work or clean)
        for path in paths:
            began = time.monotonic()
            notebook = nbformat.read(path, as_version=4)
            NotebookClient(
                notebook,
                timeout=1800,
                startup_timeout=300,
                kernel_name="python3",
                resources={"metadata": {"path": folder}},
                record_timing=False,
            ).execute()
            tidy(notebook, draw)
            text = nbformat.writes(notebook) + "\n"
            check(path.name, text, (folder, str(Path.home()) + os.sep, str(HERE.parent)))
            path.write_text(text, encoding="utf-8")
            print(f"{path.name}: {time.monotonic() - began:.0f} s, {len(text) / 1e3:.0f} kB")


def tidy(notebook: Any, draw: Draw) -> None:
    """Keep of the outputs what is the same in every run, and add the pictures of the figures."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in notebook.cells:
        cell.metadata = {}
        kept = []
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "application/vnd.jupyter.widget-view+json" in data:
                continue
            if PLOTLY in data:
                if len(json.dumps(data[PLOTLY])) > HEAVY:
                    drop_hover_texts(data[PLOTLY])
                picture = base64.b64encode(draw(data[PLOTLY])).decode("ascii")
                output["data"] = {PLOTLY: data[PLOTLY], "image/png": picture}
            output.pop("transient", None)
            kept.append(output)
        if cell.cell_type == "code":
            cell.outputs = kept


def drop_hover_texts(figure: dict[str, Any]) -> None:
    """Take out the texts of thousands of points; who runs the notebook has them again."""
    for trace in figure["data"]:
        trace.pop("hovertext", None)
        trace["hoverinfo"] = "skip"


def check(name: str, text: str, private: Sequence[str]) -> None:
    """Refuse a notebook that is too large or tells of this machine."""
    if len(text) > LIMIT:
        sys.exit(f"{name} has {len(text)} bytes, {LIMIT} are allowed")
    for path in private:
        if path in text:
            sys.exit(f"{name} names {path}, a path of this machine")


@contextlib.contextmanager
def pictures() -> Iterator[Draw]:
    """Open a browser, and yield what turns a Plotly figure into a PNG."""
    from playwright.sync_api import sync_playwright
    from plotly.offline import get_plotlyjs

    found = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if found is None:
        sys.exit(f"pictures of figures need one of {', '.join(CHROMIUM)}; none is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_content("<div></div>")
        page.add_script_tag(content=get_plotlyjs())

        def draw(figure: dict[str, Any]) -> bytes:
            layout = figure["layout"]
            size = {"width": layout.get("width", 760), "height": layout.get("height", 450)}
            url: str = page.evaluate(
                "([figure, options]) => Plotly.toImage(figure, options)",
                [
                    {"data": figure["data"], "layout": layout},
                    {"format": "png", "scale": SCALE, **size},
                ],
            )
            return _in_few_colours(base64.b64decode(url.partition(",")[2]))

        yield draw
        browser.close()


def _in_few_colours(png: bytes) -> bytes:
    """Store a drawing of few colours with a palette, in a third of the bytes."""
    from PIL import Image

    small = io.BytesIO()
    drawing = Image.open(io.BytesIO(png)).convert("RGB")
    # The median cut would merge the colours of marks that cover few pixels.
    cut, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
    drawing.quantize(128, method=cut, dither=dither).save(small, "PNG", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", help="beginnings of names, such as 03")
    parser.add_argument("--folder", type=Path, help="folder to run in, instead of a clean one")
    asked = parser.parse_args()
    main(asked.names, asked.folder)
