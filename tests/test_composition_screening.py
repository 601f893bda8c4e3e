"""A screen of compositions in partitions: the ranking of all at once, on every engine."""

import hashlib
import json
import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from matscreen import composition_screening, compositions, ranking
from matscreen.buildability import assess_candidates, ruled_out, with_notes
from matscreen.composition_screening import (
    asked_for,
    eligible_mechanisms,
    rank_missing,
    sensible_size,
)
from matscreen.config import load_screen
from matscreen.descriptors.sets import featurize_formulas
from matscreen.engines import Dask, Processes, open_client
from matscreen.errors import InputError
from matscreen.evidence import gather_properties
from matscreen.mechanisms import Device, get_mechanism
from matscreen.mechanisms.calibrated import Calibrated, Shift
from matscreen.merging import merge_parts
from matscreen.part_files import PartFolder
from matscreen.partitions import Plan, _candidates, _Clock, _predictions, part_name
from matscreen.screening import run_screen
from matscreen.store import Store
from matscreen.surrogates import train

COUNT, SIZE = 240, 60


def quiet(*_arguments):
    pass


@pytest.fixture(scope="module")
def screen():
    asked = load_screen("synapse")
    return asked.model_copy(update={"ranking": asked.ranking.model_copy(update={"samples": 400})})


@pytest.fixture(scope="module")
def plan(screen):
    """A plan with small surrogates of made-up labels, smooth in the descriptors."""
    named = compositions.name_compositions(next(compositions.parts(2000, 2000)))
    formulas = named.formulas[1000:1080]
    features = featurize_formulas(formulas, with_sites=True)
    rng = np.random.default_rng(0)
    slope = rng.standard_normal(features.values.shape[1]) / features.values.shape[1]
    spread = np.nan_to_num(
        (features.values - np.nanmean(features.values, axis=0))
        / (np.nanstd(features.values, axis=0) + 1e-9)
    )
    score = spread @ slope / (np.std(spread @ slope))
    labels = {
        "oxygen_migration_barrier": 0.85 * np.exp(0.2 * score),
        "oxygen_vacancy_formation_energy": np.maximum(4.0 + score, 0.1),
    }
    models = {
        name: train(
            features.values,
            values,
            groups=list(named.systems[1000:1080]),
            property=name,
            labels=list(features.labels),
        )
        for name, values in labels.items()
    }
    return Plan(screen, eligible_mechanisms(screen), Device.from_mapping(screen.device), models, "")


@pytest.fixture(scope="module")
def work():
    return list(compositions.parts(COUNT, SIZE))


def merged(plan, work, target):
    found = merge_parts(
        PartFolder(plan.folder),
        [part_name(part) for part in work],
        target,
        mechanisms=[m.name for m in plan.mechanisms],
        samples=plan.screen.ranking.samples,
        head=COUNT,
        progress=quiet,
    )
    return found, pd.read_parquet(target)


@pytest.fixture(scope="module")
def serial(plan, work, tmp_path_factory):
    folder = tmp_path_factory.mktemp("serial")
    mine = replace(plan, folder=str(folder / "parts"))
    done = rank_missing(mine, work, Processes(1))
    assert [each.candidates for each in done] == [SIZE] * len(work)
    return mine, *merged(mine, work, folder / "candidates.parquet")


def test_the_merged_ranking_is_that_of_all_at_once(plan, serial):
    _, found, table = serial
    named = compositions.name_compositions(next(compositions.parts(COUNT, COUNT)))
    candidates = _candidates(named)
    values = gather_properties(candidates, predictions=_predictions(plan, named, _Clock()))
    assessed = assess_candidates(candidates, values)
    constraints = plan.screen.constraints
    whole = ranking.rank(
        candidates,
        values,
        plan.mechanisms,
        plan.device,
        plan.screen.application,
        samples=plan.screen.ranking.samples,
        seed=plan.screen.ranking.seed,
        max_energy_above_hull=constraints.max_energy_above_hull,
        barred=ruled_out(constraints, candidates, assessed),
    )
    whole = with_notes(whole, assessed)
    assert whole["feasible"].any()
    assert (whole["p_top_10"] > 0).any()
    assert list(table.columns) == list(whole.columns)
    for column in whole.columns:
        mine, theirs = table[column], whole[column]
        if theirs.dtype.kind in "fib":
            np.testing.assert_allclose(
                mine.to_numpy(float), theirs.to_numpy(float), rtol=1e-12, err_msg=column
            )
        else:
            assert mine.isna().tolist() == theirs.isna().tolist(), column
            assert mine.dropna().astype(str).tolist() == theirs.dropna().astype(str).tolist()
    assert found.rows == len(whole)
    assert found.feasible == int(whole["feasible"].sum())
    for mine, theirs in zip(
        found.head.attrs["split_sensitivity"], whole.attrs["split_sensitivity"], strict=True
    ):
        assert mine == pytest.approx(theirs)


