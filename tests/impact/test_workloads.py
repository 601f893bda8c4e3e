"""Reference networks and measured machines follow from what is published of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matscreen.errors import InputError
from matscreen.impact import SpikingArray, benchmarks, get_workload, replace_compute, workloads


def test_the_reference_networks_follow_from_their_architecture():
    by_name = {workload.name: workload for workload in workloads()}
    mlp, lenet, bert, gpt = (
        by_name[name] for name in ("lenet-300-100", "lenet-5", "bert-base", "gpt-3")
    )
    assert mlp.macs_per_inference == 784 * 300 + 300 * 100 + 100 * 10
    assert mlp.parameters == mlp.macs_per_inference + 300 + 100 + 10
    assert lenet.macs_per_inference == (
        784 * 6 * 25 + 100 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10
    )
    assert lenet.parameters == 6 * 26 + 16 * 151 + 401 * 120 + 121 * 84 + 85 * 10
    assert lenet.neurons == 6 * 784 + 16 * 100 + 120 + 84 + 10
    assert bert.macs_per_inference == 12 * (12 * 768**2 * 512 + 2 * 512**2 * 768)
    assert gpt.training_macs == pytest.approx(3 * 175e9 * 300e9, rel=0.01)
    assert bert.updates() == pytest.approx(1e6, rel=1e-4)
    assert by_name["resnet-50"].updates() == pytest.approx(90 * 1281167 / 256, rel=1e-4)
    assert [one.macs_per_inference for one in workloads()] == sorted(
        one.macs_per_inference for one in workloads()
    )


def test_the_benchmarks_follow_from_their_notes():
    rows = benchmarks()
    assert rows["NVIDIA A100, INT8"].value == pytest.approx(400 / (624e12 / 2), rel=0.01)
    assert rows["NVIDIA A100, BF16"].value == pytest.approx(400 / (312e12 / 2), rel=0.01)
    assert rows["TPU v1 (8-bit)"].value == pytest.approx(40 / 46e12, rel=0.01)
    assert rows["Analog PCM chip, 8-bit"].upper == pytest.approx(2 / 2.48e12, rel=0.01)
    isaac = 65.8 / (479e9 * 85.4 / 2)
    assert rows["ISAAC crossbars, 16-bit"].value == pytest.approx(isaac, rel=0.01)
    search = rows["Architecture search of a transformer"]
    assert search.value == pytest.approx(626155 * 0.45359237 / 1e3, rel=1e-3)
    for row in rows.values():
        assert row.lower <= row.value <= row.upper
        assert row.includes
        assert row.source
        assert row.note
        assert row.confidence in {"verified", "medium", "low"}


@given(share=st.floats(0.0, 1.0), factor=st.floats(1.0, 1e9))
def test_only_the_compute_share_shrinks(share, factor):
    after = replace_compute(300.0, share=share, factor=factor)
    assert 300.0 * (1 - share) - 1e-9 <= after <= 300.0 + 1e-9


def test_unknown_workload_lists_the_known():
    with pytest.raises(InputError, match="resnet-50"):
        get_workload("alexnet")


def test_a_network_without_neurons_cannot_spike():
    with pytest.raises(InputError, match="gpt-3"):
        SpikingArray().inference(get_workload("gpt-3"), 1e-15)
