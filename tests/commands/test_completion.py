"""Names that the shell completes."""

import os
import subprocess
import sys

import pytest

from matscreen.commands import completion


@pytest.mark.parametrize(
    ("complete", "typed", "found"),
    [
        (completion.screens, "syn", "synapse"),
        (completion.screens, "wr", "wrong.toml"),
        (completion.mechanisms, "fe", "ferroelectric"),
        (completion.properties, "band", "band_gap"),
        (completion.tables, "lab", "labels"),
        (completion.families, "ox", "oxides"),
        (completion.workloads, "res", "resnet-50"),
        (completion.pulled_sources, "opt", "optimade:"),
        (completion.pulled_sources, "optimade:mp,oq", "optimade:mp,oqmd"),
        (completion.pulled_sources, "dataset:wol", "dataset:wolverton_oxides"),
        (completion.ranked_sources, "st", "store"),
    ],
)
def test_names_are_completed(here, complete, typed, found):
    offered = complete(typed)
    assert found in offered
    assert all(name.startswith(typed) for name in offered)
    assert complete("zzz") == []


def test_completed_descriptor_sets_are_those_that_there_are():
    from matscreen.descriptors import DESCRIPTOR_SETS

    assert set(completion.descriptor_sets("")) == set(DESCRIPTOR_SETS)


def test_the_shell_is_answered(here):
    asked = {
        "_MATSCREEN_COMPLETE": "complete_bash",
        "COMP_WORDS": "matscreen explain KNbO3 --mechanism fer",
        "COMP_CWORD": "4",
    }
    code = "import sys; sys.argv[0] = 'matscreen'; from matscreen.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=here, capture_output=True, text=True, check=False, env=os.environ | asked,
    )  # fmt: skip
    assert done.stdout.split() == ["ferroelectric"]
