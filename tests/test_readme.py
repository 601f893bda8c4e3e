"""README.md is true: what it shows runs, its figures have a command, its links lead somewhere.

RULES says for every command how it is checked; the first rule whose beginning fits counts. A
command that no rule fits fails, a rule that fits no command fails, so nothing is passed over.
"""

from __future__ import annotations

import inspect
import math
import os
import re
import shutil
import sys
import tomllib
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.readme_blocks import (
    ROOT,
    TEXT,
    Block,
    Command,
    blocks,
    cells,
    commands,
    inline_commands,
    tables,
)
from tests.readme_checks import (
    drawn,
    executed,
    opened,
    parsed,
    parsed_by_flows,
    parsed_by_script,
    planned_by_make,
)

EXAMPLE_SCREENED = ("matscreen", "screen", "traps.toml", "-o", "results/traps")
MADE_UP_TRAPS = (
    "id,A,B,cell_A,band_gap_eV,trap_depth_eV\n1,38,22,3.9,3.2,1.1\n2,56,40,4.2,5.3,2.0\n"
)
MADE_UP_DEVICES = "formula,mechanism,energy_J,time_s\nBaTiO3,ferroelectric,1e-14,1e-8\n"


@dataclass(frozen=True)
class Rule:
    """How the commands that begin so are checked, and why not by running them where they are not."""

    begins: str
    check: Callable[[Command, pytest.MonkeyPatch], None]
    why: str = ""


RULES = (
    Rule("make ", planned_by_make, "installs an environment or runs for minutes to hours"),
    Rule("python -m flows ", parsed_by_flows, "starts a server; tests/flows runs the flows"),
    Rule("python -m matscreen.report.picture ", drawn),
    Rule(
        "python tests/benchmarks/", parsed_by_script, "measures for minutes, needs other programs"
    ),
    Rule("matscreen pull optimade", opened, "needs a network"),
    Rule("matscreen pull materials_project ", opened, "needs a network and a key"),
    Rule("matscreen pull dataset:", parsed, "needs a published set"),
    Rule("matscreen train --dataset ", parsed, "needs published sets"),
    Rule("matscreen explain-model ", parsed, "needs a trained model of the reader's"),
    Rule("matscreen edge ", parsed, "needs a trained model of the reader's"),
    Rule("matscreen simulate ", parsed, "needs torch and hours"),
    Rule("matscreen validate simulations ", parsed, "needs published sets"),
    Rule("matscreen validate acquisition ", parsed, "needs published sets and minutes"),
    Rule("matscreen doctor ", parsed, "asks databases"),
    Rule("matscreen power run ", parsed, "waits for a clean hour"),
    Rule("matscreen screen synapse --source store ", parsed, "the screen above, with more in it"),
    Rule("matscreen screen synapse --source compositions:", parsed, "runs for minutes"),
    Rule("matscreen screen synapse --dask ", parsed, "needs a cluster"),
    Rule("matscreen ", executed),
)


def rule_of(command: Command) -> Rule | None:
    return next((rule for rule in RULES if command.begins(rule.begins)), None)


# --- the folder of a reader -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def place(shared_store, tmp_path_factory) -> Path:
    """Return a folder with all that README.md takes for granted: a filled store, a finished
    screen, files of the reader's own, and the package of its example installed.
    """
    from matscreen.config import load_screen
    from matscreen.screening import run_screen

    folder = tmp_path_factory.mktemp("reader")
    # A part of what `make screen` leaves; what it adds to the store, others need too.
    run_screen(load_screen("synapse"), shared_store, folder / "results/synapse")
    shutil.copytree(shared_store.root, folder / ".matscreen/store")
    for name in ("my_cifs", "structures/old", "DIR"):
        (folder / name).mkdir(parents=True)
    crystal = next(iter(sorted((folder / "results/synapse/structures").glob("*.cif"))))
    shutil.copy(crystal, folder / "my_cifs/a.cif")
    shutil.copy(crystal, folder / "structures/old/b.cif")
    (folder / "oxides.csv").write_text(MADE_UP_TRAPS)
    (folder / "my_devices.csv").write_text(MADE_UP_DEVICES)
    for block in blocks("toml"):
        content = tomllib.loads(block.body)
        if "project" in content:
            install(content["project"], folder / "installed")
        else:
            (folder / f"{content['name']}.toml").write_text(block.body, encoding="utf-8")
    for block in blocks("python"):
        named = re.match(r"# (\w+\.py)\n", block.body)
        if named:
            (folder / "installed" / named[1]).write_text(block.body, encoding="utf-8")
    return folder