def test_no_composition_is_called_a_ferroelectric(screen, serial):
    assert "ferroelectric" in screen.mechanisms
    assert "ferroelectric" not in set(serial[2]["mechanism"])
    assert serial[2]["flags"].str.contains("composition_only").all()


def test_what_is_finished_is_not_done_again(plan, work, serial, tmp_path):
    mine = replace(plan, folder=str(tmp_path / "parts"))
    rank_missing(mine, work[:2], Processes(1))
    first = part_name(work[0])
    before = (tmp_path / "parts" / f"{first}.parquet").stat().st_mtime_ns
    (tmp_path / "parts" / f"{part_name(work[1])}.leaders.parquet").unlink()
    mark = tmp_path / "parts" / ".used"
    os.utime(mark, (0, 0))
    done = rank_missing(mine, work, Processes(1))
    assert [each.name for each in done] == [part_name(part) for part in work[1:]]
    assert mark.stat().st_mtime > 0  # a clean-up sees that the folder is in use
    assert (tmp_path / "parts" / f"{first}.parquet").stat().st_mtime_ns == before
    _, table = merged(mine, work, tmp_path / "candidates.parquet")
    pd.testing.assert_frame_equal(table, serial[2])


def test_a_pool_gives_the_same_bytes(plan, work, serial, tmp_path):
    mine = replace(plan, folder=str(tmp_path))
    rank_missing(mine, work, Processes(2))
    assert _digests(tmp_path) == _digests(serial[0].folder)


def test_a_folder_of_any_file_system_will_do(plan, work, serial):
    mine = replace(plan, folder="memory://screens/parts")
    rank_missing(mine, work[:1], Processes(1))
    name = f"{part_name(work[0])}.parquet"
    assert name in PartFolder(mine.folder).names()
    assert PartFolder(mine.folder).read(name) == PartFolder(serial[0].folder).read(name)
    assert rank_missing(mine, work[:1], Processes(1)) == []


def test_partitions_of_other_code_are_not_taken(plan, monkeypatch):
    def key():
        return composition_screening._key(plan.screen, plan.mechanisms, plan.device, [])

    before = key()
    assert key() == before
    monkeypatch.setattr("matscreen.composition_screening.code_hash", lambda: "other")
    assert key() != before


def test_another_process_finds_the_partitions_of_the_same_mechanisms_only():
    """An object's address, of which its default `repr` is made, is another in every process."""
    shift = Shift(decades=0.5, shared=0.3, material=0.4, n_devices=3, n_materials=2)
    screen = load_screen("synapse")

    def key(mechanism):
        return composition_screening._key(screen, [mechanism], Device(), [])

    def calibrated(by):
        return Calibrated(get_mechanism("valence_change"), by)

    kept = get_mechanism("valence_change"), get_mechanism("valence_change")
    assert key(kept[0]) == key(kept[1])
    both = calibrated(shift), calibrated(shift)
    assert key(both[0]) == key(both[1]) != key(kept[0])
    assert key(calibrated(replace(shift, decades=0.1))) != key(both[0])


@pytest.fixture(scope="module")
def cluster():
    with open_client("local", workers=2) as client:
        yield client


def test_dask_gives_the_same_bytes(plan, work, serial, cluster, tmp_path):
    mine = replace(plan, folder=str(tmp_path))
    engine = Dask(cluster)
    assert engine.workers == 2
    assert len(rank_missing(mine, work, engine)) == len(work)
    assert _digests(tmp_path) == _digests(serial[0].folder)


