"""Traces from files, services and packages; keys that stay secret."""

import json
import logging
from datetime import UTC, datetime, timedelta

import httpx
import numpy as np
import pytest

from matscreen.api_keys import ApiKey
from matscreen.errors import InputError, SourceError
from matscreen.power import measured_years
from matscreen.power.entsoe import Entsoe, read_document
from matscreen.power.entsoe_key import require_key
from matscreen.power.synthetic import SyntheticYear
from matscreen.power.trace_files import read_csv, read_json, uk_trace, write_csv
from matscreen.power.trace_names import trace_source, whole_year
from matscreen.power.traces import Trace, TraceSource, read_unit
from matscreen.power.uk_grid import UkGrid

HOUR = timedelta(hours=1)
BEGIN = datetime(2025, 1, 15, tzinfo=UTC)
SECRET = "11111111-aaaa-4bbb-8ccc-222222222222"


def written(tmp_path, text, name="trace.csv"):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def test_any_columns_of_time_and_value_are_found(tmp_path):
    file = written(
        tmp_path,
        "id,when,note,intensity [gCO2/kWh]\n"
        "1,2025-01-15T00:00Z,a,100\n2,2025-01-15T01:00Z,b,90\n3,2025-01-15T02:00Z,c,80\n",
    )
    found = read_csv(file)
    assert (found.start, found.step, found.unit) == (BEGIN, HOUR, "gCO2/kWh")
    assert list(found.values) == [100, 90, 80]
    named = read_csv(file, time="when", value="id", unit="kg/kWh")
    assert list(named.values) == [1000, 2000, 3000]


def test_exports_of_entsoe_are_read_old_and_new(tmp_path):
    old = written(
        tmp_path,
        '"MTU (CET/CEST)","Day-ahead Price [EUR/MWh]","Currency"\n'
        '"15.01.2025 01:00 - 15.01.2025 02:00","81.50","EUR"\n'
        '"15.01.2025 02:00 - 15.01.2025 03:00","-4.00","EUR"\n',
        "old.csv",
    )
    new = written(
        tmp_path,
        '"MTU (UTC)","Area","Sequence","Day-ahead Price (EUR/MWh)"\n'
        '"15/01/2025 00:00:00 - 15/01/2025 01:00:00","BZN|FR","Without Sequence","81.50"\n'
        '"15/01/2025 01:00:00 - 15/01/2025 02:00:00","BZN|FR","Without Sequence","-4.00"\n',
        "new.csv",
    )
    for file in (old, new):
        found = read_csv(file)
        assert found.start == BEGIN
        assert list(found.values) == [81.5, -4.0]
        assert (found.kind, found.amount_unit) == ("price", "EUR")
        np.testing.assert_allclose(found.per_kWh, [0.0815, -0.004])


def test_the_hour_that_comes_twice_in_autumn_stays_two_hours(tmp_path):
    hours = ["00:00", "01:00", "02:00", "02:00", "03:00"]
    rows = "".join(f"26.10.2025 {hour},{number}\n" for number, hour in enumerate(hours))
    found = read_csv(written(tmp_path, "MTU (CET/CEST),price EUR/MWh\n" + rows))
    assert list(found.values) == [0, 1, 2, 3, 4]
    assert found.start == datetime(2025, 10, 25, 22, tzinfo=UTC)


