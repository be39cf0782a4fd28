"""What does monitoring cost? See ``benchmarks.feature_costs``. Writes ``monitoring_costs.json``, ``.md`` and ``.png``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.feature_costs import ALL, OFF, Variant, run

VARIANTS = {
    OFF: Variant("monitoring off", {"TABENTO_MONITORING": "false"}),
    "drift": Variant("monitoring without the prediction log", {"TABENTO_PREDICTION_LOG": "false"}),
    ALL: Variant("prediction log of all rows, drift, feedback, quality, alerts"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, write and print."""
    return run("monitoring_costs", __doc__, VARIANTS, arguments)


if __name__ == "__main__":
    sys.exit(main())
