import json
import subprocess
import sys

import numpy as np
import pytest
from pymatgen.core import Element, Lattice, Structure
from pymatgen.io.cif import CifWriter

from matscreen.descriptors import get_descriptor_set
from matscreen.edge import MAX_BYTES, compress, get_variants, make_task, size_on_disk, write_graded
from matscreen.edge.runtime.cif import CifError, read_cif
from matscreen.edge.runtime.score import ATOMIC_NUMBERS
from matscreen.structures import Crystal, CrystalBatch
from matscreen.surrogates import TrainingSet

from .conftest import A_SITES, B_SITES, CARD, fit_ridge, run_alone

SITES = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]


def perovskite(a, b, *, edge=4.0, shift=0.0):
    sites = np.array(SITES)
    sites[1, 2] += shift
    return Structure(Lattice.tetragonal(edge, edge * (1 + shift)), [a, b, "O", "O", "O"], sites)


# spglib, which writes the symmetrised files.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def structures():
    rng = np.random.default_rng(0)
    return [
        perovskite(a, b, edge=rng.uniform(3.8, 4.3), shift=rng.choice([0.0, 0.02]))
        for a in A_SITES[:8]
        for b in B_SITES[:8]
    ]


@pytest.fixture(scope="module")
def trained(structures, tmp_path_factory):
    described = get_descriptor_set("standard")
    batch = CrystalBatch.from_crystals([Crystal.from_pymatgen(one) for one in structures])
    X = described.featurize(batch).values.astype(np.float32).astype(np.float64)
    y = X[:, described.labels.index("magpie_range_electronegativity")] + 0.1 * np.sin(
        np.arange(len(X))
    )
    n = len(y)
    rows = TrainingSet(
        X=X,
        y=y,
        groups=np.array(["-".join(sorted(set(map(str, one.species)))) for one in structures]),
        labels=tuple(described.labels),
        formulas=np.full(n, "", dtype="U1"),
        noise=np.full(n, np.nan),
        ids=np.full(n, "", dtype="U1"),
    )
    card = {**CARD, "descriptor_set": "standard", "n_labels": n}
    task = make_task("band_gap", card, rows)
    teacher = fit_ridge(task.X, task.y, task.groups)
    found = compress(teacher, task, get_variants(["network-64"]), fit_ridge, n_extra=200)
    bundle = write_graded(found.graded[0], card, tmp_path_factory.mktemp("structure") / "bundle")
    return bundle, found.graded[0].student, X


def test_cif_files_score_as_matscreen_describes_them(trained, structures, tmp_path):
    bundle, student, X = trained
    paths = []
    for place in (0, 9, 30):
        for symprec in (None, 0.01):
            path = tmp_path / f"{place}-{symprec}.cif"
            CifWriter(structures[place], symprec=symprec, significant_figures=12).write_file(path)
            paths.append((place, path))
    done = run_alone(bundle, "--json", *(path for _, path in paths), tmp_path / "none.cif")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    expected = student.predict(X, np.zeros(len(X)))
    for (place, path), score in zip(paths, found["scores"], strict=True):
        assert score["name"] == str(path)
        for column in ("mean", "lower", "upper", "distance"):
            # The cell in the file has twelve digits.
            assert score[column] == pytest.approx(getattr(expected, column)[place], abs=1e-4)
    assert len({score["mean"] for score in found["scores"]}) >= 3
    assert [one["reason"] for one in found["failures"]] == ["unreadable"]


def test_an_element_without_a_label_is_told_by_the_atoms_of_the_file(trained, structures, tmp_path):
    bundle, student, _ = trained
    strange = structures[0].copy()
    known = {site.specie.Z for one in structures for site in one}
    replaced = next(z for z in (30, 92, 3) if z not in known)
    strange.replace(0, Element.from_Z(replaced))
    assert student.unseen[replaced] == 1.0
    for name, one in (("known", structures[0]), ("strange", strange)):
        CifWriter(one).write_file(tmp_path / f"{name}.cif")
    done = run_alone(bundle, "--json", tmp_path / "known.cif", tmp_path / "strange.cif")
    known_row, strange_row = json.loads(done.stdout)["scores"]
    assert known_row["distance"] < 2.0 * student.domain.threshold
    assert strange_row["distance"] >= 2.0 * student.domain.threshold
    assert not strange_row["in_domain"]


