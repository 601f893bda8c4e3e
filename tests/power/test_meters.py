"""Joules from counters and models, and the ledger that keeps them."""

import os
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from matscreen import tables
from matscreen.errors import InputError
from matscreen.power import Ledger, meters, recorded
from matscreen.power.carbon import intensity, intensity_or_unknown
from matscreen.power.meters import Counter, Meter, PowerModel
from matscreen.store import Store


@pytest.fixture(autouse=True)
def plain_model(monkeypatch):
    for name in ("MATSCREEN_CARBON_REGION", "MATSCREEN_CARBON_GRAMS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MATSCREEN_WATTS_PER_CORE", "12.5")
    meters.power_model.cache_clear()
    yield
    meters.power_model.cache_clear()


def zone(root, place, name, joules, *, most=1000.0):
    folder = root / place
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "energy_uj").write_text(f"{int(joules * 1e6)}\n")
    (folder / "max_energy_range_uj").write_text(f"{int(most * 1e6)}\n")
    return folder / "energy_uj"


@pytest.fixture
def powercap(tmp_path):
    root = tmp_path / "powercap"
    return SimpleNamespace(
        root=root,
        package=zone(root, "intel-rapl:0", "package-0", 900.0),
        core=zone(root, "intel-rapl:0:0", "core", 100.0),
        dram=zone(root, "intel-rapl:0:1", "dram", 10.0),
        platform=zone(root, "intel-rapl:1", "psys", 5000.0),
    )


def test_packages_and_memory_are_counted_once(powercap):
    assert [one.name for one in meters.rapl_counters(powercap.root)] == ["package-0", "dram"]
    assert meters.rapl_counters(powercap.root / "nowhere") == []


def test_a_counter_that_may_not_be_read_is_left_out(powercap):
    powercap.package.unlink()
    assert [one.name for one in meters.rapl_counters(powercap.root)] == ["dram"]


def test_a_meter_adds_up_and_sees_a_counter_wrap(powercap):
    meter = Meter(meters.rapl_counters(powercap.root))
    meter.start()
    powercap.package.write_text(str(int(990.0e6)))
    meter.update()
    powercap.package.write_text(str(int(40.0e6)))  # wrapped at 1000 J
    powercap.dram.write_text(str(int(13.0e6)))
    joules, kinds = meter.stop()
    assert joules == pytest.approx(90.0 + 50.0 + 3.0)
    assert kinds == {"RAPL": ["package-0", "dram"]}


def test_a_long_stage_is_sampled_between():
    seen = iter([*(100.0 * number % 250.0 for number in range(10)), *[0.0] * 1000])
    again = threading.Event()

    def read():
        value = next(seen)
        if value == 150.0:
            again.set()
        return value

    meter = Meter([Counter("package-0", "RAPL", read, 250.0)], sample_s=0.01)
    meter.start()
    assert again.wait(5.0)
    joules, _ = meter.stop()
    assert joules >= 400.0  # one reading at the end would have seen less than one turn of 250 J


def test_the_ledger_takes_counters_before_the_model(powercap, monkeypatch):
    monkeypatch.setattr(meters.rapl_counters, "__defaults__", (powercap.root,))
    ledger = Ledger("screen test")
    with ledger.stage("work") as counter:
        counter.items = 3
        powercap.package.write_text(str(int(907.0e6)))
    (cost,) = ledger.costs
    assert cost.joules == pytest.approx(7.0)
    assert cost.method.startswith("RAPL (package-0, dram")
    assert "model" not in cost.method


def test_a_device_is_added_to_the_model(monkeypatch):
    spent = iter([5000.0, 5000.0, 8000.0, 9000.0])
    fake = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetTotalEnergyConsumption=lambda _handle: next(spent),
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    ledger = Ledger()
    with ledger.stage("simulate"):
        pass
    (cost,) = ledger.costs
    assert cost.joules == pytest.approx(3.0 + 12.5 * cost.cpu_seconds)
    assert "12.5 W per core" in cost.method
    assert "NVML (GPU 1" in cost.method