def test_dask_gives_the_same_bytes_where_a_worker_is_killed(plan, work, serial, cluster, tmp_path):
    mine = replace(plan, folder=str(tmp_path))
    pids = cluster.run(os.getpid)
    killed = []

    def kill(_stage, done, _total):
        if done and not killed:
            killed.append(pids[min(pids)])
            os.kill(killed[0], signal.SIGKILL)

    small = list(compositions.parts(COUNT, SIZE // 2))
    rank_missing(mine, small, Dask(cluster), progress=kill)
    assert killed
    deadline = time.monotonic() + 30
    while killed[0] in cluster.run(os.getpid).values():
        assert time.monotonic() < deadline
    _, table = merged(mine, small, tmp_path / "candidates.parquet")
    pd.testing.assert_frame_equal(table, serial[2])


def _digests(folder):
    files = sorted(Path(folder).iterdir())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize(
    ("count", "size"), [(1, 2_500), (10_000, 2_500), (100_000, 6_250), (1_000_000, 10_000)]
)
def test_a_partition_takes_fewer_where_there_are_few(count, size):
    assert sensible_size(count) == size


def test_a_rehearsal_loads_what_a_first_partition_needs(plan, work, tmp_path):
    (tmp_path / "plan.pickle").write_bytes(
        pickle.dumps((replace(plan, folder=str(tmp_path)), work))
    )
    code = (
        "import pickle, sys, threading\n"
        "import matscreen.rehearsal\n"
        "before = set(sys.modules)\n"
        "from matscreen.partitions import rank_part\n"
        f"plan, work = pickle.load(open({str(tmp_path / 'plan.pickle')!r}, 'rb'))\n"
        "rank_part(plan, work[0])\n"
        "print(threading.active_count(), *sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    threads, *loaded = done.stdout.split()
    assert int(threads) == 1
    assert len(loaded) < 10, loaded


def test_compositions_stand_alone_and_say_how_many():
    assert asked_for(["bundle", "known"]) is None
    assert asked_for(["compositions:100_000"]) == 100_000
    with pytest.raises(InputError, match="how many"):
        asked_for(["compositions"])
    with pytest.raises(InputError, match="ranked alone"):
        asked_for(["compositions:10", "bundle"])


def test_a_screen_that_needs_crystals_is_refused(screen):
    with pytest.raises(InputError, match="symmetry"):
        eligible_mechanisms(screen.model_copy(update={"mechanisms": ("ferroelectric",)}))
    tight = screen.constraints.model_copy(update={"max_mismatch": 2.0})
    with pytest.raises(InputError, match="max_mismatch"):
        eligible_mechanisms(screen.model_copy(update={"constraints": tight}))


def test_a_whole_screen_leaves_its_files(plan, screen, serial, tmp_path, monkeypatch):
    mine = replace(plan, folder=str(tmp_path / "parts"))
    cards = [model.card for model in plan.models.values()]
    monkeypatch.setattr(composition_screening, "_plan", lambda *_: (cards, mine))
    monkeypatch.setattr(composition_screening, "HEAD", 15)
    asked = screen.model_copy(update={"sources": (f"compositions:{COUNT}",), "workers": 1})
    # An earlier ranking of crystals was left in the same folder.
    (tmp_path / "out" / "structures").mkdir(parents=True)
    for name in ("failures.csv", "pulled.parquet", "structures/001_BaTiO3_0123abcd.cif"):
        (tmp_path / "out" / name).touch()
    (tmp_path / "out" / "structures" / "mine.cif").touch()
    finished = run_screen(asked, Store(tmp_path / "store"), tmp_path / "out")
    left = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")}
    assert left == {
        "candidates.csv",
        "candidates.parquet",
        "report.html",
        "screen.json",
        "structures",
        "structures/mine.cif",
    }
    everything = pd.read_parquet(tmp_path / "out" / "candidates.parquet")
    pd.testing.assert_frame_equal(everything, serial[2])
    best = pd.read_csv(tmp_path / "out" / "candidates.csv")
    expected = everything[everything["rank_in_mechanism"] <= 15]
    assert best["structure_id"].tolist() == expected["structure_id"].tolist()
    assert finished.result.counts["ranked"] == len(everything)
    assert "ferroelectric" not in finished.result.screen.mechanisms
    assert "Not judged here: ferroelectric" in finished.result.screen.description
    assert finished.result.n_ranked == len(everything) > len(finished.ranking)
    about = json.loads((tmp_path / "out" / "screen.json").read_text())
    assert about["provenance"]["compositions"]["left out"] == ["ferroelectric"]
    assert about["counts"]["candidates"] == COUNT
    assert (tmp_path / "out" / "report.html").stat().st_size < 8e6
