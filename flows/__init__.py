"""Prefect flows over the stages of matscreen; this package holds no science.

Importing it sets Prefect up to run offline and quietly, unless the environment already says
otherwise. It must therefore be imported before prefect.
"""

from __future__ import annotations

import os
from pathlib import Path

_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_HOME": str(Path(".prefect").resolve()),
    "PREFECT_LOGGING_LEVEL": "WARNING",
    # The embedded server needs more than its default 20 s on a cold, busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
    # With the default recorder settings the embedded server loses task-run records at exit.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    # A run whose heartbeats stop is dead; see `flows.automations`.
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    # Nested OpenMP threads make small gradient-boosting fits ten times slower.
    "OMP_NUM_THREADS": "1",
}

LEVEL_IS_CHOSEN = "PREFECT_LOGGING_LEVEL" in os.environ
"""Whether the user says how much Prefect logs."""

for _name, _value in _SETTINGS.items():
    os.environ.setdefault(_name, _value)
