from datetime import timedelta

import pytest

import flows  # noqa: F401 - sets Prefect up before it is imported
from flows import automations, deployments
from matscreen.errors import InputError


def test_every_deployment_of_the_file_has_a_flow_that_takes_its_parameters():
    from prefect.flows import load_flow_from_entrypoint

    listed = deployments.read()
    names = [each["name"] for each in listed]
    assert sorted(names) == sorted(automations.FLOWS)
    for each in listed:
        flow = load_flow_from_entrypoint(each["entrypoint"])
        assert flow.name == each["name"]
        assert each["description"]
        flow.validate_parameters(each["parameters"])


def test_the_nightly_schedule_of_the_file_is_served():
    (nightly,) = [each for each in deployments.read() if each["name"] == "nightly"]
    made = deployments.served(nightly, parameters={"store": "s", "screens": None, "other": 1})
    assert made.schedules[0].schedule.cron == "30 2 * * *"
    assert made.parameters["store"] == "s"
    assert made.parameters["screens"] == ["synapse", "logic", "neuron"]
    assert "other" not in made.parameters
    often = deployments.served(nightly, every=timedelta(minutes=5))
    assert [each.schedule.interval for each in often.schedules] == [timedelta(minutes=5)]


def test_a_schedule_that_is_off_stays_off():
    (simulate,) = [each for each in deployments.read() if each["name"] == "simulate"]
    assert [each.active for each in deployments.served(simulate).schedules] == [False]


def test_deferrable_work_has_its_own_pool():
    assert deployments.work_pools(deployments.read()) == ["matscreen", "matscreen-deferrable"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("15min", 900), (" 6 h", 21600), ("1d", 86400)]
)
def test_intervals(text, seconds):
    assert deployments.interval(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0s", "5", "1.5h", "-1h", "6 hours"])
def test_what_is_no_interval_is_refused(text):
    with pytest.raises(InputError, match="is not understood"):
        deployments.interval(text)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [", "is not valid YAML"),
        ("a: 1", "no list `deployments`"),
        ("deployments: [{}]", "needs `name`"),
        ("deployments: [{name: a, entrypoint: b, work_pool: c}]", "`work_pool` of 'a'"),
        ("deployments: [{name: a, entrypoint: b, schedules: daily}]", "`schedules` of 'a'"),
        ("deployments: [{name: a, entrypoint: b, schedules: [{rrule: x}]}]", "`schedules` of 'a'"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, content, said):
    file = tmp_path / "prefect.yaml"
    file.write_text(content)
    with pytest.raises(InputError, match=said):
        deployments.read(file)


def test_what_is_left_empty_counts_as_absent(tmp_path):
    file = tmp_path / "prefect.yaml"
    file.write_text("deployments: [{name: a, entrypoint: b, work_pool: , schedules: }]")
    (found,) = deployments.read(file)
    assert deployments.work_pools([found]) == []


def test_a_file_of_another_encoding_is_refused(tmp_path):
    file = tmp_path / "prefect.yaml"
    file.write_bytes("# Zürich".encode("latin-1"))
    with pytest.raises(InputError, match="UTF-8"):
        deployments.read(file)


def test_no_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        deployments.read(tmp_path / "absent.yaml")
