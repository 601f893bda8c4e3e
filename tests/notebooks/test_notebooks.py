import re
import shutil
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
PLOTLY = "application/vnd.plotly.v1+json"


def outputs_of(notebook):
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs_from_top_to_bottom(path, tmp_path, shared_store, monkeypatch):
    monkeypatch.setenv("PLOTLY_RENDERER", "plotly_mimetype")
    monkeypatch.delenv("MATSCREEN_MIRROR", raising=False)
    # The store that the other tests have filled saves describing and training once more.
    shutil.copytree(shared_store.root, tmp_path / ".matscreen/store")
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    ).execute()
    outputs = outputs_of(notebook)
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]


def test_there_is_a_notebook_for_each_part():
    assert [path.stem for path in NOTEBOOKS] == [
        "01_first_screen",
        "02_explore_candidates",
        "03_physics_of_switching",
        "04_train_your_own",
        "05_simulate_and_learn",
        "06_validate",
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_code_host_shows_every_output_as_it_is_stored(path):
    notebook = nbformat.read(path, as_version=4)
    assert all(cell.get("execution_count", 1) for cell in notebook.cells)
    outputs = outputs_of(notebook)
    assert outputs
    for output in outputs:
        assert output.output_type in {"execute_result", "display_data", "stream"}
        data = output.get("data", {})
        # A host runs no scripts: a figure needs its picture.
        assert PLOTLY not in data or "image/png" in data
        assert "<script" not in str(data.get("text/html", ""))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_stored_notebook_is_small_and_tells_of_no_machine(path):
    text = path.read_text(encoding="utf-8")
    assert len(text) < 1_500_000
    notebook = nbformat.reads(text, as_version=4)
    for output in outputs_of(notebook):
        output.get("data", {}).pop("image/png", None)
    assert not re.search(r"/(home|root|tmp|work|Users)/", nbformat.writes(notebook))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_uses_public_names_only(path):
    source = "\n".join(
        cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"
    )
    import matscreen as ms

    assert not re.search(r"from matscreen|import matscreen\.", source)
    used = set(re.findall(r"\bms\.(\w+)", source))
    assert used <= set(ms.__all__)