def install(project: dict, folder: Path) -> None:
    """Leave the metadata that an installer would make of a `[project]` table."""
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Name: {project['name']}\nVersion: {project['version']}\n")
    groups = project["entry-points"]
    lines = [
        f"[{group}]\n" + "".join(f"{k} = {v}\n" for k, v in groups[group].items())
        for group in groups
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))


@pytest.fixture
def here(place, monkeypatch) -> Path:
    """Work in the reader's folder, with the example package on the path."""
    from matscreen.properties import PROPERTIES

    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(str(place / "installed"))
    monkeypatch.delenv("MATSCREEN_STORE", raising=False)
    monkeypatch.setenv("MATSCREEN_MIRROR", "")
    monkeypatch.setitem(os.environ, "COLUMNS", "100")
    before = dict(PROPERTIES)
    yield place
    PROPERTIES.clear()
    PROPERTIES.update(before)
    sys.modules.pop("my_switches", None)


# --- the tests ------------------------------------------------------------------------------------


def test_every_block_is_of_a_kind_that_is_checked():
    assert {block.language for block in blocks()} == {"sh", "python", "toml"}


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_a_shell_block_works_command_by_command(block, here, monkeypatch):
    for command in commands(block):
        rule = rule_of(command)
        assert rule is not None, f"no rule says how to check {command}"
        with monkeypatch.context() as patched:
            rule.check(command, patched)


@pytest.mark.parametrize("command", inline_commands(), ids=str)
def test_a_command_in_the_text_is_one_that_the_program_understands(command, monkeypatch):
    rule = rule_of(command)
    assert rule is not None, f"no rule says how to check {command}"
    assert rule.check is not drawn, "a picture is drawn in a block"
    # The blocks run the same commands; here their words only have to be right.
    check = parsed if rule.check in (executed, opened) else rule.check
    check(command, monkeypatch)


def test_no_rule_is_left_over():
    all_of_them = [*inline_commands(), *(c for block in blocks("sh") for c in commands(block))]
    used = {rule_of(command) for command in all_of_them}
    assert [rule.begins for rule in RULES if rule not in used] == []
    assert [
        rule.begins for rule in RULES if (rule.check in (executed, drawn)) == bool(rule.why)
    ] == []


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_a_python_block_runs(block: Block, here, monkeypatch):
    if "dask_jobqueue" in block.body:
        calls = stand_in_for_a_batch_system(monkeypatch)
    code = compile(block.body.replace("/scratch/me", "scratch"), f"README.md:{block.line}", "exec")
    module = types.ModuleType("readme_block")
    monkeypatch.setitem(sys.modules, "readme_block", module)  # dataclasses look there
    exec(code, module.__dict__)
    if "dask_jobqueue" in block.body:
        [(screen, sources)] = calls
        assert screen.dask == "tcp://10.0.0.1:8786"
        assert sources == ["compositions:1000000"]


def stand_in_for_a_batch_system(monkeypatch):
    """No batch system is here: take the options of dask-jobqueue, and keep the screen that is asked.

    What a cluster then does is tested in tests/test_composition_screening.py.
    """
    import matscreen as ms

    class SLURMCluster:
        scheduler_address = "tcp://10.0.0.1:8786"

        def __init__(self, *, queue, cores, processes, memory, walltime, account=None):
            assert processes <= cores

        def scale(self, *, jobs):
            assert jobs > 0

    calls = []
    real = inspect.signature(ms.screen)

    def keep(*arguments, **options):
        bound = real.bind(*arguments, **options).arguments
        calls.append((bound["screen"], bound["sources"]))

    monkeypatch.setitem(
        sys.modules, "dask_jobqueue", types.SimpleNamespace(SLURMCluster=SLURMCluster)
    )
    monkeypatch.setattr(ms, "screen", keep, raising=False)
    return calls


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_a_toml_block_is_a_screen_or_a_package_that_loads(block, here):
    from importlib.metadata import distribution

    from matscreen.config import load_screen
    from matscreen.mechanisms import Device
    from matscreen.screening import check_names

    content = tomllib.loads(block.body)
    if "project" in content:
        points = distribution(content["project"]["name"]).entry_points
        assert len(points) == sum(map(len, content["project"]["entry-points"].values()))
        for point in points:
            assert point.load()
    else:
        screen = load_screen(f"{content['name']}.toml")
        check_names(screen)
        Device.from_mapping(screen.device)


