"""The variables that stop libraries from reporting their use to their makers.

`tabento/bundle/__init__.py` calls `switch_off`, and every other package imports `tabento.bundle` first, so the variables are set before
any of these libraries is imported. docs/privacy.md lists the checked libraries.
"""

from __future__ import annotations

import os
import sys

OFF = {
    "ORT_DISABLE_TELEMETRY": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
"""The variables that switch telemetry off.

ONNX Runtime from 1.29 on looks up mobile.events.data.microsoft.com and writes a device id to the home folder as soon as it
is imported. BentoML's commands report to t.bentoml.com. MLflow reports to config.mlflow-telemetry.io and writes an
installation id to the home folder.
"""


def switch_off() -> None:
    """Set each variable unless the environment has it already, so that a user can switch reports on."""
    for name, value in OFF.items():
        os.environ.setdefault(name, value)
    # BentoML's commands read the variable before they import a service, and cache its value.
    if usage_stats := sys.modules.get("bentoml._internal.utils.analytics.usage_stats"):
        usage_stats.do_not_track.cache_clear()