def test_children_count_while_they_run_and_after():
    code = "import time; t = time.process_time()\nwhile time.process_time() - t < 0.4: pass"
    before = meters.cpu_seconds()
    child = subprocess.Popen([sys.executable, "-c", code + "\nprint('x', flush=True); input()"],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # fmt: skip
    child.stdout.readline()
    alive = meters.cpu_seconds() - before
    child.communicate(b"\n")
    after = meters.cpu_seconds() - before
    assert alive >= 0.35
    assert after >= alive - 0.05


def test_the_users_power_goes_first_and_a_wrong_one_is_refused(monkeypatch):
    assert meters.power_model().watts_per_core == 12.5
    for wrong in ("hot", "-1", "nan"):
        monkeypatch.setenv("MATSCREEN_WATTS_PER_CORE", wrong)
        meters.power_model.cache_clear()
        with pytest.raises(InputError, match="MATSCREEN_WATTS_PER_CORE"):
            meters.power_model()


def test_without_codecarbon_the_assumption_is_said(monkeypatch):
    monkeypatch.delenv("MATSCREEN_WATTS_PER_CORE")
    meters.power_model.cache_clear()
    monkeypatch.setitem(sys.modules, "codecarbon.core.cpu", None)
    found = meters.power_model()
    assert found.watts_per_core == tables.WATTS_PER_CORE
    assert "assumption" in found.method


def test_codecarbons_power_is_that_of_its_table(monkeypatch):
    pytest.importorskip("codecarbon")
    monkeypatch.delenv("MATSCREEN_WATTS_PER_CORE")
    meters.power_model.cache_clear()
    from codecarbon.core import cpu

    monkeypatch.setattr(cpu, "TDP", lambda: SimpleNamespace(tdp=120.0, model="Some CPU"))
    found = meters.power_model()
    assert found.watts_per_core == pytest.approx(120.0 / os.cpu_count())
    assert "codecarbon" in found.method
    assert "120 W" in found.method


def test_the_ledger_is_written_also_when_the_work_fails(tmp_path):
    store = Store(tmp_path / "store")
    with recorded(store, "train") as counter:
        counter.items = 2
        end = time.process_time() + 0.2
        while time.process_time() < end:
            pass
    with pytest.raises(RuntimeError, match="broken"), recorded(store, "simulate"):
        raise RuntimeError("broken")
    rows = sorted(store.read("ledger").to_pylist(), key=lambda row: row["at"])
    assert [(row["task"], row["stage"], row["items"]) for row in rows] == [
        ("train", "train", 2),
        ("simulate", "simulate", 0),
    ]
    assert rows[0]["joules"] == pytest.approx(12.5 * rows[0]["cpu_seconds"])
    assert rows[0]["cpu_seconds"] > 0.17  # ticks of 10 ms, one lost at either end
    assert rows[0]["grams_CO2"] is None
    assert rows[0]["carbon_source"].startswith("unknown")


def test_rows_of_an_older_ledger_are_read_beside_new_ones(tmp_path):
    store = Store(tmp_path / "store")
    new = tables.SCHEMAS["ledger"]
    old = [name for name in new.names if name not in
           {"task", "grams_CO2", "region", "carbon_source"}]  # fmt: skip
    from deltalake import write_deltalake

    row = {"run_id": "a", "stage": "rank", "items": 1, "seconds": 1.0, "cpu_seconds": 1.0,
           "joules": 10.0, "method": "model", "at": None}  # fmt: skip
    table = tables.from_rows("ledger", [row]).select(old)
    (tmp_path / "store").mkdir()
    write_deltalake(store.uri("ledger"), table)
    with recorded(store, "train"):
        pass
    found = store.read("ledger").to_pylist()
    assert sorted(str(row["task"]) for row in found) == ["None", "train"]


def test_a_wrong_power_of_a_core_is_told_before_the_work(monkeypatch):
    monkeypatch.setattr(meters, "rapl_counters", list)
    monkeypatch.setenv("MATSCREEN_WATTS_PER_CORE", "many")
    meters.power_model.cache_clear()
    spent = []
    with pytest.raises(InputError, match="MATSCREEN_WATTS_PER_CORE"), Ledger().stage("simulate"):
        spent.append("hours")
    assert not spent


def test_no_cost_is_written_twice(tmp_path):
    store = Store(tmp_path / "store")
    ledger = Ledger()
    with ledger.stage("rank"):
        pass
    ledger.write(store)
    ledger.write(store)
    with ledger.stage("export"):
        pass
    ledger.write(store)
    assert sorted(store.read("ledger")["stage"].to_pylist()) == ["export", "rank"]


def test_carbon_is_never_invented(monkeypatch):
    assert intensity().grams_per_kWh is None
    assert intensity().grams(3.6e6) is None
    monkeypatch.setenv("MATSCREEN_CARBON_GRAMS", "250")
    monkeypatch.setenv("MATSCREEN_CARBON_REGION", "home")
    found = intensity()
    assert (found.grams_per_kWh, found.region) == (250.0, "home")
    assert found.grams(7.2e6) == pytest.approx(500.0)
    assert intensity(grams_per_kWh=10.0).grams_per_kWh == 10.0
    for wrong in ("much", "-5", "nan", "1e9"):
        monkeypatch.setenv("MATSCREEN_CARBON_GRAMS", wrong)
        with pytest.raises(InputError, match="between 0 and 5000"):
            intensity()
    assert intensity_or_unknown().grams_per_kWh is None


def test_a_region_needs_codecarbon(monkeypatch):
    monkeypatch.setitem(sys.modules, "codecarbon", None)
    with pytest.raises(InputError, match=r"matscreen\[energy\]"):
        intensity("GBR")
    monkeypatch.setenv("MATSCREEN_CARBON_REGION", "GBR")
    assert intensity_or_unknown().source.startswith("unknown: the yearly average")


@pytest.mark.parametrize(
    ("region", "low", "high"),
    [("GBR", 150, 300), ("USA:california", 100, 300), ("SWE:SE3", 5, 60),
     ("gcp:europe-west1", 50, 250), ("CAN:quebec", 0.5, 30)],
)  # fmt: skip
def test_regions_of_codecarbon(region, low, high):
    pytest.importorskip("codecarbon")
    found = intensity(region)
    assert low < found.grams_per_kWh < high
    assert "codecarbon" in found.source
    assert found.region == region


@pytest.mark.parametrize("region", ["XXX", "USA:nowhere", "SWE:SE9", "gcp:moon", "aws:eu-west-1"])
def test_a_region_that_codecarbon_would_guess_is_refused(region):
    pytest.importorskip("codecarbon")
    with pytest.raises(InputError, match="no yearly average"):
        intensity(region)


def test_methods_say_what_was_read():
    told = meters.describe({"NVML": ["GPU 0"]}, PowerModel(4.0, "a table"))
    assert told == "model: CPU seconds x 4 W per core (a table) + NVML (GPU 0; all that runs there)"