def test_the_example_package_is_ranked_with_its_own_property(here, monkeypatch):
    import pandas as pd

    executed(Command(("matscreen", "screen", "traps.toml", "-o", "results/traps"), 0), monkeypatch)
    ranked = pd.read_csv("results/traps/candidates.csv").set_index("formula")
    assert ranked.loc["BaZrO3", "feasible"]
    assert not ranked.loc["SrTiO3", "feasible"]
    assert "trap_too_shallow" in ranked.loc["SrTiO3", "reasons"]
    assert ranked.loc["BaZrO3", "trap_depth"] == 2.0


def test_published_sets_that_are_named_exist():
    from matscreen.sources.dataset_registry import list_datasets

    named = re.findall(r"(?:--dataset |dataset:)([a-z]\w*)", TEXT)
    assert named
    assert set(named) <= {dataset.name for dataset in list_datasets()}


def test_a_table_with_figures_has_a_command_next_to_it():
    lines = TEXT.splitlines()
    for table, first, last in tables():
        if not any(re.match(r"\d", cell) for row in cells(table) for cell in row[1:]):
            continue  # words, no figures
        beside = "\n".join(lines[max(first - 6, 0) : last + 2])
        assert re.search(r"`(matscreen|make|python) [^`]+`", beside), f"table on line {first}"


def test_column_counts_of_the_descriptor_sets():
    from matscreen.descriptors import get_descriptor_set

    [table] = [table for table, *_ in tables() if "`composition` |" in table]
    said = {row[0].strip("`"): int(row[1]) for row in cells(table)}
    assert said == {name: len(get_descriptor_set(name).labels) for name in said}


def test_figures_of_the_mechanisms_are_those_that_the_command_prints():
    from matscreen.validation.mechanisms import score_devices, summarize

    [table] = [table for table, *_ in tables() if "| rmse left out |" in table]
    printed = [figures_of(row) for row in summarize(score_devices(None)).to_dict("records")]
    assert sorted(row[1:] for row in cells(table)) == sorted(printed)


def figures_of(row: dict) -> list[str]:
    """Return the cells of a mechanism behind its name, as README.md writes them."""
    if not row["n"]:
        return ["0", "", "", "untested", ""]
    rank = f"{row['spearman']:.2f}, {row['spearman_null']:.2f}"
    if row["materials"] == 1:
        rank = "one material"  # the rank of its devices says nothing about materials
    elif math.isnan(row["spearman"]):
        rank = "too few"
    return [
        f"{row['n']} ({row['materials']})",
        f"{row['loo_decades']:.2f}",
        f"{row['loo_null']:.2f}",
        rank,
        f"{row['covered']:.0f} of {row['n']}",
    ]


def test_links_lead_to_files():
    targets = re.findall(r"\]\(([^)#]+)\)|(?:src|srcset)=\"([^\"]+)\"", TEXT)
    local = [one or other for one, other in targets if "://" not in (one or other)]
    assert local
    assert [target for target in local if not (ROOT / target).exists()] == []
    for path in re.findall(r"`((?:data|flows|notebooks|tests|matscreen)/[\w./]+)`", TEXT):
        assert (ROOT / path).exists(), path


def test_the_citation_file_is_of_this_package():
    import yaml

    import matscreen as ms

    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cited["version"] == ms.__version__ == project["version"]
    assert cited["license"] == project["license"]
    assert [author["name"] for author in cited["authors"]] == [
        author["name"] for author in project["authors"]
    ]
    assert {"cff-version", "message", "title", "abstract", "type"} <= set(cited)


def test_the_pictures_are_of_reference_lines_and_mechanisms_of_today():
    from matscreen.config import load_screen
    from matscreen.mechanisms import reference_lines
    from matscreen.report.formatting import format_energy

    for theme in ("light", "dark"):
        drawn_texts = re.findall(
            r"<!-- (.*?) -->", (ROOT / f"data/pictures/synapse-{theme}.svg").read_text("utf-8")
        )
        for line in reference_lines("synapse"):
            if line.name in drawn_texts:
                shown = drawn_texts[drawn_texts.index(line.name) + 1]
                assert shown.startswith(format_energy(line.energy_J)), line.name
        named = {text.lower().replace("-", "_") for text in drawn_texts}
        assert named & set(load_screen("synapse").mechanisms)


def test_what_the_page_names_is_public():
    import matscreen as ms

    named = set(re.findall(r"\bms\.(\w+)", TEXT))
    assert named <= set(ms.__all__)
