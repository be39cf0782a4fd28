"""``tabento retrain``: look for drift, train a challenger, and report the result."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import click

from tabento.command_line.commands import SectionedCommand, SectionedOption
from training.commands.configs import read_config
from training.commands.options import Invocation, model_options
from training.commands.preflight import before_reading, before_training, require_none

WATCH_S = 300.0
"""The seconds between two looks at a service if only --listen is given."""
NOTHING_TO_DO = 3
"""The exit code."""

EXAMPLES = """examples:
  tabento retrain --config configs/NAME.yaml
  tabento retrain --config configs/NAME.yaml --data new-rows.csv --if-drift
  tabento retrain --config configs/NAME.yaml --if-drift --if-changed --steps all
  tabento retrain --config configs/NAME.yaml --from-log runs/monitoring/log --drift-from http://127.0.0.1:3000
  tabento retrain --config configs/NAME.yaml --from-log runs/monitoring/log --listen 127.0.0.1:9095

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
    from_log: str | None,
    feedback: str | None,
    since_days: float | None,
    drift_from: str | None,
    if_quality: tuple[str, ...],
    watch: float | None,
    listen: str | None,
    cooldown: float,
) -> int:
    """Run the retraining, print its end, and return the exit code; with ``--watch`` or ``--listen`` again and again.

    Raises:
        ConfigError: the config cannot be read.
        Exception: as ``training.stages.retraining.run.retrain``.
    """
    if data is not None and from_log is not None:
        raise click.UsageError("--data and --from-log exclude each other: both give the rows.")
    if from_log is None and (feedback is not None or since_days is not None):
        raise click.UsageError("--feedback and --since-days need --from-log.")
    if drift_from is None and (if_quality or (watch is not None and listen is None)):
        raise click.UsageError("--if-quality and --watch need the address of a service: --drift-from URL.")
    settings, progress = invocation.begin(config, moves_registry=True, needs_home=True, finishes_records=True)
    from training.stages.retraining.trigger import Cooldown, fetch_samples, find_reasons, read_limit

    try:
        limits = tuple(map(read_limit, if_quality))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--if-quality") from None

    def find_service_reasons(name: str) -> list[str]:
        return [] if drift_from is None else find_reasons(fetch_samples(drift_from), name, limits)

    def train_once(reasons: list[str] | None = None) -> int:
        rows_file = data
        if from_log is not None:
            rows_file = _served_rows(invocation, config, overrides, from_log, feedback, since_days)
        return _retrain(invocation, config, rows_file, overrides, if_drift, if_changed, steps, reasons)

    if drift_from is None and listen is None:
        return train_once()
    from training.config import load_config
    from training.stages.retraining.watch import TOKEN_VARIABLE, AlertReceiver
    from training.stages.retraining.watch import watch as watch_service

    name = load_config(config, progress.warn, overrides).name
    if watch is None and listen is None:
        reasons = find_service_reasons(name)
        if not reasons:
            progress.listing("Nothing to do", [("because", "the service shows no drift and no quality beyond a limit")])
            return NOTHING_TO_DO
        return train_once(reasons)
    receiver = None
    if listen is not None:
        host, _, port = listen.rpartition(":")
        if not port.isdecimal() or int(port) > 65_535:
            raise click.BadParameter("expected [HOST:]PORT", param_hint="--listen")
        receiver = AlertReceiver(host or "127.0.0.1", int(port), name, os.environ.get(TOKEN_VARIABLE))
    try:
        watch_service(
            lambda: find_service_reasons(name),
            train_once,
            Cooldown(settings.runs_folder / name / "retrain", cooldown),
            click.echo,
            interval_s=watch or WATCH_S,
            receiver=receiver,
        )
    finally:
        if receiver is not None:
            receiver.close()
    return 0


def _served_rows(
    invocation: Invocation,
    config: Path,
    overrides: tuple[str, ...],
    log: str,
    feedback: str | None,
    since_days: float | None,
) -> str:
    """Write the rows of a service into a file and return its path."""
    from training.config import load_config
    from training.data.served_rows import write_served_rows

    settings, progress = invocation.begin(config)
    model_config = load_config(config, progress.warn, overrides)
    path = settings.runs_folder / model_config.name / "retrain" / "served-rows.csv"
    since_s = -math.inf if since_days is None else time.time() - 86_400 * since_days
    source = feedback or (log if "://" in log else str(Path(log).parent))
    with progress.step("Join the prediction log with feedback") as step:
        step.detail = write_served_rows(model_config, log, source, path, since_s).in_words()
    return str(path)


def _retrain(
    invocation: Invocation,
    config: Path,
    data: str | None,
    overrides: tuple[str, ...],
    if_drift: bool,
    if_changed: bool,
    steps: str | None,
    reasons: list[str] | None,
) -> int:
    settings, progress = invocation.begin(config, needs_home=True)
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
            *(("because", reason) for reason in (*(reasons or ()), *result.reasons)),
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
        SectionedOption(
            ["--from-log"],
            metavar="FOLDER",
            help="train on logged rows with known truths: the prediction log's folder or URL",
        ),
        SectionedOption(
            ["--feedback"],
            metavar="SOURCE",
            help="the truths: the monitoring folder, a file of `tabento feedback list`, or a Postgres URL"
            " (default: the folder above the log)",
        ),
        SectionedOption(
            ["--since-days"],
            type=click.FloatRange(min=0, min_open=True),
            metavar="DAYS",
            help="only truths of the last days",
        ),
        SectionedOption(
            ["--drift-from"],
            metavar="URL",
            help="train only if this service shows a feature with PSI above 0.2, or a quality beyond --if-quality",
        ),
        SectionedOption(
            ["--if-quality"],
            multiple=True,
            metavar="LIMIT",
            help="with --drift-from: train too if the live quality is beyond a limit, as in rmse>50000 or f1<0.6",
        ),
        SectionedOption(
            ["--watch"],
            type=click.FloatRange(min=1),
            metavar="SECONDS",
            help="look at the service again after this time, without end",
        ),
        SectionedOption(
            ["--listen"],
            metavar="[HOST:]PORT",
            help="train when Alertmanager's webhook reports a firing alert; the host is 127.0.0.1 by default",
        ),
        SectionedOption(
            ["--cooldown"],
            type=click.FloatRange(min=0),
            default=86_400.0,
            show_default=True,
            metavar="SECONDS",
            help="with --watch or --listen: the shortest time between two attempts",
        ),
    ],
)