def test_copied_descriptors_equal_those_of_matscreen(trained, structures, tmp_path):
    """The same crystal in both. Pairs of neighbours are summed in another order: rounding only."""
    bundle, _, X = trained
    crystals = [Crystal.from_pymatgen(one) for one in structures[:12]]
    np.savez(
        tmp_path / "in.npz",
        lattice=np.stack([one.lattice for one in crystals]),
        numbers=np.stack([one.atomic_numbers for one in crystals]),
        coords=np.stack([one.frac_coords for one in crystals]),
    )
    code = (
        "import numpy as np; from describing.descriptors import get_descriptor_set as g; "
        "from describing.structures import Crystal, CrystalBatch as B; import sys; "
        "d = np.load(sys.argv[1]); "
        "b = B.from_crystals(map(Crystal, d['lattice'], d['numbers'], d['coords'])); "
        "np.save(sys.argv[2], g('standard').featurize(b).values); "
        "assert not any(m.partition('.')[0] in ('matscreen', 'pymatgen') for m in sys.modules)"
    )
    out = tmp_path / "out.npy"
    command = [sys.executable, "-c", code, tmp_path / "in.npz", out]
    subprocess.run(command, cwd=bundle, check=True)
    np.testing.assert_allclose(np.load(out), X[:12], rtol=1e-6, atol=1e-6)


def test_a_structure_bundle_is_small(trained):
    assert size_on_disk(trained[0]) <= MAX_BYTES


def read(text):
    return read_cif(text, ATOMIC_NUMBERS)


HEAD = """data_x
_cell_length_a 4.0(1)
_cell_length_b 4.0
_cell_length_c 4.0
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
"""
ATOMS = """loop_
_atom_site_label
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
{rows}
"""


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no cif at all", "unreadable"),
        (HEAD + ATOMS.format(rows="Xx1 0 0 0"), "unknown_element"),
        (HEAD + ATOMS.format(rows="Na1 0 0 0\nCl1 ? ? ?"), "missing_atoms"),
        (HEAD + ATOMS.format(rows="Na1 0 0 0\nCl1 0 0 0.0001"), "disordered"),
        (HEAD + "_symmetry_space_group_name_H-M 'P m -3 m'\n" + ATOMS.format(rows="Na1 0 0 0"),
         "no_operations"),
        (HEAD + "_chemical_formula_sum 'Na Cl'\n" + ATOMS.format(rows="Na1 0 0 0"),
         "missing_atoms"),
        (HEAD + "_chemical_formula_sum 'Na2 Cl'\n" + ATOMS.format(rows="Na1 0 0 0\nCl .5 .5 .5"),
         "wrong_formula"),
        (HEAD + "loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,z'\n'x+y,q,z'\n"
         + ATOMS.format(rows="Na1 0 0 0"), "unreadable"),
        (HEAD.replace("_c 4.0", "_c 5.0") + "loop_\n_symmetry_equiv_pos_as_xyz\n'x,y,z'\n'z,x,y'\n"
         + ATOMS.format(rows="Na1 0 0 0"), "wrong_symmetry"),
    ],
)  # fmt: skip
def test_a_cif_that_gives_no_certain_crystal_is_refused(text, reason):
    with pytest.raises(CifError) as caught:
        read(text)
    assert caught.value.reason == reason


def test_quotes_comments_text_fields_and_symmetry_are_read():
    text = (
        "# a comment\n"
        + HEAD
        + "_publ_title\n;\n loop_ data_y\n_atom_site_fract_x\n;\n_name 'it''s quoted'\n"
        + "loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\n'-y+1/2, x, z+0.5'\n'1/2-x,y,1/2+z'\n"
        + ATOMS.format(rows="Na1 0 0 0\nCl-1 0.3333 0.2 0.25(2)")
    )
    cell = read(text)
    np.testing.assert_allclose(cell.lattice, 4.0 * np.eye(3), atol=1e-12)
    assert sorted(cell.numbers.tolist()) == [11, 11, 17, 17, 17]
    assert [1 / 3, 0.2, 0.25] in cell.positions.tolist()
    assert np.abs(cell.positions - [0.3, 1 / 3, 0.75]).sum(axis=1).min() < 1e-12
