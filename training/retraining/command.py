"""``tabento retrain``: its options, and what a person or a job reads at its end."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from training.progress import Progress
    from training.settings import TrainingSettings

EXAMPLES = """examples:
  tabento retrain --config configs/NAME.yaml
  tabento retrain --config configs/NAME.yaml --data new-rows.csv --if-drift
  tabento retrain --config configs/NAME.yaml --if-drift --if-changed --steps all

Exit codes: 0 where a challenger was made, 3 where there was nothing to do, 1 where the data or
the gate refused, or something else went wrong. The champion goes on serving in every case;
`tabento models promote` changes it. docs/registry.md explains it all.
"""


def add_retrain(commands: Any, parents: Sequence[argparse.ArgumentParser]) -> None:
    """Add the subcommand ``retrain``.

    Args:
        commands: what ``ArgumentParser.add_subparsers`` returned.
        parents: parsers with ``--config``, ``--data`` and the other options of commands that train.
    """
    command = commands.add_parser(
        "retrain",
        parents=list(parents),
        help="look for drift, train on new data, and make a challenger",
        description="Compare data with the champion's, train, and make a challenger of what passes its gate.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument(
        "--if-drift",
        action="store_true",
        help="train only where a column drifted (PSI of at least 0.2, beyond chance) or the schema changed",
    )
    command.add_argument(
        "--if-changed", action="store_true", help="train only where the data is not that of the champion"
    )
    command.add_argument(
        "--steps", metavar="STEPS", help="the stages, as for train (default: the quick way with the config's decisions)"
    )


def run_retrain(given: argparse.Namespace, settings: TrainingSettings, progress: Progress) -> int:
    """Run the retraining that the command line asks for, tell its end, and return the exit code.

    Raises:
        ConfigError: the config cannot be read.
        Exception: as ``training.retraining.run.retrain``.
    """
    from training.commands.configs import read_config
    from training.preflight import before_reading, before_training, require_none
    from training.reports import indexed
    from training.retraining.decide import Conditions
    from training.retraining.report import HEADLINES
    from training.stages.steps import make_plan
    from training.stages.table import QUICK

    plan = None if given.steps is None else make_plan(given.steps)
    conditions = Conditions(if_drift=given.if_drift, if_changed=given.if_changed)
    config = read_config(given, settings, progress)
    steps = QUICK if plan is None else plan.steps
    require_none(
        [
            *before_reading(config, settings, given.data),
            *before_training(config, settings, given.data, steps=steps),
        ]
    )
    from training.retraining.run import retrain

    with indexed(settings, config):
        result, folder = retrain(config, given.data, settings, progress, conditions=conditions, plan=plan)
    challenger = result.challenger
    progress.listing(
        HEADLINES[result.outcome],
        [
            *(("because", reason) for reason in result.reasons),
            *([("challenger", f"{challenger.version}, {challenger.bundle}")] if challenger is not None else []),
            ("report", str(folder)),
        ],
    )
    return result.exit_code
