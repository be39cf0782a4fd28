"""``python -m tools.end_to_end --config configs/california.yaml`` runs all steps in a temporary home."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.end_to_end.run import report, run_steps, unwound_by_sigterm
from tools.end_to_end.steps import end_to_end_steps


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the steps.

    Returns:
        0 if every step succeeded or was skipped by name, else 1.
    """
    parser = argparse.ArgumentParser(prog="python -m tools.end_to_end", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the config of the model")
    parser.add_argument("--data", default="synthetic", help="a CSV file or an address (default: synthetic rows)")
    parser.add_argument(
        "--image", default="auto", help="auto: build an image if an engine works here; no; or an engine"
    )
    parser.add_argument("--keep", action="store_true", help="keep the home with its logs")
    parser.add_argument("--json", type=Path, help="write the results to this file as well")
    options = parser.parse_args(arguments)
    data = str(Path(options.data).resolve()) if Path(options.data).is_file() else options.data
    steps = end_to_end_steps(options.config.resolve(), data, options.image)
    try:
        with unwound_by_sigterm():
            return report(run_steps(steps, sys.stdout, keep=options.keep), sys.stdout, options.json)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
