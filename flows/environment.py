"""What Prefect must be told before it is imported; whatever the operator has set stays."""

from __future__ import annotations

import os

DEFAULTS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    # results are ids and counts; nothing that needs cloudpickle is stored
    "PREFECT_RESULTS_DEFAULT_SERIALIZER": "json",
    # an ephemeral server needs up to 20 s on two busy cores
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    # a flow run whose process died is noticed by its missing heartbeat
    "PREFECT_RUNNER_HEARTBEAT_FREQUENCY": "30",
}

for _name, _value in DEFAULTS.items():
    os.environ.setdefault(_name, _value)
