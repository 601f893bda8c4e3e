"""The command line from outside: another process, with files of one's own."""

import shutil
import subprocess
import sys

import pandas as pd

from tests.commands.command_line import matscreen


def test_help_needs_no_heavy_library(tmp_path):
    code = (
        "import sys; from typer.testing import CliRunner; from matscreen.cli import app;"
        "r = CliRunner().invoke(app, ['--help']); assert r.exit_code == 0, r.output;"
        "heavy = {'pandas', 'pymatgen', 'sklearn', 'prefect', 'plotly', 'ase'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)


def test_screen_of_own_files_accounts_for_every_file(tmp_path, shared_store):
    from pymatgen.core import Lattice, Structure

    # What this test pulls must not be seen by the others.
    shutil.copytree(shared_store.root, tmp_path / "store")

    folder = tmp_path / "mine"
    folder.mkdir()
    coords = [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    for name, a in (("a", 3.94), ("b", 3.94), ("c", 4.01)):
        cell = Structure(Lattice.cubic(a), ["Sr", "Ti", "O", "O", "O"], coords)
        cell.to(filename=str(folder / f"{name}.cif"))
    Structure(Lattice.cubic(4.0), ["Na"], [[0, 0, 0]]).to(filename=str(folder / "sodium.cif"))
    (folder / "garbage.cif").write_text("data_nothing\n")
    done = matscreen(
        "screen", "synapse", "--source", "files:mine", "--store", "store", "-o", "out",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    ranked = pd.read_csv(tmp_path / "out/candidates.csv")
    failures = pd.read_csv(tmp_path / "out/failures.csv")
    # The same phase may also be known from another source.
    everywhere = {name for cell in ranked["source_id"] for name in cell.split(";")}
    read = {name for name in everywhere if name.endswith(".cif")}
    lost = {
        row.structure_id.partition(":")[2]
        for row in failures.itertuples()
        if row.structure_id.startswith("files:")
    }
    assert read == {"a.cif", "b.cif", "c.cif"}
    assert lost == {"sodium.cif", "garbage.cif"}
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
