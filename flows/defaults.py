"""What every flow takes when it is not told otherwise."""

from typing import Final

STORE: Final = ".matscreen/store"
RESULTS: Final = "results"
SCREENS: Final = ("synapse", "logic", "neuron")
DESCRIPTOR_SET: Final = "standard"
MAX_FAILED_FRACTION: Final = 0.9
"""As in a screen file: databases hold much that is no ordered oxide."""
PARTITION: Final = 20_000
"""Candidates that one task describes: half a minute with the set `standard` on two cores."""