def test_short_gaps_are_filled_and_long_ones_refused(tmp_path):
    head = "t,v (g/kWh)\n2025-01-15T00:00Z,100\n2025-01-15T01:00Z,110\n"
    found = read_csv(written(tmp_path, head + "2025-01-15T04:00Z,140\n"))
    assert list(found.values) == [100, 110, 120, 130, 140]
    with pytest.raises(InputError, match="gap of"):
        read_csv(written(tmp_path, head + "2025-01-15T09:00Z,140\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("t,v\n2025-01-15T00:00Z,1\n2025-01-15T01:00Z,2\n", "does not say the unit"),
        ("a,b\n1,2\n3,4\n", "no column of times"),
        ("t,v g/kWh\n2025-01-15T00:00Z,x\n2025-01-15T01:00Z,y\n", "no column of numbers"),
        ("t,v g/kWh\n2025-01-15T00:00Z,1\n", "two or more"),
        ("t,v g/kWh\n2025-01-15T00:00Z,-1\n2025-01-15T01:00Z,2\n", "under 0"),
        ("", "cannot be read"),
    ],
)
def test_a_file_without_a_trace_is_refused(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        read_csv(written(tmp_path, text))
    with pytest.raises(InputError, match="cannot be read"):
        read_csv(tmp_path / "absent.csv")


def test_what_is_written_reads_back_and_says_that_it_is_synthetic(tmp_path):
    part = SyntheticYear().read(BEGIN, BEGIN + 30 * HOUR)
    write_csv(tmp_path / "s.csv", part)
    assert (tmp_path / "s.csv").read_text().startswith("# SYNTHETIC")
    back = read_csv(tmp_path / "s.csv")
    assert back.start == part.start
    assert back.synthetic
    np.testing.assert_allclose(back.values, part.values, rtol=1e-5)


def test_units():
    assert read_unit("kgCO2eq/MWh")[1:] == ("gCO2/kWh", 1.0)
    assert read_unit("g CO₂ / kWh")[0] == "carbon"
    assert read_unit("€/kWh")[1:] == ("EUR/MWh", 1000.0)
    with pytest.raises(InputError, match="unknown unit"):
        read_unit("furlongs")


def test_a_trace_without_zone_or_with_holes_is_refused():
    with pytest.raises(InputError, match="time zone"):
        Trace(datetime(2025, 1, 1), HOUR, np.ones(3), "gCO2/kWh", "carbon", "t")
    with pytest.raises(InputError, match="no numbers"):
        Trace(BEGIN, HOUR, np.array([1.0, np.nan]), "gCO2/kWh", "carbon", "t")


def uk_answer(request):
    first, last = request.url.path.split("/")[-2:]
    at, end = (datetime.fromisoformat(text) for text in (first, last))
    entries = []
    at -= timedelta(minutes=30)  # the service gives the half-hour that ends at the first time
    while at < end:
        measured = 100 + at.hour if at < BEGIN + 2 * HOUR else None
        entries.append(
            {"from": f"{at:%Y-%m-%dT%H:%MZ}", "to": "x",
             "intensity": {"forecast": 200 + at.hour, "actual": measured, "index": "low"}}
        )  # fmt: skip
        at += timedelta(minutes=30)
    return httpx.Response(200, json={"data": entries})


async def no_wait(_seconds):
    return None


def test_the_uk_service_gives_measured_then_forecast_half_hours():
    asked = []

    def answer(request):
        asked.append(request.url.path)
        return uk_answer(request)

    source = UkGrid(transport=httpx.MockTransport(answer), sleep=no_wait)
    found = source.read(BEGIN, BEGIN + 4 * HOUR)
    assert found.step == timedelta(minutes=30)
    assert list(found.values) == [100, 100, 101, 101, 202, 202, 203, 203]
    assert len(source.read(BEGIN - timedelta(days=30), BEGIN)) == 1440
    assert len(asked) == 1 + 3
    assert isinstance(source, TraceSource)


def test_the_uk_service_is_asked_again_and_not_for_ever():
    calls = []

    def answer(request):
        calls.append(request)
        return httpx.Response(503) if len(calls) < 3 else uk_answer(request)

    source = UkGrid(transport=httpx.MockTransport(answer), sleep=no_wait)
    assert len(source.read(BEGIN, BEGIN + HOUR)) == 2
    down = UkGrid(transport=httpx.MockTransport(lambda _r: httpx.Response(503)), sleep=no_wait)
    with pytest.raises(SourceError, match="no answer"):
        down.read(BEGIN, BEGIN + HOUR)
    empty = httpx.MockTransport(lambda _r: httpx.Response(200, json={"data": []}))
    with pytest.raises(InputError, match="no carbon intensities"):
        UkGrid(transport=empty, sleep=no_wait).read(BEGIN, BEGIN + HOUR)


def test_a_saved_answer_of_the_uk_service_is_a_file(tmp_path):
    request = httpx.Request("GET", "http://x/intensity/2025-01-15T00:00Z/2025-01-15T02:00Z")
    file = written(tmp_path, uk_answer(request).text, "uk.json")
    assert list(read_json(file).values[1:]) == [100, 100, 101, 101]
    with pytest.raises(InputError, match="as JSON"):
        read_json(written(tmp_path, "<html>", "bad.json"))
    assert len(whole_year(trace_source(str(file)))) == 5


def prices(points, *, resolution="PT60M", end="2025-01-15T04:00Z"):
    told = "".join(
        f"<Point><position>{place}</position><price.amount>{price}</price.amount></Point>"
        for place, price in points
    )
    return (
        '<?xml version="1.0"?><Publication_MarketDocument xmlns="urn:iec62325.351:x:7:3">'
        "<TimeSeries><currency_Unit.name>EUR</currency_Unit.name>"
        "<price_Measure_Unit.name>MWH</price_Measure_Unit.name><curveType>A03</curveType><Period>"
        f"<timeInterval><start>2025-01-15T00:00Z</start><end>{end}</end></timeInterval>"
        f"<resolution>{resolution}</resolution>{told}</Period></TimeSeries>"
        "</Publication_MarketDocument>"
    ).encode()


def test_prices_that_are_left_out_repeat_the_one_before():
    found = read_document(prices([(1, 50.0), (2, -3.5), (4, 70.0)]), "FR")
    assert list(found.values) == [50.0, -3.5, -3.5, 70.0]
    assert (found.start, found.step, found.unit) == (BEGIN, HOUR, "EUR/MWh")
    quarter = read_document(prices([(1, 1.0)], resolution="PT15M", end="2025-01-15T01:00Z"), "FR")
    assert len(quarter) == 4


def test_times_of_the_uk_service_without_a_zone_are_utc_and_odd_ones_are_left_out():
    def entry(begin, value):
        return {"from": begin, "intensity": {"forecast": value, "actual": None}}

    begins = ("2025-01-15T00:00Z", None, "2025-01-15T00:30", "NaT", "2025-01-15T02:00+01:00")
    found = uk_trace({"data": [entry(begin, 100.0) for begin in begins]}, "uk")
    assert (found.start, found.step, len(found)) == (BEGIN, HOUR / 2, 3)


def test_a_period_with_one_time_zone_is_malformed():
    with pytest.raises(SourceError, match="malformed"):
        read_document(prices([(1, 1.0)], end="2025-01-15T01:00"), "FR")


def test_a_document_that_is_none_is_refused():
    with pytest.raises(SourceError, match="no XML"):
        read_document(b"hello", "FR")
    with pytest.raises(SourceError, match="entities"):
        read_document(b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "FR")
    nothing = (
        b"<Acknowledgement_MarketDocument><Reason><code>999</code><text>No matching data</text>"
        b"</Reason></Acknowledgement_MarketDocument>"
    )
    with pytest.raises(InputError, match="No matching data"):
        read_document(nothing, "FR")
    with pytest.raises(InputError, match="no prices"):
        read_document(prices([]), "FR")


def entsoe(answer, **given):
    return Entsoe(
        "FR",
        key=ApiKey(SECRET, "the test"),
        transport=httpx.MockTransport(answer),
        sleep=lambda _seconds: None,
        **given,
    )


def test_entsoe_is_asked_as_its_guide_says():
    asked = []

    def answer(request):
        asked.append(dict(request.url.params))
        if len(asked) < 3:
            return httpx.Response(429)
        return httpx.Response(200, content=prices([(1, 50.0)]))

    found = entsoe(answer).read(BEGIN, BEGIN + 3 * HOUR)
    assert list(found.values) == [50.0] * 3
    assert asked[-1] == {
        "documentType": "A44",
        "in_Domain": "10YFR-RTE------C",
        "out_Domain": "10YFR-RTE------C",
        "periodStart": "202501150000",
        "periodEnd": "202501150300",
        "securityToken": SECRET,
    }


def refuse(_request):
    return httpx.Response(401, text=f"bad token {SECRET}")


def explode(request):
    raise httpx.ConnectError(f"cannot reach {request.url}")


def complain(request):
    reason = f"<Reason><text>token {request.url.params['securityToken']} is odd</text></Reason>"
    return httpx.Response(
        400, text=f"<Acknowledgement_MarketDocument>{reason}</Acknowledgement_MarketDocument>"
    )


@pytest.mark.parametrize("answer", [refuse, explode, complain, lambda _r: httpx.Response(503)])
def test_the_key_reaches_no_log_error_or_repr(answer, caplog, capfd):
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    try:
        with caplog.at_level(logging.DEBUG), pytest.raises(SourceError) as raised:
            entsoe(answer).read(BEGIN, BEGIN + HOUR)
    finally:
        logging.getLogger("httpx").setLevel(logging.NOTSET)
    chain, error = [], raised.value
    while error is not None:
        chain.append(repr(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    told = " ".join([*chain, caplog.text, *capfd.readouterr(), repr(entsoe(answer))])
    assert SECRET not in told


def test_a_good_answer_logs_no_key_either(caplog):
    with caplog.at_level(logging.DEBUG):
        entsoe(lambda _r: httpx.Response(200, content=prices([(1, 1.0)]))).read(BEGIN, BEGIN + HOUR)
    assert SECRET not in caplog.text


def test_the_key_comes_from_the_environment_or_a_keyring(monkeypatch):
    keyring = pytest.importorskip("keyring")
    monkeypatch.setattr(keyring, "get_password", lambda *_entry: None)
    monkeypatch.delenv("ENTSOE_API_KEY", raising=False)
    with pytest.raises(InputError, match="ENTSOE_API_KEY"):
        require_key()
    monkeypatch.setattr(keyring, "get_password", lambda *_entry: SECRET)
    assert require_key().value == SECRET
    monkeypatch.setenv("ENTSOE_API_KEY", "from-environment")
    assert require_key().value == "from-environment"
    assert "from-environment" not in repr(require_key())


def test_a_measured_year_comes_from_the_users_own_package(tmp_path, monkeypatch):
    folder = tmp_path / "python_microgrid-1.0.dist-info"
    data = tmp_path / "pymgrid" / "data" / "co2"
    folder.mkdir()
    data.mkdir(parents=True)
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: python-microgrid\nVersion: 1.0\n"
    )
    (folder / "RECORD").write_text("pymgrid/data/co2/co2_caiso.csv,,\n")
    (data / "co2_caiso.csv").write_text("CO2_CISO_I_kwh\n0.2\n0.3\n0.25\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = whole_year(trace_source("ciso"))
    np.testing.assert_allclose(found.values, [200.0, 300.0, 250.0])
    assert not found.synthetic
    assert "California" in found.label
    (data / "co2_caiso.csv").write_text("a,b\n0.2,x\n")
    with pytest.raises(InputError, match="not one number a line"):
        whole_year(trace_source("ciso"))


def test_without_the_package_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setattr(measured_years, "PACKAGES", ("no-such-package-here",))
    with pytest.raises(InputError, match="pip install"):
        trace_source("duk").read(BEGIN, BEGIN + HOUR)


def test_names_of_traces(tmp_path):
    assert trace_source("synthetic").read(BEGIN, BEGIN + HOUR).synthetic
    assert trace_source("entsoe:FR").name.startswith("day-ahead price FR")
    with pytest.raises(InputError, match="unknown trace"):
        trace_source("entsoe")
    with pytest.raises(InputError, match="live service"):
        whole_year(trace_source("uk"))
    file = written(tmp_path, "t,v g/kWh\n2025-01-15T00:00Z,1\n2025-01-15T01:00Z,2\n")
    with pytest.raises(InputError, match="covers"):
        trace_source(str(file)).read(BEGIN, BEGIN + 9 * HOUR)
    assert json.dumps(trace_source(str(file)).name) == '"trace.csv"'
