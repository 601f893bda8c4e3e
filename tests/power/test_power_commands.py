"""`matscreen ledger` and `matscreen power`, as a user meets them."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from matscreen import tables
from matscreen.cli import app
from matscreen.commands import power as power_command
from matscreen.commands.bars import bar, columns
from matscreen.commands.spans import moment, span
from matscreen.errors import InputError
from matscreen.power import meters
from matscreen.power.spending import spending
from matscreen.store import Store

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def stated_power(monkeypatch):
    for name in ("MATSCREEN_CARBON_REGION", "MATSCREEN_CARBON_GRAMS", "MATSCREEN_STORE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MATSCREEN_WATTS_PER_CORE", "10")
    meters.power_model.cache_clear()
    yield
    meters.power_model.cache_clear()


def call(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def cost(run, stage, items, joules, *, at=NOW, task="screen synapse", grams=None):
    return {"run_id": run, "task": task, "stage": stage, "items": items, "seconds": joules / 20,
            "cpu_seconds": joules / 10, "joules": joules, "method": "model: test", "at": at,
            "grams_CO2": grams, "carbon_source": None}  # fmt: skip


@pytest.fixture
def spent(tmp_path):
    store = Store(tmp_path / "store")
    rows = [
        cost("a", "pull", 100, 10.0),
        cost("a", "describe", 100, 200.0),
        cost("a", "rank", 400, 40.0),
        cost("b", "pull", 100, 10.0, at=NOW + timedelta(days=1)),
        cost("b", "rank", 400, 50.0, at=NOW + timedelta(days=1), task="screen logic"),
        cost("c", "simulate", 2, 690.0, task="simulate", at=NOW + timedelta(days=1)),
    ]
    store.append("ledger", tables.from_rows("ledger", rows))
    label = {"property": "band_gap", "value": 1.0, "unit": "eV", "evidence": "mlip",
             "method": "relaxation/test", "version": "1"}  # fmt: skip
    labels = [
        {**label, "structure_id": "x", "joules": 300.0, "seconds": 30.0},
        {**label, "structure_id": "y", "joules": 380.0, "seconds": 38.0},
        {**label, "structure_id": "z", "joules": None},
    ]
    store.append("labels", tables.from_rows("labels", labels))
    card = tmp_path / "store" / "models" / "band_gap" / "abc" / "card.json"
    card.parent.mkdir(parents=True)
    card.write_text(json.dumps({"property": "band_gap", "joules": 55.0, "seconds": 5.0}))
    (card.parent.parent / "def").mkdir()
    (card.parent.parent / "def" / "card.json").write_text("not json")
    return store


def test_the_sums_of_a_ledger_are_right(spent):
    found = spending(spent)
    assert found.joules == pytest.approx(1000.0)
    shares = found.stages.set_index("stage")["share"]
    assert shares["simulate"] == pytest.approx(0.69)
    assert shares["rank"] == pytest.approx(0.09)
    assert found.joules_per_candidate == pytest.approx(
        {"pull": 0.1, "describe": 2.0, "rank": 90 / 800}
    )
    assert found.joules_per_label == pytest.approx(340.0)
    assert found.joules_per_model == pytest.approx(55.0)
    assert found.joules_per_screen == pytest.approx((250.0 + 60.0) / 2)
    assert list(found.screens["task"]) == ["screen synapse", "screen synapse"]
    assert list(found.days["joules"]) == [250.0, 750.0]
    assert found.grams is None


def test_a_part_of_the_co2_is_not_shown_as_all_of_it(tmp_path):
    store = Store(tmp_path / "store")
    rows = [cost("a", "rank", 1, 10.0, grams=2.0), cost("b", "rank", 1, 10.0)]
    store.append("ledger", tables.from_rows("ledger", rows))
    assert spending(store).grams is None
    first = tables.from_rows("ledger", rows[:1])
    store.replace("ledger", first)
    assert spending(store).grams == pytest.approx(2.0)


def test_ledger_prints_tables_and_a_figure(spent, tmp_path):
    out = tmp_path / "figure.html"
    shown = call("ledger", "--store", spent.root, "--grams-per-kwh", 360, "-o", out)
    assert shown.exit_code == 0
    for words in ("simulate", "690 J", "69 %", "candidate", "label", "model", "screen",
                  "100 mg CO2", "given by the user", "model: test"):  # fmt: skip
        assert words in shown.stdout
    page = out.read_text(encoding="utf-8")
    assert "Energy by stage" in page
    assert "model: test" in page


def test_ledger_speaks_to_programs(spent):
    told = json.loads(call("ledger", "--store", spent.root, "--json").stdout)
    assert told["joules"] == pytest.approx(1000.0)
    assert told["grams_CO2"] is None
    assert {row["stage"] for row in told["stages"]} == {"pull", "describe", "rank", "simulate"}


def test_an_empty_ledger_says_so(tmp_path):
    (tmp_path / "none").mkdir()
    assert "empty" in call("ledger", "--store", tmp_path / "none").stdout
    told = json.loads(call("ledger", "--store", tmp_path / "none", "--json").stdout)
    assert told["joules"] == 0.0
    assert told["joules_per_label"] is None
    words = ["ledger", "--store", str(tmp_path / "none"), "-o", str(tmp_path / "x.html")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "nothing" in result.stderr


def test_plan_shows_hours_and_saving():
    words = ("power", "plan", "--work", "6h", "--deadline", "2d", "--trace", "synthetic",
             "--from", "2026-06-01T00:00Z", "--power", "500", "--cap", "800")  # fmt: skip
    shown = call(*words)
    assert "SYNTHETIC" in shown.stdout
    assert "saved" in shown.stdout
    told = json.loads(call(*words, "--json").stdout)
    assert told["synthetic"] is True
    assert told["energy_kWh"] == pytest.approx(3.0, rel=0.1)
    assert 0.0 < told["saving"] < 1.0
    assert told["windows"][-1]["end"] <= "2026-06-03T00:00:00+00:00"


def test_plan_from_a_csv_of_ones_own(tmp_path):
    rows = "".join(f"2026-06-01T{hour:02d}:00Z,{100 - hour}\n" for hour in range(24))
    (tmp_path / "t.csv").write_text("time,EUR/MWh\n" + rows)
    told = json.loads(
        call("power", "plan", "--work", "2h", "--deadline", "2026-06-02T00:00Z", "--trace",
             tmp_path / "t.csv", "--from", "2026-06-01T00:00Z", "--json").stdout
    )  # fmt: skip
    assert told["unit"] == "EUR"
    assert told["windows"] == [
        {"start": "2026-06-01T22:00:00+00:00", "end": "2026-06-02T00:00:00+00:00"}
    ]


def test_replay_shows_intervals_bound_and_assumptions(tmp_path):
    out = tmp_path / "replay.html"
    words = ("power", "replay", "--also", "synthetic-price", "--starts", "120", "--work", "6h",
             "--deadline", "1d")  # fmt: skip
    shown = call(*words, "-o", out)
    for text in ("SYNTHETIC", "Deadlines missed: 0 of 120", "95 % interval", "perfect foresight",
                 "Assumptions", "CISO fit", "g CO2", "EUR"):  # fmt: skip
        assert text in shown.stdout
    assert "synthetic" in out.read_text(encoding="utf-8")
    told = json.loads(call(*words, "--json").stdout)
    assert told["missed_deadlines"] == 0
    assert told["saving_lower"] < told["saving"] < told["saving_upper"]
    assert told["saving"] < told["saving_perfect_foresight"]
    assert told == json.loads(call(*words, "--json").stdout)


def test_replay_of_two_lengths_is_refused(tmp_path):
    call("power", "trace", "synthetic", "--from", "2026-01-01", "--to", "60d", "-o",
         tmp_path / "s.csv")  # fmt: skip
    result = CliRunner().invoke(
        app, ["power", "replay", "--trace", str(tmp_path / "s.csv"), "--also", "synthetic-price"]
    )
    assert result.exit_code == 2
    assert "same slots" in result.stderr


def test_run_ends_with_the_exit_code_of_the_command():
    words = ["power", "run", "--work", "1h", "--deadline", "61min", "--trace", "synthetic", "--",
             "python3", "-c", "raise SystemExit(5)"]  # fmt: skip
    assert CliRunner().invoke(app, words).exit_code == 5


def test_spans_and_moments():
    assert span("1d 6h") == timedelta(hours=30)
    assert span("90min") == timedelta(minutes=90)
    assert moment("2h", NOW) == NOW + timedelta(hours=2)
    assert moment("2026-12-01", NOW) == datetime(2026, 12, 1, tzinfo=UTC)
    for wrong in ("soon", "", "5", "5 parsecs"):
        with pytest.raises(InputError, match="span of time"):
            span(wrong)


def test_the_help_names_the_traces_that_there_are():
    from matscreen.power.trace_names import HELP

    assert power_command.TRACES == HELP


def test_bars():
    assert bar(0.5, 4) == "██"
    assert bar(1e-9, 4) == "▏"
    assert bar(0.0, 4) == ""
    assert bar(2.0, 4) == "████"
    assert columns([1.0, 2.0], 2) == [" █", "██"]
