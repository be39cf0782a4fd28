"""``tabento retrain``: look for drift, train a challenger, and report the result."""

from __future__ import annotations

from pathlib import Path

import click

from tabento.command_line.commands import SectionedCommand, SectionedOption
from training.commands.configs import read_config
from training.commands.options import Invocation, model_options
from training.commands.preflight import before_reading, before_training, require_none

EXAMPLES = """examples:
  tabento retrain --config configs/NAME.yaml
  tabento retrain --config configs/NAME.yaml --data new-rows.csv --if-drift
  tabento retrain --config configs/NAME.yaml --if-drift --if-changed --steps all

Exit codes: 0 if a challenger was made, 3 if there was nothing to do, 1 if the data or the gate
refused, or another error occurred. The champion continues to serve in every case;
`tabento models promote` changes it. docs/registry.md has the details.
"""


def retrain(
    invocation: Invocation,
    config: Path,
    data: str | None,
    overrides: tuple[str, ...],
    if_drift: bool,
    if_changed: bool,
    steps: str | None,
) -> int:
    """Run the retraining, print its end, and return the exit code.

    Raises:
        ConfigError: the config cannot be read.
        Exception: as ``training.stages.retraining.run.retrain``.
    """
    settings, progress = invocation.begin(config, moves_registry=True, needs_home=True, finishes_records=True)
    from training.report import write_index_at_end
    from training.stages.retraining.decide import Conditions
    from training.stages.retraining.report import HEADLINES
    from training.stages.steps import make_plan
    from training.stages.table import QUICK_STAGES

    plan = None if steps is None else make_plan(steps)
    conditions = Conditions(if_drift=if_drift, if_changed=if_changed)
    model_config = read_config(config, data, overrides, settings, progress)
    stages = QUICK_STAGES if plan is None else plan.steps
    require_none(
        [
            *before_reading(model_config, settings, data),
            *before_training(model_config, settings, data, steps=stages),
        ]
    )
    from training.stages.retraining import run

    with write_index_at_end(settings, model_config):
        result, folder = run.retrain(model_config, data, settings, progress, conditions=conditions, plan=plan)
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


command = SectionedCommand(
    "retrain",
    callback=click.pass_obj(retrain),
    help="Compare data with the champion's, train, and make a challenger of a model that passes its gate.",
    epilog=EXAMPLES,
    params=[
        *model_options(),
        SectionedOption(
            ["--if-drift"],
            is_flag=True,
            help="train only if a column drifted (PSI of at least 0.2, beyond chance) or the schema changed",
        ),
        SectionedOption(["--if-changed"], is_flag=True, help="train only if the data differs from the champion's"),
        SectionedOption(
            ["--steps"],
            metavar="STEPS",
            help="the stages, as for train (default: the quick way with the config's decisions)",
        ),
    ],
)
