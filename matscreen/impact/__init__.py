"""What joules per switching event mean for inference and training of reference networks.

Reading a crossbar does not switch its cells: inference pays for reading and for converters, wires
and control; only a change of a weight pays for switching. In logic every toggle switches, in a
spiking network every spike of a neuron does.
"""

from matscreen.impact.accounting import (
    Usage,
    best_candidates,
    breakeven_event,
    cmos_gate,
    impact_row,
    replace_compute,
    training,
    training_step,
)
from matscreen.impact.machines import Cost, Crossbar, GateArray, Machine, SpikingArray
from matscreen.impact.wording import assumptions, statements
from matscreen.impact.workloads import Benchmark, Workload, benchmarks, get_workload, workloads

__all__ = [
    "Benchmark",
    "Cost",
    "Crossbar",
    "GateArray",
    "Machine",
    "SpikingArray",
    "Usage",
    "Workload",
    "assumptions",
    "benchmarks",
    "best_candidates",
    "breakeven_event",
    "cmos_gate",
    "get_workload",
    "impact_row",
    "replace_compute",
    "statements",
    "training",
    "training_step",
    "workloads",
]
