import csv
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from matscreen.descriptors.composition import Compositions, parse_formula
from matscreen.edge import MAX_BYTES, size_on_disk, write_graded
from matscreen.edge.lean import lean_features
from matscreen.edge.measuring import distinct_formulas, load_scorer
from matscreen.errors import InputError, StructureError

from .conftest import CARD, VARIANTS, run_alone


@pytest.fixture(scope="module")
def bundles(compression, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    return {
        graded.variant.name: write_graded(graded, CARD, folder / graded.variant.name)
        for graded in compression.graded
    }


@pytest.fixture(scope="module")
def bundle(bundles):
    return bundles["network-128-int8"]


@pytest.fixture(scope="module")
def score(bundle):
    return load_scorer(bundle)


def reference(graded, formulas):
    amounts = Compositions.from_amounts([parse_formula(formula) for formula in formulas])
    student = graded.student
    strange = student.unseen[amounts.numbers].max(axis=1)
    return student.predict(lean_features(amounts), strange)


@pytest.mark.parametrize("name", VARIANTS)
def test_a_bundle_says_what_the_student_says(name, bundles, compression):
    graded = next(g for g in compression.graded if g.variant.name == name)
    formulas = distinct_formulas(compression.task, 3000)
    formulas += ["NaCl", "FeAl", "O2", "Fe2O3", "UO2", "CsPbBr3", "Li7La3Zr2O12"]
    scores = load_scorer(bundles[name]).Scorer(bundles[name]).score(formulas).scores
    expected = reference(graded, formulas)
    assert len({score.mean for score in scores}) > 100
    for column in ("mean", "lower", "upper", "distance"):
        found = np.array([getattr(score, column) for score in scores])
        np.testing.assert_allclose(found, getattr(expected, column), rtol=1e-6, atol=1e-5)
    far = np.abs(expected.distance - graded.student.domain.threshold) > 1e-5
    flags = np.array([score.in_domain for score in scores])
    np.testing.assert_array_equal(flags[far], expected.in_domain[far])
    assert flags.any()
    assert not flags.all()


def test_one_by_one_equals_a_batch_of_ragged_formulas(score, bundle):
    scorer = score.Scorer(bundle)
    formulas = ["BaTiO3", "Fe2O3", "La0.7Sr0.3MnO3", "Li7La3Zr2O12", "O2", "Ba0.5Sr0.5Co0.8Fe0.2O3"]
    together = scorer.score(formulas).scores
    alone = [scorer.score([formula]).scores[0] for formula in formulas]
    for one, other in zip(together, alone, strict=True):
        assert one.name == other.name
        assert one[1:] == pytest.approx(other[1:], abs=1e-6)


def test_intervals_hold_the_mean_and_widen_with_unknown_elements(score, bundle):
    known, strange = score.Scorer(bundle).score(["BaTiO3", "UTiO3"]).scores
    for one in (known, strange):
        assert one.lower <= one.mean <= one.upper
    assert known.in_domain
    assert not strange.in_domain
    assert strange.upper - strange.mean > 1.5 * (known.upper - known.mean)


def test_another_stoichiometry_than_was_taught_is_outside(score, bundle):
    """Only ABO3 were taught; all elements here are known."""
    scores = score.Scorer(bundle).score(["SrTiO3", "TiO2", "Sr2TiO4", "SrTi", "CaO"]).scores
    assert [one.in_domain for one in scores] == [True, False, False, False, False]


def test_the_best_are_sent_on(score, bundle):
    scorer = score.Scorer(bundle)
    formulas = ["BaTiO3", "SrTiO3", "CaSnO3", "LaFeO3", "KNbO3"]
    values = {one.name: one.mean for one in scorer.score(formulas).scores}
    highest = [one.name for one in scorer.score(formulas, top=2).scores]
    assert highest == sorted(values, key=values.__getitem__, reverse=True)[:2]
    lowest = [one.name for one in scorer.score(formulas, top=2, ascending=True).scores]
    assert lowest == sorted(values, key=values.__getitem__)[:2]


@pytest.mark.parametrize(
    "formula",
    ["BaTiO3", "Ca3(PO4)2", "K2[Fe(CN)4]2", "H2O", "LaNi.5Mn.5O3", "BaBaTiO3", "Mg(OH)2", "Ti0O2"],
)
def test_formulas_are_read_as_matscreen_reads_them(score, formula):
    numbers, amounts = score.parse_formula(formula)
    assert dict(zip(numbers, amounts, strict=True)) == pytest.approx(parse_formula(formula))


@pytest.mark.parametrize("formula", ["Quartz", "Xx2O3", "", "Ca3(PO4", "CaO)2", "3CaO", "Ba-TiO3"])
def test_a_bad_formula_is_a_failure_with_a_reason(score, bundle, formula):
    result = score.Scorer(bundle).score([formula, "BaTiO3"])
    assert [one.name for one in result.scores] == ["BaTiO3"]
    assert [(one.name, one.reason) for one in result.failures] == [(formula, "bad_formula")]
    assert result.failures[0].detail
    if formula not in {"3CaO", "Ba-TiO3"}:
        with pytest.raises(StructureError):
            parse_formula(formula)


def test_the_command_line_needs_numpy_and_onnxruntime_only(bundle):
    done = run_alone(bundle, "BaTiO3", "Quartz", "SrTiO3", "--top", "1")
    assert done.returncode == 0, done.stderr
    assert "failure: Quartz: bad_formula" in done.stderr
    assert "band_gap (eV)" in done.stdout
    assert done.stdout.count("distance") == 1


def test_the_command_line_reads_lines_and_writes_json_and_csv(bundle):
    text = "BaTiO3\n\nSrTiO3\nnonsense\n"
    found = json.loads(run_alone(bundle, "--json", text=text).stdout)
    assert [one["name"] for one in found["scores"]] == ["BaTiO3", "SrTiO3"]
    assert found["failures"][0]["reason"] == "bad_formula"
    done = run_alone(bundle, "--csv", "--order", "ascending", "--top", "1", text=text)
    (row,) = csv.DictReader(io.StringIO(done.stdout))
    lowest = min(found["scores"], key=lambda one: one["mean"])
    assert row["name"] == lowest["name"]
    assert float(row["mean"]) == pytest.approx(lowest["mean"], abs=1e-6)


def test_nothing_scored_is_an_error_code(bundle):
    assert run_alone(bundle, "Quartz").returncode == 1


def test_a_bundle_is_small(bundles):
    for bundle in bundles.values():
        assert size_on_disk(bundle) <= MAX_BYTES


def test_the_card_says_what_the_model_is(bundle, compression):
    card = json.loads((bundle / "card.json").read_text())
    graded = next(g for g in compression.graded if g.variant.name == card["model"])
    assert card["unit"] == "eV"
    assert card["metrics"]["coverage_90"] == pytest.approx(graded.metrics["coverage_90"], abs=1e-6)
    assert card["teacher"]["descriptor_set"] == "fast"


def test_a_folder_that_is_no_bundle_is_not_emptied(compression, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="holds no bundle"):
        write_graded(compression.graded[0], CARD, tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_score_imports_the_standard_library_numpy_and_onnxruntime_only():
    import ast

    from matscreen.edge import runtime

    tree = ast.parse((Path(runtime.__file__).parent / "score.py").read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add((node.module or "").partition(".")[0])
    assert names - set(sys.stdlib_module_names) == {"numpy", "onnxruntime"}
